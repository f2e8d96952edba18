//! Orphans: objects whose creators have ended, and their end when nobody uses them either.
//!
//! Linux keeps them until somebody removes them; a store that is told to reap does not.
//!
//! Owns: which objects are orphans, and what goes with one.
//! Leaves to others: whether a living process uses it, and whether the store reaps at all (the broker).

use crate::answer::Effect;
use crate::doors::posix;
use crate::namespace::Namespace;
use crate::object::{Object, Place};
use shmfs_abi::{Lifetime, ObjectId};

impl Namespace {
    /// What may be reaped if no living process uses it: named POSIX objects whose creators have ended, and segments
    /// whose creators have ended and that nobody attaches.
    pub fn orphans(&self) -> Vec<ObjectId> {
        self.objects.iter().filter(|(_, object)| self.is_orphan(object)).map(|(id, _)| id).collect()
    }

    fn is_orphan(&self, object: &Object) -> bool {
        match object.place {
            _ if object.lifetime == Lifetime::Durable => false,
            Place::Name(_) => object.inode.orphaned,
            Place::Slot(slot) => self
                .segments
                .at(slot)
                .is_some_and(|segment| segment.made && segment.orphaned && segment.nattch == 0),
            Place::Pending(..) | Place::Fresh(..) | Place::Anonymous(..) | Place::Released => false,
        }
    }

    /// Takes an orphan away; anything else stays.
    pub(crate) fn reap(&mut self, object: ObjectId) -> Vec<Effect> {
        let Some(found) = self.objects.find(object).filter(|found| self.is_orphan(found)) else {
            return Vec::new();
        };
        if let Place::Slot(slot) = found.place {
            self.segments.forget(slot);
            return vec![self.release(object)];
        }
        self.take_names(object)
    }

    /// Takes every name of an object away: it is released.
    pub(crate) fn take_names(&mut self, object: ObjectId) -> Vec<Effect> {
        let names = posix::take_names(&mut self.mount, &mut self.objects, object);
        let unlinks = names.into_iter().map(|name| Effect::Unlink { object, name });
        unlinks.chain([Effect::Release { object }]).collect()
    }
}
