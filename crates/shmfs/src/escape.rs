//! The way out: plain references and pointers into shared memory, for those who know that nobody writes.
//!
//! Owns: the only `unsafe` of this crate, and its contract.
#![allow(unsafe_code, reason = "plain references to shared memory; each function states its contract")]

use crate::Mapping;
use std::slice;

impl Mapping {
    /// Its first byte. Accesses by it are C's: a data race is undefined behaviour, and a page that is gone is SIGBUS.
    #[inline]
    pub fn as_ptr(&self) -> *mut u8 {
        self.view().as_ptr()
    }

    /// All of its bytes as a plain slice.
    ///
    /// # Safety
    /// As long as the slice lives:
    /// - nobody writes these bytes: neither another process nor this one, by this mapping (its own safe methods included)
    ///   or another of the same object. An object with [`Seals::WRITE`](crate::Seals::WRITE) keeps it of itself;
    /// - no [`advise`](Mapping::advise) or [`punch_hole`](crate::Object::punch_hole) changes them.
    ///
    /// That the object's end is inside of the mapping, now or after somebody has cut it, is not undefined: an access beyond it
    /// ends the program by SIGBUS.
    ///
    /// ```
    /// use shmfs::{MapOptions, Object, Seals};
    /// let object = Object::anonymous(4096)?;
    /// object.map()?.write_at(0, b"fixed")?;
    /// object.seal(Seals::WRITE | Seals::SHRINK)?;
    /// let mapping = object.map_with(&MapOptions::new().read_only())?;
    /// // SAFETY: the seal keeps everybody from writing.
    /// let bytes = unsafe { mapping.as_slice() };
    /// assert_eq!(&bytes[..5], b"fixed");
    /// # Ok::<(), shmfs::Error>(())
    /// ```
    #[inline]
    pub unsafe fn as_slice(&self) -> &[u8] {
        // SAFETY: so many bytes are mapped for reading as long as `self` is borrowed; that nobody writes them is the
        // caller's promise.
        unsafe { slice::from_raw_parts(self.view().as_ptr(), self.len()) }
    }

    /// All of its bytes as a plain slice that can be written.
    ///
    /// # Safety
    /// As long as the slice lives, nobody else reads or writes these bytes: neither another process nor this one, by this
    /// mapping or another of the same object. The mapping [is writable](Mapping::is_writable).
    #[inline]
    pub unsafe fn as_mut_slice(&mut self) -> &mut [u8] {
        debug_assert!(self.is_writable(), "the mapping is for writing");
        // SAFETY: so many bytes are mapped, for writing by the caller's promise, as long as `self` is borrowed; that
        // nobody else has them is the caller's promise too.
        unsafe { slice::from_raw_parts_mut(self.view().as_ptr(), self.len()) }
    }
}
