//! Asking the kernel whether anyone else has a file open or mapped.
//!
//! Owns: nothing. Leaves to others: when to ask (`watch`).

use crate::{
    Errno, Result,
    raw::{self, number},
};
use rustix::fd::{AsFd, AsRawFd};

// include/uapi/linux/fcntl.h, asm-generic/fcntl.h
const F_SETSIG: usize = 10;
const F_SETLEASE: usize = 1024;
const F_WRLCK: usize = 1;
const F_UNLCK: usize = 2;

/// A signal that is ignored unless a program wants it.
const SIGURG: usize = 23;

/// Whether the description behind `fd`, which must be open for writing and must have been *opened* (see
/// `memfd`), is the only one of its file: nobody else has a descriptor of another one, nor a mapping made
/// through one. Duplicates and mappings of the own description do not count.
///
/// A write lease is granted only then (`check_conflicting_open`, fs/locks.c); it is given back at once. Somebody
/// who opens the file through /proc in the moment between has a signal sent to this process. It would be SIGIO,
/// which ends a process that does not expect it, and is made SIGURG.
///
/// `IN_CLOSE` comes a moment before the kernel lets a description go (`__fput`, fs/file_table.c): an answer of
/// false right after the event can be early.
///
/// # Errors
/// `EACCES` if the process neither owns the file nor has `CAP_LEASE`; as `fcntl(2)`.
pub fn is_only_description(fd: impl AsFd) -> Result<bool> {
    let fd = fd.as_fd().as_raw_fd() as usize;
    fcntl(fd, F_SETSIG, SIGURG)?;
    match fcntl(fd, F_SETLEASE, F_WRLCK) {
        Ok(_) => fcntl(fd, F_SETLEASE, F_UNLCK).map(|_| true),
        Err(Errno::EAGAIN) => Ok(false),
        Err(error) => Err(error),
    }
}

fn fcntl(fd: usize, command: usize, argument: usize) -> Result<usize> {
    // SAFETY: these commands take numbers only.
    raw::check(unsafe { raw::syscall6(number::FCNTL, fd, command, argument, 0, 0, 0) })
}
