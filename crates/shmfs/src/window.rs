//! Windows: some bytes of a mapping, and every access to them.
//!
//! Owns: the accesses by bytes. What is known to be there is reached at once, by the check of bounds of `Span::part`; anything
//! else goes through [`Window::part`], which asks for the object's length and finds the words of a refusal.
//! Leaves to others: accesses by type (`typed`), the texts of refusals (`denied`).

use crate::{Mapping, Result};
use shmfs_sys::span::{Denied, Span};
use std::ops::{Bound, Range, RangeBounds};

/// Some bytes of a [`Mapping`], or of ordinary memory that is lent to it. Offsets count from its start.
///
/// ```
/// use shmfs::{Object, Window};
/// fn sum(bytes: Window<'_>) -> shmfs::Result<u32> {
///     (0..bytes.len()).map(|at| bytes.load_u8(at).map(u32::from)).sum()
/// }
/// let object = Object::anonymous(4096)?;
/// let mapping = object.map()?;
/// mapping.write_at(10, &[1, 2, 3])?;
/// assert_eq!(sum(mapping.window(11..)?)?, 5);
///
/// let mut memory = [4, 5];
/// assert_eq!(sum(Window::from(&mut memory[..]))?, 9);
/// # Ok::<(), shmfs::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Window<'m> {
    /// Those of its bytes that need no look at the object's length: mostly all.
    known: Span<'m>,
    len: usize,
    /// Where in the mapping it begins.
    start: usize,
    of: Option<&'m Mapping>,
}

/// Ordinary memory, as long as it is lent: for code that takes windows, and its tests.
impl<'m> From<&'m mut [u8]> for Window<'m> {
    fn from(memory: &'m mut [u8]) -> Window<'m> {
        let known = Span::of(memory);
        Window { known, len: known.len(), start: 0, of: None }
    }
}

impl<'m> Window<'m> {
    #[inline]
    pub(crate) fn of(mapping: &'m Mapping) -> Window<'m> {
        Window { known: mapping.view().known(), len: mapping.len(), start: 0, of: Some(mapping) }
    }

    /// Its length in bytes.
    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether it can be written.
    pub fn is_writable(&self) -> bool {
        self.known.is_writable()
    }

    /// The address of its first byte.
    pub fn address(&self) -> usize {
        self.of.map_or_else(|| self.known.address(), |mapping| mapping.address() + self.start)
    }

    /// Where in its mapping it begins, in bytes.
    pub fn start(&self) -> usize {
        self.start
    }

    pub(crate) fn mapping(&self) -> Option<&'m Mapping> {
        self.of
    }

    /// Some of its bytes.
    ///
    /// # Errors
    /// `EINVAL` for a range that is not inside.
    pub fn window(&self, range: impl RangeBounds<usize>) -> Result<Window<'m>> {
        let range = bounds(&range, self.len);
        if range.start > range.end || range.end > self.len {
            return Err(self.refuse(
                "see",
                range.start,
                range.end.saturating_sub(range.start),
                Denied::Outside,
            ));
        }
        let len = range.end - range.start;
        let known = self.known.len().saturating_sub(range.start).min(len);
        // A part of nothing, if none of it is known.
        let first = range.start.min(self.known.len());
        let known =
            self.known.part(first, known).map_err(|denied| self.refuse("see", range.start, len, denied))?;
        Ok(Window { known, len, start: self.start + range.start, of: self.of })
    }

    /// What an access does with the bytes of the window: at once where they are known to be there.
    #[inline]
    pub(crate) fn access<R>(
        &self,
        verb: &'static str,
        offset: usize,
        len: usize,
        mut act: impl FnMut(Span<'m>, usize) -> std::result::Result<R, Denied>,
    ) -> Result<R> {
        match act(self.known, offset) {
            Ok(done) => Ok(done),
            Err(_) => self.access_slowly(verb, offset, len, act),
        }
    }

    /// The same after a look at the object's length; the reason, where it is refused.
    #[cold]
    #[inline(never)]
    fn access_slowly<R>(
        &self,
        verb: &'static str,
        offset: usize,
        len: usize,
        mut act: impl FnMut(Span<'m>, usize) -> std::result::Result<R, Denied>,
    ) -> Result<R> {
        let part = self.part(verb, offset, len)?;
        act(part, 0).map_err(|denied| self.refuse(verb, offset, len, denied))
    }

    /// The bytes of one access: inside, and inside of the object as it is.
    fn part(&self, verb: &'static str, offset: usize, len: usize) -> Result<Span<'m>> {
        let refuse = |denied| self.refuse(verb, offset, len, denied);
        if offset.checked_add(len).is_none_or(|end| end > self.len) {
            return Err(refuse(Denied::Outside));
        }
        let Some(mapping) = self.of else { return self.known.part(offset, len).map_err(refuse) };
        let start = self.start + offset;
        if start + len > mapping.view().known().len()
            && let Some(size) = mapping.ask()?
            && start + len > mapping.view().known().len()
        {
            return Err(self.past_the_end(verb, offset, len, size));
        }
        mapping.view().span().part(start, len).map_err(refuse)
    }

    /// Copies bytes out, as many as `bytes` has room for.
    ///
    /// # Errors
    /// `EINVAL` where they are not all inside; `ERANGE` beyond the object's end; with the guard, `EFAULT` where a page
    /// cannot be had.
    #[inline]
    pub fn read_at(&self, offset: usize, bytes: &mut [u8]) -> Result<()> {
        self.access("read", offset, bytes.len(), |span, offset| span.read(offset, bytes))
    }

    /// Copies bytes in.
    ///
    /// # Errors
    /// As [`read_at`](Window::read_at); `EACCES` where it is for reading only.
    #[inline]
    pub fn write_at(&self, offset: usize, bytes: &[u8]) -> Result<()> {
        self.access("write", offset, bytes.len(), |span, offset| span.write(offset, bytes))
    }

    /// A copy of all of its bytes.
    ///
    /// # Errors
    /// As [`read_at`](Window::read_at).
    pub fn to_vec(&self) -> Result<Vec<u8>> {
        let mut bytes = vec![0; self.len()];
        self.read_at(0, &mut bytes)?;
        Ok(bytes)
    }

    /// Sets every byte of a range.
    ///
    /// # Errors
    /// As [`write_at`](Window::write_at).
    pub fn fill(&self, range: impl RangeBounds<usize>, byte: u8) -> Result<()> {
        let range = bounds(&range, self.len);
        let part = self.window(range.clone())?;
        self.access("fill", range.start, part.len, |span, offset| span.fill(offset, part.len, byte))
    }

    /// Copies all of its bytes to another window, from its `offset` on. Where both show the same bytes of one object, use
    /// [`copy_within`](Window::copy_within): here the bytes that both ranges have come out in some mixture.
    ///
    /// # Errors
    /// As [`read_at`](Window::read_at) here and as [`write_at`](Window::write_at) there.
    pub fn copy_to(&self, other: &Window<'_>, offset: usize) -> Result<()> {
        let from = self.part("read", 0, self.len)?;
        let to = other.part("write", offset, self.len)?;
        to.copy_from(0, from).map_err(|denied| match denied {
            Denied::Fault(address) if self.place_of(address).is_some() => {
                self.refuse("read", 0, self.len, denied)
            }
            _ => other.refuse("write", offset, self.len, denied),
        })
    }

    /// Copies a range to `offset`; the two may overlap (as `memmove(3)`).
    ///
    /// # Errors
    /// As [`write_at`](Window::write_at).
    pub fn copy_within(&self, range: impl RangeBounds<usize>, offset: usize) -> Result<()> {
        let range = bounds(&range, self.len());
        let source = self.window(range.clone())?;
        let target = self.window(offset..offset.saturating_add(source.len()))?;
        if range.end <= offset || offset.saturating_add(source.len()) <= range.start {
            return source.copy_to(&target, 0);
        }
        let mut buffer = [0; BOUNCE_BYTES];
        let piece = |at: usize| {
            let len = BOUNCE_BYTES.min(source.len() - at);
            let bytes = buffer.get_mut(..len).unwrap_or_default();
            source.read_at(at, bytes)?;
            target.write_at(at, bytes)
        };
        let pieces = (0..source.len()).step_by(BOUNCE_BYTES);
        // What a piece overwrites has been copied before, or is its own.
        if offset > range.start {
            pieces.rev().try_for_each(piece)
        } else {
            pieces.into_iter().try_for_each(piece)
        }
    }
}

/// Bytes that an overlapping copy holds at a time.
const BOUNCE_BYTES: usize = 4096;

/// Start and end of a range in something of `len` bytes.
#[inline]
pub(crate) fn bounds(range: &impl RangeBounds<usize>, len: usize) -> Range<usize> {
    let start = match range.start_bound() {
        Bound::Included(&start) => start,
        Bound::Excluded(&start) => start.saturating_add(1),
        Bound::Unbounded => 0,
    };
    let end = match range.end_bound() {
        Bound::Included(&end) => end.saturating_add(1),
        Bound::Excluded(&end) => end,
        Bound::Unbounded => len,
    };
    start..end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_has_its_bytes_and_no_others() {
        let mut memory: Vec<u8> = (0..20).collect();
        let whole = Window::from(&mut memory[..]);
        let window = whole.window(5..15).unwrap();
        assert_eq!((window.len(), window.start()), (10, 5));
        assert_eq!(window.window(2..=3).unwrap().to_vec().unwrap(), [7, 8]);
        assert_eq!(window.window(8..).unwrap().start(), 13);
        assert!(window.window(10..).unwrap().is_empty());
        window.write_at(9, &[99]).unwrap();
        window.fill(..2, 42).unwrap();
        assert_eq!(memory[4..8], [4, 42, 42, 7]);
        assert_eq!(memory[13..16], [13, 99, 15]);
    }

    #[test]
    fn what_is_not_inside_is_refused_with_its_numbers() {
        let mut memory = [0; 20];
        let whole = Window::from(&mut memory[..]);
        let window = whole.window(5..15).unwrap();
        #[allow(clippy::reversed_empty_ranges, reason = "a range that is wrong")]
        let ranges = [0..11, 11..11, 3..2, usize::MAX..usize::MAX, 0..usize::MAX];
        for range in ranges {
            assert_eq!(window.window(range.clone()).unwrap_err().errno(), 22, "{range:?}");
            assert_eq!(window.fill(range.clone(), 1).unwrap_err().errno(), 22, "{range:?}");
        }
        let error = window.read_at(8, &mut [0; 3]).unwrap_err();
        assert_eq!(error.to_string(), "cannot read 3 bytes at 8 of memory, which has 10 bytes (EINVAL)");
        assert_eq!(window.write_at(usize::MAX, &[1]).unwrap_err().errno(), 22);
        assert_eq!(window.load_u64(3).unwrap_err().errno(), 22);
        assert_eq!(window.get::<[u8; 11]>(0).unwrap_err().errno(), 22);
        assert_eq!(whole.copy_to(&window, 0).unwrap_err().errno(), 22);
        assert_eq!(memory, [0; 20], "what is refused changes nothing");
    }

    #[test]
    fn overlapping_ranges_are_copied_as_if_by_way_of_another_place() {
        // As few as show both directions, where every byte is interpreted.
        let (len, distances) = if cfg!(miri) {
            (4200, &[1, 4097][..])
        } else {
            (20_000, &[0, 1, 63, 4095, 4096, 4097, 8000][..])
        };
        for &distance in distances {
            for forth in [true, false] {
                let mut memory: Vec<u8> = (0..len + distance).map(|at| (at % 255) as u8).collect();
                let mut expected = memory.clone();
                let (from, to) = if forth { (0, distance) } else { (distance, 0) };
                expected.copy_within(from..from + len, to);
                Window::from(&mut memory[..]).copy_within(from..from + len, to).unwrap();
                assert!(memory == expected, "{distance} {forth}");
            }
        }
    }

    #[test]
    fn values_are_copied_at_any_alignment() {
        let mut memory = [0; 32];
        let window = Window::from(&mut memory[..]);
        for offset in 0..9 {
            window.set(offset, &0x1122_3344_5566_7788_u64).unwrap();
            assert_eq!(window.get::<u64>(offset).unwrap(), 0x1122_3344_5566_7788, "{offset}");
            assert_eq!(window.get::<[u8; 8]>(offset).unwrap(), 0x1122_3344_5566_7788_u64.to_ne_bytes());
        }
        window.set(20, &[1_u16, 2, 3][..]).unwrap();
        assert_eq!(window.get::<[u16; 3]>(20).unwrap(), [1, 2, 3]);
        assert_eq!(window.get::<()>(32).map_err(|error| error.errno()), Ok(()));
    }
}
