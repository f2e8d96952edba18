//! POSIX named semaphores: `sem_open`, `sem_close`, `sem_unlink`.
//!
//! The semaphore is libc's own `sem_t` in a page of the store, so libc's `sem_wait` and `sem_post` work on it.
//!
//! Owns: the C signatures, the first value of a fresh semaphore.
//! Leaves to others: names, mapping, the count of opens (the client).

use crate::{
    CLIENT, errno,
    pointer::{NAME_ROOM, Text},
};
use core::ptr;
use libc::{c_char, c_int, c_uint, mode_t, sem_t};
use shmfs_abi::limits::SEM_BYTES;

crate::as_libc! {
    sem_close: unsafe extern "C" fn(*mut sem_t) -> c_int;
    sem_unlink: unsafe extern "C" fn(*const c_char) -> c_int;
}
const _: () = assert!(size_of::<sem_t>() as u64 == SEM_BYTES);

/// `sem_open(3)`. Variadic in C: `mode` and `value` are there only with `O_CREAT`, and what stands in their
/// registers otherwise is not looked at.
#[unsafe(no_mangle)]
pub extern "C" fn sem_open(name: *const c_char, flags: c_int, mode: mode_t, value: c_uint) -> *mut sem_t {
    let (mode, value) = if flags & libc::O_CREAT == 0 { (0, 0) } else { (mode, value) };
    let mut room = Text::<NAME_ROOM>::new();
    let opened = room.read_name(name).and_then(|name| CLIENT.sem_open(name, flags, mode, value, &initialise));
    // SEM_FAILED is NULL (bits/semaphore.h).
    errno::address(opened, ptr::null_mut()).cast()
}

/// `sem_close(3)`.
#[unsafe(no_mangle)]
pub extern "C" fn sem_close(sem: *mut sem_t) -> c_int {
    errno::done(CLIENT.sem_close(sem.addr()))
}

/// `sem_unlink(3)`.
#[unsafe(no_mangle)]
pub extern "C" fn sem_unlink(name: *const c_char) -> c_int {
    let mut room = Text::<NAME_ROOM>::new();
    errno::done(room.read_name(name).and_then(|name| CLIENT.sem_unlink(name)))
}

/// Makes a semaphore shared between processes at `address`, where the client has mapped a fresh object.
fn initialise(address: usize, value: u32) {
    let sem = ptr::with_exposed_provenance_mut::<sem_t>(address);
    // SAFETY: the client mapped SEM_BYTES writable bytes there, page-aligned, and no other process has the
    // object yet. It refuses values beyond SEM_VALUE_MAX before, the only thing that can fail here.
    let _ = unsafe { libc::sem_init(sem, 1, value) };
}
