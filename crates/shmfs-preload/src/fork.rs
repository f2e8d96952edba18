//! Fork: the client takes a table for the child before, and gives it over after.
//!
//! Owns: the registration with libc, made when the process first reaches for a store.
//! Leaves to others: what happens at a fork (the client), new processes that run no such function, such as
//! `_Fork` and raw `clone` (the client's mark).

use crate::CLIENT;
use core::{
    ptr,
    sync::atomic::{AtomicBool, Ordering},
};
use libc::{c_int, c_void};
use shmfs_abi::Errno;

type AtFork = Option<unsafe extern "C" fn()>;

unsafe extern "C" {
    // glibc's own name for pthread_atfork, which sits in a static part of libc (nptl/pthread_atfork.c).
    fn __register_atfork(prepare: AtFork, parent: AtFork, child: AtFork, dso: *mut c_void) -> c_int;
}

static REGISTERED: AtomicBool = AtomicBool::new(false);

/// Registers the client's part in each fork, once in the life of the program.
pub fn register() -> Result<(), Errno> {
    if REGISTERED.swap(true, Ordering::AcqRel) {
        return Ok(());
    }
    // SAFETY: the functions live as long as the process, since this library is never unloaded (DF_1_NODELETE);
    // so no owner is named that would take them back.
    let failed = unsafe { __register_atfork(Some(prepare), Some(parent), Some(child), ptr::null_mut()) };
    if failed != 0 {
        REGISTERED.store(false, Ordering::Release);
        return Err(Errno::ENOMEM);
    }
    Ok(())
}

extern "C" fn prepare() {
    CLIENT.fork_prepare();
}

extern "C" fn parent() {
    CLIENT.fork_parent();
}

extern "C" fn child() {
    CLIENT.fork_child();
}
