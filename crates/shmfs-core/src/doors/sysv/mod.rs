//! System V segments: `shmget`, `shmat`, `shmctl`.
//!
//! A [`Segment`] is an object with a number, and with a key when strangers are to find it. It dies at the later of
//! two events: its removal and its last detach.
//!
//! Owns: the key table, the slots, the removal mark, times and last processes.
//! Leaves to others: pages and their limits (`object`, `account`), mapping and `shmdt` (the client).
//! Not done: huge page sizes other than 2 MiB and 1 GiB; `SHM_NORESERVE` for huge pages that there are not yet.

mod control;
mod forced;
mod get;
mod lock;
mod text;

pub(crate) use control::Removed;
pub(crate) use get::{Asked, Got};

use crate::ids::SlotCursor;
use crate::object::Objects;
use shmfs_abi::sysv::SHM_DEST;
use shmfs_abi::{
    Backing, ByteLen, Cred, Errno, IpcPerm, Key, ObjectId, PageCount, Pid, Result, SegmentStat, ShmLimits,
    ShmUsage, Shmid, Slot, Time, refuse,
};
use std::collections::{BTreeMap, BTreeSet};

/// A System V segment (`shmid_kernel`).
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Segment {
    pub(crate) object: ObjectId,
    pub(crate) seq: u16,
    pub(crate) key: Key,
    pub(crate) perm: IpcPerm,
    /// As it was asked for; the object is whole huge pages where those are.
    pub(crate) size: ByteLen,
    pub(crate) atime: i64,
    pub(crate) dtime: i64,
    pub(crate) ctime: i64,
    pub(crate) cpid: Pid,
    pub(crate) lpid: Pid,
    pub(crate) nattch: u64,
    /// The last attach, detach, fork or death that is accounted for here: what a table remembers of an
    /// earlier one is not news.
    pub(crate) touched: Time,
    /// Its backing is made.
    pub(crate) made: bool,
    /// Its pages are huge.
    pub(crate) huge: bool,
    /// It outlives the store.
    pub(crate) durable: bool,
    /// Its creator has ended: nobody will be held to account for it (`shm_creator`, ipc/shm.c).
    pub(crate) orphaned: bool,
}

/// The segments of a store.
#[derive(Clone, Debug)]
pub(crate) struct Segments {
    slots: BTreeMap<Slot, Segment>,
    keys: BTreeMap<Key, Slot>,
    cursor: SlotCursor,
    /// Pages of all segments (`shm_tot`).
    total: PageCount,
    pub(crate) limits: ShmLimits,
    /// Segments go with their last attach, marked or not (`shm_rmid_forced`).
    rmid_forced: bool,
    /// The id that the next segment shall have (`shm_next_id`).
    next_id: Option<Shmid>,
    /// The objects of segments that have changed since changes were taken.
    pub(crate) touched: BTreeSet<ObjectId>,
}

/// What a segment is made with, once it is admitted.
pub(crate) struct Admitted {
    pub(crate) slot: Slot,
    pub(crate) shmid: Shmid,
    pub(crate) backing: Backing,
    pub(crate) huge_log2: u32,
}

impl Segment {
    /// Whether it is destroyed at its last detach.
    pub(crate) fn is_removed(&self) -> bool {
        self.perm.mode & SHM_DEST != 0
    }

    fn shmid(&self, slot: Slot) -> Shmid {
        Shmid::new(slot, self.seq)
    }
}

impl Segments {
    pub(crate) fn new(limits: ShmLimits) -> Segments {
        Segments::empty(limits, SlotCursor::default(), (false, None))
    }

    /// No segments, where there were some.
    pub(crate) fn empty(
        limits: ShmLimits,
        cursor: SlotCursor,
        (rmid_forced, next_id): (bool, Option<Shmid>),
    ) -> Segments {
        Segments {
            slots: BTreeMap::new(),
            keys: BTreeMap::new(),
            cursor,
            total: PageCount(0),
            limits,
            rmid_forced,
            next_id,
            touched: BTreeSet::new(),
        }
    }

    /// Enters a segment that was there. `Err` with the reason where it cannot have been.
    pub(crate) fn restore(&mut self, slot: Slot, segment: Segment) -> std::result::Result<(), &'static str> {
        let total = self.total.0.checked_add(segment.size.pages().0);
        self.total = total.map(PageCount).ok_or("the segments' pages are more than a number")?;
        if segment.key != Key::PRIVATE && self.keys.insert(segment.key, slot).is_some() {
            return Err("two segments have one key");
        }
        match self.slots.insert(slot, segment) {
            None => Ok(()),
            Some(_) => Err("two segments have one slot"),
        }
    }

    /// Where the search for the next slot begins, the last slot given, its sequence number.
    pub(crate) fn cursor(&self) -> (u32, Option<u32>, u16) {
        self.cursor.image()
    }

    /// Pages of all segments.
    pub(crate) fn total(&self) -> PageCount {
        self.total
    }

    /// The segment that this key finds.
    pub(crate) fn slot_of(&self, key: Key) -> Option<Slot> {
        self.keys.get(&key).copied()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Slot, &Segment)> {
        self.slots.iter().map(|(slot, segment)| (*slot, segment))
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = (Key, Slot)> {
        self.keys.iter().map(|(key, slot)| (*key, *slot))
    }

    /// The segment in this slot.
    pub(crate) fn at(&self, slot: Slot) -> Option<&Segment> {
        self.slots.get(&slot)
    }

    /// The segment with this id (`ipc_obtain_object_check`, ipc/util.c: a stale id is `EINVAL`, too).
    fn find(&self, shmid: Shmid) -> Result<(Slot, &Segment)> {
        let found = shmid.slot().and_then(|slot| Some((slot, self.slots.get(&slot)?)));
        match found.filter(|(_, segment)| segment.made && segment.seq == shmid.seq()) {
            Some(found) => Ok(found),
            None => refuse(Errno::EINVAL, "no segment has this id"),
        }
    }

    /// Changes a segment, if it exists. What is as it was before has not changed.
    fn change(&mut self, slot: Slot, change: impl FnOnce(&mut Segment)) {
        let Some(segment) = self.slots.get_mut(&slot) else { return };
        let before = segment.clone();
        change(segment);
        if *segment != before {
            self.touched.insert(segment.object);
        }
    }

    /// The backing of a pending segment is made.
    pub(crate) fn made(&mut self, slot: Slot) {
        self.change(slot, |segment| segment.made = true);
    }

    /// Takes a segment out of every table.
    pub(crate) fn forget(&mut self, slot: Slot) -> Option<ObjectId> {
        let segment = self.slots.remove(&slot)?;
        self.total.0 -= segment.size.pages().0;
        if self.keys.get(&segment.key) == Some(&slot) {
            self.keys.remove(&segment.key);
        }
        Some(segment.object)
    }

    /// Takes a new count over. Says whether the segment's time has come.
    pub(crate) fn counted(
        &mut self,
        slot: Slot,
        object: ObjectId,
        nattch: u64,
        last: Option<(Pid, Time)>,
    ) -> bool {
        let Some(segment) = self.slots.get(&slot).filter(|segment| segment.object == object) else {
            return false;
        };
        let detached = nattch < segment.nattch;
        let ends = nattch == 0 && (segment.is_removed() || detached && self.rmid_forced && !segment.durable);
        self.change(slot, |segment| {
            segment.nattch = nattch;
            if let Some((pid, at)) = last {
                segment.dtime = segment.dtime.max(at.seconds);
                if at > segment.touched {
                    segment.touched = at;
                    segment.lpid = pid;
                }
            }
        });
        ends
    }

    /// A process with attaches forked: the child's mappings are opened by the parent (`__shm_open`, ipc/shm.c).
    pub(crate) fn forked(&mut self, slot: Slot, parent: Pid, now: Time) {
        self.change(slot, |segment| {
            segment.atime = now.seconds;
            segment.lpid = parent;
            segment.touched = now;
        });
    }

    /// A process ended with attaches: it detached them (`__shm_close`, ipc/shm.c).
    pub(crate) fn died(&mut self, slot: Slot, object: ObjectId, pid: Pid, now: Time) {
        self.change(slot, |segment| {
            if segment.object == object {
                segment.dtime = now.seconds;
                segment.lpid = pid;
                segment.touched = now;
            }
        });
    }

    pub(crate) fn usage(&self, objects: &Objects) -> ShmUsage {
        let resident = self.slots.values().map(|segment| objects.get(segment.object).allocated.pages().0);
        let resident = resident.fold(0, u64::saturating_add);
        ShmUsage {
            segments: self.slots.len() as u32,
            total: self.total,
            resident: PageCount(resident),
            swapped: PageCount(0),
        }
    }

    /// The highest index in use (`ipc_get_maxidx`, ipc/util.h), 0 for none.
    pub(crate) fn highest(&self) -> i32 {
        self.slots.last_key_value().map_or(0, |(slot, _)| slot.0 as i32)
    }

    fn stat_of(&self, segment: &Segment, objects: &Objects) -> SegmentStat {
        SegmentStat {
            perm: segment.perm,
            key: segment.key,
            seq: segment.seq,
            size: segment.size,
            atime: segment.atime,
            dtime: segment.dtime,
            ctime: segment.ctime,
            cpid: segment.cpid,
            lpid: segment.lpid,
            nattch: segment.nattch,
            resident: objects.get(segment.object).allocated.pages(),
        }
    }
}

/// The perm of what a caller creates.
fn perm_of(caller: &Cred, mode: u32) -> IpcPerm {
    IpcPerm { uid: caller.uid, gid: caller.gid, cuid: caller.uid, cgid: caller.gid, mode }
}
