//! The messages of FUSE as the kernel writes and reads them (include/uapi/linux/fuse.h, version 7.45).
//!
//! Owns: layouts, numbers, and the bounds of every request.
//! Leaves to others: what is done with them.

pub mod flags;
pub mod op;
mod reply;
mod request;

pub use reply::*;
pub use request::*;
