//! Dentries: the names in a directory.

use shmfs_abi::{Name, ObjectId};
use std::collections::{BTreeMap, BTreeSet};

/// A directory's names. A name may stand here before its object can be opened: it is taken then.
#[derive(Clone, Debug, Default)]
pub(crate) struct Directory {
    dentries: BTreeMap<Name, ObjectId>,
    /// Names that came, went, or became the one in their object's place since changes were taken, or ceased to be it.
    touched: BTreeSet<Name>,
    /// The names besides those in places, as they were when changes were taken.
    told: BTreeMap<Name, ObjectId>,
}

impl Directory {
    pub(crate) fn get(&self, name: &Name) -> Option<ObjectId> {
        self.dentries.get(name).copied()
    }

    /// Enters a name that is not there.
    pub(crate) fn link(&mut self, name: Name, object: ObjectId) {
        self.touched.insert(name);
        let former = self.dentries.insert(name, object);
        assert!(former.is_none(), "a name is linked over another");
    }

    /// Takes a name away, if it is there.
    pub(crate) fn unlink(&mut self, name: &Name) {
        self.touched.insert(*name);
        self.dentries.remove(name);
    }

    /// An object's place has another of its names from now on: this one.
    pub(crate) fn touch(&mut self, name: Name) {
        self.touched.insert(name);
    }

    /// What has become of names since the last call of this; `is_place` tells those that stand in places.
    pub(crate) fn take_changes(
        &mut self,
        is_place: impl Fn(&Name, ObjectId) -> bool,
    ) -> Vec<(Name, Option<ObjectId>)> {
        let mut changes = Vec::new();
        while let Some(name) = self.touched.pop_first() {
            let object = self.get(&name).filter(|object| !is_place(&name, *object));
            let former = match object {
                Some(object) => self.told.insert(name, object),
                None => self.told.remove(&name),
            };
            if former != object {
                changes.push((name, object));
            }
        }
        changes
    }

    /// Enters a name that was there. `Err` where it is there already.
    pub(crate) fn restore(&mut self, name: Name, object: ObjectId) -> std::result::Result<(), ()> {
        match self.dentries.insert(name, object) {
            None => Ok(()),
            Some(_) => Err(()),
        }
    }

    /// These names besides those in places were told as they are.
    pub(crate) fn told(&mut self, names: &[(Name, ObjectId)]) {
        self.told = names.iter().copied().collect();
    }

    /// The names of one object.
    pub(crate) fn of(&self, object: ObjectId) -> impl Iterator<Item = Name> {
        self.iter().filter(move |(_, named)| *named == object).map(|(name, _)| *name)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Name, ObjectId)> {
        self.dentries.iter().map(|(name, object)| (name, *object))
    }
}
