//! `shm umount`: takes a store's mount away.

use crate::failure::Failure;
use crate::mounting::{self, Mounts, TYPE};
use rustix::io::Errno;
use rustix::mount::{UnmountFlags, unmount};
use rustix::process::geteuid;
use std::path::{Path, PathBuf};

/// Unmount a store
///
/// The files stay in the store, if it runs on: one that `shm mount` started ends when it is unmounted everywhere and
/// nobody uses it. umount(8) does the same.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  shm umount /mnt/lab
  shm umount --lazy /mnt/lab    now; programs go on with the files they have")]
pub(crate) struct Args {
    /// Take it from the tree of directories at once, and unmount when nobody uses it any more
    #[arg(short, long)]
    lazy: bool,
    /// Where it is mounted
    #[arg(value_name = "DIR")]
    dir: PathBuf,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let shown = args.dir.display();
    let mounts = Mounts::read()?;
    let place = mounting::place_of(&args.dir, &mounts);
    match mounts.at(&place) {
        Some(mount) if mount.kind == TYPE => {}
        Some(mount) => {
            return Err(Failure::new(format!(
                "{shown} is not a mount of a store: it is of type {}",
                mount.kind
            ))
            .hint(format!("`umount {shown}` if that is meant")));
        }
        None => {
            return Err(Failure::new(format!("nothing is mounted at {shown}"))
                .hint("`shm mount` lists the mounts of stores"));
        }
    }
    if !geteuid().is_root() {
        return Err(Failure::new(format!("cannot unmount {shown}: only root may"))
            .hint("what `shm run --mount` shows to a program goes with it"));
    }
    let flags = if args.lazy { UnmountFlags::DETACH } else { UnmountFlags::empty() };
    unmount(&place, flags | UnmountFlags::NOFOLLOW).map_err(|error| failure(error, &place))
}

fn failure(error: Errno, place: &Path) -> Failure {
    let shown = place.display();
    let failure = Failure::new(format!("cannot unmount {shown}: {}", std::io::Error::from(error)));
    if error != Errno::BUSY {
        return failure;
    }
    let holders = mounting::holders(place);
    let who = if holders.is_empty() { String::new() } else { format!("in use by {}; ", holders.join(", ")) };
    failure.hint(format!("{who}`shm umount --lazy {shown}` takes it away now"))
}
