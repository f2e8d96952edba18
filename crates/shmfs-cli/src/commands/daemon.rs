//! `shm daemon`: a store that programs join, for one user or for the whole system.

use crate::failure::{Failure, REFUSED};
use crate::keep::{self, Charge, Plan};
use crate::launch::{self, Ends, OpenTo, Order};
use crate::log;
use crate::output;
use crate::places::Places;
use crate::replace;
use crate::size;
use shmfs_abi::store::{Admission, SOCKET_FILE};
use shmfs_broker::Lifetime;
use std::ffi::{OsStr, OsString};
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// What is logged in the foreground.
const LOG: &str = "info";

/// Serve a store that programs join with `shm run --store NAME`
///
/// Root serves the system's store, open to everyone; a user serves a store of their own. It runs in the
/// foreground and ends at Ctrl-C or SIGTERM; what is in it goes with it.
///
/// The store outlives crashes: the process started here keeps it, and starts another broker when its child that
/// serves it has died.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  shm daemon --background
  shm daemon --store build --size 16G
  shm run --store build -- make test
  shm daemon --state /var/lib/shmfs      durable objects survive a reboot
  shm daemon --replace --store build     after an upgrade; nothing is lost")]
pub(crate) struct Args {
    /// The store's name [default: `system` for root, `user` for others]
    #[arg(long, value_name = "NAME")]
    store: Option<OsString>,
    /// How much shared memory may be in it [default: half of RAM]
    #[arg(long, value_name = "SIZE", value_parser = size::parse_store)]
    size: Option<u64>,
    /// Charge pages in memory in place of sizes: what is sparse may be larger than the store
    #[arg(long)]
    sparse: bool,
    /// Make every page at the call that asks for the size: what is granted is there
    #[arg(long, conflicts_with = "sparse")]
    reserve: bool,
    /// Remove what no living process uses and whose creator has died, and log why
    #[arg(long)]
    reap: bool,
    /// Keep durable objects in this directory; they are there again when the store, or the machine, has started anew
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// Return when the store is ready, and log to NAME.log beside its directory
    #[arg(long)]
    background: bool,
    /// Hand the running store over to this version of shm, with everything that is in it
    #[arg(long, conflicts_with_all = ["size", "sparse", "reserve", "reap", "state", "background"])]
    replace: bool,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    if args.replace {
        return replace::replace(args.store.as_deref());
    }
    let places = Places::here();
    let name = args.store.as_deref().unwrap_or(OsStr::new(places.default_name()));
    let dir = places.make(name)?;
    let size = size::or_half_of_ram(args.size)?;
    let state = args.state.as_deref().map(state_directory).transpose()?;
    let charge = Charge { size, sparse: args.sparse, reserve: args.reserve };
    if args.background {
        let (reap, open_to) = (args.reap, open_to(&places));
        let order = Order {
            dir: &dir,
            charge,
            reap,
            state: state.as_deref(),
            open_to,
            ends: Ends::WhenTold,
            log: None,
        };
        return in_background(order, name);
    }
    let listener = shmfs_keeper::listener(&dir.join(SOCKET_FILE))
        .map_err(|error| Failure::new(format!("cannot start the store: {error}")))?;
    log::begin(LOG);
    let admission = if places.is_system() { Admission::Everyone } else { Admission::Owner };
    let plan = Plan { dir, charge, admission, lifetime: Lifetime::Forever, reap: args.reap, state, listener };
    keep::found_and_keep(plan, LOG, || {})
}

fn open_to(places: &Places) -> OpenTo {
    if places.is_system() { OpenTo::Everyone } else { OpenTo::Nobody }
}

/// The directory as every later process of the store can name it; made where it is missing.
fn state_directory(dir: &Path) -> Result<PathBuf, Failure> {
    // Whoever could enter could cut the files of others' objects.
    let made = DirBuilder::new().recursive(true).mode(0o700).create(dir).and_then(|()| dir.canonicalize());
    made.map_err(|error| Failure::new(format!("cannot keep durable objects in {}: {error}", dir.display())))
}

fn in_background(order: Order<'_>, name: &OsStr) -> Result<(), Failure> {
    let size = size::long(order.charge.size);
    let log = launch::log_file(order.dir)?;
    let launched = launch::launch(Order { log: Some(log), ..order });
    let launched = launched.map_err(|failure| failure.status(REFUSED))?;
    let (shown, pid) = (name.display(), launched.pid());
    output::complain(&format!("store `{shown}` is ready: {size}, kept by process {pid}"));
    output::complain(&format!(
        "hint: join it with `shm run --store {shown} -- CMD`, end it with `kill {pid}`"
    ));
    Ok(())
}
