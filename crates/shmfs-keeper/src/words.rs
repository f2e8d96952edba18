//! The words of the journal's header that keeper and broker share, as the keeper reaches them.
//!
//! Owns: a mapping of the header alone. Leaves to others: the rows, and which word is where (`shmfs_journal::state`).

use crate::KeepError;
use rustix::fd::RawFd;
use shmfs_abi::{Errno, PAGE_SIZE, Pid};
use shmfs_journal::state::{self, Word};
use shmfs_journal::{Pages, is_journal};
use shmfs_sys::fd;
use shmfs_sys::map::SharedMap;
use std::sync::atomic::Ordering::{Acquire, Release};

/// The header of a journal.
#[derive(Debug)]
pub(crate) struct Words(SharedMap);

impl Words {
    /// Maps the header of the journal with this number.
    pub(crate) fn of(journal: RawFd) -> Result<Words, KeepError> {
        let map = fd::with_number(journal, |file| SharedMap::new(file, PAGE_SIZE as usize));
        let words = Words(map.map_err(KeepError::kernel("the journal's pages"))?);
        is_journal(&words)?;
        Ok(words)
    }

    pub(crate) fn get(&self, word: Word) -> u64 {
        state::get(self, word)
    }

    pub(crate) fn set(&mut self, word: Word, value: u64) {
        state::set(self, word, value);
    }

    /// The process of [`Word::Keeper`] or [`Word::Broker`]; 0 for none.
    pub(crate) fn process(&self, word: Word) -> Pid {
        Pid(i32::try_from(self.get(word)).unwrap_or(0))
    }

    /// Notes a process there.
    pub(crate) fn set_process(&mut self, word: Word, Pid(number): Pid) {
        self.set(word, u64::from(number.unsigned_abs()));
    }

    /// The request that is being served, by connection and sequence number.
    pub(crate) fn busy(&self) -> (u64, u64) {
        (self.get(Word::Busy), self.get(Word::BusySequence))
    }
}

impl Pages for Words {
    fn len(&self) -> usize {
        self.0.len()
    }

    /// The header is all that there is here.
    fn grow(&mut self, len: usize) -> Result<(), Errno> {
        if len <= self.0.len() { Ok(()) } else { Err(Errno::EINVAL) }
    }

    fn read(&self, at: usize, bytes: &mut [u8]) {
        self.0.read_bytes(at, bytes);
    }

    fn write(&mut self, at: usize, bytes: &[u8]) {
        self.0.write_bytes(at, bytes);
    }

    fn load(&self, at: usize) -> u64 {
        self.0.atomic_u64(at).load(Acquire)
    }

    fn store(&mut self, at: usize, value: u64) {
        self.0.atomic_u64(at).store(value, Release);
    }
}
