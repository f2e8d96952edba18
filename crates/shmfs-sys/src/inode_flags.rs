//! The flags of an inode, as ioctl_fsgetxattr(2const) has them.
//!
//! Owns: nothing. Leaves to others: their meaning.

use crate::{
    Result,
    raw::{self, number},
};
use rustix::fd::{AsFd, AsRawFd};

/// `FS_IOC_FSGETXATTR`
const GET: usize = 0x801c_581f;

/// `FS_IOC_FSSETXATTR`
const SET: usize = 0x401c_5820;

/// `struct fsxattr`: flags, extent size hint, extents, project, another hint, and room.
pub type InodeFlags = [u32; 7];

/// The flags of the inode behind a descriptor.
///
/// # Errors
/// `ENOTTY` where its file system has none.
pub fn get(fd: impl AsFd) -> Result<InodeFlags> {
    let mut flags = [0; 7];
    let (fd, into) = (fd.as_fd().as_raw_fd() as usize, (&raw mut flags) as usize);
    // SAFETY: the kernel writes one `struct fsxattr`, 28 bytes, into `flags`, which has as many.
    raw::check(unsafe { raw::syscall6(number::IOCTL, fd, GET, into, 0, 0, 0) })?;
    Ok(flags)
}

/// Sets them.
///
/// # Errors
/// `EOPNOTSUPP` for what its file system does not have; `EPERM`.
pub fn set(fd: impl AsFd, flags: &InodeFlags) -> Result<()> {
    let (fd, from) = (fd.as_fd().as_raw_fd() as usize, flags.as_ptr() as usize);
    // SAFETY: the kernel reads one `struct fsxattr`, 28 bytes, from `flags`, which has as many.
    raw::check(unsafe { raw::syscall6(number::IOCTL, fd, SET, from, 0, 0, 0) }).map(drop)
}
