//! The front of an undo log: two pages with a commit slot each, and the mark.
//!
//! | at | bytes | what |
//! |---|---|---|
//! | 0 | 4096 | page 0, for even epochs |
//! | 4096 | 4096 | page 1, for odd epochs |
//! | 8192 | | the records |
//!
//! | in a page at | bytes | what |
//! |---|---|---|
//! | 0 | 32 | the commit slot |
//! | 1024 | 32 | the mark of the epoch that this page's next slot will commit |
//! | 2048 | 32 | the commit slot again |
//!
//! All else is zero. The whole slot with the highest epoch counts. A commit writes the page that does not hold it, so
//! a torn one leaves it; the second copy lies in another sector, so damage to one does not take a commit back.
//!
//! Owns: the layout of the front, and which slot counts.
//! Leaves to others: when it is written (`undo`), records (`log`).

use crate::DurableError;
use crate::mark::{MARK_BYTES, Mark};
use crate::medium::{Medium, read_full};
use crate::record::RECORDS_AT;
use crate::slot::{Found, SLOT_BYTES, Slot, VERSION};

/// Bytes of a page of the front.
pub(crate) const PAGE: usize = 4096;

const FRONT: usize = 2 * PAGE;
const AT_COPIES: [usize; 2] = [0, 2048];
const AT_MARK: usize = 1024;

const _: () = assert!(FRONT as u64 == RECORDS_AT && AT_COPIES[0] + SLOT_BYTES <= AT_MARK);
const _: () = assert!(AT_MARK + MARK_BYTES <= AT_COPIES[1] && AT_COPIES[1] + SLOT_BYTES <= PAGE);

/// The page of an epoch's slot, and of the mark of its records.
const fn page_of(epoch: u64) -> usize {
    (epoch % 2) as usize
}

/// The front as it was read, or as this process wrote it.
#[derive(Debug)]
pub(crate) struct Front {
    bytes: Box<[u8]>,
    /// The slot that counts.
    pub(crate) slot: Slot,
    /// The mark of the epoch after it.
    pub(crate) mark: Option<Mark>,
}

impl Front {
    /// A log in which nothing was ever committed.
    pub(crate) fn first(object: u64) -> Front {
        let slot = Slot { epoch: 0, object };
        Front { bytes: Box::new([0; FRONT]), slot, mark: None }.whole()
    }

    /// Reads it.
    pub(crate) fn read(log: &impl Medium, object: u64) -> Result<Front, DurableError> {
        let front = Front::glance(log, object)?;
        let marks = [0, 1].map(|page| Mark::decode(&front.bytes[page * PAGE + AT_MARK..]));
        let live = front.slot.epoch.checked_add(1);
        // Records are only ever made after the slot of the epoch before them was on the disk.
        let ahead = |mark: &Mark| live.is_some_and(|live| mark.epoch > live);
        if let Some(mark) = marks.into_iter().flatten().find(ahead) {
            return Err(DurableError::SlotLost { slot: front.slot.epoch, found: mark.epoch });
        }
        let mark = live.and_then(|live| marks[page_of(live)].filter(|mark| mark.epoch == live));
        Ok(Front { mark, ..front }.whole())
    }

    /// Reads the slots only: an editor may be writing at the same time.
    pub(crate) fn glance(log: &impl Medium, object: u64) -> Result<Front, DurableError> {
        let mut bytes: Box<[u8]> = Box::new([0; FRONT]);
        let found =
            read_full(log, &mut bytes, 0).map_err(|error| DurableError::io("read the undo log", error))?;
        if found < FRONT {
            return Err(DurableError::LogCut { len: found as u64 });
        }
        let slot = newest(&bytes)?;
        if slot.object != object {
            return Err(DurableError::OtherObject { found: slot.object, expected: object });
        }
        Ok(Front { bytes, slot, mark: None })
    }

    /// Both pages as they were found, but for the slot, which is in both its copies. Writing them changes nothing that
    /// counts, at whatever byte it is cut.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The page that commits the slot, and where it goes. The page of the slot before it stays.
    pub(crate) fn commit(&mut self, slot: Slot) -> (&[u8], u64) {
        self.page(slot.epoch, Some(slot), None)
    }

    /// The page that takes back what [`Front::commit`] gave for the epoch, and where it goes.
    pub(crate) fn void(&mut self, epoch: u64, mark: Mark) -> (&[u8], u64) {
        self.page(epoch, None, Some(mark))
    }

    /// The mark's bytes, and where they go.
    pub(crate) fn set_mark(&mut self, mark: Mark) -> (&[u8], u64) {
        let at = page_of(mark.epoch) * PAGE + AT_MARK;
        let place = &mut self.bytes[at..at + MARK_BYTES];
        place.copy_from_slice(&mark.encode());
        (place, at as u64)
    }

    /// A page with a slot, or with a mark, and with nothing else.
    fn page(&mut self, epoch: u64, slot: Option<Slot>, mark: Option<Mark>) -> (&[u8], u64) {
        let at = page_of(epoch) * PAGE;
        let page = &mut self.bytes[at..at + PAGE];
        page.fill(0);
        for copy in AT_COPIES {
            if let Some(slot) = slot {
                page[copy..copy + SLOT_BYTES].copy_from_slice(&slot.encode());
            }
        }
        if let Some(mark) = mark {
            page[AT_MARK..AT_MARK + MARK_BYTES].copy_from_slice(&mark.encode());
        }
        (page, at as u64)
    }

    fn whole(mut self) -> Front {
        let slot = self.slot;
        self.commit(slot);
        self
    }
}

/// The whole slot with the highest epoch.
fn newest(bytes: &[u8]) -> Result<Slot, DurableError> {
    let mut newest: Option<Slot> = None;
    for (page, at) in [0, 1].into_iter().flat_map(|page| AT_COPIES.map(|at| (page, page * PAGE + at))) {
        match Slot::decode(&bytes[at..]) {
            Found::Version(found) => return Err(DurableError::Version { found, ours: VERSION }),
            Found::Slot(slot) if page_of(slot.epoch) == page => {
                newest = newest.filter(|other| other.epoch >= slot.epoch).or(Some(slot));
            }
            Found::Slot(_) | Found::Nothing => {}
        }
    }
    newest.ok_or(DurableError::NoSlot)
}
