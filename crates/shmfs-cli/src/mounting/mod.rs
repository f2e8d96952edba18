//! A store at a directory, by FUSE: for `shm mount`, `shm umount` and mount(8).
//!
//! Owns: the order of the steps, and what is undone when one fails.
//! Leaves to others: the file system (`shmfs-fuse`, in the store's broker), the text of options
//! (`shmfs_fuse::options`).

mod busy;
mod change;
mod found;
mod owner;
mod place;
mod remount;
mod table;

pub(crate) use busy::holders;
pub(crate) use change::tree;
pub(crate) use place::mount;
pub(crate) use remount::remount;
pub(crate) use table::{Mounts, is_nameless, place_of};

use crate::failure::Failure;
use shmfs_abi::Errno;
use shmfs_fuse::options::{Options, Refused};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

pub(crate) use shmfs_fuse::TYPE;

/// What is to be mounted where.
pub(crate) struct Wanted {
    /// The store that is named.
    pub(crate) store: Option<OsString>,
    /// What mount(8) wrote in the first field, where that stands for the default store.
    pub(crate) source: Option<String>,
    /// The directory.
    pub(crate) dir: PathBuf,
    /// All options.
    pub(crate) options: Options,
    /// Another mount namespace (mount(8), `--namespace`).
    pub(crate) namespace: Option<OsString>,
}

/// An option that is refused is wrong usage.
pub(crate) fn refused(refused: &Refused) -> Failure {
    Failure::new(refused.to_string()).hint(refused.hint()).status(crate::failure::USAGE)
}

/// Makes sure that there is a directory.
pub(crate) fn check_directory(dir: &Path) -> Result<(), Failure> {
    let shown = dir.display();
    let why = match fs::metadata(dir) {
        Ok(found) if found.is_dir() => return Ok(()),
        Ok(_) => "it is not a directory".to_owned(),
        Err(error) => error.to_string(),
    };
    let failure = Failure::new(format!("cannot mount at {shown}: {why}"));
    Err(if dir.symlink_metadata().is_err() { failure.hint(format!("`mkdir -p {shown}`")) } else { failure })
}

/// A call of the kernel that failed while `tried`.
pub(crate) fn kernel(tried: impl std::fmt::Display, errno: Errno) -> Failure {
    let error = std::io::Error::from_raw_os_error(errno.0);
    Failure::new(format!("cannot {tried}: {error}"))
}
