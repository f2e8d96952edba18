//! Numbers: objects and tickets count up and are never used twice; segments have slots and sequence numbers.

use shmfs_abi::{Shmid, Slot, limits};

/// `ipc_min_cycle` (ipc/ipc_sysctl.c): slots are not used again before this many others were.
const MIN_CYCLE: usize = 64;

/// Where the search for the next slot begins, and the sequence number that goes with it.
#[derive(Clone, Debug, Default)]
pub(crate) struct SlotCursor {
    next: u32,
    last: Option<u32>,
    seq: u16,
}

impl SlotCursor {
    /// The cursor that stood so; nothing where none can.
    pub(crate) fn restore((next, last, seq): (u32, Option<u32>, u16)) -> Option<SlotCursor> {
        let stands = next <= limits::SLOTS
            && last.is_none_or(|last| last < limits::SLOTS)
            && u32::from(seq) < limits::SEQS - 1;
        stands.then_some(SlotCursor { next, last, seq })
    }

    /// How it stands.
    pub(crate) fn image(&self) -> (u32, Option<u32>, u16) {
        (self.next, self.last, self.seq)
    }
}

impl SlotCursor {
    /// The next free slot and its sequence number, or nothing when every slot is taken
    /// (`ipc_idr_alloc`, ipc/util.c; `idr_alloc_cyclic`, lib/idr.c).
    pub(crate) fn allocate(&mut self, in_use: usize, taken: impl Fn(Slot) -> bool) -> Option<(Slot, u16)> {
        let end = (in_use * 3 / 2).max(MIN_CYCLE).min(limits::SLOTS as usize) as u32;
        let slot = (self.next..end).chain(0..self.next.min(end)).find(|&slot| !taken(Slot(slot)))?;
        self.next = slot + 1;
        if self.last.is_some_and(|last| slot <= last) {
            self.seq += 1;
            // `ids->seq >= ipcid_seq_max()`: the largest sequence number is never given out.
            if u32::from(self.seq) >= limits::SEQS - 1 {
                self.seq = 0;
            }
        }
        self.last = Some(slot);
        Some((Slot(slot), self.seq))
    }
}

impl SlotCursor {
    /// The first free slot from the wanted one on, with its sequence number (`ipc_idr_alloc` with `next_id`).
    pub(crate) fn allocate_from(&self, wanted: Shmid, taken: impl Fn(Slot) -> bool) -> Option<(Slot, u16)> {
        let slot = (wanted.slot()?.0..limits::SLOTS).find(|&slot| !taken(Slot(slot)))?;
        Some((Slot(slot), wanted.seq()))
    }
}

/// A number that only goes up; the first is 1.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counter(u64);

impl Counter {
    /// One whose last number was this.
    pub(crate) fn after(last: u64) -> Counter {
        Counter(last)
    }

    pub(crate) fn last(&self) -> u64 {
        self.0
    }

    /// The number that `next` will give.
    pub(crate) fn upcoming(&self) -> u64 {
        self.0 + 1
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 += 1;
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// Takes and frees slots as told; `+` takes one and leaves it, `-` takes one and frees it.
    #[track_caller]
    fn check(steps: &str, last: (u32, u16)) {
        let mut cursor = SlotCursor::default();
        let mut taken = BTreeSet::new();
        let mut got = None;
        for step in steps.chars() {
            got = cursor.allocate(taken.len(), |slot| taken.contains(&slot.0));
            if let (Some((slot, _)), '+') = (got, step) {
                taken.insert(slot.0);
            }
        }
        assert_eq!(got, Some((Slot(last.0), last.1)));
    }

    #[test]
    fn slots_go_round_and_raise_the_sequence() {
        check("+", (0, 0));
        check("-", (0, 0));
        check("--", (1, 0));
        check("++", (1, 0));
        check(&"-".repeat(64), (63, 0));
        check(&"-".repeat(65), (0, 1));
        check(&format!("+{}", "-".repeat(64)), (1, 1));
        check(&"+".repeat(65), (64, 0));
        check(&"+".repeat(66), (65, 0));
        check(&"+".repeat(97), (96, 0));
    }

    #[test]
    fn the_largest_sequence_number_is_never_given_out() {
        let mut cursor = SlotCursor { next: 64, last: Some(63), seq: 65533 };
        assert_eq!(cursor.allocate(0, |_| false), Some((Slot(0), 65534)));
        cursor.next = 64;
        assert_eq!(cursor.allocate(0, |_| false), Some((Slot(0), 0)));
    }

    #[test]
    fn every_slot_can_be_taken() {
        let mut cursor = SlotCursor::default();
        assert_eq!(cursor.allocate(limits::SLOTS as usize, |_| true), None);
    }
}
