//! The live records of an undo log: those of the epoch after the committed one.
//!
//! They are one behind the other from [`RECORDS_AT`] on, and the first that is not whole or not the next one ends
//! them: it was being written when its writer died, and the edit that it was for has not begun. What is behind is
//! of no meaning. The mark says how many there must be at least.
//!
//! Owns: which records live, the bounds of the log.
//! Leaves to others: reading one (`record`), when they are written and applied (`undo`).

use crate::DurableError;
use crate::front::Front;
use crate::mark::Mark;
use crate::medium::Medium;
use crate::record::{Link, RECORDS_AT, Record, Sheet};
use crate::saved::Saved;

/// The most bytes of a log: what one epoch can change. 1 TiB.
pub const LOG_BYTES: u64 = 1 << 40;

/// The most records of one epoch.
pub const RECORDS: usize = 1 << 22;

/// The records of one epoch, as far as they are known to be whole.
#[derive(Debug)]
pub(crate) struct Live {
    /// Where each is.
    places: Vec<u64>,
    /// Where the next would be.
    end: u64,
    /// What it would have to name.
    next: Link,
    /// What they hold, as far as they are on the disk.
    pub(crate) saved: Saved,
}

/// How far the records went, to go back to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Point {
    records: usize,
    end: u64,
    next: Link,
}

impl Live {
    /// No record of the epoch after the one of the slot. Nothing can follow the last epoch there is.
    pub(crate) fn none(front: &Front) -> Live {
        let next = Link { epoch: front.slot.epoch.saturating_add(1), sequence: 0, before: front.slot.crc() };
        Live { places: Vec::new(), end: RECORDS_AT, next, saved: Saved::default() }
    }

    /// Reads them.
    pub(crate) fn read(log: &impl Medium, front: &Front, sheet: &mut Sheet) -> Result<Live, DurableError> {
        let mut live = Live::none(front);
        let io = |error| DurableError::io("read the undo log", error);
        // Whoever writes records has committed the epoch before them.
        let ahead = |record: &Record| record.link.sequence == 0 && record.link.epoch > live.next.epoch;
        if let Some(record) = sheet.read(log, RECORDS_AT, ahead).map_err(io)? {
            return Err(DurableError::SlotLost { slot: front.slot.epoch, found: record.link.epoch });
        }
        let mut marked = front.mark.is_none();
        while live.has_room(1, 1) {
            let next = live.next;
            let Some(record) = sheet.read(log, live.end, |record| record.link == next).map_err(io)? else {
                break;
            };
            live.push(&record);
            live.saved.insert(record.range());
            let mark = front.mark.as_ref();
            marked |=
                mark.is_some_and(|mark| (mark.records as usize, mark.last) == (live.count(), record.crc));
        }
        match front.mark {
            Some(mark) if !marked => {
                Err(DurableError::RecordsLost { synced: mark.records, found: live.count() as u64 })
            }
            _ => Ok(live),
        }
    }

    /// That all of them are on the disk.
    pub(crate) fn mark(&self) -> Mark {
        Mark { epoch: self.next.epoch, records: self.next.sequence, last: self.next.before }
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.places.len()
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Where the next is to be, and what it names.
    pub(crate) fn next(&self) -> (u64, Link) {
        (self.end, self.next)
    }

    /// Whether that many records of that many bytes together can follow.
    pub(crate) fn has_room(&self, bytes: u64, records: u64) -> bool {
        bytes <= LOG_BYTES.saturating_sub(self.end) && records <= (RECORDS - self.places.len()) as u64
    }

    /// Bytes that are left.
    pub(crate) fn room(&self) -> u64 {
        LOG_BYTES.saturating_sub(self.end)
    }

    /// One more; what it holds is not in `saved` before it is on the disk.
    pub(crate) fn push(&mut self, record: &Record) {
        self.places.push(self.end);
        self.end += record.size();
        self.next = Link { sequence: self.next.sequence + 1, before: record.crc, ..self.next };
    }

    /// How far they go.
    pub(crate) fn point(&self) -> Point {
        Point { records: self.places.len(), end: self.end, next: self.next }
    }

    /// Forgets what came after.
    pub(crate) fn back_to(&mut self, point: Point) {
        self.places.truncate(point.records);
        (self.end, self.next) = (point.end, point.next);
    }

    /// Where they are, the last one first.
    pub(crate) fn backwards(&self) -> impl Iterator<Item = (u32, u64)> {
        self.places.iter().enumerate().rev().map(|(sequence, at)| (sequence as u32, *at))
    }
}
