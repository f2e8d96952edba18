//! Mappings of shared pages.
//!
//! Nothing here hands out a reference to plain data in a shared page: a stranger may write there at any time.
//! There are atomics, and addresses for C programs.
//!
//! Owns: pages mapped for shmfs itself ([`SharedMap`]).
//! Leaves to others: pages mapped for the program ([`place`]): the program unmaps them.
//! Not done: `mremap` of kept mappings, population.

use crate::{Errno, Result, errno, fd};
use core::{
    ffi::c_void,
    ptr::NonNull,
    sync::atomic::{AtomicU32, AtomicU64},
};
use rustix::{
    fd::AsFd,
    mm::{self, Advice, MapFlags, MlockFlags, ProtFlags},
};

/// Pages of a file, mapped shared for reading and writing, unmapped when dropped.
#[derive(Debug)]
pub struct SharedMap {
    /// Invariant: `len` bytes from here are mapped for reading and writing until drop.
    start: NonNull<u8>,
    len: usize,
}

// SAFETY: the pages belong to no thread.
unsafe impl Send for SharedMap {}
// SAFETY: shared access is by atomics only.
unsafe impl Sync for SharedMap {}

impl SharedMap {
    /// Maps the first `len` bytes of a file. Its size must be sealed, or a stranger who truncates it ends
    /// this process with SIGBUS.
    ///
    /// # Errors
    /// `EINVAL` if `len` is 0 or beyond the file's end; as `mmap(2)`.
    pub fn new(file: impl AsFd, len: usize) -> Result<SharedMap> {
        if len == 0 || fd::facts(&file)?.size.0 < len as u64 {
            return Err(Errno::EINVAL);
        }
        let protection = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: the kernel chooses an address that nothing uses.
        let start = unsafe { mm::mmap(core::ptr::null_mut(), len, protection, MapFlags::SHARED, file, 0) };
        let start = NonNull::new(start.map_err(errno)?.cast()).ok_or(Errno::ENOMEM)?;
        Ok(SharedMap { start, len })
    }

    /// Its length in bytes.
    #[allow(clippy::len_without_is_empty, reason = "a mapping is never empty")]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Where it begins.
    pub fn address(&self) -> usize {
        self.start.as_ptr() as usize
    }

    /// The word of 32 bits at `offset`, which must be aligned and inside.
    pub fn atomic_u32(&self, offset: usize) -> &AtomicU32 {
        let word = self.word(offset, size_of::<AtomicU32>());
        // SAFETY: `word` checked alignment and bounds; the pages stay mapped as long as `self`, and are only
        // ever seen as atomics.
        unsafe { AtomicU32::from_ptr(word.cast()) }
    }

    /// The word of 64 bits at `offset`, which must be aligned and inside.
    pub fn atomic_u64(&self, offset: usize) -> &AtomicU64 {
        let word = self.word(offset, size_of::<AtomicU64>());
        // SAFETY: as in `atomic_u32`.
        unsafe { AtomicU64::from_ptr(word.cast()) }
    }

    fn word(&self, offset: usize, size: usize) -> *mut u8 {
        assert!(offset.is_multiple_of(size) && offset <= self.len - size, "the word is in the mapping");
        // SAFETY: the offset is below `len`, and the mapping begins at a page.
        unsafe { self.start.as_ptr().add(offset) }
    }

    /// Keeps the pages in memory, those that exist and those that come, until it is unmapped.
    ///
    /// # Errors
    /// As `mlock2(2)`: `ENOMEM` or `EPERM` beyond RLIMIT_MEMLOCK.
    pub fn lock(&self) -> Result<()> {
        // SAFETY: the range is this mapping; locking changes no content.
        unsafe { mm::mlock_with(self.start.as_ptr().cast(), self.len, MlockFlags::ONFAULT) }.map_err(errno)
    }

    /// Makes every page, huge ones where the kernel has them for this file, without changing content.
    ///
    /// # Errors
    /// As `madvise(2)` with `MADV_POPULATE_WRITE`: `ENOMEM` or `EFAULT` where a page cannot be had; `EINVAL` before
    /// Linux 5.14.
    pub fn populate(&self) -> Result<()> {
        let start: *mut c_void = self.start.as_ptr().cast();
        // Huge pages are a wish: without them small ones are made.
        // SAFETY: the range is this mapping; the advice changes nothing that can be seen.
        let _ = unsafe { mm::madvise(start, self.len, Advice::LinuxHugepage) };
        // SAFETY: as above.
        unsafe { mm::madvise(start, self.len, Advice::LinuxPopulateWrite) }.map_err(errno)
    }

    /// Keeps the pages out of children: after fork the child does not have this mapping.
    ///
    /// # Errors
    /// As `madvise(2)`.
    pub fn dont_fork(&self) -> Result<()> {
        let start: *mut c_void = self.start.as_ptr().cast();
        // SAFETY: the range is this mapping; the advice changes nothing in this process.
        unsafe { mm::madvise(start, self.len, Advice::LinuxDontFork) }.map_err(errno)
    }

    /// Gives the pages up without unmapping them; returns where they are.
    pub fn leak(self) -> usize {
        core::mem::ManuallyDrop::new(self).address()
    }
}

impl Drop for SharedMap {
    fn drop(&mut self) {
        // SAFETY: the range is this mapping, and no reference into it outlives `self`.
        let unmapped = unsafe { mm::munmap(self.start.as_ptr().cast(), self.len) };
        debug_assert!(unmapped.is_ok(), "a mapping can be unmapped");
    }
}

/// How an address binds the kernel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fixed {
    /// The kernel chooses.
    Anywhere,
    /// There, or not at all if anything is mapped there (`EEXIST`).
    NoReplace,
    /// There, in place of what is mapped there (`SHM_REMAP`).
    Replace,
}

/// Where and how a program wants pages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    /// The address, a multiple of the page size; 0 with [`Fixed::Anywhere`].
    pub address: usize,
    /// How it binds.
    pub fixed: Fixed,
    /// For writing too.
    pub write: bool,
    /// For execution too.
    pub exec: bool,
}

/// Maps the first `len` bytes of a file for the program; returns the address. It stays until [`unplace`].
///
/// With [`Fixed::Replace`] it does to the program's memory what the program asked `shmat` to do with
/// `SHM_REMAP`: the address must come from the program, and the consequences are the program's.
///
/// # Errors
/// As `mmap(2)`: `EEXIST` with [`Fixed::NoReplace`], `EACCES` where the descriptor does not allow it, `ENOMEM`.
pub fn place(file: impl AsFd, len: usize, place: &Place) -> Result<usize> {
    let mut protection = ProtFlags::READ;
    protection.set(ProtFlags::WRITE, place.write);
    protection.set(ProtFlags::EXEC, place.exec);
    let flags = match place.fixed {
        Fixed::Anywhere => MapFlags::SHARED,
        // Linux before 4.17 takes it for a hint; the floor is above that.
        Fixed::NoReplace => MapFlags::SHARED | MapFlags::FIXED_NOREPLACE,
        Fixed::Replace => MapFlags::SHARED | MapFlags::FIXED,
    };
    let address: *mut c_void = core::ptr::without_provenance_mut(place.address);
    // SAFETY: only `Replace` can touch what is mapped already, and there the program has asked for it, as it
    // could ask the kernel itself.
    let start = unsafe { mm::mmap(address, len, protection, flags, file, 0) };
    Ok(start.map_err(errno)? as usize)
}

/// Unmaps what [`place`] mapped. Address and length must be those of one [`place`], which the program has not
/// unmapped since.
///
/// # Errors
/// As `munmap(2)`.
pub fn unplace(address: usize, len: usize) -> Result<()> {
    // SAFETY: the range was mapped for the program and for no use of Rust; that the program still uses it is
    // what the program has just denied by `shmdt` or `sem_close`.
    unsafe { mm::munmap(core::ptr::without_provenance_mut(address), len) }.map_err(errno)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memfd;
    use core::sync::atomic::Ordering::Relaxed;
    use rustix::fd::OwnedFd;
    use shmfs_abi::ByteLen;

    fn file(size: u64) -> OwnedFd {
        let made = memfd::create(c"map", true).unwrap();
        fd::truncate(&made, ByteLen(size)).unwrap();
        made
    }

    #[test]
    fn two_mappings_share() {
        let file = file(8192);
        let (one, other) = (SharedMap::new(&file, 8192).unwrap(), SharedMap::new(&file, 8192).unwrap());
        assert_ne!(one.address(), other.address());
        one.atomic_u64(8184).store(7, Relaxed);
        assert_eq!(other.atomic_u32(8184).load(Relaxed), 7);
    }

    #[test]
    fn nothing_is_mapped_beyond_the_end() {
        let file = file(4096);
        assert_eq!(SharedMap::new(&file, 4097).err(), Some(Errno::EINVAL));
        assert_eq!(SharedMap::new(&file, 0).err(), Some(Errno::EINVAL));
    }

    #[test]
    #[should_panic(expected = "the word is in the mapping")]
    fn a_word_beyond_the_end_is_a_mistake() {
        SharedMap::new(file(4096), 4096).unwrap().atomic_u64(4096);
    }

    #[test]
    fn a_place_is_taken_or_replaced() {
        let file = file(4096);
        let anywhere = Place { address: 0, fixed: Fixed::Anywhere, write: true, exec: false };
        let address = place(&file, 4096, &anywhere).unwrap();
        let there = Place { address, fixed: Fixed::NoReplace, ..anywhere };
        assert_eq!(place(&file, 4096, &there), Err(Errno::EEXIST));
        assert_eq!(place(&file, 4096, &Place { fixed: Fixed::Replace, ..there }), Ok(address));
        unplace(address, 4096).unwrap();
    }
}
