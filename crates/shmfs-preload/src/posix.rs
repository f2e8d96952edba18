//! POSIX shared memory objects: `shm_open`, `shm_unlink`.
//!
//! Owns: the C signatures.
//! Leaves to others: rules for names and flags (the client, the engine).

use crate::{
    CLIENT, errno,
    pointer::{NAME_ROOM, Text},
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
    let mut room = Text::<NAME_ROOM>::new();
    let opened = room.read_name(name).and_then(|name| CLIENT.shm_open(name, flags, mode));
    errno::number(opened.map(IntoRawFd::into_raw_fd))
}

/// `shm_unlink(3)`.
#[unsafe(no_mangle)]
pub extern "C" fn shm_unlink(name: *const c_char) -> c_int {
    let mut room = Text::<NAME_ROOM>::new();
    errno::done(room.read_name(name).and_then(|name| CLIENT.shm_unlink(name)))
}
