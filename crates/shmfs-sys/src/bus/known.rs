//! The mappings that the guard knows by name: a fixed table that a signal handler can read at any moment.
//!
//! Each row has a turn, odd while the row changes; who reads a row reads the turn before and after, and believes it only if it
//! was even and the same.
//!
//! Owns: the table; a row belongs to one [`Known`].

use crate::view::View;
use core::sync::atomic::{
    AtomicI32, AtomicU32, AtomicU64, AtomicUsize,
    Ordering::{AcqRel, Acquire, Relaxed, Release},
    fence,
};
use rustix::fd::{AsRawFd, BorrowedFd, RawFd};
use shmfs_abi::limits::GUARDED_MAPPINGS;

/// Bytes of a name that are kept: longer ones are cut.
const NAME_BYTES: usize = 256;
const NAME_WORDS: usize = NAME_BYTES / 8;

struct Row {
    /// Where the mapping begins; [`FREE`] or [`TAKEN`] while there is none.
    start: AtomicUsize,
    turn: AtomicU32,
    fd: AtomicI32,
    len: AtomicUsize,
    offset: AtomicU64,
    name: [AtomicU64; NAME_WORDS],
}

const FREE: usize = 0;
const TAKEN: usize = 1;

static ROWS: [Row; GUARDED_MAPPINGS] = [const {
    Row {
        start: AtomicUsize::new(FREE),
        turn: AtomicU32::new(0),
        fd: AtomicI32::new(-1),
        len: AtomicUsize::new(0),
        offset: AtomicU64::new(0),
        name: [const { AtomicU64::new(0) }; NAME_WORDS],
    }
}; GUARDED_MAPPINGS];

/// Rows beyond this have never been used.
static USED: AtomicUsize = AtomicUsize::new(0);

/// A mapping that the guard knows, until this is dropped: before the mapping is unmapped.
#[derive(Debug)]
pub struct Known(usize);

/// Makes a mapping of `file` known as `name`. `file` must stay open as long as it is known, or the guard tells the length of
/// another file. Nothing, where [`GUARDED_MAPPINGS`] are known already.
pub fn enter(view: &View, file: BorrowedFd<'_>, name: &[u8]) -> Option<Known> {
    let index =
        ROWS.iter().position(|row| row.start.compare_exchange(FREE, TAKEN, AcqRel, Relaxed).is_ok())?;
    USED.fetch_max(index + 1, Relaxed);
    let known = Known(index);
    known.change(|row| {
        row.fd.store(file.as_raw_fd(), Relaxed);
        row.offset.store(view.plan().offset, Relaxed);
        row.len.store(view.len(), Relaxed);
        let (name, _) = name.split_at(name.len().min(NAME_BYTES));
        for (at, word) in row.name.iter().enumerate() {
            let bytes = name.get(at * 8..).unwrap_or_default();
            let byte = |index: usize| bytes.get(index).copied().unwrap_or(0);
            word.store(u64::from_ne_bytes([0, 1, 2, 3, 4, 5, 6, 7].map(byte)), Relaxed);
        }
        row.start.store(view.as_ptr() as usize, Relaxed);
    });
    Some(known)
}

impl Known {
    /// The mapping has another place or length.
    pub fn moved(&self, view: &View) {
        self.change(|row| {
            row.len.store(view.len(), Relaxed);
            row.start.store(view.as_ptr() as usize, Relaxed);
        });
    }

    fn change(&self, change: impl FnOnce(&Row)) {
        let Some(row) = ROWS.get(self.0) else { return };
        // Nobody else changes a row that is taken.
        row.turn.fetch_add(1, Acquire);
        fence(Release);
        change(row);
        row.turn.fetch_add(1, Release);
    }
}

impl Drop for Known {
    fn drop(&mut self) {
        self.change(|row| row.start.store(TAKEN, Relaxed));
        // Only now may another take it: a row is changed by one at a time.
        if let Some(row) = ROWS.get(self.0) {
            row.start.store(FREE, Release);
        }
    }
}

/// What is known of one mapping.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Found {
    /// Where in the file the address is, in bytes.
    pub(super) place: u64,
    /// The file.
    pub(super) fd: RawFd,
    /// Its name, padded with NUL.
    pub(super) name: [u8; NAME_BYTES],
}

/// The mapping that `address` is in, its last page included.
pub(super) fn find(address: usize) -> Option<Found> {
    const PAGE: usize = shmfs_abi::PAGE_SIZE as usize;
    let used = ROWS.get(..USED.load(Relaxed)).unwrap_or_default();
    used.iter().find_map(|row| {
        let turn = row.turn.load(Acquire);
        let start = row.start.load(Relaxed);
        let mapped = row.len.load(Relaxed).checked_next_multiple_of(PAGE).unwrap_or(usize::MAX);
        let (offset, fd) = (row.offset.load(Relaxed), row.fd.load(Relaxed));
        let inside = start > TAKEN && address.checked_sub(start).is_some_and(|at| at < mapped);
        if !inside || turn % 2 == 1 {
            return None;
        }
        let mut name = [0; NAME_BYTES];
        for (bytes, word) in name.chunks_exact_mut(8).zip(&row.name) {
            bytes.copy_from_slice(&word.load(Relaxed).to_ne_bytes());
        }
        fence(Acquire);
        let place = offset.saturating_add((address - start) as u64);
        (row.turn.load(Relaxed) == turn).then_some(Found { place, fd, name })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{fd, memfd, view::Plan};
    use rustix::fd::AsFd;
    use shmfs_abi::ByteLen;

    fn name_of(found: Found) -> String {
        String::from_utf8_lossy(&found.name).trim_end_matches('\0').to_owned()
    }

    #[test]
    fn a_mapping_is_known_from_its_first_byte_to_the_end_of_its_last_page() {
        let file = memfd::create(c"known", false).unwrap();
        fd::truncate(&file, ByteLen(3 * 4096)).unwrap();
        let mut view = View::new(&file, &Plan { offset: 4096, ..Plan::new(5000) }).unwrap();
        let start = view.as_ptr() as usize;
        assert_eq!(find(start), None);
        let known = enter(&view, file.as_fd(), b"frames").unwrap();
        let found = find(start + 5000).unwrap();
        assert_eq!((found.place, found.fd), (4096 + 5000, file.as_raw_fd()));
        assert_eq!(name_of(found), "frames");
        assert_eq!((find(start - 1), find(start + 2 * 4096)), (None, None));
        view.resize(3 * 4096).unwrap();
        known.moved(&view);
        let start = view.as_ptr() as usize;
        assert_eq!(find(start + 2 * 4096).map(|found| found.place), Some(3 * 4096));
        drop(known);
        assert_eq!(find(start), None);
    }

    #[test]
    fn a_long_name_is_cut_and_a_row_is_used_again() {
        let file = memfd::create(c"known", false).unwrap();
        fd::truncate(&file, ByteLen(4096)).unwrap();
        let view = View::new(&file, &Plan::new(4096)).unwrap();
        for len in [1, 7, 8, 9, 255, 256, 1000] {
            let known = enter(&view, file.as_fd(), "n".repeat(len).as_bytes()).unwrap();
            assert_eq!(name_of(find(view.as_ptr() as usize).unwrap()).len(), len.min(256));
            drop(known);
        }
        assert!(USED.load(Relaxed) < 8, "rows are used again");
    }
}
