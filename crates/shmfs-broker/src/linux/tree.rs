//! The root of the hidden tmpfs where other programs change it too.
//!
//! Owns: looking at names that may be anything, and gone in the next moment.
//! Leaves to others: what becomes of the objects (`strangers`).

use super::{errno, files};
use crate::os::Result;
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{self, AtFlags, CWD, Dir, FileType, Mode, OFlags};
use shmfs_abi::{Errno, Name, OpenFlags};
use shmfs_sys::fd::{self, Facts};
use std::os::fd::AsRawFd;

/// Whoever may write makes names, and takes away their own: as /dev/shm is.
const MODE: u32 = 0o1777;

pub(super) fn open_to_all(hidden: &OwnedFd) -> Result<()> {
    files::in_hidden(hidden, |hidden| {
        let root = hidden.root()?;
        chmod(&root, MODE)
    })
}

/// A file is taken in for reading: one that is open for writing could not be executed (execve(2), `ETXTBSY`).
pub(super) fn take_in(hidden: &OwnedFd, name: &Name) -> Result<Option<OwnedFd>> {
    let file = match look(hidden, name) {
        Err(Errno::ENOENT) => return Ok(None),
        file => file?,
    };
    let facts = fd::facts(&file)?;
    if !facts.is_regular() {
        return Ok(None);
    }
    match fd::reopen(file.as_fd(), OpenFlags::empty()) {
        Err(Errno::EACCES) => {
            // The mode binds even the owner of the inode: an unprivileged broker opens its own file a moment
            // before its mode, as it opens others (`files`).
            chmod(&file, facts.mode & 0o7777 | 0o400)?;
            let opened = fd::reopen(file.as_fd(), OpenFlags::empty());
            chmod(&file, facts.mode & 0o7777)?;
            opened.map(Some)
        }
        opened => opened.map(Some),
    }
}

pub(super) fn entry(hidden: &OwnedFd, name: &Name) -> Result<Facts> {
    fd::facts(look(hidden, name)?)
}

fn look(hidden: &OwnedFd, name: &Name) -> Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    fs::openat(hidden, name.as_bytes(), flags, Mode::empty()).map_err(errno)
}

pub(super) fn attempt(hidden: &OwnedFd, name: &Name, flags: OpenFlags) -> Option<Errno> {
    // Nothing is made and nothing is cut, whatever has the name by now.
    let asked = flags & (OpenFlags::WRONLY | OpenFlags::RDWR);
    let own = OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let flags = OFlags::from_bits_retain(asked.bits() as u32) | own;
    fs::openat(hidden, name.as_bytes(), flags, Mode::empty()).err().map(errno)
}

pub(super) fn entries(hidden: &OwnedFd, most: usize) -> Result<(Vec<(Name, u64)>, bool)> {
    let mut found = Vec::new();
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root = fs::openat(hidden, c".", flags, Mode::empty()).map_err(errno)?;
    let mut dir = Dir::new(root).map_err(errno)?;
    while let Some(entry) = dir.read() {
        let entry = entry.map_err(errno)?;
        if entry.file_type() != FileType::RegularFile {
            continue;
        }
        if found.len() == most {
            return Ok((found, false));
        }
        // What is longer than a name cannot be asked for.
        found.extend(Name::new(entry.file_name().to_bytes()).ok().map(|name| (name, entry.ino())));
    }
    Ok((found, true))
}

/// `fchmod` of a descriptor from which nothing can be read (`O_PATH`).
fn chmod(file: &OwnedFd, mode: u32) -> Result<()> {
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    fs::chmodat(CWD, path, Mode::from_raw_mode(mode), AtFlags::empty()).map_err(errno)
}
