//! What the mount's door sees of its store: the segments, and whom it shares the files with.
//!
//! Owns: nothing. Leaves to others: the rules of `shmctl` (the engine), what is told of a name (`strangers`).

use crate::broker::Broker;
use crate::door::{Face, Segment};
use crate::os::Os;
use shmfs_abi::{ByteLen, Call, Cred, Errno, Gid, Name, ObjectId, Shmid, Slot, Time, Uid};
use shmfs_core::SegmentImage;

impl<O: Os> Face for Broker<O> {
    fn segments(&self) -> Vec<Segment> {
        let slots = self.namespace.slots().into_iter();
        let segments = slots.filter_map(|slot| self.segment_in(slot).map(|(segment, _)| segment));
        segments.filter(|segment| !segment.removed).collect()
    }

    fn segment(&self, shmid: Shmid) -> Option<Segment> {
        self.segment_at(shmid).map(|(segment, _)| segment)
    }

    fn segment_number(&self, shmid: Shmid) -> Option<i32> {
        let (_, object) = self.segment_at(shmid)?;
        Some(self.os.number(&self.backings.stored(object).ok()?.fd))
    }

    fn remove_segment(&mut self, caller: &Cred, shmid: Shmid) -> Result<(), Errno> {
        self.control(caller, Call::ShmRemove { shmid })
    }

    fn set_segment(
        &mut self,
        caller: &Cred,
        shmid: Shmid,
        uid: Uid,
        gid: Gid,
        mode: u32,
    ) -> Result<(), Errno> {
        self.control(caller, Call::ShmSet { shmid, uid, gid, mode })
    }

    fn name_changed(&mut self, name: &Name) {
        if self.is_nobodys(name) {
            return;
        }
        if let Err(errno) = self.look_at(name) {
            tracing::debug!(?name, errno = errno.name(), "a name cannot be followed");
        }
    }

    fn outside(&self) -> ByteLen {
        self.namespace.outside()
    }

    fn is_shared(&self) -> bool {
        self.record.mount.shared
    }

    fn is_attached(&self) -> bool {
        self.record.mount.attached
    }

    fn sysv(&self) -> bool {
        self.record.mount.sysv
    }
}

impl<O: Os> Broker<O> {
    fn segment_at(&self, shmid: Shmid) -> Option<(Segment, ObjectId)> {
        self.segment_in(shmid.slot()?).filter(|(segment, _)| segment.shmid == shmid)
    }

    fn segment_in(&self, slot: Slot) -> Option<(Segment, ObjectId)> {
        let (object, image) = self.namespace.segment_image(slot)?;
        // What the inode says by now, and not when it was last measured.
        let allocated = self.backings.facts(&self.os, object).map_or(ByteLen(0), |facts| facts.allocated);
        let time = |seconds| Time { seconds, nanos: 0 };
        let SegmentImage { seq, key, perm, size, atime, dtime, ctime, .. } = image;
        let segment = Segment {
            shmid: Shmid::new(slot, seq),
            key,
            uid: perm.uid,
            gid: perm.gid,
            mode: perm.mode & 0o777,
            size,
            allocated,
            attached: time(atime),
            detached: time(dtime),
            changed: time(ctime),
            removed: perm.mode & shmfs_abi::sysv::SHM_DEST != 0,
        };
        Some((segment, object))
    }

    /// One call of `shmctl`, done for good.
    fn control(&mut self, caller: &Cred, call: Call) -> Result<(), Errno> {
        self.refresh(&call);
        let answer = self.namespace.call(caller, call, self.os.now()).map_err(|refusal| refusal.errno)?;
        self.carry_out_alone(answer.effects);
        match self.conclude(None) {
            Ok(_) => Ok(()),
            Err(error) => {
                self.failed = Some(error);
                Err(Errno::EIO)
            }
        }
    }
}
