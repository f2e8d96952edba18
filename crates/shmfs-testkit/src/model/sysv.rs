//! Segments of the model.

use super::{Held, Model, READ, WRITE, allows};
use crate::setting::pid;
use shmfs_abi::{Caps, Cred, Errno, ObjectId, PAGE_SIZE, Pid, Shmid, Slot, limits};

/// A segment as the model sees it.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    pub(crate) id: Shmid,
    pub(crate) object: ObjectId,
    pub(crate) key: i32,
    pub(crate) pages: u64,
    /// The logarithm of its pages' size, if those are huge.
    pub(crate) huge: Option<u32>,
    /// It outlives the store.
    pub(crate) durable: bool,
    /// Pages that it has in memory.
    pub(crate) resident: u64,
    pub(crate) mode: u32,
    /// User and group.
    pub(crate) owner: u32,
    pub(crate) creator: u32,
    /// Who attaches it, once for each attach.
    pub(crate) attached_by: Vec<u8>,
    /// The last detach that a table remembers.
    pub(crate) last_detach: Option<(u8, i64)>,
    pub(crate) lpid: Pid,
    pub(crate) atime: i64,
    pub(crate) dtime: i64,
    pub(crate) ctime: i64,
    pub(crate) removed: bool,
    /// Somebody detached it since it was last looked at.
    pub(crate) detached: bool,
    pub(crate) orphaned: bool,
    pub(crate) locked: bool,
}

impl Segment {
    /// Pages of its mapping.
    pub(crate) fn mapped(&self) -> u64 {
        mapped(self.pages, self.huge)
    }

    /// One byte less than its pages: charges are rounded up.
    pub(crate) fn bytes(&self) -> u64 {
        self.pages * PAGE_SIZE - 1
    }

    pub(crate) fn detach(&mut self, who: u8, now: i64) {
        (self.dtime, self.lpid, self.detached) = (now, pid(who), true);
    }

    fn is_in_group(&self, caller: &Cred) -> bool {
        [self.owner, self.creator].iter().any(|group| caller.in_group(shmfs_abi::Gid(*group)))
    }

    fn is_owned_by(&self, caller: &Cred) -> bool {
        caller.uid.0 == self.owner || caller.uid.0 == self.creator
    }

    pub(crate) fn allows(&self, caller: &Cred, asked: u32) -> bool {
        caller.caps.contains(Caps::IPC_OWNER)
            || allows(self.mode, self.is_owned_by(caller), self.is_in_group(caller), asked)
    }

    pub(crate) fn attach_errno(&self, caller: &Cred, read_only: bool) -> Option<Errno> {
        let asked = if read_only { READ } else { READ | WRITE };
        (!self.allows(caller, asked)).then_some(Errno::EACCES)
    }

    pub(crate) fn control_errno(&self, caller: &Cred) -> Option<Errno> {
        let may = caller.caps.contains(Caps::SYS_ADMIN) || self.is_owned_by(caller);
        (!may).then_some(Errno::EPERM)
    }
}

/// What `shmget` comes to.
#[derive(Debug)]
pub(crate) enum Got {
    Found(Shmid),
    /// A segment is created, with this id if one is wanted.
    Created(Option<Shmid>),
}

fn mapped(pages: u64, huge: Option<u32>) -> u64 {
    huge.map_or(pages, |log2| pages.next_multiple_of((1 << log2) / PAGE_SIZE))
}

/// The logarithm of the size of huge pages that flags ask for, if they do.
pub(crate) fn huge(flags: i32) -> Option<u32> {
    let log2 = flags as u32 >> 26;
    (flags & 0o4000 != 0).then_some(if log2 == 0 { 21 } else { log2 })
}

impl Model {
    /// What `shmget` must say.
    pub(crate) fn get(
        &mut self,
        caller: &Cred,
        (key, pages, flags): (i32, u64, i32),
        durable: bool,
    ) -> Result<Got, Errno> {
        if durable && !self.setting.durable {
            return Err(Errno::EOPNOTSUPP);
        }
        let found = self.segments.iter().find(|segment| key != 0 && segment.key == key && !segment.removed);
        let Some(found) = found else {
            return match (key, flags & 0o1000) {
                (1.., 0) => Err(Errno::ENOENT),
                _ => self.create(caller, pages, (huge(flags), durable)).map(Got::Created),
            };
        };
        if flags & 0o3000 == 0o3000 {
            return Err(Errno::EEXIST);
        }
        if pages > found.pages {
            return Err(Errno::EINVAL);
        }
        let mode = flags as u32 & 0o777;
        if !found.allows(caller, (mode >> 6 | mode >> 3 | mode) & 7) {
            return Err(Errno::EACCES);
        }
        Ok(Got::Found(found.id))
    }

    fn create(
        &mut self,
        caller: &Cred,
        pages: u64,
        (huge, durable): (Option<u32>, bool),
    ) -> Result<Option<Shmid>, Errno> {
        if pages == 0 || pages * PAGE_SIZE > self.limits.shmmax.saturating_add(1) {
            return Err(Errno::EINVAL);
        }
        let all: u64 = self.segments.iter().map(|segment| segment.pages).sum();
        if all + pages > self.limits.shmall {
            return Err(Errno::ENOSPC);
        }
        if huge.is_some() && durable {
            return Err(Errno::EINVAL);
        }
        if huge.is_some_and(|log2| log2 != 21 && log2 != 30) {
            return Err(Errno::EINVAL);
        }
        if huge.is_some() && !caller.caps.contains(Caps::IPC_LOCK) {
            return Err(Errno::EPERM);
        }
        let full = self.segments.len() as u64 >= self.limits.shmmni;
        if full || !self.has_room_for(mapped(pages, huge)) {
            return Err(Errno::ENOSPC);
        }
        // Whether there is a slot from there on or not, an id is wanted once.
        let Some(wanted) = self.limits.next_id.take() else { return Ok(None) };
        let taken = |slot| self.segments.iter().any(|segment| segment.id.slot() == Some(Slot(slot)));
        let from = wanted.slot().map_or(limits::SLOTS, |slot| slot.0);
        let slot = (from..limits::SLOTS).find(|slot| !taken(*slot)).ok_or(Errno::ENOSPC)?;
        Ok(Some(Shmid::new(Slot(slot), wanted.seq())))
    }

    /// What `SHM_LOCK` or `SHM_UNLOCK` must say, with so many pages of RLIMIT_MEMLOCK.
    pub(crate) fn lock_errno(
        &self,
        segment: &Segment,
        caller: &Cred,
        lock: bool,
        allowance: u64,
    ) -> Option<Errno> {
        if caller.caps.contains(Caps::IPC_LOCK) {
            return None;
        }
        if !segment.is_owned_by(caller) || lock && allowance == 0 {
            return Some(Errno::EPERM);
        }
        let theirs = self.segments.iter().filter(|other| other.locked && other.creator == caller.uid.0);
        let locked: u64 = theirs.map(|other| other.pages).sum();
        let more = lock && !segment.locked && segment.huge.is_none();
        (more && locked + segment.pages > allowance).then_some(Errno::ENOMEM)
    }

    /// A marked segment goes with its last attach, and where that is so set every other.
    pub(crate) fn sweep(&mut self) {
        let forced = self.limits.forced;
        self.destroy(|segment| segment.removed || forced && segment.detached && !segment.durable);
        for segment in &mut self.segments {
            segment.detached = false;
        }
    }

    /// What nobody attaches goes, if it is chosen.
    pub(crate) fn destroy(&mut self, chosen: impl Fn(&Segment) -> bool) {
        let goes = |segment: &Segment| segment.attached_by.is_empty() && chosen(segment);
        let (gone, stay) = self.segments.drain(..).partition::<Vec<_>, _>(goes);
        self.segments = stay;
        for segment in gone {
            self.gone.push(segment.id);
            let (pages, Segment { object, resident, mode, owner, durable, .. }) = (segment.mapped(), segment);
            self.held.push(Held { object, pages, size: pages, resident, mode, owner, durable });
        }
    }
}
