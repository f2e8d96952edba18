//! Attach tables: who has attached what, in pages that one client process and the broker share.
//!
//! A detach is then no message, and after `kill -9` the broker still knows what the process had.
//!
//! Owns: the layout of a table, the counts, the protocol of removal against the last detach.
//! Leaves to others: the sum over the tables and what follows from it (`shmfs-broker`, `shmfs-core`).
//! Not done: the index page of keys and ids.
//!
//! The protocol is checked by loom:
//! `RUSTFLAGS="--cfg loom" cargo test -p shmfs-index --release`.
#![cfg_attr(not(any(test, loom)), no_std)]
#![cfg_attr(loom, allow(dead_code, reason = "only the protocol is compiled, for its tests"))]

#[cfg(not(loom))]
mod layout;
mod protocol;
#[cfg(not(loom))]
mod row;
#[cfg(not(loom))]
mod table;

pub use protocol::Detached;
#[cfg(not(loom))]
pub use table::{TABLE_BYTES, Table};
