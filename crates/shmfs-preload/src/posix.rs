//! POSIX shared memory objects: `shm_open`, `shm_unlink`.
//!
//! Owns: the C signatures.
//! Leaves to others: rules for names and flags (the client, the engine).

use crate::{
    CLIENT, errno,
    pointer::{STRING_BYTES, Text},
};
use libc::{c_char, c_int, mode_t};
use rustix::fd::IntoRawFd;

crate::as_libc! {
    shm_open: unsafe extern "C" fn(*const c_char, c_int, mode_t) -> c_int;
    shm_unlink: unsafe extern "C" fn(*const c_char) -> c_int;
}

/// `shm_open(3)`.
#[unsafe(no_mangle)]
pub extern "C" fn shm_open(name: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    let opened = Text::<STRING_BYTES>::read_start(name)
        .and_then(|name| CLIENT.shm_open(name.as_bytes(), flags, mode))
        .map(IntoRawFd::into_raw_fd);
    errno::number(opened)
}

/// `shm_unlink(3)`.
#[unsafe(no_mangle)]
pub extern "C" fn shm_unlink(name: *const c_char) -> c_int {
    let name = Text::<STRING_BYTES>::read_start(name);
    errno::done(name.and_then(|name| CLIENT.shm_unlink(name.as_bytes())))
}
