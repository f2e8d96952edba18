//! The routines of `copy` for miri, which knows no assembler: atomic bytes and words, in no order.

use core::sync::atomic::{AtomicU8, AtomicU16, AtomicU32, AtomicU64, Ordering::Relaxed};

/// There is no code that could fault.
pub(crate) const fn fixup(_instruction: usize) -> Option<usize> {
    None
}

/// As the routine in assembler; never faults.
pub(super) unsafe fn copy(to: *mut u8, from: *const u8, len: usize) -> usize {
    for at in 0..len {
        // SAFETY: inside, by the caller's promise.
        let (to, from) = (to.wrapping_add(at), from.wrapping_add(at).cast_mut());
        // SAFETY: a byte that can be read, by the caller's promise.
        let byte = unsafe { from.read_volatile() };
        // SAFETY: a byte that can be written, by the caller's promise.
        unsafe { AtomicU8::from_ptr(to) }.store(byte, Relaxed);
    }
    0
}

/// As the routine in assembler; never faults.
pub(super) unsafe fn fill(to: *mut u8, byte: u8, len: usize) -> usize {
    for at in 0..len {
        // SAFETY: a byte that can be written, by the caller's promise.
        unsafe { AtomicU8::from_ptr(to.wrapping_add(at)) }.store(byte, Relaxed);
    }
    0
}

macro_rules! words {
    ($($load:ident $store:ident $word:ty, $type:ty;)*) => { $(
        /// As the routine in assembler; never faults.
        pub(super) unsafe fn $load(value: *mut $word, from: *const $word) -> usize {
            // SAFETY: an aligned word that can be read, by the caller's promise.
            let loaded = unsafe { <$type>::from_ptr(from.cast_mut()) }.load(Relaxed);
            // SAFETY: the caller's own word.
            unsafe { value.write(loaded) };
            0
        }

        /// As the routine in assembler; never faults.
        pub(super) unsafe fn $store(to: *mut $word, value: $word) -> usize {
            // SAFETY: an aligned word that can be written, by the caller's promise.
            unsafe { <$type>::from_ptr(to) }.store(value, Relaxed);
            0
        }
    )* };
}

words! {
    load_u8 store_u8 u8, AtomicU8;
    load_u16 store_u16 u16, AtomicU16;
    load_u32 store_u32 u32, AtomicU32;
    load_u64 store_u64 u64, AtomicU64;
}
