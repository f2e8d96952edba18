//! Making an object again from a snapshot: where it goes, filling it, giving it its name when it is whole.
//!
//! Owns: what becomes of owner, mode, key and lifetime in another store.
//! Leaves to others: the layout of the file (`shmfs-snapshot`), options (`commands/restore.rs`).
//! Not done: huge pages. A segment that had them comes back with ordinary ones.

pub(crate) mod fill;
pub(crate) mod input;
pub(crate) mod made;
pub(crate) mod plan;
