//! Descriptors that the client keeps in a program which may close any number at any time.
//!
//! Owns: the number and the identity of the file behind it.
//! Leaves to others: what the file is.

use shmfs_abi::Errno;
use shmfs_sys::{
    AsFd, AsRawFd, BorrowedFd, IntoRawFd, OwnedFd,
    fd::{self, Identity},
};

/// A descriptor under a number out of the program's way.
pub(crate) struct Kept {
    /// Invariant: present until drop.
    fd: Option<OwnedFd>,
    identity: Identity,
}

impl Kept {
    pub(crate) fn new(fd: OwnedFd) -> Result<Kept, Errno> {
        let fd = fd::raise(fd);
        let identity = fd::facts(&fd)?.identity;
        Ok(Kept { fd: Some(fd), identity })
    }

    /// A second number for it.
    pub(crate) fn duplicate(&self) -> Option<Kept> {
        let fd = fd::duplicate(self.lend().ok()?).ok()?;
        Some(Kept { fd: Some(fd), identity: self.identity })
    }

    /// Which file it is.
    pub(crate) const fn identity(&self) -> Identity {
        self.identity
    }

    /// The number; -1 never happens before drop.
    pub(crate) fn number(&self) -> i32 {
        self.fd.as_ref().map_or(-1, AsRawFd::as_raw_fd)
    }

    /// Whether the number still is the file: a program may have closed it and used the number again.
    pub(crate) fn is_itself(&self) -> bool {
        let facts = self.fd.as_ref().map(fd::facts);
        facts.is_some_and(|facts| facts.is_ok_and(|facts| facts.identity == self.identity))
    }

    /// Gives the number up, which is closed already.
    pub(crate) fn forget(mut self) {
        if let Some(fd) = self.fd.take() {
            let _ = fd.into_raw_fd();
        }
    }

    pub(crate) fn lend(&self) -> Result<BorrowedFd<'_>, Errno> {
        self.fd.as_ref().map(AsFd::as_fd).ok_or(Errno::EBADF)
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        if !self.is_itself()
            && let Some(fd) = self.fd.take()
        {
            // The number is closed, or the program's.
            let _ = fd.into_raw_fd();
        }
    }
}
