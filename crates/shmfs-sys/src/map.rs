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
    sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering::Relaxed},
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

    /// Copies bytes out, eight at a time where they are aligned; in no order with other words. All must be inside.
    pub fn read_bytes(&self, offset: usize, bytes: &mut [u8]) {
        let (head, words) = self.parts(offset, bytes.len());
        let (head, rest) = bytes.split_at_mut(head);
        for (at, byte) in head.iter_mut().enumerate() {
            *byte = self.atomic_u8(offset + at).load(Relaxed);
        }
        let (chunks, tail) = rest.as_chunks_mut::<8>();
        for (at, chunk) in chunks.iter_mut().enumerate() {
            *chunk = self.atomic_u64(words + at * 8).load(Relaxed).to_ne_bytes();
        }
        let after = words + chunks.len() * 8;
        for (at, byte) in tail.iter_mut().enumerate() {
            *byte = self.atomic_u8(after + at).load(Relaxed);
        }
    }

    /// Copies bytes in, eight at a time where they are aligned; in no order with other words. All must be inside.
    pub fn write_bytes(&self, offset: usize, bytes: &[u8]) {
        let (head, words) = self.parts(offset, bytes.len());
        let (head, rest) = bytes.split_at(head);
        for (at, byte) in head.iter().enumerate() {
            self.atomic_u8(offset + at).store(*byte, Relaxed);
        }
        let (chunks, tail) = rest.as_chunks::<8>();
        for (at, chunk) in chunks.iter().enumerate() {
            self.atomic_u64(words + at * 8).store(u64::from_ne_bytes(*chunk), Relaxed);
        }
        let after = words + chunks.len() * 8;
        for (at, byte) in tail.iter().enumerate() {
            self.atomic_u8(after + at).store(*byte, Relaxed);
        }
    }

    /// Of `len` bytes at `offset`: how many come before the first aligned word, and where that is.
    fn parts(&self, offset: usize, len: usize) -> (usize, usize) {
        assert!(offset <= self.len && len <= self.len - offset, "the bytes are in the mapping");
        let aligned = offset.next_multiple_of(8);
        ((aligned - offset).min(len), aligned)
    }

    fn atomic_u8(&self, offset: usize) -> &AtomicU8 {
        let byte = self.word(offset, size_of::<AtomicU8>());
        // SAFETY: as in `atomic_u32`.
        unsafe { AtomicU8::from_ptr(byte) }
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

/// Unmaps what [`place`] mapped, or a part of it. The range must lie in that of one [`place`], and the program must not have
/// unmapped it since.
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
    fn bytes_go_in_and_come_out_at_any_offset() {
        let map = SharedMap::new(file(4096), 4096).unwrap();
        let whole: Vec<u8> = (0..40).map(|number| number + 1).collect();
        for offset in (0..17).chain([4096 - 40]) {
            for len in 0..=40 {
                map.write_bytes(offset, &[0xee; 40]);
                map.write_bytes(offset, &whole[..len]);
                let mut bytes = [0; 40];
                map.read_bytes(offset, &mut bytes);
                assert_eq!(
                    (&bytes[..len], &bytes[len..]),
                    (&whole[..len], &[0xee; 40][len..]),
                    "{offset} {len}"
                );
                if offset >= 8 {
                    map.atomic_u64(0).store(0, Relaxed);
                    map.read_bytes(0, &mut bytes[..8]);
                    assert_eq!(bytes[..8], [0; 8], "{offset} {len}");
                }
            }
        }
        map.write_bytes(4096, &[]);
    }

    #[test]
    #[should_panic(expected = "the bytes are in the mapping")]
    fn bytes_beyond_the_end_are_a_mistake() {
        SharedMap::new(file(4096), 4096).unwrap().read_bytes(4090, &mut [0; 7]);
    }

    #[test]
    fn what_a_file_has_grown_by_is_in_the_next_mapping() {
        let file = file(4096);
        let small = SharedMap::new(&file, 4096).unwrap();
        small.write_bytes(4090, b"before");
        fd::truncate(&file, ByteLen(8192)).unwrap();
        let large = SharedMap::new(&file, 8192).unwrap();
        large.write_bytes(4096, b"after");
        let mut bytes = [0; 11];
        large.read_bytes(4090, &mut bytes);
        assert_eq!(&bytes, b"beforeafter");
        drop(small);
        assert_eq!(large.atomic_u64(4096).load(Relaxed).to_ne_bytes()[..5], *b"after");
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
