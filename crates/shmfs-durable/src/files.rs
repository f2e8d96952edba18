//! Single files of a state directory: names, opening, replacing, unlinking.
//!
//! Owns: what the files are called, that only ordinary files are opened.
//! Leaves to others: which come and go in which order (`state`).

use crate::{DurableError, Medium, StateDir};
use rustix::fs::{AtFlags, FallocateFlags, FileType, Mode, OFlags, RenameFlags};
use rustix::io::Errno;
use shmfs_abi::ByteLen;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;

/// Ends of the names of an object's files.
pub(crate) const PAGES: &str = "pages";
pub(crate) const UNDO: &str = "undo";
pub(crate) const HEAD: &str = "head";
pub(crate) const TMP: &str = "head.tmp";
pub(crate) const GONE: &str = "gone";

/// The file that a daemon locks.
pub(crate) const LOCK: &str = "lock";

/// A symbolic link is not followed and a pipe not waited for: the files are ours.
const PLAIN: OFlags = OFlags::CLOEXEC.union(OFlags::NOFOLLOW).union(OFlags::NONBLOCK);

const OWNER_ONLY: Mode = Mode::RUSR.union(Mode::WUSR);

/// The name of one of an object's files.
pub(crate) fn name(object: u64, end: &str) -> String {
    format!("{object}.{end}")
}

/// The kernel refused something about a file.
pub(crate) fn refused(what: &'static str, path: &Path, error: impl Into<io::Error>) -> DurableError {
    DurableError::Path { what, path: path.display().to_string(), source: error.into() }
}

/// Lets pages have at least this size, with room on the disk for all of them; where the file system cannot promise that,
/// at least the size. Nothing is synced.
///
/// # Errors
/// As `fallocate(2)`: `ENOSPC`, `EFBIG`.
pub fn take_room(pages: impl AsFd, size: ByteLen) -> rustix::io::Result<()> {
    let pages = pages.as_fd();
    if size == ByteLen(0) {
        return Ok(());
    }
    match rustix::fs::fallocate(pages, FallocateFlags::empty(), 0, size.0) {
        Err(Errno::OPNOTSUPP | Errno::NOSYS) if rustix::fs::fstat(pages)?.st_size < size.0.cast_signed() => {
            rustix::fs::ftruncate(pages, size.0)
        }
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => Ok(()),
        done => done,
    }
}

/// The same, and the pages' size is on the disk when it returns.
pub(crate) fn lengthen(pages: &File, size: ByteLen) -> Result<(), DurableError> {
    let taken = take_room(pages, size).map_err(io::Error::from).and_then(|()| pages.sync_all());
    taken.map_err(|error| DurableError::io("take room for the pages", error))
}

impl StateDir {
    pub(crate) fn exists(&self, name: &str) -> Result<bool, DurableError> {
        match rustix::fs::statat(&self.dir, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(_) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(error) => Err(self.refused("look at", name, error)),
        }
    }

    /// Unlinks a file, if it is there.
    pub(crate) fn unlink(&self, name: &str) -> Result<(), DurableError> {
        match rustix::fs::unlinkat(&self.dir, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(self.refused("remove", name, error)),
        }
    }

    /// The directory's entries are on the disk when it returns.
    pub(crate) fn sync(&self) -> Result<(), DurableError> {
        rustix::fs::fsync(&self.dir).map_err(|error| refused("sync", &self.path, error))
    }

    /// Writes a head beside its place.
    pub(crate) fn write_tmp(&self, object: u64, bytes: &[u8]) -> Result<(), DurableError> {
        let name = name(object, TMP);
        let tmp = self.open_file(&name, OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC)?;
        let written = tmp.write_all_at(bytes, 0).and_then(|()| tmp.sync_all());
        written.map_err(|error| self.refused("write", &name, error))
    }

    /// Puts it in its place.
    pub(crate) fn publish(&self, object: u64, flags: RenameFlags) -> Result<(), DurableError> {
        let (tmp, head) = (name(object, TMP), name(object, HEAD));
        let renamed = match rustix::fs::renameat_with(&self.dir, &tmp, &self.dir, &head, flags) {
            // Not every file system has the flag; nobody else gives numbers here.
            Err(Errno::INVAL) => rustix::fs::renameat(&self.dir, &tmp, &self.dir, &head),
            renamed => renamed,
        };
        renamed.map_err(|error| self.refused("replace", &head, error))?;
        self.sync()
    }

    /// Opens an ordinary file, or makes it.
    pub(crate) fn open_file(&self, name: &str, flags: OFlags) -> Result<File, DurableError> {
        let told = |error: Errno| self.refused("open", name, error);
        let file = File::from(rustix::fs::openat(&self.dir, name, flags | PLAIN, OWNER_ONLY).map_err(told)?);
        let stat = rustix::fs::fstat(&file).map_err(told)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            let path = self.path.join(name).display().to_string();
            return Err(DurableError::File { path, what: "is not an ordinary file" });
        }
        // The flag was for the opening; programs get this description.
        let flags = rustix::fs::fcntl_getfl(&file).map_err(told)?;
        rustix::fs::fcntl_setfl(&file, flags.difference(OFlags::NONBLOCK)).map_err(told)?;
        Ok(file)
    }

    /// Opens a file of ours whose mode keeps us from it, and leaves it with that mode. A kill in between leaves it with
    /// ours; the head has the object's.
    pub(crate) fn open_forbidden(&self, name: &str) -> Result<File, DurableError> {
        let told = |error: Errno| self.refused("open", name, error);
        let stat = rustix::fs::statat(&self.dir, name, AtFlags::SYMLINK_NOFOLLOW).map_err(told)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(told(Errno::ACCESS));
        }
        rustix::fs::chmodat(&self.dir, name, OWNER_ONLY, AtFlags::empty()).map_err(told)?;
        let file = self.open_file(name, OFlags::RDWR);
        let mode = Mode::from_raw_mode(stat.st_mode);
        rustix::fs::chmodat(&self.dir, name, mode, AtFlags::empty()).map_err(told)?;
        file
    }

    fn refused(&self, what: &'static str, name: &str, error: impl Into<io::Error>) -> DurableError {
        refused(what, &self.path.join(name), error)
    }
}
