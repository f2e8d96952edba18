//! Limits while running, `shm_rmid_forced` and `shm_next_id` (Documentation/admin-guide/sysctl/kernel.rst).

use super::Segments;
use shmfs_abi::{Errno, LimitsChange, ObjectId, Pid, Result, Shmid, Slot, limits, refuse};

impl Segments {
    /// Checks new limits (`ipc_kern_table`, ipc/ipc_sysctl.c).
    pub(crate) fn check_limits(change: &LimitsChange) -> Result<()> {
        if change.shmmni.is_some_and(|shmmni| shmmni > u64::from(limits::SLOTS)) {
            return refuse(Errno::EINVAL, "shmmni is at most 32768");
        }
        if change.rmid_forced.is_some_and(|forced| forced > 1) {
            return refuse(Errno::EINVAL, "shm_rmid_forced is 0 or 1");
        }
        if change.next_id.is_some_and(|id| i32::try_from(id).is_err()) {
            return refuse(Errno::EINVAL, "shm_next_id is an id");
        }
        Ok(())
    }

    /// Takes limits over that were checked. Segments that nobody attaches and whose creators have ended go when
    /// `shm_rmid_forced` is set (`shm_destroy_orphaned`).
    pub(crate) fn set_limits(&mut self, change: &LimitsChange) -> Vec<Slot> {
        let limits = &mut self.limits;
        limits.shmmax = change.shmmax.unwrap_or(limits.shmmax);
        limits.shmall = change.shmall.unwrap_or(limits.shmall);
        limits.shmmni = change.shmmni.map_or(limits.shmmni, |shmmni| shmmni as u32);
        if let Some(id) = change.next_id {
            self.next_id = i32::try_from(id).ok().map(Shmid);
        }
        if let Some(forced) = change.rmid_forced {
            self.rmid_forced = forced == 1;
        }
        self.to_destroy(|orphaned, _| orphaned)
    }

    /// A process has ended: what it created is orphaned, and goes if that is so set (`exit_shm`).
    pub(crate) fn creator_ended(&mut self, pid: Pid) -> Vec<Slot> {
        let created = self.slots.iter().filter(|(_, segment)| segment.cpid == pid && !segment.orphaned);
        let created: Vec<_> = created.map(|(slot, _)| *slot).collect();
        for slot in created {
            self.change(slot, |segment| segment.orphaned = true);
        }
        self.to_destroy(|_, cpid| cpid == pid)
    }

    /// The segments whose last detach is to be told, where every last detach is one's end.
    pub(crate) fn to_mark(&self) -> Vec<(Slot, ObjectId)> {
        let all = self.iter().filter(|(_, segment)| self.rmid_forced && !segment.durable);
        all.map(|(slot, segment)| (slot, segment.object)).collect()
    }

    fn to_destroy(&self, chosen: impl Fn(bool, Pid) -> bool) -> Vec<Slot> {
        if !self.rmid_forced {
            return Vec::new();
        }
        let unused =
            self.iter().filter(|(_, segment)| segment.made && segment.nattch == 0 && !segment.durable);
        unused.filter(|(_, segment)| chosen(segment.orphaned, segment.cpid)).map(|(slot, _)| slot).collect()
    }

    /// What is set besides the limits: `shm_rmid_forced` and `shm_next_id`.
    pub(crate) fn settings(&self) -> (bool, Option<Shmid>) {
        (self.rmid_forced, self.next_id)
    }

    /// `shm_rmid_forced` and `shm_next_id` as the kernel's files tell them.
    pub(crate) fn forced(&self) -> (u8, i32) {
        (u8::from(self.rmid_forced), self.next_id.map_or(-1, |id| id.0))
    }
}
