//! `shm daemon`: a store that programs join, for one user or for the whole system.

use super::broker::{self, Charge};
use crate::failure::{Failure, REFUSED};
use crate::launch::{self, Ends, OpenTo, Order};
use crate::log;
use crate::output;
use crate::places::Places;
use crate::size;
use shmfs_broker::{Admission, Broker, Lifetime};
use std::ffi::{OsStr, OsString};
use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Serve a store that programs join with `shm run --store NAME`
///
/// Root serves the system's store, open to everyone; a user serves a store of their own. It runs in the
/// foreground and ends at Ctrl-C or SIGTERM; what is in it goes with it.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  shm daemon --background
  shm daemon --store build --size 16G
  shm run --store build -- make test")]
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
    /// Return when the store is ready, and log to NAME.log beside its directory
    #[arg(long)]
    background: bool,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let places = Places::here();
    let name = args.store.as_deref().unwrap_or(OsStr::new(places.default_name()));
    let dir = places.make(name)?;
    let size = size::or_half_of_ram(args.size)?;
    if args.background {
        return in_background(
            &dir,
            name,
            Charge { size, sparse: args.sparse, reserve: args.reserve },
            places.is_system(),
        );
    }
    log::begin("info");
    let admission = if places.is_system() { Admission::Everyone } else { Admission::Owner };
    let charge = Charge { size, sparse: args.sparse, reserve: args.reserve };
    let config = broker::config(dir, charge, admission, Lifetime::Forever)?;
    let broker = Broker::start(config).map_err(|error| broker::start_failure(&error))?;
    broker::serve(broker)
}

fn in_background(dir: &Path, name: &OsStr, charge: Charge, everyone: bool) -> Result<(), Failure> {
    let Charge { size, sparse, reserve } = charge;
    let log = log_file(dir)?;
    let open_to = if everyone { OpenTo::Everyone } else { OpenTo::Nobody };
    let order = Order { dir, size, sparse, reserve, open_to, ends: Ends::WhenTold, log: Some(log) };
    let launched = launch::launch(order).map_err(|failure| failure.status(REFUSED))?;
    let (shown, pid) = (name.display(), launched.pid());
    output::complain(&format!("store `{shown}` is ready: {}, broker {pid}", size::long(size)));
    output::complain(&format!(
        "hint: join it with `shm run --store {shown} -- CMD`, end it with `kill {pid}`"
    ));
    Ok(())
}

/// Beside the directory, which goes with the store.
fn log_file(dir: &Path) -> Result<File, Failure> {
    let path = dir.with_added_extension("log");
    let opened = OpenOptions::new().append(true).create(true).mode(0o600).open(&path);
    opened.map_err(|error| Failure::new(format!("cannot write the log {}: {error}", path.display())))
}
