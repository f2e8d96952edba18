//! Bytes that somebody else may write at any time.
//!
//! A reference to plain data there would promise the compiler what nobody can keep. A [`Span`] is no reference: its
//! bytes are copied in and out, loaded and stored as words, or seen as atomics. None of these races, in the language's
//! sense, with what others do; what they see is whatever is there, word by word.
//!
//! Owns: the check of bounds ([`Span::part`]) that every access goes through.
//! Leaves to others: the accesses themselves (`copy`), the pages (`view`).

use crate::copy::{self, Fault};
use core::{
    marker::PhantomData,
    ptr::NonNull,
    sync::atomic::{AtomicU8, AtomicU16, AtomicU32, AtomicU64},
};

/// Some bytes of a mapping, or of ordinary memory that is lent to it ([`Span::of`]).
#[derive(Clone, Copy, Debug)]
pub struct Span<'m> {
    /// Invariant: `len` bytes from here can be read, and written if `write`, for `'m`; nobody has a reference to plain
    /// data among them.
    start: NonNull<u8>,
    len: usize,
    write: bool,
    memory: PhantomData<&'m [AtomicU8]>,
}

// SAFETY: a span is like a shared reference to atomics: every access by it may happen in any thread.
unsafe impl Send for Span<'_> {}
// SAFETY: as above.
unsafe impl Sync for Span<'_> {}

/// Why an access did not happen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Denied {
    /// Not all of its bytes are in the span.
    Outside,
    /// It writes, and the span is for reading.
    ReadOnly,
    /// A word is at no multiple of its size.
    Unaligned,
    /// The page at this address cannot be had: it lies beyond the file's end, or there is no memory for it. Bytes before it
    /// may have been copied. Known only with the guard (`bus`); without it the program has ended.
    Fault(usize),
}

#[cold]
const fn fault(fault: Fault) -> Denied {
    Denied::Fault(fault.address)
}

/// Offsets that are aligned for a word are known by its address.
macro_rules! words {
    ($($load:ident $store:ident $atomic:ident $word:ty, $type:ty;)*) => { $(
        /// Loads the word at `offset`, whole, in no order with others.
        ///
        /// # Errors
        /// [`Denied::Outside`], [`Denied::Unaligned`], [`Denied::Fault`].
        #[inline]
        pub fn $load(self, offset: usize) -> Result<$word, Denied> {
            let word = self.word::<$word>(offset)?;
            // SAFETY: `word` checked bounds and alignment.
            unsafe { copy::$load(word.as_ptr().cast()) }.map_err(fault)
        }

        /// Stores the word at `offset`, whole, in no order with others.
        ///
        /// # Errors
        /// [`Denied::Outside`], [`Denied::ReadOnly`], [`Denied::Unaligned`], [`Denied::Fault`].
        #[inline]
        pub fn $store(self, offset: usize, value: $word) -> Result<(), Denied> {
            let word = self.writable()?.word::<$word>(offset)?;
            // SAFETY: `word` checked bounds and alignment, and the bytes can be written.
            unsafe { copy::$store(word.as_ptr().cast(), value) }.map_err(fault)
        }

        /// The word at `offset` as an atomic.
        ///
        /// # Errors
        /// [`Denied::Outside`], [`Denied::Unaligned`]; [`Denied::ReadOnly`], since an atomic can be written.
        #[inline]
        pub fn $atomic(self, offset: usize) -> Result<&'m $type, Denied> {
            let word = self.writable()?.word::<$word>(offset)?;
            // SAFETY: `word` checked bounds and alignment; the bytes can be written for `'m`, and nobody sees them as
            // plain data.
            Ok(unsafe { <$type>::from_ptr(word.as_ptr().cast()) })
        }
    )* };
}

impl<'m> Span<'m> {
    /// Ordinary memory, for as long as it is lent.
    pub fn of(memory: &'m mut [u8]) -> Span<'m> {
        let len = memory.len();
        Span { start: NonNull::from(memory).cast(), len, write: true, memory: PhantomData }
    }

    /// # Safety
    /// For `'m`, `len` bytes from `start` can be read, and written if `write`; no reference to plain data among them is
    /// made but by `unsafe` code whose author promises that nobody writes.
    #[inline]
    pub(crate) const unsafe fn new(start: NonNull<u8>, len: usize, write: bool) -> Span<'m> {
        Span { start, len, write, memory: PhantomData }
    }

    /// Its length in bytes.
    #[inline]
    pub const fn len(self) -> usize {
        self.len
    }

    /// Whether it has no bytes.
    pub const fn is_empty(self) -> bool {
        self.len == 0
    }

    /// Whether its bytes can be written.
    #[inline]
    pub const fn is_writable(self) -> bool {
        self.write
    }

    /// Where it begins.
    pub fn address(self) -> usize {
        self.start.as_ptr() as usize
    }

    /// `len` of its bytes from `offset` on.
    ///
    /// # Errors
    /// [`Denied::Outside`].
    #[inline]
    pub fn part(self, offset: usize, len: usize) -> Result<Span<'m>, Denied> {
        if offset > self.len || len > self.len - offset {
            return Err(Denied::Outside);
        }
        // SAFETY: the offset is inside, or at the end.
        Ok(Span { start: unsafe { self.start.add(offset) }, len, ..self })
    }

    #[inline]
    fn writable(self) -> Result<Span<'m>, Denied> {
        if self.write { Ok(self) } else { Err(Denied::ReadOnly) }
    }

    #[inline]
    fn word<T>(self, offset: usize) -> Result<NonNull<u8>, Denied> {
        let word = self.part(offset, size_of::<T>())?.start;
        if !(word.as_ptr() as usize).is_multiple_of(size_of::<T>()) {
            return Err(Denied::Unaligned);
        }
        Ok(word)
    }

    /// Copies bytes out.
    ///
    /// # Errors
    /// [`Denied::Outside`], [`Denied::Fault`].
    #[inline]
    pub fn read(self, offset: usize, bytes: &mut [u8]) -> Result<(), Denied> {
        let from = self.part(offset, bytes.len())?.start;
        // SAFETY: all of `from` can be read, all of `bytes` written; they do not overlap, for one is exclusive.
        unsafe { copy::copy(bytes.as_mut_ptr(), from.as_ptr(), bytes.len()) }.map_err(fault)
    }

    /// Copies bytes in.
    ///
    /// # Errors
    /// [`Denied::Outside`], [`Denied::ReadOnly`], [`Denied::Fault`].
    #[inline]
    pub fn write(self, offset: usize, bytes: &[u8]) -> Result<(), Denied> {
        let to = self.writable()?.part(offset, bytes.len())?.start;
        // SAFETY: all of `bytes` can be read, all of `to` written; they do not overlap, for `bytes` are plain data.
        unsafe { copy::copy(to.as_ptr(), bytes.as_ptr(), bytes.len()) }.map_err(fault)
    }

    /// Sets `len` bytes.
    ///
    /// # Errors
    /// [`Denied::Outside`], [`Denied::ReadOnly`], [`Denied::Fault`].
    pub fn fill(self, offset: usize, len: usize, byte: u8) -> Result<(), Denied> {
        let to = self.writable()?.part(offset, len)?.start;
        // SAFETY: all of `to` can be written.
        unsafe { copy::fill(to.as_ptr(), byte, len) }.map_err(fault)
    }

    /// Copies `len` bytes from `from` to `offset`. Where both are the same pages, and the ranges overlap there, each byte of
    /// the result is one that was in either range.
    ///
    /// # Errors
    /// [`Denied::Outside`], [`Denied::ReadOnly`], [`Denied::Fault`].
    pub fn copy_from(self, offset: usize, from: Span<'_>) -> Result<(), Denied> {
        let to = self.writable()?.part(offset, from.len)?.start;
        // SAFETY: all of `from` can be read, all of `to` written. An overlap is no undefined behaviour: the copy is no
        // operation of the language, and reads what it finds.
        unsafe { copy::copy(to.as_ptr(), from.start.as_ptr(), from.len) }.map_err(fault)
    }

    words! {
        load_u8 store_u8 atomic_u8 u8, AtomicU8;
        load_u16 store_u16 atomic_u16 u16, AtomicU16;
        load_u32 store_u32 atomic_u32 u32, AtomicU32;
        load_u64 store_u64 atomic_u64 u64, AtomicU64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::sync::atomic::Ordering::Relaxed;

    #[test]
    fn bounds_are_checked_without_overflow() {
        let mut memory = [0; 16];
        let span = Span::of(&mut memory);
        let cases = [
            (0, 16, true),
            (16, 0, true),
            (15, 1, true),
            (15, 2, false),
            (17, 0, false),
            (1, usize::MAX, false),
            (usize::MAX, 1, false),
            (usize::MAX, usize::MAX, false),
        ];
        for (offset, len, inside) in cases {
            assert_eq!(span.part(offset, len).is_ok(), inside, "{offset} {len}");
        }
        assert_eq!(span.read(10, &mut [0; 7]), Err(Denied::Outside));
        assert_eq!(span.write(10, &[0; 7]), Err(Denied::Outside));
        assert_eq!(span.load_u64(9), Err(Denied::Outside));
        assert_eq!(span.fill(16, 1, 0), Err(Denied::Outside));
        let part = span.part(4, 8).unwrap();
        assert_eq!((part.len(), part.address()), (8, span.address() + 4));
        assert_eq!(part.read(0, &mut [0; 9]), Err(Denied::Outside));
    }

    #[test]
    fn bytes_words_and_atomics_are_the_same_memory() {
        let mut words = [0_u64; 2];
        let memory = words.as_mut_ptr().cast();
        // SAFETY: the bytes of the array, which nobody else uses meanwhile.
        let span = Span::of(unsafe { core::slice::from_raw_parts_mut(memory, 16) });
        span.write(0, &[1, 2, 3, 4, 5, 6, 7, 8]).unwrap();
        assert_eq!(span.load_u32(4), Ok(u32::from_ne_bytes([5, 6, 7, 8])));
        span.atomic_u16(8).unwrap().store(u16::from_ne_bytes([9, 10]), Relaxed);
        span.store_u8(10, 11).unwrap();
        let mut bytes = [0; 12];
        span.read(0, &mut bytes).unwrap();
        assert_eq!(bytes, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 0]);
        for offset in [1, 2, 3, 5] {
            assert_eq!(span.load_u64(offset), Err(Denied::Unaligned), "{offset}");
            assert_eq!(span.atomic_u64(offset).err(), Some(Denied::Unaligned), "{offset}");
        }
    }

    #[test]
    fn words_are_loaded_and_stored_alone() {
        let mut words = [u64::MAX; 3];
        let memory = words.as_mut_ptr().cast();
        // SAFETY: the bytes of the array, which nobody else uses meanwhile.
        let span = Span::of(unsafe { core::slice::from_raw_parts_mut(memory, 24) });
        span.store_u64(8, u64::from_ne_bytes([1, 2, 3, 4, 5, 6, 7, 8])).unwrap();
        assert_eq!(span.load_u64(8), Ok(u64::from_ne_bytes([1, 2, 3, 4, 5, 6, 7, 8])));
        assert_eq!(span.load_u32(12), Ok(u32::from_ne_bytes([5, 6, 7, 8])));
        assert_eq!(span.load_u16(14), Ok(u16::from_ne_bytes([7, 8])));
        assert_eq!(span.load_u8(15), Ok(8));
        span.store_u32(12, u32::from_ne_bytes([9; 4])).unwrap();
        span.store_u16(10, u16::from_ne_bytes([10; 2])).unwrap();
        span.store_u8(8, 11).unwrap();
        assert_eq!(words, [u64::MAX, u64::from_ne_bytes([11, 2, 10, 10, 9, 9, 9, 9]), u64::MAX]);
    }

    #[test]
    fn one_span_is_copied_to_another() {
        let (mut from, mut to) = ([1, 2, 3, 4], [0; 6]);
        let span = Span::of(&mut to);
        span.copy_from(1, Span::of(&mut from).part(1, 3).unwrap()).unwrap();
        assert_eq!(span.copy_from(4, Span::of(&mut from)), Err(Denied::Outside));
        assert_eq!(to, [0, 2, 3, 4, 0, 0]);
    }
}
