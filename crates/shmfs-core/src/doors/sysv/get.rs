//! `shmget`: finding and creating; `shmat`: may it be mapped.

use super::{Admitted, Segment, Segments, perm_of};
use crate::inode::Inode;
use crate::object::{Object, Objects, Place};
use crate::perm::{self, Rights};
use shmfs_abi::limits::OBJECT_BYTES;
use shmfs_abi::sysv::SHMMIN;
use shmfs_abi::{
    AttachFlags, Backing, ByteLen, Caps, Cred, Errno, GetFlags, Key, Kind, Lifetime, ObjectId, Pid, Result,
    Shmid, Slot, Time, refuse,
};

/// What `shmget` asks for.
#[derive(Clone, Copy)]
pub(crate) struct Asked {
    pub(crate) key: Key,
    pub(crate) size: ByteLen,
    pub(crate) flags: GetFlags,
    /// Whether the segment is to outlive the store, if it is created.
    pub(crate) durable: bool,
}

/// What `shmget` comes to.
pub(crate) enum Got {
    /// It exists.
    Found(Shmid),
    /// It is to be made.
    Created(Admitted),
}

/// The default huge page on both architectures with pages of 4 KiB, and the gigantic one.
const HUGE_LOG2: [u32; 2] = [21, 30];

/// The logarithm of the huge page size (`newseg`, ipc/shm.c; `hugetlb_file_setup`, fs/hugetlbfs/inode.c).
fn huge_page(caller: &Cred, flags: GetFlags) -> Result<u32> {
    let log2 = match flags.huge_log2() {
        0 => HUGE_LOG2[0],
        log2 if HUGE_LOG2.contains(&log2) => log2,
        _ => return refuse(Errno::EINVAL, "there are no huge pages of this size"),
    };
    if !caller.caps.contains(Caps::IPC_LOCK) {
        return refuse(Errno::EPERM, "huge pages need CAP_IPC_LOCK");
    }
    Ok(log2)
}

impl Segments {
    /// Finds the segment that `key` names, or creates it when `CREAT` is among `flags`.
    ///
    /// The order of refusals is Linux's (`ipcget_public`, ipc/util.c): exclusivity, size, permission. A stranger can
    /// therefore learn that a segment is too small.
    pub(crate) fn get(
        &mut self,
        objects: &mut Objects,
        new: ObjectId,
        caller: &Cred,
        asked: Asked,
        now: Time,
    ) -> Result<Got> {
        let Asked { key, size, flags, .. } = asked;
        let found = self.keys.get(&key).filter(|_| key != Key::PRIVATE).copied();
        let Some(slot) = found else {
            if key != Key::PRIVATE && !flags.contains(GetFlags::CREAT) {
                return refuse(Errno::ENOENT, "no segment has this key");
            }
            return self.create(objects, new, caller, asked, now).map(Got::Created);
        };
        if flags.contains(GetFlags::CREAT | GetFlags::EXCL) {
            return refuse(Errno::EEXIST, "the key is taken");
        }
        let Some(segment) = self.slots.get(&slot).filter(|segment| segment.made) else {
            return refuse(Errno::EAGAIN, "the segment is being created");
        };
        if size > segment.size {
            return refuse(Errno::EINVAL, "the segment is smaller than asked for");
        }
        if !perm::ipc_allows(&segment.perm, caller, Rights::named_in(flags.mode())) {
            return refuse(Errno::EACCES, "the segment's mode does not give these rights");
        }
        Ok(Got::Found(segment.shmid(slot)))
    }

    /// `newseg`, ipc/shm.c: size, `shmall`, the store's size, `shmmni`.
    fn create(
        &mut self,
        objects: &mut Objects,
        object: ObjectId,
        caller: &Cred,
        Asked { key, size, flags, durable }: Asked,
        now: Time,
    ) -> Result<Admitted> {
        if size.0 < SHMMIN || size.0 > self.limits.shmmax {
            return refuse(Errno::EINVAL, "the size is below SHMMIN or beyond SHMMAX");
        }
        let pages = size.pages();
        let total = self.total.0.checked_add(pages.0);
        if total.is_none_or(|total| total > self.limits.shmall) {
            return refuse(Errno::ENOSPC, "all segments together would be beyond SHMALL");
        }
        if durable && flags.contains(GetFlags::HUGETLB) {
            return refuse(Errno::EINVAL, "a durable segment has no huge pages");
        }
        let huge = flags.contains(GetFlags::HUGETLB).then(|| huge_page(caller, flags)).transpose()?;
        let mapped =
            huge.map_or(size, |log2| ByteLen(size.0.saturating_add((1 << log2) - 1) >> log2 << log2));
        if mapped.0 > OBJECT_BYTES {
            return refuse(Errno::EINVAL, "no file can be so large");
        }
        objects.admit(mapped)?;
        let in_use = self.slots.len();
        let slot = if in_use < self.limits.shmmni as usize {
            let slots = &self.slots;
            let taken = |slot| slots.contains_key(&slot);
            match self.next_id.take() {
                Some(wanted) => self.cursor.allocate_from(wanted, taken),
                None => self.cursor.allocate(in_use, taken),
            }
        } else {
            None
        };
        let Some((slot, seq)) = slot else { return refuse(Errno::ENOSPC, "there are SHMMNI segments") };
        let inode = Inode::new(caller, flags.mode(), now);
        let place = Place::Slot(slot);
        let lifetime = if durable { Lifetime::Durable } else { Lifetime::UntilRemoved };
        let made = Object { lifetime, ..Object::new(Kind::Segment, mapped, inode, place) };
        objects.enter(object, made)?;
        let segment = Segment {
            object,
            seq,
            key,
            perm: perm_of(caller, flags.mode()),
            size,
            atime: 0,
            dtime: 0,
            ctime: now.seconds,
            cpid: caller.pid,
            lpid: Pid(0),
            nattch: 0,
            touched: now,
            made: false,
            huge: huge.is_some(),
            durable,
            orphaned: false,
        };
        self.slots.insert(slot, segment);
        self.total.0 += pages.0;
        if key != Key::PRIVATE {
            self.keys.insert(key, slot);
        }
        let backing = match huge {
            Some(_) => Backing::Huge,
            None if durable => Backing::Durable,
            None => Backing::SealedMemfd,
        };
        let huge_log2 = huge.unwrap_or(0);
        Ok(Admitted { slot, shmid: Shmid::new(slot, seq), backing, huge_log2 })
    }

    /// May the caller map it so (`do_shmat`, ipc/shm.c)? Then it has one attach more.
    pub(crate) fn attach(
        &mut self,
        caller: &Cred,
        shmid: Shmid,
        flags: AttachFlags,
        now: Time,
    ) -> Result<(Slot, ObjectId, bool)> {
        let (slot, segment) = self.find(shmid)?;
        let mut asked = Rights::READ;
        if !flags.contains(AttachFlags::RDONLY) {
            asked |= Rights::WRITE;
        }
        if flags.contains(AttachFlags::EXEC) {
            asked |= Rights::EXEC;
        }
        if !perm::ipc_allows(&segment.perm, caller, asked) {
            return refuse(Errno::EACCES, "the segment's mode does not give these rights");
        }
        let attached = (slot, segment.object, segment.is_removed() || self.rmid_forced && !segment.durable);
        self.change(slot, |segment| {
            segment.nattch = segment.nattch.saturating_add(1);
            segment.atime = now.seconds;
            segment.lpid = caller.pid;
            segment.touched = now;
        });
        Ok(attached)
    }
}
