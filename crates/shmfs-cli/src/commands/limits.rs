//! `shm limits`: what a store allows, shown and changed while it runs.

use crate::failure::Failure;
use crate::limits::{self, Limits, Setting};
use crate::listing;
use crate::output;
use crate::size;
use crate::store::{StoreArg, Visit};
use shmfs_abi::{Call, LimitsChange};

/// Show a store's limits, or change them while it runs
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  shm limits
  shm limits --store build --size 12G
  shm limits --set shmmax=1G,shmmni=64

The store's owner and root may change limits. What is in use already stays: a size below it
is refused. SHMALL counts pages of 4096 bytes, SHMMNI segments; both bind System V only.")]
pub(crate) struct Args {
    #[command(flatten)]
    store: StoreArg,
    /// The store's new size, both doors together
    #[arg(long, value_name = "SIZE", value_parser = size::parse_store)]
    size: Option<u64>,
    /// New limits: size, shmmax (sizes), shmall (pages), shmmni (segments), rmid_forced (0 or 1)
    #[arg(long, value_name = "NAME=VALUE", value_delimiter = ',', value_parser = limits::parse)]
    set: Vec<Setting>,
    /// Print JSON, sizes in bytes
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let mut visit = args.store.visit()?;
    let mut change = limits::change(&args.set);
    change.size = args.size.or(change.size);
    if let Some(size) = change.size {
        check_room(&mut visit, size)?;
    }
    if change != LimitsChange::default() {
        visit.call("change the limits", Call::SetLimits { change })?;
    }
    let limits = Limits::of(&mut visit)?;
    if args.json {
        return output::json(&limits);
    }
    output::data(&limits.words())
}

/// What is charged cannot be taken back: says so with the numbers before the store refuses.
pub(crate) fn check_room(visit: &mut Visit, size: u64) -> Result<(), Failure> {
    let usage = listing::usage(visit)?;
    let used = usage.used.0.saturating_add(usage.tree.0);
    if size >= used {
        return Ok(());
    }
    let (asked, used) = (size::long(size), size::long(used));
    Err(Failure::new(format!("cannot set the size to {asked}: {used} are in use"))
        .hint("see what fills the store with `shm ls --by size`, and remove with `shm rm`"))
}
