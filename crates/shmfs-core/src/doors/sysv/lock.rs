//! `SHM_LOCK` and `SHM_UNLOCK`: pages that stay in memory (`shmctl_do_lock`, ipc/shm.c; `user_shm_lock`, mm/mlock.c).

use super::Segments;
use shmfs_abi::sysv::SHM_LOCKED;
use shmfs_abi::{Caps, Cred, Errno, ObjectId, PAGE_SIZE, Result, Shmid, Slot, refuse};

impl Segments {
    /// Locks or unlocks a segment. Nothing comes back where it is so already.
    pub(crate) fn lock(
        &mut self,
        caller: &Cred,
        shmid: Shmid,
        lock: bool,
        allowance: u64,
    ) -> Result<Option<(ObjectId, Slot)>> {
        let (slot, segment) = self.find(shmid)?;
        let may_lock_all = caller.caps.contains(Caps::IPC_LOCK);
        if !may_lock_all {
            if caller.uid != segment.perm.uid && caller.uid != segment.perm.cuid {
                return refuse(Errno::EPERM, "only owner and creator may lock a segment");
            }
            if lock && allowance == 0 {
                return refuse(Errno::EPERM, "RLIMIT_MEMLOCK is 0");
            }
        }
        if segment.huge {
            // Huge pages stay in memory anyway; the kernel leaves no mark.
            return Ok(None);
        }
        let locked = segment.perm.mode & SHM_LOCKED != 0;
        if locked == lock {
            return Ok(None);
        }
        let wanted = segment.size.pages().0 + self.locked_by(caller);
        if lock && !may_lock_all && wanted > allowance / PAGE_SIZE {
            return refuse(Errno::ENOMEM, "RLIMIT_MEMLOCK does not allow so many locked pages");
        }
        let object = segment.object;
        self.set_locked(slot, lock);
        Ok(Some((object, slot)))
    }

    /// Marks a segment as locked or not.
    pub(crate) fn set_locked(&mut self, slot: Slot, locked: bool) {
        self.change(slot, |segment| {
            segment.perm.mode &= !SHM_LOCKED;
            if locked {
                segment.perm.mode |= SHM_LOCKED;
            }
        });
    }

    /// Pages of locked segments that this user created.
    fn locked_by(&self, caller: &Cred) -> u64 {
        let locked = self.slots.values().filter(|segment| segment.perm.mode & SHM_LOCKED != 0);
        locked.filter(|segment| segment.perm.cuid == caller.uid).map(|segment| segment.size.pages().0).sum()
    }
}
