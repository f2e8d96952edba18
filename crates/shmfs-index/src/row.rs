//! One row: the attaches of one segment in one process.
//!
//! The object's number is changed by the broker, or by the client in a row that is its own alone to fill; the
//! count by both.
//!
//! Owns: the row's words. Leaves to others: finding it (`table`), the order of count and mark (`protocol`).

use crate::{
    layout::{ROW_COUNT, ROW_LAST_PID, ROW_LAST_TIME, ROW_MARKS, ROW_OBJECT},
    protocol::{self, Detached, REMOVED},
};
use core::sync::atomic::{
    AtomicU32, AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};
use shmfs_abi::{ObjectId, Pid, Time};
use shmfs_sys::map::SharedMap;

/// The words of a row.
pub(crate) struct Row<'a> {
    object: &'a AtomicU64,
    count: &'a AtomicU32,
    marks: &'a AtomicU32,
    last_pid: &'a AtomicU32,
    last_time: &'a AtomicU64,
}

impl<'a> Row<'a> {
    /// The row at `offset`.
    pub(crate) fn at(pages: &'a SharedMap, offset: usize) -> Row<'a> {
        Row {
            object: pages.atomic_u64(offset + ROW_OBJECT),
            count: pages.atomic_u32(offset + ROW_COUNT),
            marks: pages.atomic_u32(offset + ROW_MARKS),
            last_pid: pages.atomic_u32(offset + ROW_LAST_PID),
            last_time: pages.atomic_u64(offset + ROW_LAST_TIME),
        }
    }

    pub(crate) fn object(&self) -> ObjectId {
        ObjectId(self.object.load(Acquire))
    }

    pub(crate) fn count(&self) -> u32 {
        protocol::read(self.count)
    }

    pub(crate) fn is_removed(&self) -> bool {
        self.marks.load(Acquire) & REMOVED != 0
    }

    /// Makes it the row of `object`, without an attach, unless it is that already.
    pub(crate) fn take_over(&self, object: ObjectId) {
        if self.object() != object {
            self.clear();
            self.object.store(object.0, Release);
        }
    }

    pub(crate) fn clear(&self) {
        self.object.store(0, Release);
        self.count.store(0, Release);
        self.marks.store(0, Release);
        self.last_pid.store(0, Relaxed);
        self.last_time.store(0, Relaxed);
    }

    pub(crate) fn raise(&self) {
        protocol::raise(self.count);
    }

    pub(crate) fn set_count(&self, count: u32) {
        protocol::set(self.count, count);
    }

    pub(crate) fn mark(&self) {
        protocol::mark(self.marks);
    }

    /// Lowers the count. Who and when stand there before the lower count does, so that whoever sees the count
    /// sees them.
    pub(crate) fn detach(&self, pid: Pid, at: Time) -> Detached {
        if self.count() > 0 {
            self.last_time.store(at.as_nanos(), Relaxed);
            self.last_pid.store(pid.0 as u32, Relaxed);
        }
        protocol::detach(self.count, self.marks)
    }

    pub(crate) fn last_detach(&self) -> Option<(Pid, Time)> {
        let pid = self.last_pid.load(Relaxed);
        (pid != 0).then(|| (Pid(pid as i32), Time::from_nanos(self.last_time.load(Relaxed))))
    }

    /// Makes this row, of which nobody else knows yet, count what `parent` counts.
    pub(crate) fn copy_from(&self, parent: &Row<'_>) {
        self.object.store(parent.object.load(Acquire), Relaxed);
        self.marks.store(parent.marks.load(Acquire), Relaxed);
        self.count.store(parent.count(), Release);
    }
}
