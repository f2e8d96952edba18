//! The guard of an object, and the guard for SIGBUS.

use crate::answer::answer;
use crate::argument::place_for_pointer;
use crate::handle::{Opaque, borrow, close, give};
use crate::object::Object;
use libc::c_int;
use std::sync::Arc;

/// An object's guard that is held: its holder is its only writer, among those who take it.
///
/// Threads: any may give it back. Forks: a child has it too, until it ends or the parent gives it back.
pub struct Guard {
    _opaque: [u8; 0],
}

/// A guard and what it guards.
pub(crate) struct Inside {
    // Before `_object`: it is dropped first.
    _guard: shmfs::Guard<'static>,
    _object: Arc<shmfs::Object>,
}

impl Opaque for Guard {
    type Inside = Inside;
    const WHAT: &'static str = "a guard";
    const MARK: u64 = u64::from_ne_bytes(*b"shmfs Gu");
}

/// Waits until nobody else has the object's guard, and takes it. Threads exclude each other as processes do. The kernel gives it
/// back when its holder dies. `shm snapshot` takes it too, of objects made with SHMFS_OBJECT_GUARDED. A thread that has it and
/// asks again waits for ever.
///
/// Errors: -EMFILE, -ENOLCK; -EACCES where the object's mode does not let this process open it again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shmfs_object_guard(object: *const Object, guard: *mut *mut Guard) -> c_int {
    answer(|| {
        // SAFETY: rule 3.
        let place = unsafe { place_for_pointer(guard)? };
        // SAFETY: rule 1.
        let object = Arc::clone(&unsafe { borrow(object)? }.object);
        // SAFETY: the object lives as long as one of its `Arc`s does, at one address and only ever shared; one stands beside
        // the guard, and is dropped after it.
        let guarded: &'static shmfs::Object = unsafe { &*Arc::as_ptr(&object) };
        give(Inside { _guard: guarded.guard()?, _object: object }, place);
        Ok(())
    })
}

/// Gives the guard back. NULL is nothing to give back.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shmfs_guard_release(guard: *mut Guard) {
    // SAFETY: rule 1.
    answer(|| unsafe { close(guard) });
}

/// Installs a handler for SIGBUS, once in the life of the process. shmfs_mapping_read, shmfs_file_write and the other functions
/// that copy answer -EFAULT then, where they meet a page that is gone. An access by an address still ends the program, and one
/// line on standard error says which object it was, and why. SIGBUS that is none of ours goes to the handler that was there
/// before.
///
/// Errors: as sigaction(2).
#[unsafe(no_mangle)]
pub extern "C" fn shmfs_sigbus_guard() -> c_int {
    answer(shmfs::guard::install)
}
