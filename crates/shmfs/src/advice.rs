//! What the kernel is told and asked about a mapping: write back, advice, locking, residence.

use crate::{Error, Mapping, Result, window::bounds};
use shmfs_abi::{Errno, PAGE_SIZE};
use std::ops::{Range, RangeBounds};

#[doc(inline)]
pub use shmfs_sys::view::Advice;

impl Mapping {
    /// Writes what was changed in a range to the file's medium, and returns when it is there (`msync(2)`, `MS_SYNC`). The
    /// range is extended to whole pages. For memory without a medium there is nothing to do.
    ///
    /// # Errors
    /// `EINVAL` for a range that is not inside; `EIO`, `ENOSPC`.
    pub fn flush(&self, range: impl RangeBounds<usize>) -> Result<()> {
        self.act("flush", range, |range| self.view().sync(range, true))
    }

    /// Says that a range is to be written to the medium, and does not wait (`MS_ASYNC`).
    ///
    /// # Errors
    /// As [`flush`](Mapping::flush).
    pub fn flush_async(&self, range: impl RangeBounds<usize>) -> Result<()> {
        self.act("flush", range, |range| self.view().sync(range, false))
    }

    /// Tells the kernel how a range will be used (`madvise(2)`). It begins at a page, and the page in which it ends is
    /// meant as a whole.
    ///
    /// ```
    /// use shmfs::{Advice, MapOptions, Object};
    /// let object = Object::anonymous(4096)?;
    /// let private = object.map_with(&MapOptions::new().private())?;
    /// private.write_at(0, b"mine")?;
    /// private.advise(.., Advice::DontNeed)?;
    /// assert_eq!(private.load_u8(0)?, 0, "what a private mapping has written is gone");
    /// # Ok::<(), shmfs::Error>(())
    /// ```
    ///
    /// # Errors
    /// `EINVAL` for a range that is not inside or begins at no page, and for advice that this kernel does not know.
    pub fn advise(&self, range: impl RangeBounds<usize>, advice: Advice) -> Result<()> {
        self.act("advise about", range, |range| self.view().advise(range, advice))
    }

    /// Makes the pages of a range and keeps them in memory until [`unlock`](Mapping::unlock) (`mlock(2)`).
    ///
    /// # Errors
    /// `EINVAL` for a range that is not inside; `ENOMEM` or `EPERM` beyond RLIMIT_MEMLOCK.
    pub fn lock(&self, range: impl RangeBounds<usize>) -> Result<()> {
        self.act("lock", range, |range| self.view().lock(range))
    }

    /// Lets the pages of a range leave memory again.
    ///
    /// # Errors
    /// `EINVAL` for a range that is not inside.
    pub fn unlock(&self, range: impl RangeBounds<usize>) -> Result<()> {
        self.act("unlock", range, |range| self.view().unlock(range))
    }

    /// How many of its pages are in memory (`mincore(2)`), each of 4096 bytes.
    ///
    /// # Errors
    /// As `mincore(2)`: `EAGAIN`.
    pub fn resident(&self) -> Result<usize> {
        let mut pages = [0; RESIDENT_PAGES];
        let all = self.len().div_ceil(PAGE_SIZE as usize);
        let mut resident = 0;
        for first in (0..all).step_by(RESIDENT_PAGES) {
            let asked = pages.get_mut(..RESIDENT_PAGES.min(all - first)).unwrap_or_default();
            self.act("examine", .., |_| self.view().resident(first, asked))?;
            resident += asked.iter().filter(|page| **page & 1 == 1).count();
        }
        Ok(resident)
    }

    fn act(
        &self,
        verb: &str,
        range: impl RangeBounds<usize>,
        act: impl FnOnce(Range<usize>) -> shmfs_sys::Result<()>,
    ) -> Result<()> {
        let range = bounds(&range, self.len());
        let (start, end) = (range.start, range.end);
        act(range).map_err(|errno| {
            let tried = format!("cannot {verb} bytes {start}..{end} of the mapping of {}", self.label());
            match errno {
                Errno::EINVAL if start > end || end > self.len() => {
                    Error::because(errno, format!("{tried}, which has {} bytes", self.len()))
                }
                Errno::EINVAL if !start.is_multiple_of(self.view().plan().page) => {
                    Error::because(errno, format!("{tried}: the range begins at no page"))
                }
                _ => Error::kernel(errno, tried),
            }
        })
    }
}

/// Pages that the kernel is asked about at a time.
const RESIDENT_PAGES: usize = 4096;
