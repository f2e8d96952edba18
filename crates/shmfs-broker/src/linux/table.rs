//! Attach tables as `shmfs-index` has them.

use crate::os::AttachTable;
use shmfs_abi::{ClientId, ObjectId, Pid, Slot, Time};
use shmfs_index::Table;

impl AttachTable for Table {
    fn client(&self) -> ClientId {
        Table::client(self)
    }

    fn cookie(&self) -> u64 {
        Table::cookie(self)
    }

    fn pid(&self) -> Pid {
        Table::pid(self)
    }

    fn set_pid(&self, pid: Pid) {
        Table::set_pid(self, pid);
    }

    fn set_count(&self, slot: Slot, object: ObjectId, count: u32) {
        Table::set_count(self, slot, object, count);
    }

    fn mark_removed(&self, slot: Slot, object: ObjectId) {
        Table::mark_removed(self, slot, object);
    }

    fn mark_ahead(&self, slot: Slot, object: ObjectId) {
        Table::mark_ahead(self, slot, object);
    }

    fn count(&self, slot: Slot, object: ObjectId) -> u32 {
        Table::count(self, slot, object)
    }

    fn last_detach(&self, slot: Slot, object: ObjectId) -> Option<(Pid, Time)> {
        Table::last_detach(self, slot, object)
    }

    fn used(&self) -> Vec<(Slot, ObjectId, u32)> {
        Table::used(self).collect()
    }

    fn copy_counts_from(&self, parent: &Table) {
        Table::copy_counts_from(self, parent);
    }

    fn detaches(&self) -> u64 {
        Table::detaches(self)
    }

    fn opens(&self) -> u64 {
        Table::opens(self)
    }

    fn heard(&self) -> u64 {
        Table::heard(self)
    }
}
