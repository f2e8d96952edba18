//! An undo log that is being written: saving and committing.
//!
//! Every step is synced before the next one begins; docs/design/durable.md says why each sync stands where it does.
//!
//! | step | what is on the disk when it is done |
//! |---|---|
//! | `save` | the newest commit slot; the old bytes. Then the caller may store |
//! | `commit` | the pages; then the slot with the next epoch, which makes the records dead |
//! | `roll_back` | the old bytes in the pages; then the slot with the next epoch |
//!
//! A sync that fails leaves Linux's page cache in a state where the next one may succeed without having written
//! anything. So after a failed sync of the pages they are only rolled back, which writes them again, and after a
//! failed commit the slot is written again, or taken back.
//!
//! Owns: the order of the writes and syncs, what may be done when.
//! Leaves to others: rolling back (`roll_back`), layouts (`front`, `record`), which records live (`log`), the editor's
//! lock (`lock`).

use crate::DurableError;
use crate::front::Front;
use crate::log::Live;
use crate::medium::{Medium, read_full};
use crate::record::{RECORD_BYTES, RECORDS_AT, Sheet, size_of_record};
use crate::slot::Slot;
use std::ops::Range;

/// Bytes that the log keeps for its next records when an epoch ends; what is longer is given back.
const KEEP_BYTES: u64 = 1 << 20;

const ENDED: &str = "whoever was editing has ended";
const UNSYNCED: &str = "their pages could not be synced";

/// The undo log of one object.
///
/// All but [`Undo::attach`], [`Undo::epoch`] and [`Undo::is_dirty`] is for whoever holds the editor's lock
/// ([`lock_editor`](crate::lock_editor)), from the first [`Undo::save`] until the epoch has ended by
/// [`Undo::commit`] or [`Undo::roll_back`]. Others may have written the log before: [`Undo::refresh`].
///
/// ```
/// use shmfs_durable::{Medium, Undo, VecMedium};
///
/// let pages = VecMedium::new(b"one two".to_vec());
/// let mut undo = Undo::create(VecMedium::default(), 1).unwrap();
/// undo.save(&pages, 0..3).unwrap();
/// pages.write_all_at(b"ten", 0).unwrap();
/// assert_eq!(undo.commit(&pages).unwrap(), 1);
///
/// undo.save(&pages, 4..7).unwrap();
/// pages.write_all_at(b"six", 4).unwrap();
/// assert_eq!(undo.roll_back(&pages).unwrap().restored, 3);
/// assert_eq!(pages.bytes(), b"ten two");
/// ```
#[derive(Debug)]
pub struct Undo<M> {
    pub(crate) log: M,
    object: u64,
    pub(crate) front: Front,
    pub(crate) live: Live,
    pub(crate) stand: Stand,
    /// The newest slot is on the disk for certain: this process has synced it.
    pub(crate) settled: bool,
    pub(crate) sheet: Sheet,
}

/// What may be done.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stand {
    /// Anything.
    Sound,
    /// Anything, once the log is read.
    Unread,
    /// The live records are those of an editor that has ended, and have to be rolled back first.
    Inherited,
    /// Those of this one have to be, for this reason.
    MustRollBack(&'static str),
    /// The slot of the next epoch was written, and may be on the disk.
    InDoubt,
}

impl<M: Medium> Undo<M> {
    /// An empty log of an object in which nothing was committed yet: epoch 0.
    ///
    /// # Errors
    /// [`DurableError::LogNotEmpty`]; as the medium writes and syncs. There may be half a log then: it has no whole
    /// slot, and is to be removed.
    pub fn create(log: M, object: u64) -> Result<Undo<M>, DurableError> {
        let io = |error| DurableError::io("make the undo log", error);
        match log.len().map_err(io)? {
            0 => {}
            len => return Err(DurableError::LogNotEmpty { len }),
        }
        let front = Front::first(object);
        log.write_all_at(front.bytes(), 0).map_err(io)?;
        log.sync().map_err(io)?;
        let live = Live::none(&front);
        Ok(Undo { log, object, front, live, stand: Stand::Sound, settled: true, sheet: Sheet::default() })
    }

    /// The log as somebody left it; under the editor's lock. Nothing is written. Live records are those of an editor that has ended: roll them
    /// back.
    ///
    /// # Errors
    /// As the medium reads; one that says what is damaged, if it is not certain what the last commit was.
    pub fn open(log: M, object: u64) -> Result<Undo<M>, DurableError> {
        let front = Front::read(&log, object)?;
        let mut sheet = Sheet::default();
        let live = Live::read(&log, &front, &mut sheet)?;
        let stand = Stand::of(&live);
        Ok(Undo { log, object, front, live, stand, settled: false, sheet })
    }

    /// The log of an object that somebody may be editing now: the editor's lock is not needed. Nothing but the epoch is
    /// known of it; [`Undo::refresh`], [`Undo::settle`], [`Undo::roll_back`] and the first [`Undo::save`] read the rest.
    ///
    /// # Errors
    /// As the medium reads; if there is no whole slot of this object and version.
    pub fn attach(log: M, object: u64) -> Result<Undo<M>, DurableError> {
        let front = Front::glance(&log, object)?;
        let live = Live::none(&front);
        Ok(Undo { log, object, front, live, stand: Stand::Unread, settled: false, sheet: Sheet::default() })
    }

    /// Looks at what others have written since. An edit of this process that is neither committed nor rolled back
    /// has to be rolled back then.
    ///
    /// # Errors
    /// As [`Undo::open`]; nothing is known anew then.
    pub fn refresh(&mut self) -> Result<(), DurableError> {
        let front = Front::read(&self.log, self.object)?;
        let live = Live::read(&self.log, &front, &mut self.sheet)?;
        // Whoever else was here has written a mark or a slot.
        self.settled &= front.bytes() == self.front.bytes();
        self.stand = Stand::of(&live);
        (self.front, self.live) = (front, live);
        Ok(())
    }

    /// Looks at what others have written, and makes certain that [`Undo::epoch`] is on the disk: whoever committed it
    /// may have been killed before the sync, or have seen it fail, and a power cut could still take it back. To be
    /// called before anybody is told of it. The first [`Undo::save`] of an epoch does this by itself.
    ///
    /// # Errors
    /// As [`Undo::refresh`]; as the medium writes and syncs. [`DurableError::MustRollBack`] where an edit is left over.
    pub fn settle(&mut self) -> Result<(), DurableError> {
        if self.live.is_empty() {
            self.refresh()?;
            self.stand.is_sound(&self.live, self.epoch())?;
            self.write_front()?;
        }
        self.stand.is_sound(&self.live, self.epoch())
    }

    /// The last committed epoch, as far as is known here. It rises with every commit, and with every roll-back too.
    pub fn epoch(&self) -> u64 {
        self.front.slot.epoch
    }

    /// Whether there are records of an epoch that has not ended: an edit of this process, or of one that has ended. As far
    /// as is known here.
    pub fn is_dirty(&self) -> bool {
        !self.live.is_empty()
    }

    /// The log's medium.
    pub fn medium(&self) -> &M {
        &self.log
    }

    /// Saves those bytes of `range` that are not saved in this epoch yet. When it returns, they are on the disk, and
    /// the caller may store. Offsets in bytes.
    ///
    /// # Errors
    /// [`DurableError::Range`], [`DurableError::LogFull`], or as the media read, write and sync; `ENOSPC` and
    /// `EDQUOT` among them. Nothing is saved then, and what was saved before still is.
    /// [`DurableError::MustRollBack`] and [`DurableError::InDoubt`] until the epoch has ended.
    pub fn save(&mut self, pages: &impl Medium, range: Range<u64>) -> Result<(), DurableError> {
        self.stand.is_sound(&self.live, self.epoch())?;
        let len = pages.len().map_err(|error| DurableError::io("ask for the size of the pages", error))?;
        if range.start > range.end || range.end > len {
            return Err(DurableError::Range { start: range.start, end: range.end, len });
        }
        if self.live.is_empty() {
            self.begin()?;
        }
        let gaps = self.live.saved.gaps(range);
        if gaps.is_empty() {
            return Ok(());
        }
        self.check_room(&gaps)?;
        let before = self.live.point();
        if let Err(error) = self.append(pages, &gaps) {
            self.live.back_to(before);
            // What was appended is dead, and of no harm where this fails too: it holds what the pages hold.
            let _ = self.log.set_len(self.live.next().0);
            return Err(error);
        }
        gaps.into_iter().for_each(|gap| self.live.saved.insert(gap));
        let (bytes, at) = self.front.set_mark(self.live.mark());
        // The records are on the disk without it. It only helps to find damage.
        let _ = self.log.write_all_at(bytes, at);
        Ok(())
    }

    /// Ends the epoch: all that was stored in saved ranges is there from now on, after any death. Its number.
    ///
    /// Without anything saved it syncs the pages and ends no epoch.
    ///
    /// # Errors
    /// As the media write and sync. After a failed sync of the pages, only a roll-back ends the epoch; after a
    /// failed sync of the log ([`DurableError::InDoubt`] from then on), another commit or a roll-back does. Until
    /// then nothing is to be stored. [`DurableError::MustRollBack`] where there is nothing to commit but another's
    /// half edit.
    pub fn commit(&mut self, pages: &impl Medium) -> Result<u64, DurableError> {
        if !matches!(self.stand, Stand::InDoubt) {
            self.stand.is_sound(&self.live, self.epoch())?;
        }
        let synced = pages.sync().map_err(|error| DurableError::io("sync the pages", error));
        if self.live.is_empty() {
            return synced.map(|()| self.epoch());
        }
        if let (Err(_), Stand::Sound) = (&synced, self.stand) {
            self.stand = Stand::MustRollBack(UNSYNCED);
        }
        synced?;
        self.stand = Stand::InDoubt;
        self.settled = false;
        self.end_epoch("commit")
    }

    /// Before the first record of an epoch.
    fn begin(&mut self) -> Result<(), DurableError> {
        self.settle()?;
        match self.epoch() {
            u64::MAX => Err(DurableError::LastEpoch { epoch: u64::MAX }),
            _ => Ok(()),
        }
    }

    /// Writes the front again, which is of no harm where it was on the disk.
    pub(crate) fn write_front(&mut self) -> Result<(), DurableError> {
        if !self.settled {
            let io = |error| DurableError::io("sync the commit slot", error);
            self.log.write_all_at(self.front.bytes(), 0).map_err(io)?;
            self.log.sync().map_err(io)?;
            self.settled = true;
        }
        Ok(())
    }

    fn check_room(&self, gaps: &[Range<u64>]) -> Result<(), DurableError> {
        let records = gaps.iter().map(|gap| (gap.end - gap.start).div_ceil(RECORD_BYTES)).sum();
        let bytes: u64 = gaps.iter().map(|gap| gap.end - gap.start).sum();
        let needed = bytes.saturating_add(size_of_record(1).saturating_mul(records));
        if self.live.has_room(needed, records) {
            Ok(())
        } else {
            Err(DurableError::LogFull { needed, free: self.live.room() })
        }
    }

    fn append(&mut self, pages: &impl Medium, gaps: &[Range<u64>]) -> Result<(), DurableError> {
        for gap in gaps {
            let mut start = gap.start;
            while start < gap.end {
                let range = start..gap.end.min(start + RECORD_BYTES);
                self.append_one(pages, range.clone())?;
                start = range.end;
            }
        }
        self.log.sync().map_err(|error| DurableError::io("sync the undo log", error))
    }

    fn append_one(&mut self, pages: &impl Medium, range: Range<u64>) -> Result<(), DurableError> {
        let room = self.sheet.room(range.end - range.start);
        let wanted = room.len();
        let found =
            read_full(pages, room, range.start).map_err(|error| DurableError::io("read the pages", error))?;
        if found < wanted {
            let len = range.start + found as u64;
            return Err(DurableError::Range { start: range.start, end: range.end, len });
        }
        let (at, link) = self.live.next();
        let record = self.sheet.write(&self.log, at, link, range);
        self.live.push(&record.map_err(|error| DurableError::io("write the undo log", error))?);
        Ok(())
    }

    /// Writes the slot of the next epoch, which makes all records dead.
    pub(crate) fn end_epoch(&mut self, what: &'static str) -> Result<u64, DurableError> {
        let slot = Slot { epoch: self.epoch() + 1, object: self.object };
        let (page, at) = self.front.commit(slot);
        self.log.write_all_at(page, at).map_err(|error| DurableError::io(what, error))?;
        self.log.sync().map_err(|error| DurableError::io(what, error))?;
        self.front.slot = slot;
        self.live = Live::none(&self.front);
        (self.stand, self.settled) = (Stand::Sound, true);
        let keep = RECORDS_AT + KEEP_BYTES;
        if self.log.len().is_ok_and(|len| len > keep) {
            // Room on the disk is given back another time if not now.
            let _ = self.log.set_len(keep);
        }
        Ok(slot.epoch)
    }
}

impl Stand {
    fn of(live: &Live) -> Stand {
        if live.is_empty() { Stand::Sound } else { Stand::Inherited }
    }

    fn is_sound(self, live: &Live, epoch: u64) -> Result<(), DurableError> {
        let records = live.count();
        match self {
            Stand::Sound | Stand::Unread => Ok(()),
            Stand::Inherited => Err(DurableError::MustRollBack { records, why: ENDED }),
            Stand::MustRollBack(why) => Err(DurableError::MustRollBack { records, why }),
            Stand::InDoubt => Err(DurableError::InDoubt { epoch: epoch + 1 }),
        }
    }
}
