//! What a store keeps on a disk: durable objects, and how an edit of one is done wholly or not at all.
//!
//! A durable object is three files of the state directory ([`StateDir`]): its pages, its [`Head`] and its undo log.
//! Whoever edits it saves the old bytes in the log first ([`Undo::save`]), stores, and commits an epoch
//! ([`Undo::commit`]). Whoever finds an edit that nobody will finish rolls it back ([`Undo::roll_back`]): after a
//! `kill -9`, and after a power cut at any byte of any write, the object is what it was at its last commit.
//! docs/design/durable.md has the protocol step by step.
//!
//! Owns: the layouts of log and head, their order on the disk, recovery, the editor's lock.
//! Leaves to others: mappings (`shmfs-sys`), who may have which object (`shmfs-broker`), what an edit is (`shmfs`).
//! Not done: bytes that were stored without [`Undo::save`] are not rolled back, and the size of an object is not part
//! of an edit.

mod error;
mod files;
mod front;
mod head;
mod lock;
mod log;
mod mark;
mod medium;
mod record;
mod recover;
mod roll_back;
mod saved;
mod scan;
mod slot;
mod state;
mod undo;

pub use error::DurableError;
pub use files::take_room;
pub use head::{HEAD_BYTES, Head};
pub use lock::{lock_editor, unlock_editor};
pub use log::{LOG_BYTES, RECORDS};
pub use medium::{Medium, VecMedium};
pub use record::{RECORD_BYTES, RECORDS_AT};
pub use recover::{Outcome, Recovery};
pub use roll_back::RolledBack;
pub use scan::{Leftover, Scan, Why};
pub use state::StateDir;
pub use undo::Undo;
