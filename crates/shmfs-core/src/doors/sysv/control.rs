//! `shmctl`: what a segment is, and changing or removing it.

use super::Segments;
use crate::object::Objects;
use crate::perm::{self, Rights};
use shmfs_abi::sysv::SHM_DEST;
use shmfs_abi::{
    Cred, Errno, Gid, Key, ObjectId, Result, SegmentStat, Shmid, Slot, Time, Uid, limits, refuse,
};

/// What becomes of a removed segment.
pub(crate) enum Removed {
    /// Nobody attaches it: it is gone.
    Destroyed(ObjectId),
    /// It goes with its last detach.
    Marked(ObjectId, Slot),
}

impl Segments {
    /// `IPC_STAT` (`shmctl_stat`, ipc/shm.c).
    pub(crate) fn stat(&self, objects: &Objects, caller: &Cred, shmid: Shmid) -> Result<SegmentStat> {
        let (_, segment) = self.find(shmid)?;
        if !perm::ipc_allows(&segment.perm, caller, Rights::READ) {
            return refuse(Errno::EACCES, "the segment may not be read");
        }
        Ok(self.stat_of(segment, objects))
    }

    /// `SHM_STAT` and `SHM_STAT_ANY`: by index, that is by the slot within the number (`ipcid_to_idx`).
    pub(crate) fn stat_index(
        &self,
        objects: &Objects,
        caller: &Cred,
        index: i32,
        any: bool,
    ) -> Result<(Shmid, SegmentStat)> {
        let slot = u32::try_from(index).ok().map(|index| Slot(index % limits::SLOTS));
        let found = slot.and_then(|slot| Some((slot, self.slots.get(&slot).filter(|segment| segment.made)?)));
        let Some((slot, segment)) = found else { return refuse(Errno::EINVAL, "no segment has this index") };
        if !any && !perm::ipc_allows(&segment.perm, caller, Rights::READ) {
            return refuse(Errno::EACCES, "the segment may not be read");
        }
        Ok((segment.shmid(slot), self.stat_of(segment, objects)))
    }

    /// `IPC_SET`: owner, group and the nine bits (`ipc_update_perm`, ipc/util.c).
    pub(crate) fn set(
        &mut self,
        caller: &Cred,
        shmid: Shmid,
        (uid, gid, mode): (Uid, Gid, u32),
        now: Time,
    ) -> Result<(ObjectId, u32)> {
        let (slot, segment) = self.find(shmid)?;
        if !perm::ipc_controls(&segment.perm, caller) {
            return refuse(Errno::EPERM, "only owner and creator may change a segment");
        }
        if uid == Uid(u32::MAX) || gid == Gid(u32::MAX) {
            return refuse(Errno::EINVAL, "no user or group has this number");
        }
        let object = segment.object;
        self.change(slot, |segment| {
            segment.perm.uid = uid;
            segment.perm.gid = gid;
            segment.perm.mode = segment.perm.mode & !0o777 | mode & 0o777;
            segment.ctime = now.seconds;
        });
        Ok((object, mode & 0o777))
    }

    /// `IPC_RMID` (`do_shm_rmid`, ipc/shm.c).
    pub(crate) fn remove(&mut self, caller: &Cred, shmid: Shmid) -> Result<Removed> {
        let (slot, segment) = self.find(shmid)?;
        if !perm::ipc_controls(&segment.perm, caller) {
            return refuse(Errno::EPERM, "only owner and creator may remove a segment");
        }
        let (object, key) = (segment.object, segment.key);
        if segment.nattch == 0 {
            self.forget(slot);
            return Ok(Removed::Destroyed(object));
        }
        if self.keys.get(&key) == Some(&slot) {
            self.keys.remove(&key);
        }
        self.change(slot, |segment| {
            segment.perm.mode |= SHM_DEST;
            segment.key = Key::PRIVATE;
        });
        Ok(Removed::Marked(object, slot))
    }
}
