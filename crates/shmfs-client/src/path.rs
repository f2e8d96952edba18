//! Names below /dev/shm as the functions on paths use them: what makes or changes names asks the broker.
//!
//! Owns: the difference between these functions and `shm_open` and `shm_unlink` on the same names.
//! Leaves to others: every rule (the engine), lookups (`root`).

use crate::{Client, connect::Failure, posix::kept};
use shmfs_abi::{Call, Errno, Name, NameError};
use shmfs_sys::OwnedFd;

/// One component of a path as a name. `.` and `..` are directories, and are there.
fn name(component: &[u8]) -> Result<Name, Errno> {
    Name::new(component).map_err(|error| match error {
        NameError::Malformed => Errno::ENOENT,
        NameError::TooLong => Errno::ENAMETOOLONG,
        NameError::Directory => Errno::EEXIST,
    })
}

impl Client {
    /// `open(2)` of a name that is perhaps to be made: the lowest free descriptor, close-on-exec. `mode` comes
    /// before the umask.
    ///
    /// # Errors
    /// As `open(2)`, and as [`Client`] says.
    pub fn path_open(&self, component: &[u8], flags: i32, mode: u32) -> Result<OwnedFd, Errno> {
        let (flags, mode) = kept(flags, mode);
        self.open_object(&Call::Open { name: name(component)?, flags, mode }, flags)
    }

    /// `unlink(2)`. Where a sticky directory forbids it the errno is `EPERM`, which `shm_unlink` calls `EACCES`.
    ///
    /// # Errors
    /// As `unlink(2)`, and as [`Client`] says.
    pub fn path_unlink(&self, component: &[u8]) -> Result<(), Errno> {
        self.change(&Call::Unlink { name: name(component)? })
    }

    /// `renameat2(2)` of a name to another.
    ///
    /// # Errors
    /// As `renameat2(2)`, and as [`Client`] says.
    pub fn path_rename(&self, from: &[u8], to: &[u8], flags: u32) -> Result<(), Errno> {
        self.change(&Call::Rename { from: name(from)?, to: name(to)?, flags })
    }

    /// `link(2)`: one name more.
    ///
    /// # Errors
    /// As `link(2)`, and as [`Client`] says.
    pub fn path_link(&self, from: &[u8], to: &[u8]) -> Result<(), Errno> {
        self.change(&Call::Link { from: name(from)?, to: name(to)? })
    }

    fn change(&self, call: &Call) -> Result<(), Errno> {
        let asked = self.with(|state| Ok(state.ask_with(call, &[]).map(drop)));
        asked?.map_err(|failure| match failure {
            Failure::Refused(refused) if refused.errno == Errno::EACCES => Errno::EPERM,
            other => other.errno(),
        })
    }
}
