//! A journal that is being written.
//!
//! A transaction writes versions of records into free rows. One store commits it; then what it supersedes is freed.
//! Whoever is killed before that store has changed nothing, and after it everything: [`Journal::open`] frees what is
//! left over in both cases.
//!
//! Owns: the order of the stores. Leaves to others: finding out what is there (`recovery`).

use crate::layout::{
    AT_COMMITTED, AT_DONE, AT_HIGH, AT_MAGIC, AT_SHAPE, LARGEST, MAGIC, PAGE, SHAPE, guard, row_at, rows_in,
};
use crate::record::{Record, RecordId};
use crate::recovery::Survey;
use crate::row::{Sheet, TOMBSTONE};
use crate::rows::{self, Rows};
use crate::tally::{Count, Tally};
use crate::versions::{Index, Open, Place, Version};
use crate::{Broken, Pages, body};
use shmfs_abi::Errno;

/// What a store must not forget when its broker is killed.
///
/// ```
/// use shmfs_journal::{Journal, RecordId, VecPages};
///
/// let journal = Journal::create(VecPages::default()).unwrap();
/// assert!(!journal.holds(RecordId::Store) && !journal.is_dirty());
/// ```
#[derive(Debug)]
pub struct Journal<P: Pages> {
    pages: P,
    rows: Rows,
    index: Index,
    /// The last committed transaction.
    committed: u64,
    /// Of the last commit.
    tally: Tally,
    /// Of the open transaction.
    next: Tally,
    /// Records of which the open transaction spoke, and whether they are intents.
    touched: Vec<(Place, bool)>,
    /// Intents of the last commit that are not carried out.
    intents: Vec<Place>,
    dirty: bool,
    sheet: Sheet,
}

impl<P: Pages> Journal<P> {
    /// An empty journal, whatever the pages hold. It can be opened once a [`Record::Store`] is committed.
    ///
    /// # Errors
    /// As the pages grow.
    pub fn create(mut pages: P) -> Result<Journal<P>, Errno> {
        if rows_in(pages.len()) == 0 {
            rows::grow(&mut pages, 0)?;
        }
        pages.store(AT_MAGIC, 0);
        pages.write(0, &[0; PAGE]);
        pages.store(AT_SHAPE, SHAPE);
        for at in [AT_COMMITTED, AT_DONE, AT_HIGH] {
            pages.store(at, guard(0));
        }
        Tally::default().write(&mut pages, 0);
        pages.store(AT_MAGIC, MAGIC);
        Ok(Journal::new(pages, Rows::new(0, Vec::new()), Index::default(), 0))
    }

    /// All records as of the last commit, in no order; its intents only if [`Journal::done`] was not told.
    /// What is left over of other transactions is freed.
    ///
    /// # Errors
    /// [`Broken`], and nothing is changed, if it is not certain that these are the records.
    pub fn open(mut pages: P) -> Result<(Journal<P>, Vec<Record>), Broken> {
        let Survey { committed, high, tally, index, intents, records, free, stale, tombstones } =
            Survey::of(&pages)?;
        let mut rows = Rows::new(high, free);
        // What a tombstone deletes goes before it.
        for row in stale.into_iter().chain(tombstones) {
            rows.give_back(&mut pages, row);
        }
        let mut journal = Journal::new(pages, rows, index, committed);
        (journal.tally, journal.next.records, journal.intents) = (tally, tally.records, intents);
        Ok((journal, records))
    }

    fn new(pages: P, rows: Rows, index: Index, committed: u64) -> Journal<P> {
        Journal {
            pages,
            rows,
            index,
            committed,
            tally: Tally::default(),
            next: Tally::default(),
            touched: Vec::new(),
            intents: Vec::new(),
            dirty: false,
            sheet: Sheet::new(),
        }
    }

    /// Puts a record into the open transaction. A second one with the same id replaces the first.
    ///
    /// # Errors
    /// `E2BIG` if a part of the record is longer than it may be; `ENOSPC` if there is no row; as the pages grow. The
    /// transaction is as before then.
    pub fn put(&mut self, record: &Record) -> Result<(), Errno> {
        let id = record.id();
        body::encode(record, &mut self.sheet)?;
        debug_assert_eq!(body::decode(body::kind_of(id), self.sheet.body()).as_ref(), Ok(record));
        let place = self.index.place(id);
        let row = self.open_row(place)?;
        let crc = self.sheet.write(&mut self.pages, row, self.committed + 1, body::kind_of(id), 0);
        self.set(id, place, Open::Value(Version { row, crc }));
        Ok(())
    }

    /// Takes a record out, in the open transaction; nothing if there is no such record.
    ///
    /// # Errors
    /// As [`Journal::put`].
    pub fn remove(&mut self, id: RecordId) -> Result<(), Errno> {
        let Some(place) = self.index.find(id) else { return Ok(()) };
        let versions = *self.index.at(place);
        if versions.current().is_none() {
            return Ok(());
        }
        if let (None, Open::Value(version)) = (versions.settled, versions.open) {
            self.rows.give_back(&mut self.pages, version.row);
            self.set(id, place, Open::Silent);
            return Ok(());
        }
        body::encode_tombstone(id, &mut self.sheet)?;
        let row = self.open_row(place)?;
        self.sheet.write(&mut self.pages, row, self.committed + 1, body::kind_of(id), TOMBSTONE);
        self.set(id, place, Open::Tombstone(row));
        Ok(())
    }

    /// Whether there is such a record, as of the open transaction.
    pub fn holds(&self, id: RecordId) -> bool {
        self.index.find(id).is_some_and(|place| self.index.at(place).current().is_some())
    }

    /// Whether something was put or removed since the last commit.
    pub fn is_dirty(&self) -> bool {
        self.dirty
    }

    /// Commits the open transaction, if there is one, and frees what it supersedes and the intents of the last.
    pub fn commit(&mut self) {
        if !self.dirty {
            return;
        }
        let number = self.committed + 1;
        self.next.write(&mut self.pages, number);
        // This is the commit.
        self.pages.store(AT_COMMITTED, guard(number));
        self.committed = number;
        self.tally = self.next;
        self.next.intents = Count::default();
        self.forget_intents();
        let mut touched = std::mem::take(&mut self.touched);
        for (place, is_intent) in touched.drain(..) {
            self.settle(place, is_intent);
        }
        self.touched = touched;
        self.dirty = false;
    }

    /// Forgets the open transaction.
    pub fn abandon(&mut self) {
        let mut touched = std::mem::take(&mut self.touched);
        for (place, _) in touched.drain(..) {
            let versions = self.index.at_mut(place);
            versions.touched = false;
            if let Open::Value(Version { row, .. }) | Open::Tombstone(row) =
                std::mem::take(&mut versions.open)
            {
                self.rows.give_back(&mut self.pages, row);
            }
            self.index.leave(place);
        }
        self.touched = touched;
        self.next = Tally { records: self.tally.records, intents: Count::default() };
        self.dirty = false;
    }

    /// The intents of the last commit are carried out: [`Journal::open`] gives them no more.
    pub fn done(&mut self) {
        if self.intents.is_empty() {
            return;
        }
        self.pages.store(AT_DONE, guard(self.committed));
        self.forget_intents();
    }

    /// The pages.
    pub fn pages(&self) -> &P {
        &self.pages
    }

    /// The pages, for the words outside of transactions ([`crate::state`]).
    pub fn pages_mut(&mut self) -> &mut P {
        &mut self.pages
    }

    #[cfg(test)]
    pub(crate) fn index(&self) -> &Index {
        &self.index
    }

    /// The row in which the open transaction says what becomes of a record: free.
    fn open_row(&mut self, place: Place) -> Result<u32, Errno> {
        match self.index.at(place).open {
            Open::Value(Version { row, .. }) | Open::Tombstone(row) => {
                self.pages.store(row_at(row), 0);
                Ok(row)
            }
            Open::Silent => {
                let room = self.committed < LARGEST;
                let row = if room { self.rows.take(&mut self.pages) } else { Err(Errno::EOVERFLOW) };
                row.inspect_err(|_| self.index.leave(place))
            }
        }
    }

    /// What the open transaction says of a record.
    fn set(&mut self, id: RecordId, place: Place, open: Open) {
        let is_intent = matches!(id, RecordId::Intent(_));
        let versions = self.index.at_mut(place);
        // The intents of the last commit are not among those of the next.
        let before = if is_intent { None } else { versions.settled };
        let count = if is_intent { &mut self.next.intents } else { &mut self.next.records };
        let value = |open| match open {
            Open::Silent => before,
            Open::Value(version) => Some(version),
            Open::Tombstone(_) => None,
        };
        if let Some(old) = value(versions.open) {
            count.subtract(old.crc);
        }
        if let Some(new) = value(open) {
            count.add(new.crc);
        }
        versions.open = open;
        if !std::mem::replace(&mut versions.touched, true) {
            self.touched.push((place, is_intent));
        }
        self.dirty = true;
    }

    /// After the commit: the record is what the transaction said.
    fn settle(&mut self, place: Place, is_intent: bool) {
        let versions = self.index.at_mut(place);
        versions.touched = false;
        let open = std::mem::take(&mut versions.open);
        if open == Open::Silent {
            return self.index.leave(place);
        }
        let old = versions.settled.take();
        if let Open::Value(version) = open {
            versions.settled = Some(version);
            if is_intent {
                self.intents.push(place);
            }
        }
        if let Some(old) = old {
            self.rows.give_back(&mut self.pages, old.row);
        }
        if let Open::Tombstone(row) = open {
            self.rows.give_back(&mut self.pages, row);
        }
        self.index.leave(place);
    }

    /// Frees the rows of the intents that are settled.
    fn forget_intents(&mut self) {
        for place in self.intents.drain(..) {
            if let Some(old) = self.index.at_mut(place).settled.take() {
                self.rows.give_back(&mut self.pages, old.row);
            }
            self.index.leave(place);
        }
    }
}
