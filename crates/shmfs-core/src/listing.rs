//! What listings and the broker ask: one object after the other, and the use of the whole.

use crate::namespace::Namespace;
use crate::object::{Object, Place};
use shmfs_abi::{ByteLen, Call, CallName, Door, Kind, ObjectId, Pid, Reply, Row, Slot, Usage, limits};

impl Namespace {
    /// The first object after `after` that a listing shows.
    pub fn object_after(&self, after: ObjectId) -> Option<ObjectId> {
        let mut after = after;
        loop {
            after = self.objects.after(after)?;
            if self.is_shown(self.objects.get(after)) {
                return Some(after);
            }
        }
    }

    /// Whether listings show it: nobody is still making it.
    pub(crate) fn is_shown(&self, object: &Object) -> bool {
        match object.place {
            Place::Pending(..) | Place::Fresh(..) => false,
            Place::Anonymous(_, ticket) => ticket.is_none(),
            Place::Name(_) | Place::Slot(_) | Place::Released => true,
        }
    }

    /// All objects.
    pub fn objects(&self) -> impl Iterator<Item = ObjectId> + '_ {
        self.objects.iter().map(|(object, _)| object)
    }

    /// The slots of all segments.
    pub fn slots(&self) -> Vec<Slot> {
        self.segments.iter().map(|(slot, _)| slot).collect()
    }

    /// The object of the segment in this slot.
    pub fn segment_object(&self, slot: Slot) -> Option<ObjectId> {
        self.segments.at(slot).map(|segment| segment.object)
    }

    /// The segments whose rows carry the mark of removal.
    pub fn marked(&self) -> Vec<(Slot, ObjectId)> {
        let removed = self.segments.iter().filter(|(_, segment)| segment.is_removed());
        let removed = removed.map(|(slot, segment)| (slot, segment.object));
        self.segments.to_mark().into_iter().chain(removed).collect()
    }

    /// Whose attaches are to be counted before this call.
    pub fn slot_to_count(&self, call: &Call) -> Option<Slot> {
        match call {
            Call::ShmStat { shmid } | Call::ShmRemove { shmid } => shmid.slot(),
            Call::ShmDetached { slot } => Some(*slot),
            Call::ShmStatIndex { index, .. } => {
                u32::try_from(*index).ok().map(|index| Slot(index % limits::SLOTS))
            }
            Call::Next { after } => match self.objects.get(self.object_after(*after)?).place {
                Place::Slot(slot) => Some(slot),
                _ => None,
            },
            _ => None,
        }
    }

    /// Which object's inode is to be measured before this call: owner and mode may have been changed through a
    /// descriptor.
    pub fn object_to_measure(&self, call: &Call) -> Option<ObjectId> {
        match call {
            Call::Open { name, .. } | Call::SemOpen { name, .. } | Call::Unlink { name } => {
                self.mount.names.get(name)
            }
            // Of the two files that a rename affects, the one that is more often another's.
            Call::Rename { to, .. } => self.mount.names.get(to),
            Call::Want(wanted) => self.mount.names.get(&wanted.name),
            Call::Fetch { object, .. } => self.objects.find(*object).map(|_| *object),
            Call::Next { after } => self.object_after(*after),
            _ => None,
        }
    }

    pub(crate) fn next_row(&self, after: ObjectId) -> Reply {
        match self.object_after(after) {
            Some(object) => Reply::Row(self.row(object, self.objects.get(object))),
            None => Reply::End,
        }
    }

    fn row(&self, id: ObjectId, object: &Object) -> Row {
        let segment = match object.place {
            Place::Slot(slot) => self.segments.at(slot).map(|segment| (slot, segment)),
            _ => None,
        };
        let inode = &object.inode;
        Row {
            object: id,
            door: match object.kind {
                Kind::Segment => Door::Sysv,
                Kind::Object | Kind::Semaphore => Door::Posix,
                Kind::Anonymous => Door::Anon,
            },
            kind: object.kind,
            shmid: segment.map(|(slot, segment)| shmfs_abi::Shmid::new(slot, segment.seq)),
            key: segment.map(|(_, segment)| segment.key),
            name: object.name(),
            size: object.size,
            allocated: object.allocated,
            nattch: segment.map(|(_, segment)| segment.nattch),
            mode: segment.map_or(inode.mode, |(_, segment)| segment.perm.mode & 0o777),
            uid: segment.map_or(inode.uid, |(_, segment)| segment.perm.uid),
            gid: segment.map_or(inode.gid, |(_, segment)| segment.perm.gid),
            cpid: inode.creator,
            lpid: segment.map(|(_, segment)| segment.lpid),
            removed: object.place == Place::Released
                || segment.is_some_and(|(_, segment)| segment.is_removed()),
            lifetime: object.lifetime,
            guarded: object.guarded,
            created: inode.created,
        }
    }

    /// What the engine knows of the store's use; the broker fills in clients and calls.
    pub(crate) fn usage(&self) -> Reply {
        let allocated = self.objects.iter().map(|(_, object)| object.allocated.0);
        let mut usage = Usage {
            size: self.objects.account.limit().bytes(),
            used: self.objects.account.used().bytes(),
            peak: self.objects.account.peak().bytes(),
            allocated: ByteLen(allocated.fold(0, u64::saturating_add)),
            tree: self.objects.account.tree().bytes(),
            backing: self.posix,
            sysv: 0,
            posix: 0,
            anon: 0,
            unnamed: 0,
            created: self.created,
            clients: 0,
            restarts: 0,
            broker: Pid(0),
            keeper: Pid(0),
            calls: [0; CallName::ALL.len()],
        };
        for (_, object) in self.objects.iter() {
            match object.place {
                Place::Slot(_) => usage.sysv += 1,
                Place::Name(_) => usage.posix += 1,
                Place::Anonymous(..) => usage.anon += 1,
                Place::Released => usage.unnamed += 1,
                Place::Pending(..) | Place::Fresh(..) => {}
            }
        }
        Reply::Usage(usage)
    }
}
