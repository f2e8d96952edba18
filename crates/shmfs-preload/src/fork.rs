//! Fork: the client takes a table for the child before, and gives it over after.
//!
//! Owns: the registration with libc, made when the process first reaches for a store.
//! Leaves to others: what happens at a fork (the client), new processes that run no such function, such as
//! `_Fork` and raw `clone` (the client's mark).

use crate::CLIENT;
use core::sync::atomic::{AtomicBool, Ordering};
use shmfs_abi::Errno;
use shmfs_sys::atfork;

static REGISTERED: AtomicBool = AtomicBool::new(false);

/// Registers the client's part in each fork, once in the life of the program.
pub fn register() -> Result<(), Errno> {
    if REGISTERED.swap(true, Ordering::AcqRel) {
        return Ok(());
    }
    atfork::register(prepare, parent, child).inspect_err(|_| REGISTERED.store(false, Ordering::Release))
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
