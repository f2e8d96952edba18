//! The state directory: the files of durable objects, by number, as `shmfs-durable` lays them out.
//!
//! Each function is one call of the kernel, between any two of which a broker may be killed. Power is never cut here:
//! what is written stays written.
//!
//! Owns: which files there are. Leaves to others: the order in which they come and go (`sim::state`), their pages
//! (`file`).

use super::file::STATE_DEV;
use super::{DescId, FileId, Kernel, What};
use shmfs_abi::Errno;
use std::collections::BTreeMap;

/// An undo log, as far as others can tell: which description has the editor's lock, and whether an edit is half done.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Log {
    lock: Option<DescId>,
    pub(crate) is_dirty: bool,
    /// Whoever edits was given the log by this broker.
    pub(crate) by: u32,
}

/// The files of one number.
#[derive(Debug, Default)]
pub(crate) struct Files {
    pub(crate) pages: Option<FileId>,
    pub(crate) undo: Option<Log>,
    pub(crate) head: Option<Vec<u8>>,
    /// A head that is being written.
    pub(crate) tmp: Option<Vec<u8>>,
    /// The head of what is being removed.
    pub(crate) gone: bool,
}

/// The directory.
#[derive(Debug, Default)]
pub(crate) struct StateDir {
    pub(crate) numbers: BTreeMap<u64, Files>,
}

impl StateDir {
    fn files(&mut self, number: u64) -> &mut Files {
        self.numbers.entry(number).or_default()
    }

    /// Whether there is anything of this number but a head that is being written.
    pub(crate) fn is_taken(&self, number: u64) -> bool {
        let taken = |files: &Files| {
            files.pages.is_some() || files.undo.is_some() || files.head.is_some() || files.gone
        };
        self.numbers.get(&number).is_some_and(taken)
    }

    pub(crate) fn has_head(&self, number: u64) -> bool {
        self.numbers.get(&number).is_some_and(|files| files.head.is_some())
    }

    pub(crate) fn has_undo(&self, number: u64) -> bool {
        self.numbers.get(&number).is_some_and(|files| files.undo.is_some())
    }

    pub(crate) fn write_tmp(&mut self, number: u64, head: Vec<u8>) {
        self.files(number).tmp = Some(head);
    }

    pub(crate) fn make_undo(&mut self, number: u64) {
        self.files(number).undo = Some(Log::default());
    }

    /// Puts the head in its place.
    pub(crate) fn publish(&mut self, number: u64) -> Result<(), Errno> {
        let files = self.numbers.get_mut(&number).ok_or(Errno::ENOENT)?;
        files.head = Some(files.tmp.take().ok_or(Errno::ENOENT)?);
        Ok(())
    }

    /// The object is gone.
    pub(crate) fn withdraw(&mut self, number: u64) -> Result<(), Errno> {
        let files =
            self.numbers.get_mut(&number).filter(|files| files.head.is_some()).ok_or(Errno::ENOENT)?;
        (files.head, files.gone) = (None, true);
        Ok(())
    }

    pub(crate) fn unlink_undo(&mut self, number: u64) {
        if let Some(files) = self.numbers.get_mut(&number) {
            files.undo = None;
        }
    }

    /// Takes the marks of what has no head away.
    pub(crate) fn unlink_marks(&mut self, number: u64) {
        let Some(files) = self.numbers.get_mut(&number) else { return };
        (files.tmp, files.gone) = (None, false);
        if files.head.is_none() && files.pages.is_none() && files.undo.is_none() {
            self.numbers.remove(&number);
        }
    }
}

impl Kernel {
    fn log(&mut self, number: u64) -> Option<&mut Log> {
        self.state.numbers.get_mut(&number)?.undo.as_mut()
    }

    /// Whether somebody has the editor's lock: it goes with its description (`flock(2)`).
    pub(crate) fn is_edited(&self, log: &Log) -> bool {
        log.lock.is_some_and(|lock| self.is_held(lock))
    }

    /// Begins an edit, or commits the one that this description has begun. What a dead editor has left is rolled back
    /// first.
    pub(crate) fn edit(&mut self, number: u64, description: DescId) {
        let (Some(log), What::Undo(_, by)) = (self.log(number).copied(), self.what(description)) else {
            return;
        };
        let ours = log.lock == Some(description) && log.is_dirty;
        if !ours && self.is_edited(&log) {
            return;
        }
        if let Some(log) = self.log(number) {
            *log = if ours { Log::default() } else { Log { lock: Some(description), is_dirty: true, by } };
        }
    }

    /// Commits an edit that this description has begun.
    pub(crate) fn commit(&mut self, number: u64, description: DescId) {
        if let Some(log) = self.log(number).filter(|log| log.lock == Some(description)) {
            *log = Log::default();
        }
    }

    /// Rolls back what nobody will finish; false where somebody is editing.
    pub(crate) fn roll_back(&mut self, number: u64) -> Result<bool, Errno> {
        let log = self.log(number).copied().ok_or(Errno::ENOENT)?;
        if self.is_edited(&log) {
            return Ok(false);
        }
        if let Some(log) = self.log(number) {
            *log = Log::default();
        }
        Ok(true)
    }

    /// Makes a file of this size for the pages of an object.
    pub(crate) fn make_state_pages(&mut self, number: u64, size: u64) -> FileId {
        let file = self.new_file(STATE_DEV, size, false);
        self.relink(file, 1);
        self.state.files(number).pages = Some(file);
        file
    }

    /// Takes its name away; the pages live on where somebody holds them.
    pub(crate) fn unlink_state_pages(&mut self, number: u64) {
        let files = self.state.numbers.get_mut(&number);
        if let Some(file) = files.and_then(|files| files.pages.take()) {
            self.relink(file, -1);
        }
    }
}
