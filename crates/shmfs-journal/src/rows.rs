//! Which rows are free.
//!
//! The lowest free row is used first, so the used part of a journal stays dense and its end is rarely touched.
//!
//! Owns: the free rows, the high-water mark, growth. Leaves to others: what is in a row (`row`).
//! Not done: shrinking.

use crate::Pages;
use crate::layout::{AT_HIGH, FIRST_ROWS, ROWS, guard, row_at, rows_in};
use shmfs_abi::Errno;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

#[derive(Debug)]
pub(crate) struct Rows {
    /// Rows that were ever used.
    high: u32,
    free: BinaryHeap<Reverse<u32>>,
}

impl Rows {
    /// So many rows were ever used, and these are free again.
    pub(crate) fn new(high: u32, free: Vec<u32>) -> Rows {
        Rows { high, free: free.into_iter().map(Reverse).collect() }
    }

    /// A free row. `ENOSPC` where all are in use; or as the pages grow.
    pub(crate) fn take<P: Pages>(&mut self, pages: &mut P) -> Result<u32, Errno> {
        if let Some(Reverse(row)) = self.free.pop() {
            return Ok(row);
        }
        let room = rows_in(pages.len());
        if self.high >= room {
            grow(pages, room)?;
        }
        let row = self.high;
        // Before it counts as used.
        pages.store(row_at(row), 0);
        pages.store(AT_HIGH, guard(u64::from(row) + 1));
        self.high += 1;
        Ok(row)
    }

    /// The row is free from now on.
    pub(crate) fn give_back<P: Pages>(&mut self, pages: &mut P, row: u32) {
        pages.store(row_at(row), 0);
        self.free.push(Reverse(row));
    }
}

/// Makes room for the first rows, or for twice as many as there are.
pub(crate) fn grow<P: Pages>(pages: &mut P, room: u32) -> Result<(), Errno> {
    let rows = room.saturating_mul(2).clamp(FIRST_ROWS, ROWS);
    if rows <= room {
        return Err(Errno::ENOSPC);
    }
    pages.grow(row_at(rows))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Nothing but a length, and what was stored last.
    struct Long(usize, (usize, u64));

    impl Pages for Long {
        fn len(&self) -> usize {
            self.0
        }
        fn grow(&mut self, len: usize) -> Result<(), Errno> {
            self.0 = len;
            Ok(())
        }
        fn read(&self, _: usize, _: &mut [u8]) {}
        fn write(&mut self, _: usize, _: &[u8]) {}
        fn load(&self, _: usize) -> u64 {
            0
        }
        fn store(&mut self, at: usize, value: u64) {
            self.1 = (at, value);
        }
    }

    #[test]
    fn there_is_an_end() {
        let mut pages = Long(row_at(ROWS / 2 + 1), (0, 0));
        let mut rows = Rows::new(ROWS / 2 + 1, Vec::new());
        assert_eq!(rows.take(&mut pages), Ok(ROWS / 2 + 1));
        assert_eq!(pages.0, row_at(ROWS));
        assert_eq!(pages.1, (AT_HIGH, guard(u64::from(ROWS / 2) + 2)));
        let mut rows = Rows::new(ROWS - 1, Vec::new());
        assert_eq!(rows.take(&mut pages), Ok(ROWS - 1));
        assert_eq!(rows.take(&mut pages), Err(Errno::ENOSPC));
        rows.give_back(&mut pages, 9);
        assert_eq!(rows.take(&mut pages), Ok(9));
        assert_eq!(rows.take(&mut pages), Err(Errno::ENOSPC));
    }

    #[test]
    fn the_lowest_first() {
        let mut pages = Long(row_at(20), (0, 0));
        let mut rows = Rows::new(10, vec![7, 3]);
        rows.give_back(&mut pages, 5);
        let taken = [(); 4].map(|()| rows.take(&mut pages).unwrap());
        assert_eq!(taken, [3, 5, 7, 10]);
    }
}
