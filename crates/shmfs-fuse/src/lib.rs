//! The mounted door of a store: its tree as a file system, by FUSE.
//!
//! The tree is the store's hidden tmpfs, a kernel's own: every name, inode, attribute, time and link count is there, and
//! nowhere else. This crate carries the kernel's requests there, and lets the kernel read, write and map the files
//! itself (passthrough). So it remembers nothing about an inode, and a broker that follows on a killed one goes on with
//! the connection, its open files, and the requests in flight.
//!
//! Owns: FUSE's messages, the files that are open, `.sysv`, the options of a mount.
//! Leaves to others: the turns in which it is served, segments, limits (`shmfs-broker`); who mounts where (`shmfs-cli`).

mod attributes;
mod changing;
mod content;
mod creating;
mod door;
mod init;
mod mount;
mod names;
mod node;
mod opening;
pub mod options;
mod pins;
mod removing;
mod server;
mod state;
mod sysv;
mod tree;
mod validity;
pub mod wire;
mod xattr;

pub use door::DOOR;
pub use mount::{TYPE, mount, open_device};
pub use rustix::mount::MountFlags;
pub use server::{Device, Server};
#[doc(hidden)]
pub use state::Died;

/// Makes the file in which a server remembers what it has begun.
///
/// # Errors
/// As `memfd_create(2)`.
pub fn state() -> Result<std::os::fd::OwnedFd, shmfs_abi::Errno> {
    state::create()
}
