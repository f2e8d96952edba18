//! C's ways to say that a call failed: errno and -1, and its variants.
//!
//! Owns: the program's errno, which changes only when a call fails.
//! Leaves to others: which errno it is (the client, the kernel).

use crate::raw;
use core::ptr;
use libc::{c_int, c_long, c_void};
use shmfs_abi::Errno;

/// Sets the calling thread's errno.
pub fn set(errno: Errno) {
    // SAFETY: `__errno_location` has no preconditions.
    let place = unsafe { libc::__errno_location() };
    // SAFETY: glibc gives the address of the calling thread's own errno, valid while the thread lives.
    unsafe { place.write(errno.0) };
}

/// The calling thread's errno.
pub fn get() -> Errno {
    // SAFETY: `__errno_location` has no preconditions.
    let place = unsafe { libc::__errno_location() };
    // SAFETY: glibc gives the address of the calling thread's own errno, valid while the thread lives.
    Errno(unsafe { place.read() })
}

/// A number, or -1 and errno.
pub fn number(result: Result<c_int, Errno>) -> c_int {
    result.unwrap_or_else(|errno| {
        set(errno);
        -1
    })
}

/// 0, or -1 and errno.
pub fn done(result: Result<(), Errno>) -> c_int {
    number(result.map(|()| 0))
}

/// An address, or `failed` and errno: `shmat` says `(void *) -1`, `sem_open` says NULL.
pub fn address(result: Result<usize, Errno>, failed: *mut c_void) -> *mut c_void {
    match result {
        Ok(address) => ptr::with_exposed_provenance_mut(address),
        Err(errno) => {
            set(errno);
            failed
        }
    }
}

/// What `syscall(3)` gives for a value that the kernel returned as an error.
pub extern "C" fn syscall_failed(returned: isize) -> c_long {
    if let Err(errno) = raw::outcome(returned) {
        set(errno);
    }
    -1
}
