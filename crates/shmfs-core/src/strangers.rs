//! What other programs do to names: a store whose hidden tmpfs is mounted is theirs to change as well.
//!
//! The tmpfs is the truth there, and the engine follows it: a file becomes an object when its name is first asked for, a
//! name that is gone is forgotten, a name that moved is followed by the file behind it. What is told here has happened:
//! it is not refused, whatever the limits say.
//!
//! Owns: what becomes of an object by that.
//! Leaves to others: looking (the broker), what may be done in the root directory (`mount`).
//! Not done: names below the root: no POSIX name has two components. An object that moves there counts as unlinked.

use crate::account::Lies;
use crate::answer::{Effect, Event, Facts};
use crate::doors::posix;
use crate::image::SegmentImage;
use crate::inode::Inode;
use crate::namespace::{Namespace, Pending};
use crate::object::{Object, Place};
use crate::perm;
use shmfs_abi::{
    ByteLen, Cred, Errno, Gid, Kind, Lifetime, Name, ObjectId, Pid, Result, Slot, Ticket, Uid, limits, refuse,
};

/// What the names of semaphores begin with (sem_overview(7)).
const SEMAPHORE: &[u8] = b"sem.";

impl Namespace {
    /// The number of the object that is made or found next.
    pub fn next_object(&self) -> ObjectId {
        self.upcoming().0
    }

    /// The object that has this name, or is getting it.
    pub fn object_named(&self, name: &Name) -> Option<ObjectId> {
        self.mount.names.get(name)
    }

    /// Every name that an object has whose pages lie in the hidden tmpfs, with that object.
    pub fn names(&self) -> impl Iterator<Item = (&Name, ObjectId)> {
        self.mount.names.iter()
    }

    /// The name that a semaphore gets which is published with this ticket.
    pub fn unpublished(&self, ticket: Ticket) -> Option<Name> {
        match self.pending.get(&ticket) {
            Some(&Pending::Unpublished(object)) => match self.objects.find(object)?.place {
                Place::Fresh(name, _) => Some(name),
                _ => None,
            },
            _ => None,
        }
    }

    /// The segment in this slot, once it is made, and its object.
    pub fn segment_image(&self, slot: Slot) -> Option<(ObjectId, SegmentImage)> {
        let segment = self.segments.at(slot).filter(|segment| segment.made)?;
        Some((segment.object, segment.image()))
    }

    /// Whether nothing finds this object: it lives as long as somebody holds it.
    pub fn is_unfindable(&self, object: ObjectId) -> bool {
        self.objects.find(object).is_some_and(Object::is_unfindable)
    }

    /// What is charged and does not lie in the hidden tmpfs, in bytes.
    pub fn outside(&self) -> ByteLen {
        self.objects.account.outside().bytes()
    }

    /// The store's limit in bytes.
    pub fn limit(&self) -> ByteLen {
        self.objects.account.limit().bytes()
    }

    /// What the objects in the hidden tmpfs had there when they were last measured, in bytes.
    pub fn inside(&self) -> ByteLen {
        let inside = self.objects.iter().filter(|(_, object)| self.objects.lies(object) == Lies::Inside);
        ByteLen(inside.fold(0, |sum: u64, (_, object)| sum.saturating_add(object.allocated.0)))
    }

    /// Refuses who may not take away, or move, a file of this owner in the root directory, which is no object.
    ///
    /// # Errors
    /// `EACCES` by the directory's mode, `EPERM` where it is sticky (`may_delete`, fs/namei.c).
    pub fn allow_delete(&self, caller: &Cred, (uid, gid, mode): (Uid, Gid, u32)) -> Result<()> {
        self.mount.allow_change(caller)?;
        let inode =
            Inode { uid, gid, mode, links: 1, creator: Pid(0), created: self.mount.boot(), orphaned: false };
        if self.mount.may_delete(&inode, caller) {
            return Ok(());
        }
        refuse(Errno::EPERM, "only its owner may take the name away: the directory is sticky")
    }

    /// Refuses who may not give a file of this owner one more name.
    ///
    /// # Errors
    /// `EACCES` by the directory's mode, `EPERM` by fs.protected_hardlinks for what is no regular file
    /// (`may_linkat`, fs/namei.c).
    pub fn allow_link(&self, caller: &Cred, (uid, gid, mode): (Uid, Gid, u32)) -> Result<()> {
        self.mount.allow_change(caller)?;
        let inode =
            Inode { uid, gid, mode, links: 1, creator: Pid(0), created: self.mount.boot(), orphaned: false };
        if !self.mount.protected().1 || perm::file_owns(&inode, caller) {
            return Ok(());
        }
        refuse(Errno::EPERM, "fs.protected_hardlinks guards a stranger's file")
    }

    /// A file becomes an object, where there is room for one more. Nobody is charged with having asked: its creator is
    /// not known.
    pub(crate) fn found(&mut self, event: &Event) {
        let &Event::Found { object, name, facts, uid, gid, mode, created } = event else { return };
        if object != self.next_object()
            || self.object_named(&name).is_some()
            || self.objects.len() >= limits::OBJECTS
        {
            return;
        }
        self.numbers.next();
        let kind = if name.as_bytes().starts_with(SEMAPHORE) { Kind::Semaphore } else { Kind::Object };
        let mode = mode & 0o7777;
        let inode = Inode { uid, gid, mode, links: 1, creator: Pid(0), created, orphaned: false };
        let Facts { size, allocated } = facts;
        let (size, allocated) =
            (size.min(ByteLen(limits::OBJECT_BYTES)), allocated.min(ByteLen(limits::OBJECT_BYTES)));
        let charged = if self.objects.sparse { allocated } else { size }.pages();
        let new = Object { allocated, charged, ..Object::new(kind, size, inode, Place::Name(name)) };
        let former = self.objects.put(object, new);
        assert!(former.is_none(), "an object's number is used twice");
        self.objects.touched.insert(object);
        self.mount.names.link(name, object);
    }

    /// An object has one more name, or one again.
    pub(crate) fn also_named(&mut self, object: ObjectId, name: Name) {
        if self.object_named(&name).is_some() {
            return;
        }
        let Some(found) = self.objects.find(object) else { return };
        let posix = matches!(found.kind, Kind::Object | Kind::Semaphore);
        let place = match found.place {
            Place::Name(placed) => Place::Name(placed),
            Place::Released if posix && found.lifetime != Lifetime::Durable => Place::Name(name),
            // Nobody can find it yet: its creator goes on to name it.
            _ => return,
        };
        self.mount.names.link(name, object);
        self.objects.change(object, |named| {
            named.place = place;
            named.inode.links += 1;
        });
    }

    /// A name is forgotten; without another the object is released.
    pub(crate) fn name_gone(&mut self, name: &Name) -> Vec<Effect> {
        let Some(object) = self.object_named(name) else { return Vec::new() };
        let settled = self.objects.find(object).is_some_and(|found| matches!(found.place, Place::Name(_)));
        if !settled {
            // It is being given to its object.
            return Vec::new();
        }
        let released = posix::take_name(&mut self.mount, &mut self.objects, object, name);
        if released { vec![Effect::Release { object }] } else { Vec::new() }
    }
}
