//! The attaches of this process: where each begins, and which segment it maps.
//!
//! Owns: the list, and its agreement with the process's row in the attach table.
//! Leaves to others: mapping (`sysv`).
//! Not done: what the program itself unmapped, mapped over or moved stays in the list, and in nattch, until a later
//! attach comes to lie there or the process ends.

use crate::{connect::Registration, state::State};
use shmfs_abi::{Call, Errno, ObjectId, Slot};
use shmfs_index::Table;
use shmfs_sys::{grow::PageVec, map, process, time};

/// A piece of an attach that is mapped: all of it, unless a later attach was put over a part.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Piece {
    /// Where the whole attach begins, by which `shmdt` knows it.
    start: usize,
    pub(crate) address: usize,
    /// Bytes.
    pub(crate) len: usize,
    slot: Slot,
    object: ObjectId,
    /// Which attach of this process it is of: two may begin at one address.
    number: u64,
    /// Whether the table counts the attach, said by one of its pieces; none after the store that it belongs to has
    /// gone.
    counted: bool,
    /// Whether this process wrote it into its table itself: the segment's removal may have been before that, so
    /// the broker is told of its end in any case.
    inherited: bool,
}

impl Piece {
    /// A whole attach that the broker has counted.
    pub(crate) const fn whole(address: usize, len: usize, slot: Slot, object: ObjectId) -> Piece {
        Piece { start: address, address, len, slot, object, number: 0, counted: true, inherited: false }
    }

    /// What is left of it before and behind a range that is mapped anew; nothing where it does not lie in it.
    fn without(&self, address: usize, len: usize) -> Option<[Option<Piece>; 2]> {
        let (end, cut_end) = (self.address.saturating_add(self.len), address.saturating_add(len));
        if end <= address || cut_end <= self.address {
            return None;
        }
        let before = (self.address < address).then(|| Piece { len: address - self.address, ..*self });
        let behind = (cut_end < end).then(|| Piece { address: cut_end, len: end - cut_end, ..*self });
        Some([before, behind])
    }
}

/// Counts the attaches of a process that nobody announced in its own table.
pub(crate) fn count_inherited(attaches: &mut PageVec<Piece>, table: &Table) {
    change_all(attaches, |piece| {
        if piece.counted {
            table.attach(piece.slot, piece.object);
        }
        Piece { inherited: true, ..piece }
    });
}

/// Counts none of them from here on.
pub(crate) fn disown(attaches: &mut PageVec<Piece>) {
    change_all(attaches, |piece| Piece { counted: false, ..piece });
}

fn change_all(attaches: &mut PageVec<Piece>, mut change: impl FnMut(Piece) -> Piece) {
    for index in 0..attaches.len() {
        if let Some(piece) = attaches.get(index) {
            attaches.set(index, change(piece));
        }
    }
}

impl State {
    /// The attach that begins at `address`; of several the one whose pages come first (`ksys_shmdt`, ipc/shm.c, v6.18).
    pub(crate) fn attach_at(&self, address: usize) -> Option<u64> {
        let pieces = self.attaches.iter().filter(|piece| piece.start == address);
        pieces.min_by_key(|piece| piece.address).map(|piece| piece.number)
    }

    /// Puts an attach into the list, which has room for two pieces, and takes from the others what it lies over.
    pub(crate) fn remember(&mut self, attach: Piece) -> Result<(), Errno> {
        self.cut(attach.address, attach.len)?;
        self.attached += 1;
        self.attaches.push(Piece { number: self.attached, ..attach })
    }

    fn cut(&mut self, address: usize, len: usize) -> Result<(), Errno> {
        for index in (0..self.attaches.len()).rev() {
            let piece = self.attaches.get(index);
            match piece.and_then(|piece| piece.without(address, len)) {
                None => {}
                Some([None, None]) => self.forget(index),
                Some([Some(left), None] | [None, Some(left)]) => drop(self.attaches.set(index, left)),
                Some([Some(before), Some(behind)]) => {
                    self.attaches.set(index, before);
                    self.attaches.push(Piece { counted: false, ..behind })?;
                }
            }
        }
        Ok(())
    }

    /// Unmaps an attach, piece by piece.
    pub(crate) fn end(&mut self, number: u64) -> Result<(), Errno> {
        while let Some(index) = self.piece_of(number) {
            if let Some(piece) = self.attaches.get(index) {
                // The pages must have gone before the count goes: the last one empties the segment.
                map::unplace(piece.address, piece.len)?;
            }
            self.forget(index);
        }
        Ok(())
    }

    fn piece_of(&self, number: u64) -> Option<usize> {
        self.attaches.iter().position(|piece| piece.number == number)
    }

    /// A piece is not mapped any more. The attach ends with its last one.
    fn forget(&mut self, index: usize) {
        let Some(piece) = self.attaches.swap_remove(index).filter(|piece| piece.counted) else { return };
        match self.piece_of(piece.number).and_then(|index| Some((index, self.attaches.get(index)?))) {
            Some((index, heir)) => drop(self.attaches.set(index, Piece { counted: true, ..heir })),
            None => self.uncount(&piece),
        }
    }

    /// Counts an attach less, whose mapping has gone. The broker hears of it where nobody else would know that
    /// the segment's time has come.
    pub(crate) fn uncount(&mut self, attach: &Piece) {
        let Some(Registration { table, .. }) = &self.registration else { return };
        if !attach.counted || table.count(attach.slot, attach.object) == 0 {
            return;
        }
        let numbered = Some(table.pid()).filter(|pid| pid.0 != 0);
        let pid = numbered.unwrap_or_else(process::pid);
        let detached = table.detach(attach.slot, pid, time::now());
        if detached.left == 0 && (detached.removed || attach.inherited) {
            // Without an answer the store is gone, or counts again when this process ends.
            let _ = self.ask_done(&Call::ShmDetached { slot: attach.slot });
        }
    }
}
