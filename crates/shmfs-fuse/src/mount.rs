//! Mounting: a new connection to the kernel, and the place where its tree is seen.
//!
//! Owns: the option string of the kernel's FUSE. Leaves to others: options of people (`options`), serving (`door`).

use crate::tree::errno;
use rustix::fs::{Mode, OFlags, open};
use rustix::mount::MountFlags;
use shmfs_abi::Errno;
use std::ffi::CString;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;

/// The type that /proc/mounts shows.
pub const TYPE: &str = "fuse.shmfs";

/// A new connection, not mounted yet.
///
/// # Errors
/// `ENOENT` and `ENODEV` where the kernel has no FUSE, `EACCES` without the right to open it.
pub fn open_device() -> Result<OwnedFd, Errno> {
    open("/dev/fuse", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty()).map_err(errno)
}

/// Mounts a connection at `dir`; requests wait until the broker has it. `source` is what /proc/mounts shows. The
/// kernel checks permissions, for everybody.
///
/// # Errors
/// As `mount(2)`: `EPERM` without `CAP_SYS_ADMIN`.
pub fn mount(device: BorrowedFd<'_>, source: &str, dir: &Path, flags: MountFlags) -> Result<(), Errno> {
    let fd = device.as_raw_fd();
    let told = format!("fd={fd},rootmode=40000,user_id=0,group_id=0,default_permissions,allow_other");
    let told = CString::new(told).map_err(|_| Errno::EINVAL)?;
    rustix::mount::mount(source, dir, TYPE, flags, told.as_c_str()).map_err(errno)
}
