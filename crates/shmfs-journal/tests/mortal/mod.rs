//! Pages whose writer is killed after so many writes, and what is true all the time.
#![allow(dead_code, reason = "each test uses some of it")]

use shmfs_abi::Errno;
use shmfs_journal::{Journal, Pages, Record, RecordId, VecPages};
use std::collections::{BTreeMap, BTreeSet};

/// Writes after the last one have no effect; the last one, if it is of many bytes, has half of it.
#[derive(Debug)]
pub struct Mortal {
    pub pages: VecPages,
    /// Writes, stores and growths that are left.
    pub left: usize,
    /// Those that were made.
    pub made: usize,
    /// Stores among them.
    pub stores: usize,
}

impl Mortal {
    pub fn new(pages: VecPages, left: usize) -> Mortal {
        Mortal { pages, left, made: 0, stores: 0 }
    }

    pub fn is_dead(&self) -> bool {
        self.left == 0
    }

    fn step(&mut self) -> bool {
        let lives = self.left > 0;
        if lives {
            self.left -= 1;
            self.made += 1;
        }
        lives
    }
}

impl Pages for Mortal {
    fn len(&self) -> usize {
        self.pages.len()
    }

    fn grow(&mut self, len: usize) -> Result<(), Errno> {
        if self.step() { self.pages.grow(len) } else { Ok(()) }
    }

    fn read(&self, at: usize, bytes: &mut [u8]) {
        self.pages.read(at, bytes);
    }

    fn write(&mut self, at: usize, bytes: &[u8]) {
        if self.step() {
            let whole = if self.left == 0 { bytes.len() / 2 } else { bytes.len() };
            self.pages.write(at, &bytes[..whole]);
        }
    }

    fn load(&self, at: usize) -> u64 {
        self.pages.load(at)
    }

    fn store(&mut self, at: usize, value: u64) {
        if self.step() {
            self.stores += 1;
            self.pages.store(at, value);
        }
    }
}

pub type Records = BTreeMap<RecordId, Record>;

/// Records by id; none twice.
pub fn by_id(records: Vec<Record>) -> Records {
    let count = records.len();
    let records: Records = records.into_iter().map(|record| (record.id(), record)).collect();
    assert_eq!(records.len(), count, "a record came twice");
    records
}

/// A plain journal.
#[derive(Clone, Default, Debug)]
pub struct Model {
    pub records: Records,
    pub intents: Records,
    next: Records,
    next_intents: Records,
    removed: BTreeSet<RecordId>,
    pub dirty: bool,
}

impl Model {
    pub fn put(&mut self, record: Record) {
        let next = if matches!(record, Record::Intent(..)) { &mut self.next_intents } else { &mut self.next };
        next.insert(record.id(), record);
        self.dirty = true;
    }

    pub fn remove(&mut self, id: RecordId) {
        if self.holds(id) {
            self.next.remove(&id);
            self.next_intents.remove(&id);
            self.removed.insert(id);
            self.dirty = true;
        }
    }

    pub fn holds(&self, id: RecordId) -> bool {
        let is_old = self.intents.contains_key(&id) && !self.removed.contains(&id);
        self.next.contains_key(&id) || self.next_intents.contains_key(&id) || is_old
    }

    pub fn commit(&mut self) {
        if self.dirty {
            self.records = self.next.clone();
            self.intents = std::mem::take(&mut self.next_intents);
            self.removed.clear();
            self.dirty = false;
        }
    }

    pub fn abandon(&mut self) {
        self.next = self.records.clone();
        self.next_intents.clear();
        self.removed.clear();
        self.dirty = false;
    }

    /// Everything that must be found.
    pub fn settled(&self) -> Records {
        self.records.iter().chain(&self.intents).map(|(id, record)| (*id, record.clone())).collect()
    }
}

/// Puts records and commits them.
pub fn commit_all<P: Pages>(journal: &mut Journal<P>, records: &[Record]) {
    records.iter().for_each(|record| journal.put(record).unwrap());
    journal.commit();
}
