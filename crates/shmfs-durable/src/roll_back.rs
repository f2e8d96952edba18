//! Rolling back: the object becomes what it was at its last commit.
//!
//! It can be stopped anywhere and begun again: the records live until the pages are on the disk, and old bytes that are
//! written twice are the same bytes.
//!
//! Owns: writing old bytes back, taking back a commit that is in doubt.
//! Leaves to others: the order of everything else (`undo`).

use crate::medium::Medium;
use crate::record::Record;
use crate::undo::Stand;
use crate::{DurableError, Undo};

const BEGUN: &str = "it was begun and not finished";

/// What a roll-back did.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct RolledBack {
    /// Bytes that are as they were at the last commit.
    pub restored: u64,
    /// Bytes that were saved and are beyond the end of the object now: somebody cut it.
    pub beyond_end: u64,
}

impl<M: Medium> Undo<M> {
    /// Ends the epoch with the object as it was when it began: writes the saved bytes back.
    ///
    /// The state is that of the last commit, and its number is another one all the same: records that name it can
    /// never again be taken for live ones, whichever of their bytes are still in the log.
    ///
    /// # Errors
    /// As the media read, write and sync; [`DurableError::RecordChanged`]. It can be called again, and nothing else
    /// can be done before it has succeeded, by this process or another.
    pub fn roll_back(&mut self, pages: &impl Medium) -> Result<RolledBack, DurableError> {
        if let Stand::Inherited | Stand::Unread = self.stand {
            // Somebody may have done so since this process looked.
            self.refresh()?;
        }
        if self.live.is_empty() {
            return Ok(RolledBack::default());
        }
        if let Stand::InDoubt = self.stand {
            self.take_back()?;
        }
        self.write_front()?;
        self.stand = Stand::MustRollBack(BEGUN);
        let mut rolled = RolledBack::default();
        for (sequence, at) in self.live.backwards() {
            let io = |error| DurableError::io("read the undo log", error);
            let epoch = self.front.slot.epoch + 1;
            let wanted = |record: &Record| (record.link.epoch, record.link.sequence) == (epoch, sequence);
            let record = self.sheet.read(&self.log, at, wanted).map_err(io)?;
            let record = record.ok_or(DurableError::RecordChanged { sequence })?;
            let restored = write_back(pages, record.offset, self.sheet.bytes(&record))?;
            rolled.restored += restored;
            rolled.beyond_end += record.len - restored;
        }
        pages.sync().map_err(|error| DurableError::io("sync the pages", error))?;
        self.settled = false;
        self.end_epoch("commit the roll-back")?;
        Ok(rolled)
    }

    /// Takes back a slot that may be on the disk: no page may be rolled back while a power cut could commit it.
    fn take_back(&mut self) -> Result<(), DurableError> {
        let io = |error| DurableError::io("take back a commit", error);
        let (page, at) = self.front.void(self.epoch() + 1, self.live.mark());
        self.log.write_all_at(page, at).map_err(io)?;
        self.log.sync().map_err(io)?;
        self.settled = true;
        Ok(())
    }
}

/// Writes old bytes where they were, as far as the object goes; how many.
fn write_back(pages: &impl Medium, offset: u64, bytes: &[u8]) -> Result<u64, DurableError> {
    let io = |error| DurableError::io("write the pages back", error);
    let end = pages.len().map_err(io)?;
    let count = (bytes.len() as u64).min(end.saturating_sub(offset));
    if count > 0 {
        pages.write_all_at(&bytes[..count as usize], offset).map_err(io)?;
    }
    Ok(count)
}
