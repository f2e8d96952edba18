//! Recovery of an object when a store begins: an edit that nobody will finish is rolled back.
//!
//! Owns: the order, and that a living editor is left alone. Leaves to others: rolling back (`undo`).

use crate::{DurableError, Head, RolledBack, StateDir, Undo, lock_editor};
use shmfs_abi::ByteLen;

/// An object as it is after recovery.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Recovery {
    /// How long the file of its pages is: at least what the head says. It is longer where a change of size was cut.
    pub size: ByteLen,
    /// What was done.
    pub outcome: Outcome,
}

/// What recovery did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// Nothing: it is as it was committed.
    Clean {
        /// The last committed epoch.
        epoch: u64,
    },
    /// Rolled back to the last commit.
    RolledBack {
        /// The epoch that says so.
        epoch: u64,
        /// What that was.
        rolled: RolledBack,
    },
    /// Nothing: a process is editing it, and keeps its edit. It has the object mapped, whoever serves it.
    Edited,
}

impl StateDir {
    /// Rolls back what an editor left half done, if it has ended. The object is not read through.
    ///
    /// # Errors
    /// [`DurableError::PagesCut`]; as the log is damaged; as the kernel opens, writes and syncs. The object is not to
    /// be used then.
    pub fn recover(&self, object: u64, head: &Head) -> Result<Recovery, DurableError> {
        let pages = self.open_pages(object)?;
        let undo = self.open_undo(object)?;
        let locked =
            lock_editor(&undo, false).map_err(|error| DurableError::io("lock the undo log", error))?;
        let size = pages.metadata().map_err(|error| DurableError::io("look at the pages", error))?.len();
        if size < head.size.0 {
            return Err(DurableError::PagesCut { object, len: size, size: head.size.0 });
        }
        let outcome = if locked { roll_back(Undo::open(&undo, object)?, &pages)? } else { Outcome::Edited };
        // The lock goes with the file.
        Ok(Recovery { size: ByteLen(size), outcome })
    }
}

fn roll_back(mut undo: Undo<&std::fs::File>, pages: &std::fs::File) -> Result<Outcome, DurableError> {
    if !undo.is_dirty() {
        return Ok(Outcome::Clean { epoch: undo.epoch() });
    }
    let rolled = undo.roll_back(pages)?;
    Ok(Outcome::RolledBack { epoch: undo.epoch(), rolled })
}
