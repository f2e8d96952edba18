//! Functions that the C library runs at each fork.
//!
//! Owns: the registration.
//! Leaves to others: children that run no such function: those of `_Fork`, of raw `clone`, and of
//! [`child::fork`](crate::child::fork).

use crate::{Errno, Result};
use core::ffi::{c_int, c_void};

type AtFork = Option<extern "C" fn()>;

unsafe extern "C" {
    // glibc's own name for pthread_atfork, which sits in a static part of libc (nptl/pthread_atfork.c).
    fn __register_atfork(prepare: AtFork, parent: AtFork, child: AtFork, owner: *mut c_void) -> c_int;
    // Each library and program has its own, from the compiler's start files; never read, only its address counts.
    safe static __dso_handle: u8;
}

/// Registers functions for every fork from here on: `prepare` before it, the last registered first; `parent` and `child` after
/// it, each in its process. They stay until the program or library that they are in is unloaded.
///
/// After a fork of a process with several threads, `child` runs in a copy whose locks may be taken for ever: it may do what a
/// signal handler may, and what `prepare` has made safe.
///
/// # Errors
/// `ENOMEM`.
pub fn register(prepare: extern "C" fn(), parent: extern "C" fn(), child: extern "C" fn()) -> Result<()> {
    let owner = (&raw const __dso_handle).cast_mut().cast();
    // SAFETY: the functions exist as long as what they are linked into, which is what this function is linked into, and on its
    // unloading the C library forgets all that have this owner (`__unregister_atfork`).
    let failed = unsafe { __register_atfork(Some(prepare), Some(parent), Some(child), owner) };
    if failed == 0 { Ok(()) } else { Err(Errno::ENOMEM) }
}
