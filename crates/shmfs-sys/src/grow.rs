//! A growing table in pages of its own: the heap of a program that was not changed is not ours to use.
//!
//! Owns: its pages.
//! Leaves to others: the order of the entries.

use crate::{Errno, Result, errno};
use core::{marker::PhantomData, ptr::NonNull};
use rustix::mm::{self, MapFlags, MremapFlags, ProtFlags};
use shmfs_abi::PAGE_SIZE;

/// A vector of plain values with a bound, in private anonymous pages.
#[derive(Debug)]
pub struct PageVec<T: Copy> {
    /// Invariant: `bytes` bytes from here are mapped privately for reading and writing, and the first `len`
    /// values in them are initialised. Dangling while `bytes` is 0.
    start: NonNull<T>,
    bytes: usize,
    len: usize,
    bound: usize,
    values: PhantomData<T>,
}

// SAFETY: the pages are owned, like those of a Vec.
unsafe impl<T: Copy + Send> Send for PageVec<T> {}
// SAFETY: a shared PageVec gives shared references to its values only.
unsafe impl<T: Copy + Sync> Sync for PageVec<T> {}

impl<T: Copy> PageVec<T> {
    /// An empty table of at most `bound` values. It has no page yet.
    pub const fn new(bound: usize) -> PageVec<T> {
        assert!(size_of::<T>() > 0 && size_of::<T>() <= PAGE_SIZE as usize, "a value fits in a page");
        PageVec { start: NonNull::dangling(), bytes: 0, len: 0, bound, values: PhantomData }
    }

    /// How many values there are.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The values.
    pub const fn as_slice(&self) -> &[T] {
        // SAFETY: the first `len` values are initialised, and stay where they are while `self` is borrowed.
        unsafe { core::slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }

    /// The values, one after the other.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = T> + ExactSizeIterator + '_ {
        self.as_slice().iter().copied()
    }

    /// The value at `index`.
    pub fn get(&self, index: usize) -> Option<T> {
        self.as_slice().get(index).copied()
    }

    /// Makes room for `more` values, so that so many times [`push`](PageVec::push) cannot fail.
    ///
    /// # Errors
    /// `ENOMEM` at the bound, or if the kernel has no pages.
    pub fn reserve(&mut self, more: usize) -> Result<()> {
        let wanted = self.len.saturating_add(more);
        if wanted > self.bound {
            return Err(Errno::ENOMEM);
        }
        while wanted > self.bytes / size_of::<T>() {
            self.grow()?;
        }
        Ok(())
    }

    /// Appends a value.
    ///
    /// # Errors
    /// As [`reserve`](PageVec::reserve).
    pub fn push(&mut self, value: T) -> Result<()> {
        self.reserve(1)?;
        // SAFETY: `reserve` made the pages larger than `len` values.
        let place = unsafe { self.start.add(self.len) };
        // SAFETY: the place is in the pages, aligned, and holds no value.
        unsafe { place.write(value) };
        self.len += 1;
        Ok(())
    }

    /// Puts `value` at `index`; false if there is no such place.
    pub fn set(&mut self, index: usize, value: T) -> bool {
        // SAFETY: the first `len` values are initialised, and `self` is borrowed exclusively.
        let values = unsafe { core::slice::from_raw_parts_mut(self.start.as_ptr(), self.len) };
        values.get_mut(index).map(|place| *place = value).is_some()
    }

    /// Takes the value at `index` out; the last one takes its place.
    pub fn swap_remove(&mut self, index: usize) -> Option<T> {
        let (taken, last) = (self.get(index)?, self.get(self.len - 1)?);
        self.set(index, last);
        self.len -= 1;
        Some(taken)
    }

    /// Forgets all values; the pages stay.
    pub const fn clear(&mut self) {
        self.len = 0;
    }

    /// Doubles the pages.
    fn grow(&mut self) -> Result<()> {
        let larger = (self.bytes * 2).max(PAGE_SIZE as usize);
        let start = if self.bytes == 0 {
            let protection = ProtFlags::READ | ProtFlags::WRITE;
            // SAFETY: the kernel chooses an address that nothing uses.
            unsafe { mm::mmap_anonymous(core::ptr::null_mut(), larger, protection, MapFlags::PRIVATE) }
        } else {
            // SAFETY: the range is this table's pages, and nobody else has a pointer into them.
            unsafe { mm::mremap(self.start.as_ptr().cast(), self.bytes, larger, MremapFlags::MAYMOVE) }
        };
        self.start = NonNull::new(start.map_err(errno)?.cast()).ok_or(Errno::ENOMEM)?;
        self.bytes = larger;
        Ok(())
    }
}

impl<T: Copy> Drop for PageVec<T> {
    fn drop(&mut self) {
        if self.bytes > 0 {
            // SAFETY: the range is this table's pages, and no reference into them outlives `self`.
            let unmapped = unsafe { mm::munmap(self.start.as_ptr().cast(), self.bytes) };
            debug_assert!(unmapped.is_ok(), "pages can be unmapped");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_grows_and_keeps_its_values() {
        let mut table = PageVec::<[u64; 3]>::new(5000);
        for value in 0..5000 {
            table.push([value; 3]).unwrap();
        }
        assert_eq!(table.push([0; 3]), Err(Errno::ENOMEM), "the bound holds");
        assert!(table.iter().enumerate().all(|(index, value)| value == [index as u64; 3]));
        assert_eq!(table.len(), 5000);
    }

    #[test]
    fn the_last_takes_the_place_of_the_removed() {
        let mut table = PageVec::new(8);
        for value in [10, 20, 30] {
            table.push(value).unwrap();
        }
        assert_eq!(table.swap_remove(0), Some(10));
        assert_eq!(table.as_slice(), [30, 20]);
        assert_eq!(table.swap_remove(1), Some(20));
        assert_eq!(table.swap_remove(1), None);
        assert!(table.set(0, 40) && !table.set(1, 50));
        assert_eq!(table.get(0), Some(40));
        table.clear();
        assert!(table.is_empty() && table.get(0).is_none());
    }
}
