//! The client side of a store, inside programs that were not changed and without the standard library.
//!
//! A [`Client`] is one process's side: it lives in a `static`, connects at the first call, and asks the broker
//! one message for each call; a detach needs none. A [`Visitor`] is a program that looks on and administers.
//!
//! The process may fork in any way, close any descriptor, become another user and take signals at any point.
//! All state is behind one lock, which is held, with signals blocked, while a message is under way. Nothing
//! here touches errno or the program's heap.
//!
//! The broker may be killed at any moment: the next one answers, and each call is done once (`ask`).
//!
//! Owns: the connection, the registration, the numbers of calls, the list of attaches and of open semaphores.
//! Leaves to others: every rule of a call (`shmfs-core`), C (`shmfs-preload`), which store it is (`Settings`).
//! Not done: what a store that is gone for good did with a call that it did not answer cannot be known; the call fails
//! with `ECONNREFUSED`, or is asked again in the store that has taken its place.
//! A process that another thread copies by raw clone in the midst of a call may inherit a half-made entry.
//! The first call of a process that is made in a vfork child gives the store to that child.
#![no_std]

mod ask;
mod attach;
mod client;
mod connect;
mod fork;
mod kept;
mod library;
mod names;
mod path;
mod posix;
mod proc_file;
mod resize;
mod root;
mod sem;
mod session;
mod settings;
mod state;
mod sysv;
mod visitor;

pub use client::Client;
pub use proc_file::PROC_FILES;
pub use settings::{DIR_BYTES, Settings};
pub use shmfs_wire::Refused;
pub use visitor::Visitor;
