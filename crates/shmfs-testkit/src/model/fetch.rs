//! Parts of objects by number.

use super::{Model, READ, WRITE, file_allows};
use shmfs_abi::{Cred, Errno, Lifetime, ObjectId, Part};

/// What a number leads to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known {
    pub(crate) object: ObjectId,
    /// Pages that its file has.
    pub(crate) size: u64,
    mode: u32,
    owner: u32,
    durable: bool,
}

impl Model {
    /// Everything that a number leads to.
    pub(crate) fn known(&self) -> Vec<Known> {
        let segments = self.segments.iter().map(|segment| Known {
            object: segment.object,
            size: segment.mapped(),
            mode: segment.mode,
            owner: segment.owner,
            durable: segment.durable,
        });
        let found = self.objects.iter().filter(|object| object.waits.is_none());
        let objects = found.chain(&self.anonymous).map(|object| Known {
            object: object.object,
            size: object.size,
            mode: object.mode,
            owner: object.owner,
            durable: object.lifetime == Lifetime::Durable,
        });
        let held = self.held.iter().map(|held| Known {
            object: held.object,
            size: held.size,
            mode: held.mode,
            owner: held.owner,
            durable: held.durable,
        });
        segments.chain(objects).chain(held).collect()
    }

    /// What is there, and nobody can have a part of it yet.
    pub(crate) fn unshown(&self) -> Vec<ObjectId> {
        let waiting = self.objects.iter().filter(|object| object.waits.is_some());
        waiting.chain(self.fresh.iter().map(|fresh| &fresh.object)).map(|object| object.object).collect()
    }
}

impl Known {
    /// What asking for a part of it is refused with.
    pub(crate) fn errno(&self, caller: &Cred, part: Part) -> Option<Errno> {
        let asked = if part == Part::Read { READ } else { READ | WRITE };
        if !file_allows(self.mode, self.owner, caller, asked) {
            return Some(Errno::EACCES);
        }
        (part == Part::Undo && !self.durable).then_some(Errno::EINVAL)
    }
}
