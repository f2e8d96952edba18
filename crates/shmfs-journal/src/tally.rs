//! The tally of a transaction: how many records there are after it, and a digest of all of them.
//!
//! A row that is gone looks like a free one; the tally tells that it is missed. There are two in the header, for even
//! and odd transactions: that of a transaction is written before the one store that commits it, over that of the last
//! but one.
//!
//! Owns: their layout, the arithmetic. Leaves to others: when they are written (`journal`) and compared (`recovery`).

use crate::Pages;
use crate::layout::{AT_STATE, AT_TALLIES};
use zerocopy::{FromBytes, Immutable, IntoBytes};

/// How many rows, and the sum of their mixed checksums.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
pub(crate) struct Count {
    pub(crate) rows: u64,
    sum: u64,
}

impl Count {
    pub(crate) fn add(&mut self, crc: u32) {
        self.rows = self.rows.wrapping_add(1);
        self.sum = self.sum.wrapping_add(mixed(crc));
    }

    pub(crate) fn subtract(&mut self, crc: u32) {
        self.rows = self.rows.wrapping_sub(1);
        self.sum = self.sum.wrapping_sub(mixed(crc));
    }
}

/// What a transaction leaves: lasting records, and intents.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
pub(crate) struct Tally {
    pub(crate) records: Count,
    pub(crate) intents: Count,
}

const BYTES: usize = size_of::<Tally>();

const _: () = assert!(AT_TALLIES[0] + BYTES <= AT_TALLIES[1] && AT_TALLIES[1] + BYTES <= AT_STATE);

impl Tally {
    /// Writes it as that of a transaction.
    pub(crate) fn write<P: Pages>(&self, pages: &mut P, number: u64) {
        pages.write(at(number), self.as_bytes());
    }

    /// The tally of a committed transaction. A damaged one agrees with no rows.
    pub(crate) fn read<P: Pages>(pages: &P, number: u64) -> Tally {
        let mut tally = Tally::default();
        pages.read(at(number), tally.as_mut_bytes());
        tally
    }
}

const fn at(number: u64) -> usize {
    AT_TALLIES[(number & 1) as usize]
}

/// Checksums are linear, and their plain sum would be blind to some exchanges (the last steps of SplitMix64).
const fn mixed(crc: u32) -> u64 {
    let x = (crc as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ x >> 31
}
