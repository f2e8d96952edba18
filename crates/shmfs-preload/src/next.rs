//! The real functions behind the symbols that this library takes over.
//!
//! Owns: one remembered address for each of them.
//! Leaves to others: when the real function is called.
//! Not done: `open` and its like do not come here: they must work in signal handlers, where `dlsym` must not
//! be called. Another preloaded library's `open` is therefore not seen by them.

use core::{
    ffi::CStr,
    mem, ptr,
    sync::atomic::{AtomicPtr, Ordering},
};
use libc::c_void;

/// The address of a function in the next library that has it, once it was looked for.
pub struct Next(AtomicPtr<c_void>);

impl Next {
    /// Not looked for yet.
    pub const fn new() -> Next {
        Next(AtomicPtr::new(ptr::null_mut()))
    }

    /// The address of the function called `name`; null when no library has it.
    pub fn find(&self, name: &CStr) -> *mut c_void {
        let known = self.0.load(Ordering::Relaxed);
        if !known.is_null() {
            return known;
        }
        // SAFETY: `name` ends in NUL. The name is passed rather than stored: a pointer in a static would be
        // one more relocation for each process that starts.
        let found = unsafe { libc::dlsym(libc::RTLD_NEXT, name.as_ptr()) };
        self.0.store(found, Ordering::Relaxed);
        found
    }

    /// The function called `name`; nothing when no library has it.
    ///
    /// # Safety
    /// `F` is the type of a pointer to the function of that name.
    pub unsafe fn function<F: Copy>(&self, name: &CStr) -> Option<F> {
        const { assert!(size_of::<F>() == size_of::<*mut c_void>()) };
        let found = self.find(name);
        if found.is_null() {
            return None;
        }
        // SAFETY: the caller vouches for the type, whose size is asserted.
        Some(unsafe { mem::transmute_copy(&found) })
    }
}
