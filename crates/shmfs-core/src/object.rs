//! Objects: runs of pages with a size and a charge, and where they can be found.
//!
//! Owns: every object and what it is charged.
//! Leaves to others: descriptors and pages (the broker), names (`dentry`), segments (`doors::sysv`).

use crate::account::{Account, Lies};
use crate::inode::Inode;
use shmfs_abi::{ByteLen, Kind, Lifetime, Name, ObjectId, PageCount, Pid, Result, Slot, Ticket, Time};
use std::collections::{BTreeMap, BTreeSet};

/// Where an object is found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    /// By this name, once its backing is made and has it; the ticket waits for that.
    Pending(Name, Ticket),
    /// By this name.
    Name(Name),
    /// Nowhere yet: a semaphore that its creator publishes under this name with this ticket.
    Fresh(Name, Ticket),
    /// By the segment in this slot.
    Slot(Slot),
    /// Nowhere: anonymous memory with this label. A ticket waits for its backing to be made.
    Anonymous(Name, Option<Ticket>),
    /// Nowhere any more.
    Released,
}

/// A run of pages.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Object {
    pub(crate) kind: Kind,
    pub(crate) size: ByteLen,
    pub(crate) allocated: ByteLen,
    pub(crate) charged: PageCount,
    pub(crate) inode: Inode,
    pub(crate) place: Place,
    pub(crate) lifetime: Lifetime,
    /// Its writers take a lock, which who copies it waits for.
    pub(crate) guarded: bool,
    /// Since when more is charged than the size shows: a program resizes a moment after it reserved.
    pub(crate) reserved: Option<Time>,
}

/// How long a reservation stands against a measurement that does not show it yet, in seconds. If the program dies in
/// that moment, the charge follows the size again after this.
const RESERVATION_SECONDS: i64 = 10;

/// All objects of a store.
#[derive(Clone, Debug)]
pub(crate) struct Objects {
    all: BTreeMap<ObjectId, Object>,
    pub(crate) account: Account,
    /// Whether pages in memory are charged in place of sizes.
    pub(crate) sparse: bool,
    /// Whether POSIX objects lie in the hidden tmpfs.
    hidden: bool,
    /// Objects that have changed since changes were taken.
    pub(crate) touched: BTreeSet<ObjectId>,
    /// POSIX objects whose creators have not ended, with these.
    creators: BTreeSet<(Pid, ObjectId)>,
}

impl Objects {
    pub(crate) fn new(account: Account, sparse: bool, hidden: bool) -> Objects {
        let (all, touched, creators) = (BTreeMap::new(), BTreeSet::new(), BTreeSet::new());
        Objects { all, account, sparse, hidden, touched, creators }
    }

    /// Where an object's pages lie.
    pub(crate) fn lies(&self, object: &Object) -> Lies {
        let posix = matches!(object.kind, Kind::Object | Kind::Semaphore);
        if self.hidden && posix && object.lifetime != Lifetime::Durable {
            Lies::Inside
        } else {
            Lies::Outside
        }
    }

    /// What a new object of this size is charged: in a sparse store nothing, while there is room at all.
    pub(crate) fn charge_of(&self, size: ByteLen) -> PageCount {
        if self.sparse { PageCount(0) } else { size.pages() }
    }

    /// Refuses a size that there is no room for.
    pub(crate) fn admit(&self, size: ByteLen) -> Result<()> {
        let least = if self.sparse { PageCount(1) } else { PageCount(0) };
        self.account.admit(self.charge_of(size).max(least))
    }

    /// An object that is known to exist.
    pub(crate) fn get(&self, object: ObjectId) -> &Object {
        match self.all.get(&object) {
            Some(found) => found,
            None => unreachable!("object {} is named and does not exist", object.0),
        }
    }

    pub(crate) fn find(&self, object: ObjectId) -> Option<&Object> {
        self.all.get(&object)
    }

    /// Changes an object, if it exists. What is as it was before has not changed.
    pub(crate) fn change(&mut self, id: ObjectId, change: impl FnOnce(&mut Object)) {
        let Some(object) = self.all.get_mut(&id) else { return };
        let before = object.clone();
        change(object);
        if *object != before {
            self.touched.insert(id);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (ObjectId, &Object)> {
        self.all.iter().map(|(id, object)| (*id, object))
    }

    pub(crate) fn after(&self, after: ObjectId) -> Option<ObjectId> {
        let next = ObjectId(after.0.checked_add(1)?);
        self.all.range(next..).next().map(|(id, _)| *id)
    }

    /// Enters an object and charges its size.
    pub(crate) fn enter(&mut self, id: ObjectId, mut object: Object) -> Result<()> {
        self.admit(object.size)?;
        object.charged = self.charge_of(object.size);
        let former = self.put(id, object);
        assert!(former.is_none(), "an object's number is used twice");
        self.touched.insert(id);
        Ok(())
    }

    /// Puts an object among the others, and charges what it is to be charged, whatever the limit says.
    pub(crate) fn put(&mut self, id: ObjectId, object: Object) -> Option<Object> {
        self.account.charge(object.charged, self.lies(&object));
        if object.kind != Kind::Segment && !object.inode.orphaned {
            self.creators.insert((object.inode.creator, id));
        }
        self.all.insert(id, object)
    }

    /// Charges growth that was admitted and is about to happen.
    pub(crate) fn reserve(&mut self, id: ObjectId, pages: PageCount, now: Time) {
        self.recharge(id, pages);
        self.change(id, |object| object.reserved = Some(now));
    }

    /// No growth is under way any more.
    pub(crate) fn settle(&mut self, id: ObjectId) {
        let Some(object) = self.all.get(&id).filter(|object| object.reserved.is_some()) else { return };
        let pages = object.size.pages();
        self.change(id, |object| object.reserved = None);
        if !self.sparse {
            self.recharge(id, pages);
        }
    }

    /// What an object was found to cost. Less than a fresh reservation does not end it.
    pub(crate) fn measured(&mut self, id: ObjectId, pages: PageCount, now: Time) {
        let Some(object) = self.all.get(&id) else { return };
        let age = object.reserved.map(|since| now.seconds.saturating_sub(since.seconds));
        if pages < object.charged && age.is_some_and(|age| (0..RESERVATION_SECONDS).contains(&age)) {
            return;
        }
        self.change(id, |object| object.reserved = None);
        self.recharge(id, pages);
    }

    /// Charges an object for `pages` from now on, whatever the limit says.
    fn recharge(&mut self, id: ObjectId, pages: PageCount) {
        let Some(object) = self.all.get(&id) else { return };
        let lies = self.lies(object);
        self.account.uncharge(object.charged, lies);
        self.account.charge(pages, lies);
        self.change(id, |object| object.charged = pages);
    }

    /// What this process created is nobody's creation any more. Says which named objects were to live as long as it.
    pub(crate) fn creator_ended(&mut self, pid: Pid) -> Vec<ObjectId> {
        let created = self.creators.range((pid, ObjectId(0))..=(pid, ObjectId(u64::MAX)));
        let created: Vec<_> = created.copied().collect();
        for entry in &created {
            self.creators.remove(entry);
            self.change(entry.1, |object| object.inode.orphaned = true);
        }
        let ended = created.into_iter().map(|(_, id)| id);
        ended.filter(|id| self.lifetime_of_named(*id) == Some(Lifetime::Process)).collect()
    }

    /// The lifetime of an object that has a name.
    pub(crate) fn lifetime_of_named(&self, id: ObjectId) -> Option<Lifetime> {
        self.find(id).filter(|found| matches!(found.place, Place::Name(_))).map(|found| found.lifetime)
    }

    /// Forgets an object and gives its charge back.
    pub(crate) fn remove(&mut self, id: ObjectId) {
        if let Some(object) = self.all.remove(&id) {
            self.account.uncharge(object.charged, self.lies(&object));
            self.creators.remove(&(object.inode.creator, id));
            self.touched.insert(id);
        }
    }

    /// Forgets an object whose backing could not be made: nobody has heard of it.
    pub(crate) fn discard(&mut self, id: ObjectId) {
        self.remove(id);
        self.touched.remove(&id);
    }
}

impl Object {
    /// An object that is not charged yet.
    pub(crate) fn new(kind: Kind, size: ByteLen, inode: Inode, place: Place) -> Object {
        Object {
            kind,
            size,
            allocated: ByteLen(0),
            charged: PageCount(0),
            inode,
            place,
            lifetime: Lifetime::UntilRemoved,
            guarded: false,
            reserved: None,
        }
    }

    /// Whether nothing finds it: it lives as long as somebody holds it.
    pub(crate) fn is_unfindable(&self) -> bool {
        matches!(self.place, Place::Released | Place::Anonymous(..))
    }

    /// Its name, while it has one, or its label.
    pub(crate) fn name(&self) -> Option<Name> {
        match self.place {
            Place::Name(name) | Place::Anonymous(name, _) => Some(name),
            _ => None,
        }
    }
}
