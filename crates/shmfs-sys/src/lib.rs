//! The operating system made safe for shmfs, without the standard library and without a C library of its own.
//!
//! Everything that needs `unsafe` to speak to the kernel is here, behind functions that do not. Errors are
//! the kernel's numbers, as [`Errno`].
//!
//! Owns: system calls, descriptors and their table, memfds, the hidden tmpfs, mappings and copies into and out of
//! them, the guard for SIGBUS, sockets, locks, growing tables, signals as messages, child processes.
//! Leaves to others: what any of it is for.
#![cfg_attr(not(test), no_std)]
#![allow(unsafe_code, reason = "this crate is where the kernel is spoken to; see ARCHITECTURE.md, code map")]

pub mod atfork;
pub mod attach;
pub mod bus;
pub mod child;
mod copy;
pub mod fd;
pub mod fsuser;
pub mod fuse;
pub mod futex;
pub mod grow;
pub mod handle;
pub mod inode_flags;
pub mod lease;
pub mod lock;
pub mod map;
pub mod mark;
pub mod memfd;
mod message;
pub mod passing;
pub mod process;
pub mod raw;
mod signal;
pub mod signals;
pub mod socket;
pub mod span;
pub mod table;
mod text;
pub mod time;
pub mod tmpfs;
mod userns;
pub mod view;
pub mod watch;

pub use rustix::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
pub use shmfs_abi::Errno;

/// The result of asking the kernel.
pub type Result<T> = core::result::Result<T, Errno>;

/// The kernel's number out of rustix's type.
pub(crate) fn errno(error: rustix::io::Errno) -> Errno {
    Errno(error.raw_os_error())
}

/// Asks again for as long as a signal interrupts the call.
pub(crate) fn retry<T>(act: impl FnMut() -> rustix::io::Result<T>) -> Result<T> {
    rustix::io::retry_on_intr(act).map_err(errno)
}
