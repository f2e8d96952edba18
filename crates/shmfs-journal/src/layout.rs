//! Where everything is in a journal.
//!
//! ```text
//! page 0       header: magic, layout version, row bytes, committed, done, high, two tallies, the words of `state`
//! page 1 on    rows, 1,024 bytes each: a head of 24 bytes, a body of at most 1,000
//! ```
//!
//! `committed`, `done`, `high` and each row's transaction are guarded: 48 bits of number, 16 that follow from it, so
//! that one store changes both and a damaged word is not taken for a number.
//!
//! Owns: offsets, guarded numbers. Leaves to others: the words of a row (`row`), of a tally (`tally`), of the state.

use shmfs_abi::PAGE_SIZE;

/// "SHMFSJNL", read as one number.
pub(crate) const MAGIC: u64 = u64::from_le_bytes(*b"SHMFSJNL");

/// Rises with every change of this layout or of a body.
pub(crate) const VERSION: u32 = 3;

/// Bytes of the header.
pub(crate) const PAGE: usize = PAGE_SIZE as usize;

/// Bytes of a row.
pub(crate) const ROW: usize = 1024;

/// Rows of a new journal; it doubles when they are used up.
pub(crate) const FIRST_ROWS: u32 = 256;

/// Rows of the largest journal: every object of a store (`limits::OBJECTS`) in two versions, and what else there is.
pub const ROWS: u32 = 2_200_000;

/// Offset of [`MAGIC`].
pub(crate) const AT_MAGIC: usize = 0;
/// Offset of [`SHAPE`].
pub(crate) const AT_SHAPE: usize = 8;
/// Offset of the number of the last committed transaction, guarded.
pub(crate) const AT_COMMITTED: usize = 16;
/// Offset of the number of the last transaction whose intents are carried out, guarded.
pub(crate) const AT_DONE: usize = 24;
/// Offset of the number of rows that were ever used, guarded: behind them is nothing.
pub(crate) const AT_HIGH: usize = 32;
/// Offset of the tallies of the even and of the odd transactions.
pub(crate) const AT_TALLIES: [usize; 2] = [64, 128];
/// Offset of the words outside of transactions.
pub(crate) const AT_STATE: usize = 256;

/// The version and the bytes of a row, as one word.
pub(crate) const SHAPE: u64 = VERSION as u64 | (ROW as u64) << 32;

/// Where a row begins.
pub(crate) const fn row_at(row: u32) -> usize {
    PAGE + row as usize * ROW
}

/// How many whole rows so many bytes have room for.
pub(crate) const fn rows_in(len: usize) -> u32 {
    let rows = len.saturating_sub(PAGE) / ROW;
    if rows < ROWS as usize { rows as u32 } else { ROWS }
}

const NUMBER_BITS: u32 = 48;

/// The largest number that can be guarded: nine years of a million transactions a second.
pub(crate) const LARGEST: u64 = (1 << NUMBER_BITS) - 1;

/// A number, at most [`LARGEST`], with its check. Never 0 for a number that is not.
pub(crate) const fn guard(number: u64) -> u64 {
    number | (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> NUMBER_BITS << NUMBER_BITS
}

/// The number of a guarded word, unless it is damaged.
pub(crate) const fn unguard(word: u64) -> Option<u64> {
    let number = word & LARGEST;
    if guard(number) == word { Some(number) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guarded_number_survives_no_flip() {
        let numbers = (0..2000).chain((0..48).map(|bit| 1 << bit)).chain(LARGEST - 2000..=LARGEST);
        for number in numbers {
            let word = guard(number);
            assert_eq!(unguard(word), Some(number));
            assert_ne!(word, 0);
            for bit in 0..64 {
                assert_eq!(unguard(word ^ 1 << bit), None, "{number} with bit {bit} flipped");
            }
        }
        assert_eq!(unguard(0), None);
    }

    #[test]
    fn rows_do_not_pass_their_bound() {
        assert_eq!(rows_in(0), 0);
        assert_eq!(rows_in(PAGE + ROW - 1), 0);
        assert_eq!(rows_in(row_at(3)), 3);
        assert_eq!(rows_in(usize::MAX), ROWS);
    }
}
