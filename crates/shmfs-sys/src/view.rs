//! Mappings with everything that a program can ask of one: protection, shared or private, offset, address,
//! population, locking.
//!
//! Nothing here hands out a reference to plain data: a stranger may write the pages at any time. Bytes go in and
//! come out by a [`Span`].
//!
//! Owns: the pages of a [`View`] until it is dropped.
//! Leaves to others: how long the file is and whether it stays so (the caller), faults (`copy`, `bus`), pages mapped
//! for C programs and for shmfs itself (`map`).

use crate::{
    Errno, Result, errno,
    raw::{self, number},
    span::Span,
};
use core::{
    ffi::c_void,
    num::NonZeroUsize,
    ops::Range,
    ptr::{self, NonNull},
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};
use rustix::{
    fd::AsFd,
    mm::{self, MapFlags, MlockFlags, MremapFlags, MsyncFlags, ProtFlags},
};
use shmfs_abi::PAGE_SIZE;

/// What is to be mapped, and how.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Plan {
    /// Bytes.
    pub len: usize,
    /// Where in the file it begins; a multiple of the page.
    pub offset: u64,
    /// For writing too.
    pub write: bool,
    /// Writes stay with this process (`MAP_PRIVATE`).
    pub private: bool,
    /// There, or not at all (`MAP_FIXED_NOREPLACE`); else where the kernel likes.
    pub address: Option<NonZeroUsize>,
    /// Bytes of one page of the file: [`PAGE_SIZE`], or that of its huge pages ([`page_bytes`](crate::fd::page_bytes)).
    pub page: usize,
}

impl Plan {
    /// The first `len` bytes for reading and writing, shared, anywhere.
    pub const fn new(len: usize) -> Plan {
        Plan { len, offset: 0, write: true, private: false, address: None, page: PAGE_SIZE as usize }
    }
}

/// Pages of a file, unmapped when dropped.
#[derive(Debug)]
pub struct View {
    /// Invariant: `len` bytes from here, rounded up to `page`, are mapped for reading, and for writing too if
    /// `plan.write`, until drop; and nothing else unmaps them or changes their protection.
    start: NonNull<u8>,
    plan: Plan,
    /// So many bytes from its start are there, as far as is known; never more than `plan.len`.
    backed: AtomicUsize,
    /// Whether it unmaps them; else who placed them does, later.
    unmaps: bool,
}

// SAFETY: the pages belong to no thread.
unsafe impl Send for View {}
// SAFETY: shared access is by spans only, whose accesses race with nothing.
unsafe impl Sync for View {}

impl View {
    /// Maps a file.
    ///
    /// # Errors
    /// As `mmap(2)`: `EINVAL` for a length of 0 and an offset that is no multiple of the page, `EACCES` where the
    /// descriptor does not allow it, `EPERM` where a seal does not, `EEXIST` where the address is taken, `EOVERFLOW`
    /// where offset and length are beyond the largest file.
    pub fn new(file: impl AsFd, plan: &Plan) -> Result<View> {
        let mut protection = ProtFlags::READ;
        protection.set(ProtFlags::WRITE, plan.write);
        let mut flags = if plan.private { MapFlags::PRIVATE } else { MapFlags::SHARED };
        // Linux before 4.17 takes it for a hint; the floor is above that.
        flags.set(MapFlags::FIXED_NOREPLACE, plan.address.is_some());
        let address = plan.address.map_or(ptr::null_mut(), |at| ptr::without_provenance_mut(at.get()));
        // SAFETY: the kernel chooses an address that nothing uses, or refuses one that something uses.
        let start = unsafe { mm::mmap(address, plan.len, protection, flags, file, plan.offset) };
        let start = NonNull::new(start.map_err(errno)?.cast()).ok_or(Errno::ENOMEM)?;
        Ok(View { start, plan: *plan, backed: AtomicUsize::new(plan.len), unmaps: true })
    }

    /// Pages that were [placed](crate::map::place) for the program: the first `len` bytes of a file, for writing too if
    /// `write`. Nothing is unmapped when it is dropped. Nothing where `address` is 0.
    ///
    /// It is the caller's duty that they stay there, with these rights, until then.
    pub fn placed(address: usize, len: usize, write: bool) -> Option<View> {
        let start = NonNull::new(ptr::with_exposed_provenance_mut(address))?;
        let plan = Plan { write, ..Plan::new(len) };
        Some(View { start, plan, backed: AtomicUsize::new(len), unmaps: false })
    }

    /// Its bytes, for copies, single words and atomics.
    #[inline]
    pub fn span(&self) -> Span<'_> {
        // SAFETY: the bytes are mapped as long as `self` is borrowed, for writing as `plan.write` says; references to
        // plain data in them are made by the callers of `unsafe` code only, who promise that nobody writes.
        unsafe { Span::new(self.start, self.plan.len, self.plan.write) }
    }

    /// Those of its bytes that are there, as far as is known.
    #[inline]
    pub fn known(&self) -> Span<'_> {
        // SAFETY: as in `span`; these are some of its bytes.
        unsafe { Span::new(self.start, self.backed.load(Relaxed), self.plan.write) }
    }

    /// So many bytes from its start are there now, the file's length says.
    pub fn set_known(&self, bytes: usize) {
        self.backed.store(bytes.min(self.plan.len), Relaxed);
    }

    /// Its length in bytes, as asked for.
    #[allow(clippy::len_without_is_empty, reason = "a mapping is never empty")]
    #[inline]
    pub const fn len(&self) -> usize {
        self.plan.len
    }

    /// What was asked for.
    pub const fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Its first byte. To make a reference of it is to promise that nobody writes there.
    #[inline]
    pub const fn as_ptr(&self) -> *mut u8 {
        self.start.as_ptr()
    }

    /// What is really mapped: whole pages.
    fn mapped(&self) -> usize {
        self.plan.len.next_multiple_of(self.plan.page)
    }

    /// The address of a range's first byte, and the range's length.
    fn part(&self, range: &Range<usize>) -> Result<(*mut c_void, usize)> {
        if range.start > range.end || range.end > self.plan.len {
            return Err(Errno::EINVAL);
        }
        // SAFETY: the range begins inside of the mapping, or at its end.
        let start = unsafe { self.start.as_ptr().add(range.start) };
        Ok((start.cast(), range.end - range.start))
    }

    /// Writes what was changed in the pages of a range to the file's medium: `wait` until it is there, or begin only.
    ///
    /// # Errors
    /// `EINVAL` for a range beyond the end; as `msync(2)`: `EIO`, `ENOSPC`.
    pub fn sync(&self, range: Range<usize>, wait: bool) -> Result<()> {
        self.part(&range)?;
        let from_page = range.start - range.start % self.plan.page..range.end;
        let (start, len) = self.part(&from_page)?;
        let flags = if wait { MsyncFlags::SYNC } else { MsyncFlags::ASYNC };
        // SAFETY: the range is in this mapping; its content does not change.
        unsafe { mm::msync(start, len, flags) }.map_err(errno)
    }

    /// Tells the kernel how the pages of a range will be used. The range begins at a page; the page that it ends in
    /// is meant as a whole.
    ///
    /// # Errors
    /// `EINVAL` for a range beyond the end or not at a page, and for advice that this kernel or file does not know; as
    /// `madvise(2)`.
    pub fn advise(&self, range: Range<usize>, advice: Advice) -> Result<()> {
        let (start, len) = self.part(&range)?;
        // SAFETY: the range is in this mapping. No advice of ours unmaps it, here or in a child; what changes its
        // content (`DontNeed`) does so as another process could, for accesses that reckon with it.
        unsafe { mm::madvise(start, len, advice.raw()) }.map_err(errno)
    }

    /// Makes the pages of a range, so that no access waits for them; private ones for writing are made as copies.
    ///
    /// # Errors
    /// `EINVAL` for a range beyond the end; `EFAULT` or `ENOMEM` where a page cannot be had (`MADV_POPULATE_READ` in
    /// `madvise(2)`). Before Linux 5.14 the kernel is only told that they are needed soon.
    pub fn populate(&self, range: Range<usize>) -> Result<()> {
        let copies = self.plan.private && self.plan.write;
        let advice = if copies { Advice::PopulateWrite } else { Advice::PopulateRead };
        match self.advise(range.clone(), advice) {
            Err(Errno::EINVAL) => self.advise(range, Advice::WillNeed),
            made => made,
        }
    }

    /// Keeps the pages of a range in memory until they are unlocked or unmapped, making them first.
    ///
    /// # Errors
    /// `EINVAL` for a range beyond the end; as `mlock(2)`: `ENOMEM` or `EPERM` beyond RLIMIT_MEMLOCK.
    pub fn lock(&self, range: Range<usize>) -> Result<()> {
        let (start, len) = self.part(&range)?;
        // SAFETY: the range is in this mapping; locking changes no content.
        unsafe { mm::mlock_with(start, len, MlockFlags::empty()) }.map_err(errno)
    }

    /// Lets the pages of a range leave memory again.
    ///
    /// # Errors
    /// `EINVAL` for a range beyond the end; as `munlock(2)`.
    pub fn unlock(&self, range: Range<usize>) -> Result<()> {
        let (start, len) = self.part(&range)?;
        // SAFETY: as in `lock`.
        unsafe { mm::munlock(start, len) }.map_err(errno)
    }

    /// Which pages of [`PAGE_SIZE`] are in memory: one byte for each from page `first` on, whose lowest bit says it.
    ///
    /// # Errors
    /// `EINVAL` beyond the end; as `mincore(2)`.
    pub fn resident(&self, first: usize, pages: &mut [u8]) -> Result<()> {
        let page = PAGE_SIZE as usize;
        let start = first.checked_mul(page).ok_or(Errno::EINVAL)?;
        let len = pages.len().checked_mul(page).ok_or(Errno::EINVAL)?;
        if start.checked_add(len).is_none_or(|end| end > self.mapped()) {
            return Err(Errno::EINVAL);
        }
        let (at, pages) = (self.start.as_ptr() as usize + start, pages.as_mut_ptr() as usize);
        // SAFETY: the kernel writes one byte for each page of the range, for which the slice has room.
        raw::check(unsafe { raw::syscall6(number::MINCORE, at, len, pages, 0, 0, 0) }).map(drop)
    }

    /// Gives the mapping another length; it may move. That no span is left is what `&mut` says.
    ///
    /// # Errors
    /// `EINVAL` for 0, for huge pages and for placed ones; as `mremap(2)`: `ENOMEM`, `EAGAIN` for locked pages.
    pub fn resize(&mut self, len: usize) -> Result<()> {
        if len == 0 || !self.unmaps {
            return Err(Errno::EINVAL);
        }
        let start = self.start.as_ptr().cast();
        // SAFETY: the old range is this mapping, into which there is no reference.
        let moved = unsafe { mm::mremap(start, self.mapped(), len, MremapFlags::MAYMOVE) };
        self.start = NonNull::new(moved.map_err(errno)?.cast()).ok_or(Errno::ENOMEM)?;
        self.plan.len = len;
        *self.backed.get_mut() = len;
        Ok(())
    }
}

impl Drop for View {
    fn drop(&mut self) {
        if !self.unmaps {
            return;
        }
        // SAFETY: the range is this mapping, and no reference into it outlives `self`.
        let unmapped = unsafe { mm::munmap(self.start.as_ptr().cast(), self.mapped()) };
        debug_assert!(unmapped.is_ok(), "a mapping can be unmapped");
    }
}

/// How pages will be used (`madvise(2)`). What would take them away from this process or from a child
/// (`MADV_DONTFORK`) is not among them: a mapping that is dropped there would unmap a stranger's pages.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Advice {
    /// In no way that is known.
    Normal,
    /// In no order: do not read ahead.
    Random,
    /// From front to back: read ahead, and drop what was read.
    Sequential,
    /// Soon: read them ahead.
    WillNeed,
    /// Not soon. A shared mapping finds the file's content again; a private one loses what it has written.
    DontNeed,
    /// Not soon: the first to leave when memory is short (Linux 5.4).
    Cold,
    /// Not soon: they may leave now (Linux 5.4).
    PageOut,
    /// Often: in huge pages, where the file system has them.
    HugePage,
    /// Without huge pages.
    NoHugePage,
    /// Make them now, as a read would (Linux 5.14).
    PopulateRead,
    /// Make them now, as a write would (Linux 5.14).
    PopulateWrite,
    /// Leave them out of core dumps.
    DontDump,
    /// Have them in core dumps again.
    DoDump,
}

impl Advice {
    const fn raw(self) -> mm::Advice {
        match self {
            Advice::Normal => mm::Advice::Normal,
            Advice::Random => mm::Advice::Random,
            Advice::Sequential => mm::Advice::Sequential,
            Advice::WillNeed => mm::Advice::WillNeed,
            Advice::DontNeed => mm::Advice::LinuxDontNeed,
            Advice::Cold => mm::Advice::LinuxCold,
            Advice::PageOut => mm::Advice::LinuxPageOut,
            Advice::HugePage => mm::Advice::LinuxHugepage,
            Advice::NoHugePage => mm::Advice::LinuxNoHugepage,
            Advice::PopulateRead => mm::Advice::LinuxPopulateRead,
            Advice::PopulateWrite => mm::Advice::LinuxPopulateWrite,
            Advice::DontDump => mm::Advice::LinuxDontDump,
            Advice::DoDump => mm::Advice::LinuxDoDump,
        }
    }
}

#[cfg(test)]
#[cfg(not(miri))]
mod tests {
    use super::*;
    use crate::{fd, memfd, span::Denied};
    use rustix::fd::OwnedFd;
    use shmfs_abi::ByteLen;

    const PAGE: usize = PAGE_SIZE as usize;

    fn file(pages: usize) -> OwnedFd {
        let made = memfd::create(c"view", false).unwrap();
        fd::truncate(&made, ByteLen((pages * PAGE) as u64)).unwrap();
        made
    }

    #[test]
    fn a_view_has_the_length_and_the_place_that_were_asked_for() {
        let file = file(2);
        let whole = View::new(&file, &Plan::new(2 * PAGE)).unwrap();
        let part = View::new(&file, &Plan { offset: PAGE as u64, ..Plan::new(10) }).unwrap();
        part.span().write(8, b"xy").unwrap();
        assert_eq!(part.span().write(9, b"xy"), Err(Denied::Outside));
        assert_eq!(whole.span().load_u8(PAGE + 9), Ok(b'y'));
        let taken = NonZeroUsize::new(whole.as_ptr() as usize);
        assert_eq!(View::new(&file, &Plan { address: taken, ..Plan::new(1) }).err(), Some(Errno::EEXIST));
        // What one thread unmaps another may map: that is seen, and tried again.
        let there = (0..100).find_map(|_| {
            let free = View::new(&file, &Plan::new(PAGE)).unwrap().as_ptr() as usize;
            let there = View::new(&file, &Plan { address: NonZeroUsize::new(free), ..Plan::new(1) }).ok()?;
            Some((there.as_ptr() as usize, free))
        });
        assert!(there.is_some_and(|(there, free)| there == free), "{there:x?}");
    }

    #[test]
    fn what_is_for_reading_is_not_written() {
        let file = file(1);
        let view = View::new(&file, &Plan { write: false, ..Plan::new(PAGE) }).unwrap();
        let span = view.span();
        assert_eq!(span.write(0, b"x"), Err(Denied::ReadOnly));
        assert_eq!(span.fill(0, 1, 0), Err(Denied::ReadOnly));
        assert_eq!(span.store_u8(0, 1), Err(Denied::ReadOnly));
        assert_eq!(span.atomic_u8(0).err(), Some(Denied::ReadOnly));
        assert_eq!(span.copy_from(0, span), Err(Denied::ReadOnly));
        assert_eq!(span.load_u8(0), Ok(0));
    }

    #[test]
    fn it_grows_and_shrinks_with_its_bytes() {
        let file = file(64);
        let mut view = View::new(&file, &Plan::new(PAGE)).unwrap();
        view.span().write(PAGE - 1, b"z").unwrap();
        view.resize(64 * PAGE).unwrap();
        assert_eq!((view.len(), view.known().len()), (64 * PAGE, 64 * PAGE));
        view.span().store_u8(64 * PAGE - 1, 7).unwrap();
        assert_eq!(view.span().load_u8(PAGE - 1), Ok(b'z'));
        view.resize(100).unwrap();
        assert_eq!(view.span().load_u8(100), Err(Denied::Outside));
        assert_eq!(view.resize(0), Err(Errno::EINVAL));
    }

    #[test]
    fn ranges_are_in_the_view() {
        let view = View::new(file(2), &Plan::new(PAGE + 1)).unwrap();
        for range in [0..PAGE + 2, PAGE + 2..PAGE + 3] {
            assert_eq!(view.sync(range.clone(), true), Err(Errno::EINVAL), "{range:?}");
            assert_eq!(view.advise(range.clone(), Advice::WillNeed), Err(Errno::EINVAL), "{range:?}");
            assert_eq!(view.lock(range.clone()), Err(Errno::EINVAL), "{range:?}");
        }
        #[allow(clippy::reversed_empty_ranges, reason = "a range that is wrong")]
        let backwards = 2..1;
        assert_eq!(view.sync(backwards, true), Err(Errno::EINVAL));
        view.sync(5..PAGE + 1, true).unwrap();
        assert_eq!(view.advise(1..PAGE, Advice::Random), Err(Errno::EINVAL), "at no page");
        assert_eq!(view.resident(1, &mut [0; 2]), Err(Errno::EINVAL));
        let mut pages = [0; 2];
        view.resident(0, &mut pages).unwrap();
        assert_eq!(pages.map(|page| page & 1), [0, 0]);
        view.populate(0..PAGE + 1).unwrap();
        view.resident(0, &mut pages).unwrap();
        assert_eq!(pages.map(|page| page & 1), [1, 1]);
    }
}
