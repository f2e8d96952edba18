//! Durable objects as a program edits them.
//!
//! Owns: when the editor's lock is taken and given back, which process may edit.
//! Leaves to others: the undo log, what is synced when (`shmfs-durable`), where the files are (the broker).
//! Not done: a child made by fork while its parent edits has the lock too; where the parent dies then, the next editor
//! waits for the child's end.

use crate::{Error, Mapping, Result, Store, Window};
use shmfs_abi::{Call, Errno, ObjectId, Part, Reply};
use shmfs_durable::{DurableError, Medium, Undo, lock_editor, unlock_editor};
use shmfs_sys::OwnedFd;
use std::fs::File;
use std::io;
use std::ops::{Bound, RangeBounds};

/// A durable object that this process may edit, by [`Object::durable`](crate::Object::durable).
///
/// What is edited becomes one epoch with all else that was edited since the last [`persist`](Durable::persist): after any
/// crash, of this process, of the broker or of the machine, the object is what it was at an epoch's end.
///
/// - [`edit`](Durable::edit) saves the old bytes of a range in the object's undo log, on the disk, before it returns the
///   range for writing. The first edit of an epoch waits until nobody else edits, and rolls back what an editor that has
///   died left half done.
/// - [`persist`](Durable::persist) writes the pages to the disk and commits the epoch; others may edit then.
/// - [`roll_back`](Durable::roll_back) makes the object what it was at the last epoch. So does dropping a `Durable` that
///   has edited and not persisted, and so does, for one that was killed, whoever edits next or the store when it begins.
///
/// Bytes that are stored without `edit`, by a plain mapping, have no such promise: they may be in the next epoch, or not,
/// or in part. The length is no part of an epoch either. Others see an edit when it is stored, not when it is persisted.
///
/// ```
/// use shmfs::{Lifetime, Store};
/// # let state = std::env::temp_dir().join(format!("shmfs-doc-{}", std::process::id()));
/// # let store = Store::options().state(&state).embedded()?;
/// # /*
/// let store = Store::open()?;    // of `shm daemon --state DIR`
/// # */
/// let ledger = store.object("ledger")?.lifetime(Lifetime::Durable).create(1 << 16)?;
/// let mut ledger = ledger.durable()?;
/// ledger.write(0, b"100 to Ada")?;
/// ledger.write(4096, b"100 from Bob")?;
/// assert_eq!(ledger.persist()?, 1);              // both, or neither
///
/// ledger.edit(0..3)?.fill(.., b'9')?;
/// ledger.roll_back()?;
/// assert_eq!(ledger.mapping().window(..10)?.to_vec()?, b"100 to Ada");
/// # drop((ledger, store));
/// # let _ = std::fs::remove_dir_all(state);
/// # Ok::<(), shmfs::Error>(())
/// ```
#[derive(Debug)]
pub struct Durable {
    mapping: Mapping,
    pages: File,
    undo: Undo<File>,
    /// Whether this process has the editor's lock.
    editing: bool,
    /// The process that opened it: a copy made by fork shares its lock, and must not edit.
    pid: u32,
}

impl Durable {
    /// The object of this number, which is mapped, and whose pages are behind the descriptor.
    pub(crate) fn open(store: &Store, number: ObjectId, mapping: Mapping, pages: OwnedFd) -> Result<Durable> {
        let tried = format!("cannot open the undo log of {}", mapping.label());
        let call = Call::Fetch { object: number, part: Part::Undo };
        let log = match store.ask(call, None, &tried)? {
            (Reply::Fetched { .. }, Some(log)) => File::from(log),
            (Reply::Fetched { .. }, None) => return Err(Error::kernel(Errno::EMFILE, tried)),
            _ => return Err(Error::nonsense(tried)),
        };
        // A living editor's half written record is no damage: what is live is read under the lock.
        let undo = Undo::attach(log, number.0).map_err(|error| Error::durable(&error, &mapping, "edit"))?;
        let pages = File::from(pages);
        let mut durable = Durable { mapping, pages, undo, editing: false, pid: std::process::id() };
        durable.look()?;
        Ok(durable)
    }

    /// Rolls back what an editor that has died left half done, and makes certain of the last epoch. Nobody is waited for: a
    /// living editor goes on.
    fn look(&mut self) -> Result<()> {
        if !lock_editor(self.undo.medium(), false).unwrap_or(false) {
            return Ok(());
        }
        let ready = self.ready().and_then(|()| self.undo.settle());
        self.end();
        ready.map_err(|error| Error::durable(&error, &self.mapping, "open"))
    }

    /// Reads what others have written, and rolls back what nobody will finish. The lock is held.
    fn ready(&mut self) -> std::result::Result<(), DurableError> {
        self.undo.refresh()?;
        if self.undo.is_dirty() {
            self.undo.roll_back(&self.pages)?;
        }
        Ok(())
    }

    /// Some of its bytes, for writing: their old content is on the disk when this returns.
    ///
    /// # Errors
    /// `EINVAL` for a range that is not inside; `ENOSPC` where the disk has no room for the old bytes, `EFBIG` where the
    /// epoch's log has not: nothing is lost then, and [`persist`](Durable::persist) makes room; `EPERM` in a child made by
    /// fork; `EBUSY` after a failed `persist` that only [`roll_back`](Durable::roll_back) can end.
    pub fn edit(&mut self, range: impl RangeBounds<usize>) -> Result<Window<'_>> {
        let start = match range.start_bound() {
            Bound::Included(start) => *start,
            Bound::Excluded(before) => before.saturating_add(1),
            Bound::Unbounded => 0,
        };
        let window = self.mapping.window(range)?;
        let range = start as u64..(start + window.len()) as u64;
        self.begin()?;
        let saved = self.undo.save(&self.pages, range.clone());
        saved.map_err(|error| Error::durable(&error, &self.mapping, "edit"))?;
        self.mapping.window(range.start as usize..range.end as usize)
    }

    /// Edits a range and writes it.
    ///
    /// # Errors
    /// As [`edit`](Durable::edit).
    pub fn write(&mut self, offset: usize, bytes: &[u8]) -> Result<()> {
        let end = offset.checked_add(bytes.len());
        let end = end.ok_or_else(|| Error::because(Errno::EINVAL, format!("no object has byte {offset}")))?;
        self.edit(offset..end)?.write_at(0, bytes)
    }

    /// Writes what was edited to the disk and commits it; the number of the epoch, which rises. Without an edit it syncs
    /// what was stored, and no epoch ends.
    ///
    /// # Errors
    /// `EIO`, `ENOSPC` and the like, as the disk refuses. The epoch has not ended then: persist again, or roll back.
    pub fn persist(&mut self) -> Result<u64> {
        if !self.editing {
            let synced = Medium::sync(&self.pages);
            synced
                .map_err(|error| Error::io(&error, format_args!("cannot sync {}", self.mapping.label())))?;
            return Ok(self.undo.epoch());
        }
        self.check_process()?;
        let epoch = self.undo.commit(&self.pages);
        let epoch = epoch.map_err(|error| Error::durable(&error, &self.mapping, "persist"))?;
        self.end();
        Ok(epoch)
    }

    /// Makes the object what it was when the last epoch ended; how many bytes were written back.
    ///
    /// # Errors
    /// `EIO` and the like, as the disk refuses. It can be called again; where it is not, whoever edits next does it.
    pub fn roll_back(&mut self) -> Result<u64> {
        if !self.editing {
            return Ok(0);
        }
        self.check_process()?;
        let rolled = self.undo.roll_back(&self.pages);
        let rolled = rolled.map_err(|error| Error::durable(&error, &self.mapping, "roll back"))?;
        self.end();
        Ok(rolled.restored)
    }

    /// The last epoch that has ended, as far as is known here. A roll-back ends one too, so that no two states have one
    /// number.
    pub fn epoch(&self) -> u64 {
        self.undo.epoch()
    }

    /// All of its bytes, for reading. What is written by it is no part of an edit.
    pub fn mapping(&self) -> &Mapping {
        &self.mapping
    }

    /// Takes the editor's lock, and rolls back what was left half done.
    fn begin(&mut self) -> Result<()> {
        self.check_process()?;
        if self.editing {
            return Ok(());
        }
        while let Err(error) = lock_editor(self.undo.medium(), true) {
            if error.kind() != io::ErrorKind::Interrupted {
                return Err(Error::io(
                    &error,
                    format_args!("cannot lock {} for editing", self.mapping.label()),
                ));
            }
        }
        self.editing = true;
        self.ready().map_err(|error| {
            self.end();
            Error::durable(&error, &self.mapping, "edit")
        })
    }

    /// Gives the lock back.
    fn end(&mut self) {
        // The kernel does so too, when the log is closed.
        let _ = unlock_editor(self.undo.medium());
        self.editing = false;
    }

    fn check_process(&self) -> Result<()> {
        if self.pid == std::process::id() {
            return Ok(());
        }
        let why = "it was opened before a fork, and shares its lock: open the object again in the child";
        Err(Error::because(Errno::EPERM, format!("cannot edit {}: {why}", self.mapping.label())))
    }
}

impl Drop for Durable {
    fn drop(&mut self) {
        if self.pid == std::process::id() {
            // What is not rolled back here is rolled back by whoever edits next.
            let _ = self.roll_back();
        }
    }
}

impl Error {
    fn durable(error: &DurableError, mapping: &Mapping, verb: &str) -> Error {
        Error::because(error.errno(), format!("cannot {verb} {}: {error}", mapping.label()))
    }
}
