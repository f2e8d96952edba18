//! The invariants of the engine, each in words.

use crate::account::Lies;
use crate::image::Damage;
use crate::namespace::{Namespace, Pending};
use crate::object::{Object, Place};
use shmfs_abi::sysv::{SHM_DEST, SHM_LOCKED, SHMMIN};
use shmfs_abi::{ByteLen, Key, Kind, Lifetime, ObjectId, limits};
use std::collections::BTreeMap;

type Checked = std::result::Result<(), Damage>;

fn ensure(holds: bool, invariant: &'static str) -> Checked {
    if holds { Ok(()) } else { Err(Damage(invariant)) }
}

impl Namespace {
    /// Panics when an invariant is broken: the charges sum up, every name, key, slot and ticket leads to one object and
    /// back.
    pub fn check(&self) {
        if let Err(Damage(invariant)) = self.verify() {
            panic!("{invariant}");
        }
    }

    /// Says which invariant is broken.
    pub(crate) fn verify(&self) -> Checked {
        self.verify_account()?;
        self.verify_names()?;
        self.verify_segments()?;
        self.verify_pending()?;
        self.objects.iter().try_for_each(|(id, object)| self.verify_object(id, object))
    }

    fn verify_account(&self) -> Checked {
        let account = &self.objects.account;
        let charged: u128 = self.objects.iter().map(|(_, object)| u128::from(object.charged.0)).sum();
        ensure(charged == account.sum(), "the charges do not sum up")?;
        let outside = self.objects.iter().filter(|(_, object)| self.objects.lies(object) == Lies::Outside);
        let outside: u128 = outside.map(|(_, object)| u128::from(object.charged.0)).sum();
        ensure(outside == account.outside_sum(), "the charges elsewhere do not sum up")?;
        ensure(account.peak() >= account.used(), "more is charged than ever was")
    }

    fn verify_names(&self) -> Checked {
        let mut links = BTreeMap::new();
        for (name, id) in self.mount.names.iter() {
            *links.entry(id).or_insert(0) += 1;
            let leads = match self.objects.find(id).map(|object| object.place) {
                Some(Place::Name(_)) => true,
                Some(Place::Pending(pending, _)) => pending == *name,
                _ => false,
            };
            ensure(leads, "a name leads astray")?;
        }
        self.objects.iter().try_for_each(|(id, object)| {
            let named = match object.place {
                Place::Name(_) => links.get(&id).copied().unwrap_or(0),
                _ => 0,
            };
            ensure(object.inode.links == named, "an object has not as many names as it counts")
        })
    }

    fn verify_segments(&self) -> Checked {
        let mut pages = 0;
        for (slot, segment) in self.segments.iter() {
            ensure(slot.0 < limits::SLOTS, "a slot is beyond the last")?;
            let Some(object) = self.objects.find(segment.object) else {
                return Err(Damage("a segment has no object"));
            };
            ensure(object.place == Place::Slot(slot), "a slot leads astray")?;
            ensure(segment.size.0 >= SHMMIN, "a segment is too small")?;
            let mapped = if segment.huge { object.size >= segment.size } else { object.size == segment.size };
            ensure(mapped, "a segment's size has changed")?;
            let removed = segment.is_removed();
            ensure(!removed || segment.key == Key::PRIVATE, "a removed segment has a key")?;
            ensure(!removed || segment.nattch > 0, "a removed segment that nobody attaches is there")?;
            let (perm, inode) = (segment.perm, &object.inode);
            ensure(perm.mode & !(0o777 | SHM_DEST | SHM_LOCKED) == 0, "a segment's mode has other bits")?;
            let same = (perm.uid, perm.gid, perm.mode & 0o777) == (inode.uid, inode.gid, inode.mode);
            ensure(same, "a segment and its object are of different owners")?;
            let keyed = segment.key == Key::PRIVATE || self.segments.slot_of(segment.key) == Some(slot);
            ensure(keyed, "a segment's key does not find it")?;
            let durable = object.lifetime == Lifetime::Durable;
            ensure(durable == segment.durable, "a segment and its object live differently long")?;
            pages += u128::from(segment.size.pages().0);
        }
        ensure(pages == u128::from(self.segments.total().0), "the segments' pages do not sum up")?;
        self.segments.keys().try_for_each(|(key, slot)| {
            let leads = self.segments.at(slot).is_some_and(|segment| segment.key == key);
            ensure(leads && key != Key::PRIVATE, "a key leads astray")
        })
    }

    fn verify_pending(&self) -> Checked {
        self.pending.iter().try_for_each(|(ticket, pending)| {
            ensure(ticket.0 > 0 && ticket.0 <= self.tickets.last(), "a ticket was never given")?;
            let place = |object: ObjectId| self.objects.find(object).map(|found| found.place);
            let leads = match *pending {
                Pending::Object(object) | Pending::Name(object) => {
                    matches!(place(object), Some(Place::Pending(_, waits)) if waits == *ticket)
                }
                Pending::Fresh(object) | Pending::Unpublished(object) => {
                    matches!(place(object), Some(Place::Fresh(_, waits)) if waits == *ticket)
                }
                Pending::Anonymous(object) => {
                    matches!(place(object), Some(Place::Anonymous(_, Some(waits))) if waits == *ticket)
                }
                Pending::Segment(slot) => self.segments.at(slot).is_some_and(|segment| !segment.made),
                // The segment may go before its pages are locked.
                Pending::Lock(..) => true,
            };
            ensure(leads, "a ticket leads astray")
        })
    }

    fn verify_object(&self, id: ObjectId, object: &Object) -> Checked {
        ensure(id.0 > 0 && id.0 <= self.numbers.last(), "an object has a number that was never given")?;
        let largest = ByteLen(limits::OBJECT_BYTES);
        ensure(object.size <= largest && object.allocated <= largest, "an object is too large")?;
        ensure(object.inode.mode & !0o7777 == 0, "a mode has other bits")?;
        let segment = object.kind == Kind::Segment;
        let posix = matches!(object.kind, Kind::Object | Kind::Semaphore);
        let (placed, fits) = match object.place {
            Place::Name(name) => (self.mount.names.get(&name) == Some(id), posix),
            Place::Pending(name, ticket) => {
                let waits = matches!(self.pending.get(&ticket), Some(Pending::Object(_) | Pending::Name(_)));
                (waits && self.mount.names.get(&name) == Some(id), posix)
            }
            Place::Fresh(_, ticket) => {
                let waits = self.pending.get(&ticket);
                let waits = matches!(waits, Some(Pending::Fresh(_) | Pending::Unpublished(_)));
                (waits, object.kind == Kind::Semaphore)
            }
            Place::Slot(slot) => (self.segments.at(slot).is_some_and(|found| found.object == id), segment),
            Place::Anonymous(_, ticket) => {
                let pending = ticket.and_then(|ticket| self.pending.get(&ticket));
                let made = ticket.is_none() || matches!(pending, Some(Pending::Anonymous(_)));
                (made, object.kind == Kind::Anonymous)
            }
            Place::Released => (true, true),
        };
        ensure(placed, "an object is not found")?;
        ensure(fits, "an object is of another kind than its place")?;
        ensure(!(segment && object.inode.orphaned), "a segment is marked as a POSIX object")?;
        self.verify_lifetime(object)?;
        let cost = if self.objects.sparse { object.allocated } else { object.size }.pages();
        let charged = match object.reserved {
            None => object.charged == cost,
            Some(_) => object.charged > cost && !segment && !self.objects.sparse,
        };
        ensure(charged, "an object is not charged what it costs")
    }

    fn verify_lifetime(&self, object: &Object) -> Checked {
        let fits = match object.lifetime {
            Lifetime::UntilRemoved => true,
            Lifetime::Durable => matches!(object.kind, Kind::Object | Kind::Segment),
            Lifetime::Process | Lifetime::LastUser => object.kind == Kind::Object,
        };
        ensure(fits, "an object has a lifetime that its kind has not")?;
        let durable = object.lifetime == Lifetime::Durable;
        ensure(!durable || self.durable, "a durable object is in a store without state")?;
        ensure(!durable || object.inode.links <= 1, "a durable object has several names")
    }
}
