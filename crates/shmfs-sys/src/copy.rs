//! Copies into and out of memory that strangers write, and whose pages may be missing.
//!
//! The language calls it undefined when plain memory is read while somebody writes it. These routines are assembler:
//! the compiler sees neither the reads nor the writes, and the processor gives each byte some value that was there. A
//! fault inside of them is turned into a result by the guard (`bus`), as the kernel's exception tables do for its own
//! copies; without the guard it ends the program.
//!
//! Owns: the code between `BEGIN` and `END`, and the promise that a jump to `fixup` from anywhere in it, with the
//! address of the fault as the return value, returns to the caller.
//! Leaves to others: bounds (`span`), the signal (`bus`).

#[cfg(all(target_arch = "aarch64", not(miri)))]
#[path = "copy/aarch64.rs"]
mod arch;
#[cfg(miri)]
#[path = "copy/bytes.rs"]
mod arch;
#[cfg(all(target_arch = "x86_64", not(miri)))]
#[path = "copy/x86_64.rs"]
mod arch;
#[cfg(miri)]
use arch as routines;
#[cfg(not(miri))]
mod routines;

pub(crate) use routines::fixup;

/// A page could not be had.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Fault {
    /// The address that was reached for.
    pub(crate) address: usize,
}

/// The routines return 0, or the address of the fault.
#[inline]
const fn outcome(fault: usize) -> Result<(), Fault> {
    if fault == 0 { Ok(()) } else { Err(Fault { address: fault }) }
}

/// Copies `len` bytes. After a fault some of them have been copied.
///
/// # Safety
/// `from` is valid for reads of `len` bytes and `to` for writes, except that other processes may write both and that
/// their pages may be missing.
#[inline]
pub(crate) unsafe fn copy(to: *mut u8, from: *const u8, len: usize) -> Result<(), Fault> {
    // SAFETY: the caller's promise.
    outcome(unsafe { routines::copy(to, from, len) })
}

/// Sets `len` bytes. After a fault some of them have been set.
///
/// # Safety
/// As [`copy`] for `to`.
#[inline]
pub(crate) unsafe fn fill(to: *mut u8, byte: u8, len: usize) -> Result<(), Fault> {
    // SAFETY: the caller's promise.
    outcome(unsafe { routines::fill(to, byte, len) })
}

macro_rules! words {
    ($($load:ident $store:ident $word:ty;)*) => { $(
        /// Loads one word, whole.
        ///
        /// # Safety
        /// `from` is aligned and valid for reads, except as in [`copy`].
        #[inline]
        pub(crate) unsafe fn $load(from: *const $word) -> Result<$word, Fault> {
            let mut value = 0;
            // SAFETY: the caller's promise; `value` is this stack's.
            outcome(unsafe { routines::$load(&raw mut value, from) }).map(|()| value)
        }

        /// Stores one word, whole.
        ///
        /// # Safety
        /// `to` is aligned and valid for writes, except as in [`copy`].
        #[inline]
        pub(crate) unsafe fn $store(to: *mut $word, value: $word) -> Result<(), Fault> {
            // SAFETY: the caller's promise.
            outcome(unsafe { routines::$store(to, value) })
        }
    )* };
}

words! {
    load_u8 store_u8 u8;
    load_u16 store_u16 u16;
    load_u32 store_u32 u32;
    load_u64 store_u64 u64;
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes around a copy, which must stay.
    const AROUND: usize = 80;

    fn pattern(len: usize) -> Vec<u8> {
        (0..len).map(|at| (at % 251) as u8 ^ (at >> 8) as u8).collect()
    }

    /// Copies `len` bytes from one alignment to another, and looks at every byte.
    fn check_copy(len: usize, from: usize, to: usize) {
        let source = pattern(len + from);
        let mut target = vec![0xee; to + len + 2 * AROUND];
        let (start, end) = (to + AROUND, to + AROUND + len);
        // SAFETY: both ranges are in their vectors.
        let done = unsafe { copy(target[start..end].as_mut_ptr(), source[from..].as_ptr(), len) };
        assert_eq!(done, Ok(()));
        assert!(target[start..end] == source[from..], "{len} bytes from {from} to {to}");
        let around = target[..start].iter().chain(&target[end..]);
        assert!(around.into_iter().all(|byte| *byte == 0xee), "{len} bytes from {from} to {to}: beyond");
    }

    fn check_copies() {
        let (longest, step) = if cfg!(miri) { (70, 7) } else { (1100, 1) };
        for len in (0..longest).step_by(step) {
            for (from, to) in [(0, 0), (1, 0), (0, 1), (3, 17), (31, 32)] {
                check_copy(len, from, to);
            }
        }
        if cfg!(miri) {
            return;
        }
        // From the front and from the back: by how far the target is behind the source in a page.
        for len in [511, 512, 4096, 10_000, 70_001] {
            for to in (0..8192).step_by(333) {
                check_copy(len, 5, to);
            }
        }
    }

    #[test]
    fn every_length_and_alignment() {
        check_copies();
    }

    #[test]
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    fn every_length_and_alignment_without_avx() {
        use core::sync::atomic::Ordering::Relaxed;
        check_copy(1000, 0, 0);
        let known = arch::VECTORS.swap(1, Relaxed);
        assert!(known == 1 || known == 2, "the first longer copy asks the processor");
        check_copies();
        arch::VECTORS.store(known, Relaxed);
    }

    #[test]
    #[cfg(not(miri))]
    fn more_than_the_caches_hold() {
        check_copy((32 << 20) + 77, 3, 40);
    }

    #[test]
    fn a_fill_fills_its_bytes_alone() {
        for len in [0, 1, 2, 15, 16, 17, 31, 33, 100, 1000] {
            for to in [0, 1, 9] {
                let mut target = vec![0xee; to + len + 2 * AROUND];
                let start = to + AROUND;
                // SAFETY: the range is in the vector.
                let done = unsafe { fill(target[start..].as_mut_ptr(), 0x55, len) };
                assert_eq!(done, Ok(()));
                let filled = target
                    .iter()
                    .enumerate()
                    .all(|(at, byte)| *byte == if (start..start + len).contains(&at) { 0x55 } else { 0xee });
                assert!(filled, "{len} bytes at {to}");
            }
        }
    }
}
