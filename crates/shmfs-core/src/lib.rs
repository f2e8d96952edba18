//! The engine of shmfs: one namespace of shared-memory objects and the doors to it.
//!
//! [`Namespace::call`] takes who asks, what they ask and the time, and returns the [`Answer`]: a reply, and
//! the effects that the caller of the engine has to carry out. The same state and the same arguments give
//! the same answer, always: the engine does no I/O, reads no clock, takes no lock and draws no random number.
//!
//! Owns: which objects exist, who may use them, what they are charged.
//! Leaves to others: pages and descriptors, processes and their attach tables (`shmfs-broker`), messages
//! (`shmfs-wire`), the vocabulary (`shmfs-abi`).

mod account;
mod answer;
mod check;
mod dentry;
mod doors;
mod ids;
mod image;
mod inode;
mod listing;
mod mount;
mod namespace;
mod object;
mod perm;
mod reap;
mod settle;
mod strangers;
mod want;

pub use answer::{Answer, Effect, Event, Facts};
pub use image::{Changes, Damage, ObjectImage, PlaceImage, SegmentImage, StoreImage};
pub use namespace::{Config, Namespace};
