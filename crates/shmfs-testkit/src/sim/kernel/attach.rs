//! What is in an attach table: the rows that broker and client share.
//!
//! The contracts are those of `shmfs_index::Table`, without its bytes.
//!
//! Owns: counts and marks. Leaves to others: their order (the broker, `actor`).

use super::{DescId, FileId, Kernel, What};
use shmfs_abi::{ClientId, ObjectId, OpenFlags, Pid, Slot, Time};
use std::collections::BTreeMap;

/// An attach table's content.
#[derive(Clone, Debug)]
pub(crate) struct Rows {
    pub(crate) client: ClientId,
    pub(crate) cookie: u64,
    pub(crate) pid: Pid,
    rows: BTreeMap<Slot, Row>,
    pub(crate) detaches: u64,
    /// The last answer that has come to the client.
    pub(crate) heard: u64,
}

#[derive(Clone, Copy, Debug)]
struct Row {
    object: ObjectId,
    count: u32,
    removed: bool,
    last: Option<(Pid, Time)>,
}

impl Rows {
    fn new(client: ClientId, cookie: u64) -> Rows {
        Rows { client, cookie, pid: Pid(0), rows: BTreeMap::new(), detaches: 0, heard: 0 }
    }

    /// The row of `slot`, taken over for `object`.
    fn row(&mut self, slot: Slot, object: ObjectId) -> &mut Row {
        let fresh = Row { object, count: 0, removed: false, last: None };
        let row = self.rows.entry(slot).or_insert(fresh);
        if row.object != object {
            *row = fresh;
        }
        row
    }

    fn find(&self, slot: Slot, object: ObjectId) -> Option<&Row> {
        self.rows.get(&slot).filter(|row| row.object == object)
    }

    pub(crate) fn attach(&mut self, slot: Slot, object: ObjectId) {
        self.row(slot, object).count += 1;
    }

    /// Lowers a count; what is left, or nothing where there was none.
    pub(crate) fn detach(&mut self, slot: Slot, pid: Pid, at: Time) -> Option<u32> {
        let row = self.rows.get_mut(&slot).filter(|row| row.count > 0)?;
        row.last = Some((pid, at));
        row.count -= 1;
        self.detaches += 1;
        Some(row.count)
    }

    /// Whether the row carries the mark of removal.
    pub(crate) fn is_removed(&self, slot: Slot) -> bool {
        self.rows.get(&slot).is_some_and(|row| row.removed)
    }

    pub(crate) fn set_count(&mut self, slot: Slot, object: ObjectId, count: u32) {
        self.row(slot, object).count = count;
    }

    pub(crate) fn mark_removed(&mut self, slot: Slot, object: ObjectId) {
        if let Some(row) = self.rows.get_mut(&slot).filter(|row| row.object == object) {
            row.removed = true;
        }
    }

    pub(crate) fn mark_ahead(&mut self, slot: Slot, object: ObjectId) {
        self.row(slot, object).removed = true;
    }

    pub(crate) fn count(&self, slot: Slot, object: ObjectId) -> u32 {
        self.find(slot, object).map_or(0, |row| row.count)
    }

    pub(crate) fn last_detach(&self, slot: Slot, object: ObjectId) -> Option<(Pid, Time)> {
        self.find(slot, object)?.last
    }

    pub(crate) fn used(&self) -> Vec<(Slot, ObjectId, u32)> {
        let used = self.rows.iter().filter(|(_, row)| row.count > 0);
        used.map(|(slot, row)| (*slot, row.object, row.count)).collect()
    }

    /// Takes one row of a parent over, as it is.
    pub(crate) fn copy_row(&mut self, slot: Slot, parent: &Rows) {
        if let Some(row) = parent.rows.get(&slot) {
            self.rows.insert(slot, Row { last: None, ..*row });
        }
    }
}

impl Kernel {
    /// Makes an attach table; one hold on a description for reading and writing.
    pub(crate) fn make_table(&mut self, client: ClientId, cookie: u64) -> DescId {
        let file = self.make_table_file(Rows::new(client, cookie));
        self.describe(What::File(file), OpenFlags::RDWR)
    }

    /// The rows of a file that is an attach table.
    pub(crate) fn rows(&self, file: FileId) -> &Rows {
        match &self.file(file).rows {
            Some(rows) => rows,
            None => unreachable!("a file is taken for an attach table"),
        }
    }

    pub(crate) fn rows_mut(&mut self, file: FileId) -> &mut Rows {
        match &mut self.file_mut(file).rows {
            Some(rows) => rows,
            None => unreachable!("a file is taken for an attach table"),
        }
    }

    pub(crate) fn is_table(&self, file: FileId) -> bool {
        self.file(file).rows.is_some()
    }
}
