//! The folders in which stores lie, as the library knows them, with failures for people.

use crate::failure::{Failure, USAGE};
use shmfs_abi::Errno;
use std::ffi::OsStr;
use std::path::PathBuf;

pub(crate) use shmfs::make_folder;

/// Where stores of this user can be.
pub(crate) struct Places(shmfs::Places);

impl Places {
    /// For the effective user of this process.
    pub(crate) fn here() -> Places {
        Places(shmfs::Places::here())
    }

    /// The folders in which a store can be that this user can name, its own first.
    pub(crate) fn bases(&self) -> Vec<PathBuf> {
        self.0.bases()
    }

    /// Where the store called `named` can be, or the one that applies here; the likeliest first.
    pub(crate) fn candidates(&self, named: Option<&OsStr>) -> Result<Vec<PathBuf>, Failure> {
        self.0.candidates(named).map_err(failure)
    }

    /// The name of a daemon's store when none is given.
    pub(crate) fn default_name(&self) -> &'static str {
        self.0.default_name()
    }

    /// Whether stores of this user are open to everyone.
    pub(crate) fn is_system(&self) -> bool {
        self.0.is_system()
    }

    /// The directory of a store that is to be started as `name`; its parent exists and is ours.
    pub(crate) fn make(&self, name: &OsStr) -> Result<PathBuf, Failure> {
        self.0.make(name).map_err(failure)
    }
}

/// A name that a store cannot have is wrong usage.
fn failure(error: shmfs::Error) -> Failure {
    let failure = Failure::new(error.what());
    if error.errno() == Errno::EINVAL.0 { failure.status(USAGE) } else { failure }
}
