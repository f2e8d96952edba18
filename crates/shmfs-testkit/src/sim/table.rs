//! What a broker maps: attach tables, and objects that it keeps in memory.
//!
//! Owns: the broker's mappings; they go with it. Leaves to others: the rows (`kernel`).

use super::handle::Handle;
use super::kernel::{DescId, FileId};
use super::world::World;
use shmfs_abi::{ClientId, Errno, ObjectId, Pid, Slot, Time};
use shmfs_broker::os::AttachTable;

/// A mapping of the broker.
#[derive(Debug)]
struct Mapped {
    handle: Handle,
    description: DescId,
    file: FileId,
}

impl Mapped {
    fn map(handle: &Handle, world: &mut World, description: DescId) -> Result<Mapped, Errno> {
        let file = world.kernel.file_of(description)?;
        world.kernel.broker_maps(description);
        Ok(Mapped { handle: handle.clone(), description, file })
    }
}

impl Drop for Mapped {
    fn drop(&mut self) {
        if let Some(mut world) = self.handle.living() {
            world.kernel.broker_unmaps(self.description);
        }
    }
}

/// An object that is kept in memory.
#[derive(Debug)]
pub(crate) struct SimKept {
    mapped: Mapped,
    lock: bool,
}

impl SimKept {
    pub(crate) fn map(
        handle: &Handle,
        world: &mut World,
        description: DescId,
        lock: bool,
    ) -> Result<SimKept, Errno> {
        let mapped = Mapped::map(handle, world, description)?;
        if lock {
            world.kernel.locked.push(mapped.file);
        }
        Ok(SimKept { mapped, lock })
    }
}

impl Drop for SimKept {
    fn drop(&mut self) {
        if let Some(mut world) = self.mapped.handle.living() {
            let locked = &mut world.kernel.locked;
            let at = locked.iter().position(|file| self.lock && *file == self.mapped.file);
            at.map(|at| locked.swap_remove(at));
        }
    }
}

/// An attach table.
#[derive(Debug)]
pub(crate) struct SimTable {
    mapped: Mapped,
    client: ClientId,
    cookie: u64,
}

impl SimTable {
    pub(crate) fn map(handle: &Handle, world: &mut World, description: DescId) -> Result<SimTable, Errno> {
        if !world.kernel.file_of(description).is_ok_and(|file| world.kernel.is_table(file)) {
            return Err(Errno::EPROTO);
        }
        let mapped = Mapped::map(handle, world, description)?;
        let rows = world.kernel.rows(mapped.file);
        Ok(SimTable { client: rows.client, cookie: rows.cookie, mapped })
    }

    fn step(&self, what: &'static str, slot: Slot) -> std::cell::RefMut<'_, World> {
        self.mapped.handle.step(what, i64::from(slot.0))
    }
}

impl AttachTable for SimTable {
    fn client(&self) -> ClientId {
        self.client
    }

    fn cookie(&self) -> u64 {
        self.cookie
    }

    fn pid(&self) -> Pid {
        self.mapped.handle.look().kernel.rows(self.mapped.file).pid
    }

    fn set_pid(&self, pid: Pid) {
        let mut world = self.mapped.handle.step("set_pid", pid.0.into());
        world.kernel.rows_mut(self.mapped.file).pid = pid;
    }

    fn set_count(&self, slot: Slot, object: ObjectId, count: u32) {
        let mut world = self.step("set_count", slot);
        world.trace.say(|| format!("       client {} object {} count {count}", self.client.0, object.0));
        world.kernel.rows_mut(self.mapped.file).set_count(slot, object, count);
    }

    fn mark_removed(&self, slot: Slot, object: ObjectId) {
        self.step("mark_removed", slot).kernel.rows_mut(self.mapped.file).mark_removed(slot, object);
    }

    fn mark_ahead(&self, slot: Slot, object: ObjectId) {
        self.step("mark_ahead", slot).kernel.rows_mut(self.mapped.file).mark_ahead(slot, object);
    }

    fn count(&self, slot: Slot, object: ObjectId) -> u32 {
        self.step("count", slot).kernel.rows(self.mapped.file).count(slot, object)
    }

    fn last_detach(&self, slot: Slot, object: ObjectId) -> Option<(Pid, Time)> {
        self.mapped.handle.look().kernel.rows(self.mapped.file).last_detach(slot, object)
    }

    fn used(&self) -> Vec<(Slot, ObjectId, u32)> {
        self.mapped.handle.step("used", 0).kernel.rows(self.mapped.file).used()
    }

    fn copy_counts_from(&self, parent: &SimTable) {
        for (slot, ..) in parent.used() {
            let mut world = self.step("copy_count", slot);
            let row = world.kernel.rows(parent.mapped.file).clone();
            world.kernel.rows_mut(self.mapped.file).copy_row(slot, &row);
        }
    }

    fn detaches(&self) -> u64 {
        self.mapped.handle.look().kernel.rows(self.mapped.file).detaches
    }

    fn opens(&self) -> u64 {
        0
    }

    fn heard(&self) -> u64 {
        self.mapped.handle.step("heard", 0).kernel.rows(self.mapped.file).heard
    }
}
