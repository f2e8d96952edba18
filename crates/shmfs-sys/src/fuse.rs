//! The control calls of a FUSE connection (include/uapi/linux/fuse.h).
//!
//! Owns: their numbers. Leaves to others: the messages (`shmfs-fuse`).

use crate::{
    Result,
    raw::{self, number},
};
use rustix::fd::{AsFd, AsRawFd, RawFd};

/// `FUSE_DEV_IOC_BACKING_OPEN`
const BACKING_OPEN: usize = 0x4010_e501;

/// `FUSE_DEV_IOC_BACKING_CLOSE`
const BACKING_CLOSE: usize = 0x4004_e502;

/// `struct fuse_backing_map`
#[repr(C)]
struct CBackingMap {
    fd: i32,
    flags: u32,
    padding: u64,
}

/// Lets the kernel read and write this regular file itself in place of asking the connection. Says under which number;
/// the descriptor is not needed any longer.
///
/// # Errors
/// `EPERM` without `CAP_SYS_ADMIN`, `EOPNOTSUPP` where passthrough was not agreed on, `ENOMEM`.
pub fn backing_open(device: impl AsFd, file: RawFd) -> Result<i32> {
    let map = CBackingMap { fd: file, flags: 0, padding: 0 };
    let device = device.as_fd().as_raw_fd() as usize;
    // SAFETY: the kernel reads one `fuse_backing_map`, which lives until it returns.
    raw::check(unsafe {
        raw::syscall6(number::IOCTL, device, BACKING_OPEN, (&raw const map) as usize, 0, 0, 0)
    })
    .map(|id| id as i32)
}

/// Gives such a number back; files that are open through it stay open.
///
/// # Errors
/// `ENOENT` where the number is not in use.
pub fn backing_close(device: impl AsFd, id: i32) -> Result<()> {
    let device = device.as_fd().as_raw_fd() as usize;
    // SAFETY: the kernel reads one u32, which lives until it returns.
    raw::check(unsafe {
        raw::syscall6(number::IOCTL, device, BACKING_CLOSE, (&raw const id) as usize, 0, 0, 0)
    })
    .map(drop)
}
