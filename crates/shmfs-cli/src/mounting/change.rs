//! What options change of a store and of its mount, once it runs.

use super::found::size_of;
use super::kernel;
use super::owner::{GROUPS, USERS};
use crate::commands::limits::check_room;
use crate::failure::Failure;
use crate::store::Visit;
use rustix::mount::{FsPickFlags, fsconfig_reconfigure, fsconfig_set_string, fspick};
use shmfs_abi::{Call, Errno, LimitsChange, Reply};
use shmfs_fuse::options::Options;
use std::ffi::CString;
use std::fs::{self, Permissions};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;

/// Bytes of what the kernel says to a change that it refuses.
const SAID_BYTES: usize = 256;

/// Sets what belongs to the store: its size, how many files there may be, huge pages. `founded` was made with its size.
pub(super) fn store(visit: &mut Visit, options: &Options, founded: bool) -> Result<(), Failure> {
    if let Some(size) = size_of(options)?.filter(|_| !founded) {
        check_room(visit, size)?;
        let change = LimitsChange { size: Some(size), ..LimitsChange::default() };
        visit.call("change the size", Call::SetLimits { change })?;
    }
    let mut words = Vec::new();
    if let Some(inodes) = options.nr_inodes {
        words.push((c"nr_inodes", inodes.to_string()));
    }
    if let Some(huge) = options.huge {
        words.push((c"huge", huge.word().to_owned()));
    }
    if words.is_empty() {
        return Ok(());
    }
    let tree = tree(visit)?;
    for (key, value) in words {
        reconfigure(&tree, key, &value)?;
    }
    Ok(())
}

/// The store's own tmpfs.
pub(crate) fn tree(visit: &mut Visit) -> Result<OwnedFd, Failure> {
    let tried = "reach the store's tree";
    match visit.ask(Call::Tree) {
        Ok((Reply::Tree, Some(tree))) => Ok(tree),
        Ok(_) => Err(Failure::new(format!("cannot {tried}: the store gave another answer"))),
        Err(refused) if refused.errno == Errno::EOPNOTSUPP => Err(no_tmpfs(visit)),
        Err(refused) if refused.errno == Errno::EPERM => {
            Err(Failure::refused(tried, &refused).hint("only the store's owner and root may; ask them"))
        }
        Err(refused) => Err(Failure::refused(tried, &refused)),
    }
}

/// A store whose objects are plain memfds has no tree that could be shown.
pub(crate) fn no_tmpfs(visit: &Visit) -> Failure {
    Failure::new(format!(
        "the store at {} has no tmpfs of its own: where it was started, user namespaces were closed",
        visit.dir.display()
    ))
    .hint("open them (sysctl user.max_user_namespaces above 0), or start the store as root; `shm df` says `hidden-tmpfs`")
}

fn reconfigure(tree: &OwnedFd, key: &std::ffi::CStr, value: &str) -> Result<(), Failure> {
    let tried = format!("set {}={value}", key.to_string_lossy());
    let value = CString::new(value).unwrap_or_default();
    let flags = FsPickFlags::FSPICK_CLOEXEC | FsPickFlags::FSPICK_EMPTY_PATH;
    let picked = fspick(tree, c"", flags).map_err(|error| kernel(&tried, Errno(error.raw_os_error())))?;
    let done = fsconfig_set_string(&picked, key, &value).and_then(|()| fsconfig_reconfigure(&picked));
    done.map_err(|error| {
        let failure = match said(&picked) {
            Some(said) => Failure::new(format!("cannot {tried}: {said}")),
            None => kernel(&tried, Errno(error.raw_os_error())),
        };
        match error {
            rustix::io::Errno::PERM => failure.hint("only a store that root has started can be changed so"),
            _ => failure,
        }
    })
}

/// Why, in the kernel's words: `e tmpfs: Too few inodes for current use`.
fn said(picked: &OwnedFd) -> Option<String> {
    let mut line = [0; SAID_BYTES];
    let len = rustix::io::read(picked, &mut line).ok()?;
    let line = String::from_utf8_lossy(line.get(..len)?).trim().to_owned();
    let words = line.split_once(": ").map(|(_, words)| words.to_owned());
    words.filter(|words| !words.is_empty())
}

/// Gives the root of the mount at `place` the owner and mode that options ask for.
pub(super) fn root(place: &Path, options: &Options) -> Result<(), Failure> {
    let failed = |error: std::io::Error| {
        Failure::new(format!("cannot give {} its owner and mode: {error}", place.display()))
    };
    let uid = options.uid.as_ref().map(|owner| USERS.number(owner)).transpose()?;
    let gid = options.gid.as_ref().map(|owner| GROUPS.number(owner)).transpose()?;
    if uid.is_some() || gid.is_some() {
        chown(place, uid, gid).map_err(failed)?;
    }
    match options.mode {
        Some(mode) => fs::set_permissions(place, Permissions::from_mode(mode)).map_err(failed),
        None => Ok(()),
    }
}

/// Refuses what cannot be done before anything is: swap is settled when the store's tmpfs is made, and owners have to be
/// known.
pub(super) fn check(options: &Options) -> Result<(), Failure> {
    if options.noswap {
        return Err(Failure::new("the option `noswap` is refused: a store's memory may go to swap")
            .hint("a cgroup with memory.swap.max=0 keeps it in memory, and so does mlock(2)"));
    }
    options.uid.as_ref().map(|owner| USERS.number(owner)).transpose()?;
    options.gid.as_ref().map(|owner| GROUPS.number(owner)).transpose()?;
    Ok(())
}
