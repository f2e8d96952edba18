//! The state directory: the files of a store's durable objects.
//!
//! | file | what |
//! |---|---|
//! | `N.pages` | the bytes of object N, and nothing else |
//! | `N.undo` | its undo log |
//! | `N.head` | its [`Head`]: there is an object N as long as there is this file |
//! | `N.head.tmp` | a head that was being written; without `N.head`, N was being created |
//! | `N.gone` | N was being removed |
//! | `lock` | locked by the daemon that uses the directory |
//!
//! Numbers are decimal. What is there without a head has a mark that says why, written before everything that it
//! speaks of: without one, nothing is ever taken for a leftover of ours ([`Scan`](crate::Scan)).
//!
//! Owns: the files and the order in which they come and go.
//! Leaves to others: what is in them (`head`, `undo`), which numbers are given (the broker).

use crate::files::{GONE, HEAD, LOCK, PAGES, TMP, UNDO, lengthen, name, refused};
use crate::head::{HEAD_BYTES, Head};
use crate::medium::read_full;
use crate::{DurableError, Undo, lock_editor};
use rustix::fs::{Mode, OFlags, RenameFlags};
use rustix::io::Errno;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

/// The directory in which a store keeps its durable objects.
///
/// ```
/// # let folder = std::env::temp_dir().join(format!("shmfs-state-{}", std::process::id()));
/// let state = shmfs_durable::StateDir::open(&folder).unwrap();
/// let lock = state.lock().unwrap();
/// assert!(state.lock().is_err(), "one daemon at a time");
/// assert!(state.scan().unwrap().objects.is_empty());
/// # std::fs::remove_dir_all(folder).unwrap();
/// ```
#[derive(Debug)]
pub struct StateDir {
    pub(crate) path: PathBuf,
    pub(crate) dir: OwnedFd,
}

impl StateDir {
    /// The directory; it is made if it is not there, for its owner only.
    ///
    /// # Errors
    /// As `mkdir(2)` and `open(2)`.
    pub fn open(path: impl AsRef<Path>) -> Result<StateDir, DurableError> {
        let path = path.as_ref().to_owned();
        match rustix::fs::mkdir(&path, Mode::RWXU) {
            Ok(()) => {
                let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
                let parent = File::open(parent.unwrap_or(Path::new(".")));
                let synced = parent.and_then(|parent| parent.sync_all());
                synced.map_err(|error| refused("make", &path, error))?;
            }
            Err(Errno::EXIST) => {}
            Err(error) => return Err(refused("make", &path, error)),
        }
        let flags = OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::RDONLY;
        match rustix::fs::open(&path, flags, Mode::empty()) {
            Ok(dir) => Ok(StateDir { path, dir }),
            Err(error) => Err(refused("open", &path, error)),
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The daemon's lock: held as long as the description of this file is open anywhere.
    ///
    /// # Errors
    /// [`DurableError::Busy`] when another description holds it; as `open(2)` and `flock(2)`.
    pub fn lock(&self) -> Result<File, DurableError> {
        let lock = self.open_file(LOCK, OFlags::RDWR | OFlags::CREATE)?;
        match lock_editor(&lock, false) {
            Ok(true) => Ok(lock),
            Ok(false) => Err(DurableError::Busy { path: self.path.display().to_string() }),
            Err(error) => Err(refused("lock", &self.path, error)),
        }
    }

    /// Where the pages of an object are.
    pub fn pages_path(&self, object: u64) -> PathBuf {
        self.path.join(name(object, PAGES))
    }

    /// Where its undo log is.
    pub fn undo_path(&self, object: u64) -> PathBuf {
        self.path.join(name(object, UNDO))
    }

    /// The pages of an object, by a description of its own, whatever mode the file has: it may be the object's.
    ///
    /// # Errors
    /// As `open(2)`; [`DurableError::File`].
    pub fn open_pages(&self, object: u64) -> Result<File, DurableError> {
        let pages = self.open_file(&name(object, PAGES), OFlags::RDWR);
        match pages {
            Err(error) if error.errno() == shmfs_abi::Errno::EACCES => {
                self.open_forbidden(&name(object, PAGES))
            }
            pages => pages,
        }
    }

    /// Its undo log, by a description of its own: an editor's lock belongs to one.
    ///
    /// # Errors
    /// As [`StateDir::open_pages`].
    pub fn open_undo(&self, object: u64) -> Result<File, DurableError> {
        self.open_file(&name(object, UNDO), OFlags::RDWR)
    }

    /// Its head.
    ///
    /// # Errors
    /// As `open(2)` and `read(2)`; as [`Head::decode`].
    pub fn read_head(&self, object: u64) -> Result<Head, DurableError> {
        let file = self.open_file(&name(object, HEAD), OFlags::RDONLY)?;
        let mut bytes = vec![0; HEAD_BYTES + 1];
        let len = read_full(&file, &mut bytes, 0).map_err(|error| DurableError::io("read a head", error))?;
        Head::decode(object, &bytes[..len])
    }

    /// Makes an object of that head, all zeros, and an empty undo log. Its room on the disk is taken, where the file
    /// system can do so: a store into it then needs no more. It is there, wholly, when this returns; before, it is a
    /// leftover. The pages and the undo log, by descriptions of their own.
    ///
    /// # Errors
    /// `EEXIST` if there is anything of that number; `ENOSPC`; as the kernel makes, writes and syncs files. What was
    /// made is removed again.
    pub fn create(&self, object: u64, head: &Head) -> Result<(File, File), DurableError> {
        let bytes = head.encode(object)?;
        for end in [HEAD, GONE, PAGES, UNDO] {
            if self.exists(&name(object, end))? {
                return Err(refused("make anew", &self.path.join(name(object, end)), Errno::EXIST));
            }
        }
        let made = self.create_files(object, head, &bytes);
        if made.is_err() {
            // What cannot be removed is a leftover, and says so.
            let _ = self.discard(object, TMP);
        }
        made
    }

    fn create_files(&self, object: u64, head: &Head, bytes: &[u8]) -> Result<(File, File), DurableError> {
        self.write_tmp(object, bytes)?;
        self.sync()?;
        let new = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL;
        let pages = self.open_file(&name(object, PAGES), new)?;
        lengthen(&pages, head.size)?;
        let undo = self.open_file(&name(object, UNDO), new)?;
        Undo::create(&undo, object)?;
        self.sync()?;
        self.publish(object, RenameFlags::NOREPLACE)?;
        Ok((pages, undo))
    }

    /// Writes another head of an object that has one: name, owner or mode have changed.
    ///
    /// # Errors
    /// `ENOENT` if it has none; as the kernel writes and syncs. The old one is there then, or the new one.
    pub fn write_head(&self, object: u64, head: &Head) -> Result<(), DurableError> {
        let bytes = head.encode(object)?;
        if !self.exists(&name(object, HEAD))? {
            return Err(refused("replace", &self.path.join(name(object, HEAD)), Errno::NOENT));
        }
        self.write_tmp(object, &bytes)?;
        self.publish(object, RenameFlags::empty())
    }

    /// Makes the object as long as the head says, and writes the head. The pages are never shorter than the head says
    /// in between. A size is not part of an edit: nobody may be editing, and what an editor that has ended left half
    /// done is rolled back first.
    ///
    /// # Errors
    /// [`DurableError::BeingEdited`]; as [`StateDir::recover`] and [`StateDir::write_head`]; `ENOSPC`. The pages may be
    /// longer than they were then, by zeros.
    pub fn resize(&self, object: u64, head: &Head) -> Result<(), DurableError> {
        let (pages, undo) = (self.open_pages(object)?, self.open_undo(object)?);
        let told = |error| refused("resize", &self.pages_path(object), error);
        if !lock_editor(&undo, false).map_err(told)? {
            return Err(DurableError::BeingEdited { object });
        }
        Undo::open(&undo, object)?.roll_back(&pages)?;
        let len = pages.metadata().map_err(told)?.len();
        if len < head.size.0 {
            lengthen(&pages, head.size)?;
        }
        self.write_head(object, head)?;
        if len > head.size.0 {
            pages.set_len(head.size.0).and_then(|()| pages.sync_all()).map_err(told)?;
        }
        // The lock goes with the file.
        drop(undo);
        Ok(())
    }

    /// Removes an object. It is gone, wholly, from the moment at which its head is; before this returns, files of it
    /// may be leftovers.
    ///
    /// # Errors
    /// `ENOENT` if there is none; as the kernel renames and unlinks.
    pub fn remove(&self, object: u64) -> Result<(), DurableError> {
        let (head, gone) = (name(object, HEAD), name(object, GONE));
        let renamed = rustix::fs::renameat(&self.dir, &head, &self.dir, gone);
        renamed.map_err(|error| refused("remove", &self.path.join(head), error))?;
        self.sync()?;
        self.discard(object, GONE)
    }

    /// Removes the pages and the undo log of an object without a head, and then the mark that says why.
    pub(crate) fn discard(&self, object: u64, mark: &str) -> Result<(), DurableError> {
        for end in [PAGES, UNDO] {
            self.unlink(&name(object, end))?;
        }
        self.sync()?;
        self.unlink(&name(object, mark))
    }
}
