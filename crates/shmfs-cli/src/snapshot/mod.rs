//! Making a snapshot: what holds the object still, the copy, the file.
//!
//! Owns: whether a copy is consistent, and the words for it.
//! Leaves to others: the layout of the file (`shmfs-snapshot`), options (`commands/snapshot.rs`).

pub(crate) mod copy;
pub(crate) mod hold;
pub(crate) mod lock;
pub(crate) mod output;
pub(crate) mod told;
mod watch;
