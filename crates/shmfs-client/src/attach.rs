//! The attaches of this process: where each begins, and which segment it maps.
//!
//! Owns: the list, and its agreement with the process's row in the attach table.
//! Leaves to others: mapping and unmapping (`sysv`).
//! Not done: attaches that the program itself unmapped or mapped over stay in the list, and in nattch, until a
//! later attach comes to lie there or the process ends.

use crate::{connect::Registration, state::State};
use shmfs_abi::{Call, ObjectId, Slot};
use shmfs_index::Table;
use shmfs_sys::{grow::PageVec, process, time};

/// One attach.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Attach {
    pub(crate) address: usize,
    /// Bytes of the mapping.
    pub(crate) len: usize,
    pub(crate) slot: Slot,
    pub(crate) object: ObjectId,
    /// Whether the table counts it; not after the store that it belongs to has gone.
    counted: bool,
    /// Whether this process wrote it into its table itself: the segment's removal may have been before that, so
    /// the broker is told of its end in any case.
    inherited: bool,
}

impl Attach {
    /// An attach that the broker has counted.
    pub(crate) const fn new(address: usize, len: usize, slot: Slot, object: ObjectId) -> Attach {
        Attach { address, len, slot, object, counted: true, inherited: false }
    }

    const fn is_within(&self, address: usize, len: usize) -> bool {
        self.address >= address && self.address.saturating_add(self.len) <= address.saturating_add(len)
    }
}

/// Counts the attaches of a process that nobody announced in its own table.
pub(crate) fn count_inherited(attaches: &mut PageVec<Attach>, table: &Table) {
    change_all(attaches, |attach| {
        if attach.counted {
            table.attach(attach.slot, attach.object);
        }
        Attach { inherited: true, ..attach }
    });
}

/// Counts none of them from here on.
pub(crate) fn disown(attaches: &mut PageVec<Attach>) {
    change_all(attaches, |attach| Attach { counted: false, ..attach });
}

fn change_all(attaches: &mut PageVec<Attach>, mut change: impl FnMut(Attach) -> Attach) {
    for index in 0..attaches.len() {
        if let Some(attach) = attaches.get(index) {
            attaches.set(index, change(attach));
        }
    }
}

impl State {
    /// The attach that begins at `address`; the one of several that came last.
    pub(crate) fn attach_at(&self, address: usize) -> Option<(usize, Attach)> {
        self.attaches.iter().enumerate().rev().find(|(_, attach)| attach.address == address)
    }

    /// The kernel has mapped something over this range: attaches within it have ended.
    pub(crate) fn end_covered(&mut self, address: usize, len: usize) {
        for index in (0..self.attaches.len()).rev() {
            let covered = self.attaches.get(index).is_some_and(|attach| attach.is_within(address, len));
            if covered && let Some(attach) = self.attaches.swap_remove(index) {
                self.uncount(&attach);
            }
        }
    }

    /// Counts an attach less, whose mapping has gone. The broker hears of it where nobody else would know that
    /// the segment's time has come.
    pub(crate) fn uncount(&mut self, attach: &Attach) {
        let Some(Registration { table, .. }) = &self.registration else { return };
        if !attach.counted || table.count(attach.slot, attach.object) == 0 {
            return;
        }
        let numbered = Some(table.pid()).filter(|pid| pid.0 != 0);
        let pid = numbered.unwrap_or_else(process::pid);
        let detached = table.detach(attach.slot, pid, time::now());
        if detached.left == 0 && (detached.removed || attach.inherited) {
            // Without an answer the store is gone, or counts again when this process ends.
            let _ = self.ask_done(Call::ShmDetached { slot: attach.slot });
        }
    }
}
