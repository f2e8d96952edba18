//! What keeps a journal from being opened, in words for a person.
//!
//! Owns: the words. Leaves to others: what is done then (the keeper and the broker).

use crate::layout::{ROW, VERSION};
use thiserror::Error;

/// Why bytes are not a journal that a store can go on with. Nothing was changed in them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum Broken {
    /// Another program's file.
    #[error("this is no journal of a store")]
    Magic,
    /// Another version's.
    #[error(
        "the journal has layout {found}, and this program reads layout {ours}: it takes one that reads {found}"
    )]
    Version {
        /// The layout that it has.
        found: u32,
        /// The layout of this program.
        ours: u32,
    },
    /// Rows of another size.
    #[error("the journal has rows of {found} bytes in place of {ROW}")]
    RowBytes {
        /// How many.
        found: u32,
    },
    /// It was cut.
    #[error("the journal has {len} bytes, and its rows end at {needed}")]
    Short {
        /// How many there are.
        len: usize,
        /// How many there must be.
        needed: usize,
    },
    /// A word of the header is damaged.
    #[error("the journal's header is damaged: {0}")]
    Header(&'static str),
    /// A row that is needed is damaged.
    #[error("row {row} of the journal is damaged")]
    Row {
        /// Which.
        row: u32,
    },
    /// Rows are missing, or there are rows that nobody committed.
    #[error("the {found} whole records of the journal are not the {committed} that were committed")]
    Missing {
        /// How many there are.
        found: u64,
        /// How many there were; it may be the same number of others.
        committed: u64,
    },
    /// A row is whole, and says what it cannot say.
    #[error("row {row} of the journal makes no sense: {what}")]
    Senseless {
        /// Which.
        row: u32,
        /// What is wrong.
        what: &'static str,
    },
    /// Nothing was ever committed, or not the store.
    #[error("the journal has no record of its store")]
    NoStore,
}

impl Broken {
    pub(crate) const fn version(found: u32) -> Broken {
        Broken::Version { found, ours: VERSION }
    }
}
