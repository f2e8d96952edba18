//! A tree of files at a place of this process's own: mount namespaces, and mounts by their descriptors.
//!
//! Owns: entering namespaces, the clone of a mount and its place.
//! Leaves to others: whose tree it is (`tmpfs`), what is run there.

use crate::{Errno, Result, errno, process, userns};
use core::ffi::CStr;
use rustix::{
    fd::{AsFd, BorrowedFd, OwnedFd},
    fs::CWD,
    mount::{self, MountPropagationFlags, MoveMountFlags, OpenTreeFlags},
    thread::{UnshareFlags, unshare_unsafe},
};

/// Moves the calling thread, and what it starts, into a mount namespace of its own: what is mounted there is seen
/// nowhere else, and what is mounted elsewhere is not seen there (mount_namespaces(7)). Needs `CAP_SYS_ADMIN`.
///
/// # Errors
/// As `unshare(2)`: `EPERM`, `ENOSPC` beyond /proc/sys/user/max_mnt_namespaces.
pub fn enter_mounts() -> Result<()> {
    unshare(UnshareFlags::NEWNS)?;
    keep_apart()
}

/// The same for a process without privilege, by a user namespace in which it has its own user and group and no others
/// (user_namespaces(7)). The process may have one thread.
///
/// # Errors
/// As `unshare(2)`: `EPERM` where they are closed, `ENOSPC` beyond /proc/sys/user/max_user_namespaces, `EINVAL` with
/// several threads; `EACCES` or `EPERM` where a security module lets the namespace be made and nothing be done in it.
pub fn enter_mounts_as_user() -> Result<()> {
    // Inside they are unknown until they are mapped.
    let (uid, gid) = (process::euid(), process::egid());
    unshare(UnshareFlags::NEWUSER | UnshareFlags::NEWNS)?;
    userns::map_ids(uid, gid)?;
    keep_apart()
}

fn unshare(flags: UnshareFlags) -> Result<()> {
    // SAFETY: the descriptor table stays shared: `FILES` is not among the flags.
    unsafe { unshare_unsafe(flags) }.map_err(errno)
}

/// A namespace begins with the propagation of the one that it is a copy of.
fn keep_apart() -> Result<()> {
    let flags = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    mount::mount_change(c"/", flags).map_err(errno)
}

/// Another mount of the tree that a descriptor of a mount shows; it has no place yet.
///
/// # Errors
/// As `open_tree(2)`: `EPERM`; `EINVAL` before Linux 6.15 for a mount that has no place itself.
pub fn clone_of(tree: BorrowedFd<'_>) -> Result<OwnedFd> {
    open_tree(tree, c"", OpenTreeFlags::AT_EMPTY_PATH)
}

/// Another mount of the file system that is mounted at `place`.
///
/// # Errors
/// As `open_tree(2)`.
pub fn clone_at(place: &[u8]) -> Result<OwnedFd> {
    open_tree(CWD, place, OpenTreeFlags::empty())
}

fn open_tree(at: impl AsFd, path: impl rustix::path::Arg, flags: OpenTreeFlags) -> Result<OwnedFd> {
    let flags = flags | OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    mount::open_tree(at, path, flags).map_err(errno)
}

/// Gives a mount that has no place the directory `place`.
///
/// # Errors
/// As `move_mount(2)`: `ENOENT`, `ENOTDIR`, `EPERM`, `ELOOP` on a mount inside itself.
pub fn attach(mount: &impl AsFd, place: &[u8]) -> Result<()> {
    const HERE: &CStr = c"";
    if place.is_empty() {
        return Err(Errno::ENOENT);
    }
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_SYMLINKS;
    mount::move_mount(mount, HERE, CWD, place, flags).map_err(errno)
}
