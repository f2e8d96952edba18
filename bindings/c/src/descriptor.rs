//! Descriptors that C passes.

use libc::c_int;
use shmfs::{Error, Result};
use std::io;
use std::os::fd::{FromRawFd, OwnedFd};

/// A descriptor of our own of what C's descriptor is of; C keeps its own.
pub(crate) fn duplicate(descriptor: c_int, what: &str) -> Result<OwnedFd> {
    /// Those below are standard streams, which somebody may close and expect to get again.
    const LEAST: c_int = 3;
    // SAFETY: it reads and writes no memory; of a number that is no descriptor it makes an error.
    let number = unsafe { libc::fcntl(descriptor, libc::F_DUPFD_CLOEXEC, LEAST) };
    if number < 0 {
        let errno = io::Error::last_os_error().raw_os_error().unwrap_or(libc::EBADF);
        return Err(Error::new(errno, format!("cannot use descriptor {descriptor} as {what}")));
    }
    // SAFETY: the kernel has just given it, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}
