//! Objects: runs of pages with a size and a charge, and where they can be found.
//!
//! Owns: every object and what it is charged.
//! Leaves to others: descriptors and pages (the broker), names (`dentry`), segments (`doors::sysv`).

use crate::account::Account;
use crate::inode::Inode;
use shmfs_abi::{ByteLen, Kind, Name, ObjectId, PageCount, Result, Slot, Time};
use std::collections::BTreeMap;

/// Where an object is found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    /// By this name, once its backing is made.
    Pending(Name),
    /// By this name.
    Name(Name),
    /// Nowhere yet: a semaphore that its creator has not published under this name.
    Fresh(Name),
    /// By the segment in this slot.
    Slot(Slot),
    /// Nowhere any more.
    Released,
}

/// A run of pages.
#[derive(Clone, Debug)]
pub(crate) struct Object {
    pub(crate) kind: Kind,
    pub(crate) size: ByteLen,
    pub(crate) allocated: ByteLen,
    pub(crate) charged: PageCount,
    pub(crate) inode: Inode,
    pub(crate) place: Place,
    /// Since when more is charged than the size shows: a program resizes a moment after it reserved.
    reserved: Option<Time>,
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
}

impl Objects {
    pub(crate) fn new(account: Account, sparse: bool) -> Objects {
        Objects { all: BTreeMap::new(), account, sparse }
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

    pub(crate) fn find_mut(&mut self, object: ObjectId) -> Option<&mut Object> {
        self.all.get_mut(&object)
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
        let pages = self.charge_of(object.size);
        self.account.charge(pages);
        object.charged = pages;
        let former = self.all.insert(id, object);
        assert!(former.is_none(), "an object's number is used twice");
        Ok(())
    }

    /// Charges growth that was admitted and is about to happen.
    pub(crate) fn reserve(&mut self, id: ObjectId, pages: PageCount, now: Time) {
        self.recharge(id, pages);
        if let Some(object) = self.all.get_mut(&id) {
            object.reserved = Some(now);
        }
    }

    /// No growth is under way any more.
    pub(crate) fn settle(&mut self, id: ObjectId) {
        let Some(object) = self.all.get_mut(&id) else { return };
        if object.reserved.take().is_some() && !self.sparse {
            let pages = object.size.pages();
            self.recharge(id, pages);
        }
    }

    /// What an object was found to cost. Less than a fresh reservation does not end it.
    pub(crate) fn measured(&mut self, id: ObjectId, pages: PageCount, now: Time) {
        let Some(object) = self.all.get_mut(&id) else { return };
        let age = object.reserved.map(|since| now.seconds.saturating_sub(since.seconds));
        if pages < object.charged && age.is_some_and(|age| (0..RESERVATION_SECONDS).contains(&age)) {
            return;
        }
        object.reserved = None;
        self.recharge(id, pages);
    }

    /// Charges an object for `pages` from now on, whatever the limit says.
    fn recharge(&mut self, id: ObjectId, pages: PageCount) {
        let Some(object) = self.all.get_mut(&id) else { return };
        self.account.uncharge(object.charged);
        self.account.charge(pages);
        object.charged = pages;
    }

    /// Forgets an object and gives its charge back.
    pub(crate) fn remove(&mut self, id: ObjectId) {
        if let Some(object) = self.all.remove(&id) {
            self.account.uncharge(object.charged);
        }
    }
}

impl Object {
    /// An object that is not charged yet.
    pub(crate) fn new(kind: Kind, size: ByteLen, inode: Inode, place: Place) -> Object {
        Object { kind, size, allocated: ByteLen(0), charged: PageCount(0), inode, place, reserved: None }
    }

    /// Its name, while it has one.
    pub(crate) fn name(&self) -> Option<Name> {
        match self.place {
            Place::Name(name) => Some(name),
            _ => None,
        }
    }
}
