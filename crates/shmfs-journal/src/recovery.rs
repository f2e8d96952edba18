//! What a journal holds after whoever wrote it was killed.
//!
//! Of several versions of a record the highest committed transaction wins. Rows of the transaction that was not
//! committed, superseded ones and tombstones are left over. A row that is not whole is left out, and the tally of the
//! last commit tells whether it is missed.
//!
//! Owns: what is believed. Leaves to others: freeing what is left over (`journal`).

use crate::body;
use crate::layout::{
    AT_COMMITTED, AT_DONE, AT_HIGH, AT_MAGIC, AT_SHAPE, MAGIC, PAGE, ROW, ROWS, VERSION, row_at, unguard,
};
use crate::record::{Record, RecordId};
use crate::row::Sheet;
use crate::tally::Tally;
use crate::versions::{Index, Place, Version};
use crate::{Broken, Pages};

/// Everything that a journal holds.
pub(crate) struct Survey {
    pub(crate) committed: u64,
    pub(crate) high: u32,
    pub(crate) tally: Tally,
    pub(crate) index: Index,
    pub(crate) intents: Vec<Place>,
    pub(crate) records: Vec<Record>,
    pub(crate) free: Vec<u32>,
    pub(crate) stale: Vec<u32>,
    pub(crate) tombstones: Vec<u32>,
}

/// Whether the pages are a journal of this version.
///
/// # Errors
/// [`Broken`] says what they are.
pub fn is_journal<P: Pages + ?Sized>(pages: &P) -> Result<(), Broken> {
    if pages.len() < PAGE || pages.load(AT_MAGIC) != MAGIC {
        return Err(Broken::Magic);
    }
    let shape = pages.load(AT_SHAPE);
    let (version, row_bytes) = (shape as u32, (shape >> 32) as u32);
    if version != VERSION {
        return Err(Broken::version(version));
    }
    if row_bytes as usize != ROW {
        return Err(Broken::RowBytes { found: row_bytes });
    }
    Ok(())
}

/// What a row is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    Free,
    /// Of no use any more.
    Stale,
    /// It is not whole.
    Damaged,
    /// The version of a record that has won so far, with its checksum; the intents apart.
    Value(u32),
    Intent(u32),
    Tombstone,
}

struct Surveyor<'p, P> {
    pages: &'p P,
    committed: u64,
    /// Whether the intents of the last commit are open.
    open: bool,
    index: Index,
    sheet: Sheet,
    uses: Vec<Use>,
}

impl Survey {
    pub(crate) fn of<P: Pages>(pages: &P) -> Result<Survey, Broken> {
        is_journal(pages)?;
        let word = |at, what| unguard(pages.load(at)).ok_or(Broken::Header(what));
        let committed = word(AT_COMMITTED, "the last committed transaction")?;
        let done = word(AT_DONE, "the last transaction that was carried out")?;
        let high = word(AT_HIGH, "the rows that were used")?;
        if done > committed {
            return Err(Broken::Header("what was carried out was not committed"));
        }
        let high = u32::try_from(high).ok().filter(|&high| high <= ROWS);
        let high = high.ok_or(Broken::Header("more rows were used than there may be"))?;
        if pages.len() < row_at(high) {
            return Err(Broken::Short { len: pages.len(), needed: row_at(high) });
        }
        let expected = Tally::read(pages, committed);
        let mut surveyor = Surveyor {
            pages,
            committed,
            open: done < committed,
            index: Index::default(),
            sheet: Sheet::new(),
            uses: vec![Use::Free; high as usize],
        };
        for row in 0..high {
            let found = surveyor.look_at(row)?;
            surveyor.mark(row, found);
        }
        let tally = surveyor.compare(expected)?;
        surveyor.gather(tally)
    }
}

impl<P: Pages> Surveyor<'_, P> {
    /// Finds out what a row is, and which version of its record wins so far.
    fn look_at(&mut self, row: u32) -> Result<Use, Broken> {
        let word = self.pages.load(row_at(row));
        if word == 0 {
            return Ok(Use::Free);
        }
        let Some(tx) = unguard(word).filter(|&tx| tx != 0 && tx <= self.committed + 1) else {
            return Ok(Use::Damaged);
        };
        if tx > self.committed {
            return Ok(Use::Stale);
        }
        let Some(whole) = self.sheet.read(self.pages, row) else { return Ok(Use::Damaged) };
        let id = body::id(whole.kind, whole.tombstone, whole.body);
        let id = id.map_err(|what| Broken::Senseless { row, what: what.0 })?;
        let is_intent = matches!(id, RecordId::Intent(_));
        let found = match (whole.tombstone, is_intent) {
            (false, false) => Use::Value(whole.crc),
            (false, true) if tx == self.committed && self.open => Use::Intent(whole.crc),
            (true, false) => Use::Tombstone,
            // Intents of former transactions need no tombstone.
            (_, true) => return Ok(Use::Stale),
        };
        let version = Version { row, crc: whole.crc };
        let place = self.index.place(id);
        if let Some(other) = self.index.at(place).settled {
            match unguard(self.pages.load(row_at(other.row))) {
                Some(of) if of >= tx => return Ok(Use::Stale),
                _ => self.mark(other.row, Use::Stale),
            }
        }
        self.index.at_mut(place).settled = Some(version);
        Ok(found)
    }

    fn mark(&mut self, row: u32, what: Use) {
        if let Some(mark) = self.uses.get_mut(row as usize) {
            *mark = what;
        }
    }

    /// Compares what has won with what was committed.
    fn compare(&self, expected: Tally) -> Result<Tally, Broken> {
        let mut tally = Tally::default();
        for found in &self.uses {
            match found {
                Use::Value(crc) => tally.records.add(*crc),
                Use::Intent(crc) => tally.intents.add(*crc),
                _ => {}
            }
        }
        let complete = tally.records == expected.records && (!self.open || tally.intents == expected.intents);
        if complete || cfg!(fuzzing) {
            return Ok(tally);
        }
        match self.uses.iter().position(|&found| found == Use::Damaged) {
            Some(row) => Err(Broken::Row { row: row as u32 }),
            None => Err(Broken::Missing {
                found: tally.records.rows + tally.intents.rows,
                committed: expected.records.rows.wrapping_add(expected.intents.rows),
            }),
        }
    }

    /// Reads the versions that have won.
    fn gather(mut self, tally: Tally) -> Result<Survey, Broken> {
        let uses = std::mem::take(&mut self.uses);
        let mut records = Vec::with_capacity((tally.records.rows + tally.intents.rows) as usize);
        let mut intents = Vec::new();
        let (mut free, mut stale, mut tombstones) = (Vec::new(), Vec::new(), Vec::new());
        for (row, found) in (0..).zip(&uses) {
            match found {
                Use::Free => free.push(row),
                Use::Stale | Use::Damaged => stale.push(row),
                Use::Value(_) | Use::Intent(_) => {
                    let whole = self.sheet.read(self.pages, row).ok_or(Broken::Row { row })?;
                    let record = body::decode(whole.kind, whole.body);
                    let record = record.map_err(|what| Broken::Senseless { row, what: what.0 })?;
                    if matches!(record, Record::Intent(..)) {
                        intents.push(self.index.place(record.id()));
                    }
                    records.push(record);
                }
                Use::Tombstone => {
                    let whole = self.sheet.read(self.pages, row).ok_or(Broken::Row { row })?;
                    let id = body::id(whole.kind, true, whole.body);
                    let place = self.index.place(id.map_err(|what| Broken::Senseless { row, what: what.0 })?);
                    self.index.at_mut(place).settled = None;
                    self.index.leave(place);
                    tombstones.push(row);
                }
            }
        }
        if self.index.find(RecordId::Store).is_none() {
            return Err(Broken::NoStore);
        }
        let (committed, high) = (self.committed, uses.len() as u32);
        Ok(Survey { committed, high, tally, index: self.index, intents, records, free, stale, tombstones })
    }
}
