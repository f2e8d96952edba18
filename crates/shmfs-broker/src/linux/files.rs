//! Files for objects: sealed memfds, memfds, huge pages, and files of the store's hidden tmpfs.
//!
//! Owns: how each is made, opened and owned.
//! Leaves to others: which objects there are (`shmfs-core`), their names (`intents`).
//! Not done: a broker without privilege that is killed in the moment in which it opens an object whose owner may not
//! read or write it leaves those two bits in the mode.

use crate::os::{Result, Wish};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use shmfs_abi::{Backing, ByteLen, Errno, Gid, OpenFlags, Uid};
use shmfs_sys::map::SharedMap;
use shmfs_sys::tmpfs::Hidden;
use shmfs_sys::{fd, memfd};

/// Makes the file of an object. It has no name yet.
pub(super) fn make(hidden: Option<&OwnedFd>, wish: &Wish) -> Result<OwnedFd> {
    let file = match (wish.backing, hidden) {
        (Backing::SealedMemfd, _) => {
            let file = memfd::create(c"shmfs-segment", true)?;
            fd::truncate(&file, wish.size)?;
            memfd::seal_size(&file)?;
            file
        }
        (Backing::Huge, _) => {
            let file = memfd::create_huge(c"shmfs-segment", wish.huge_log2)?;
            fd::truncate(&file, wish.size)?;
            memfd::seal_size(&file)?;
            file
        }
        (Backing::TmpfsFile, Some(hidden)) => {
            let file = in_hidden(hidden, |hidden| hidden.create_unnamed(0o600))?;
            fd::truncate(&file, wish.size)?;
            // Kept for reading: nothing that the broker has open for writing can be executed (`ETXTBSY`).
            fd::reopen(file.as_fd(), OpenFlags::empty())?
        }
        (Backing::SealableMemfd, _) => {
            let file = memfd::create(c"shmfs-anonymous", true)?;
            fd::truncate(&file, wish.size)?;
            file
        }
        // Made by `state`, where its files have names.
        (Backing::Durable, _) => return Err(Errno::EINVAL),
        (Backing::TmpfsFile | Backing::Memfd, _) => {
            let file = memfd::create(c"shmfs-object", false)?;
            fd::truncate(&file, wish.size)?;
            file
        }
    };
    own(&file, wish.uid, wish.gid, wish.mode);
    if wish.populate {
        populate(&file, wish.size)?;
    }
    Ok(file)
}

/// Sets a file's size. Files of the hidden tmpfs are held for reading only.
pub(super) fn truncate(file: &OwnedFd, size: ByteLen) -> Result<()> {
    match fd::truncate(file, size) {
        Err(Errno::EINVAL) if !fd::access(file)?.access().writes() => {
            fd::truncate(open(file, OpenFlags::RDWR)?, size)
        }
        other => other,
    }
}

/// Lets a file have at least this size, and makes every page of it.
pub(super) fn populate(file: &OwnedFd, size: ByteLen) -> Result<()> {
    if !fd::access(file)?.access().writes() {
        return populate(&open(file, OpenFlags::RDWR)?, size);
    }
    if fd::facts(file)?.size < size {
        fd::truncate(file, size)?;
    }
    let len = usize::try_from(size.0).map_err(|_| Errno::ENOMEM)?;
    if len == 0 { Ok(()) } else { SharedMap::new(file, len)?.populate() }
}

/// A description of its own for one client.
pub(super) fn open(file: &OwnedFd, flags: OpenFlags) -> Result<OwnedFd> {
    match fd::reopen(file.as_fd(), flags) {
        Err(Errno::EACCES) => {
            // The mode binds even the owner of the inode, and the engine has allowed this: an
            // unprivileged broker opens its own file a moment before its mode.
            let facts = fd::facts(file)?;
            fd::chmod(file, facts.mode & 0o7777 | 0o600)?;
            let opened = fd::reopen(file.as_fd(), flags);
            fd::chmod(file, facts.mode & 0o7777)?;
            opened
        }
        other => other,
    }
}

/// An unprivileged broker cannot give a file away; its store then has one user, and the engine's word counts.
pub(super) fn own(file: &OwnedFd, uid: Uid, gid: Gid, mode: u32) {
    if let Err(errno) = fd::chown(file, uid, gid) {
        tracing::debug!(errno = errno.name(), "the inode keeps its owner");
    }
    if let Err(errno) = fd::chmod(file, mode & 0o7777) {
        tracing::debug!(errno = errno.name(), "the inode keeps its mode");
    }
}

/// Uses the tmpfs behind a mount's descriptor.
pub(super) fn in_hidden<'f, R>(
    mount: &'f OwnedFd,
    act: impl FnOnce(&Hidden<BorrowedFd<'f>>) -> Result<R>,
) -> Result<R> {
    act(&Hidden::of(mount.as_fd()))
}
