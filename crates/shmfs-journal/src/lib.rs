//! The journal of a store: what its broker must not forget when it is killed.
//!
//! A [`Journal`] is rows in pages that outlive the broker. A transaction puts and removes [`Record`]s; one store
//! commits all of it. Whoever opens the pages after a kill at any point finds the records as of the last commit, and
//! whoever opens damaged pages is told so.
//!
//! Owns: the layout of the rows, recovery, the words that broker and keeper share ([`state`]).
//! Leaves to others: the mapping (`Pages`), what the records mean (`shmfs-broker`), what becomes of a crashed broker
//! (`shmfs-keeper`).
//! Not done: the death of the host; a journal lives in memory.

// Tests share the strategies of those in tests/, which name the crate.
#[cfg(test)]
extern crate self as shmfs_journal;

mod body;
mod broken;
mod journal;
mod layout;
mod pages;
mod record;
mod recovery;
mod row;
mod rows;
pub mod state;
mod tally;
mod versions;

pub use broken::Broken;
pub use journal::Journal;
pub use layout::ROWS;
pub use pages::{Pages, VecPages};
pub use record::{
    ANSWER_BYTES, Answered, ClientRecord, ConnectionId, ConnectionRecord, Intent, MountRecord, ObjectRecord,
    Record, RecordId, Role, STATE_BYTES, StoreRecord, WriterRecord,
};
pub use recovery::is_journal;
