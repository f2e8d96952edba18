//! From a namespace to its images.

use super::{Changes, ObjectImage, PlaceImage, SegmentImage, StoreImage};
use crate::doors::sysv::Segment;
use crate::namespace::{Namespace, Pending};
use crate::object::{Object, Place};
use shmfs_abi::{Name, ObjectId, Ticket};

impl Namespace {
    /// The store besides its objects and names.
    pub fn image(&self) -> StoreImage {
        let (rmid_forced, next_id) = self.segments.settings();
        StoreImage {
            limit: self.objects.account.limit(),
            peak: self.objects.account.peak(),
            sparse: self.objects.sparse,
            reserve: self.reserve,
            limits: self.segments.limits,
            rmid_forced,
            next_id,
            cursor: self.segments.cursor(),
            numbers: (self.numbers.last(), self.tickets.last()),
            created: self.created,
            posix: self.posix,
            durable: self.durable,
            protected: self.mount.protected(),
            owner: self.mount.owner(),
            boot: self.mount.boot(),
        }
    }

    /// Everything whose image differs since the last call of this, or since the namespace was restored. Costs nothing
    /// when nothing does.
    pub fn take_changes(&mut self) -> Changes {
        let mut touched = std::mem::take(&mut self.objects.touched);
        touched.append(&mut self.segments.touched);
        let mut changes = Changes::default();
        for object in touched {
            match self.objects.find(object) {
                None => changes.objects.push((object, None)),
                Some(found) if self.is_made(found) => {
                    changes.objects.push((object, Some(self.image_of(object, found))));
                }
                // It is told once it is made.
                Some(_) => {
                    self.objects.touched.insert(object);
                }
            }
        }
        let objects = &self.objects;
        changes.names = self.mount.names.take_changes(|name, object| {
            matches!(objects.get(object).place, Place::Name(place) | Place::Pending(place, _) if place == *name)
        });
        changes
    }

    /// The image of one object, if its backing is made.
    pub fn object_image(&self, object: ObjectId) -> Option<ObjectImage> {
        let found = self.objects.find(object).filter(|found| self.is_made(found))?;
        Some(self.image_of(object, found))
    }

    /// The image that an object will have once its backing is made.
    pub fn object_image_ahead(&self, object: ObjectId) -> Option<ObjectImage> {
        Some(self.image_of(object, self.objects.find(object)?))
    }

    /// Objects that nothing finds, for the broker to ask about after a restart.
    pub fn released(&self) -> Vec<ObjectId> {
        let released = self.objects.iter().filter(|(_, object)| object.is_unfindable());
        released.map(|(id, _)| id).collect()
    }

    /// Tickets that wait for [`Effect::Link`](crate::Effect::Link), with object and name, to be done again after a
    /// restart.
    pub fn pending_links(&self) -> Vec<(Ticket, ObjectId, Name)> {
        let links = self.pending.iter().filter_map(|(ticket, pending)| {
            let &Pending::Name(object) = pending else { return None };
            match self.objects.find(object)?.place {
                Place::Pending(name, _) => Some((*ticket, object, name)),
                _ => None,
            }
        });
        links.collect()
    }

    /// Whether an object's backing is made.
    fn is_made(&self, object: &Object) -> bool {
        match object.place {
            Place::Pending(_, ticket) => matches!(self.pending.get(&ticket), Some(Pending::Name(_))),
            Place::Fresh(_, ticket) => matches!(self.pending.get(&ticket), Some(Pending::Unpublished(_))),
            Place::Slot(slot) => self.segments.at(slot).is_some_and(|segment| segment.made),
            Place::Anonymous(_, ticket) => ticket.is_none(),
            Place::Name(_) | Place::Released => true,
        }
    }

    fn image_of(&self, id: ObjectId, object: &Object) -> ObjectImage {
        let inode = &object.inode;
        let place = match object.place {
            Place::Pending(name, ticket) => PlaceImage::Pending(name, ticket),
            Place::Name(name) => PlaceImage::Name(name),
            Place::Fresh(name, ticket) => PlaceImage::Fresh(name, ticket),
            Place::Slot(slot) => match self.segments.at(slot) {
                Some(segment) => PlaceImage::Slot(slot, segment.image()),
                None => unreachable!("object {} has a slot without a segment", id.0),
            },
            Place::Anonymous(label, _) => PlaceImage::Anonymous(label),
            Place::Released => PlaceImage::Released,
        };
        ObjectImage {
            object: id,
            kind: object.kind,
            size: object.size,
            allocated: object.allocated,
            charged: object.charged,
            uid: inode.uid,
            gid: inode.gid,
            mode: inode.mode,
            links: inode.links,
            creator: inode.creator,
            created: inode.created,
            lifetime: object.lifetime,
            guarded: object.guarded,
            reserved: object.reserved,
            orphaned: inode.orphaned,
            place,
        }
    }
}

impl Segment {
    pub(crate) fn image(&self) -> SegmentImage {
        let &Segment { seq, key, perm, size, atime, dtime, ctime, cpid, lpid, nattch, touched, .. } = self;
        let (huge, durable, orphaned) = (self.huge, self.durable, self.orphaned);
        SegmentImage {
            seq,
            key,
            perm,
            size,
            atime,
            dtime,
            ctime,
            cpid,
            lpid,
            nattch,
            touched,
            huge,
            durable,
            orphaned,
        }
    }
}
