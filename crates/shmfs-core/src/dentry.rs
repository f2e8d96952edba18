//! Dentries: the names in a directory.

use shmfs_abi::{Name, ObjectId};
use std::collections::BTreeMap;

/// A directory's names. A name may stand here before its object can be opened: it is taken then.
#[derive(Clone, Debug, Default)]
pub(crate) struct Directory {
    dentries: BTreeMap<Name, ObjectId>,
}

impl Directory {
    pub(crate) fn get(&self, name: &Name) -> Option<ObjectId> {
        self.dentries.get(name).copied()
    }

    /// Enters a name that is not there.
    pub(crate) fn link(&mut self, name: Name, object: ObjectId) {
        let former = self.dentries.insert(name, object);
        assert!(former.is_none(), "a name is linked over another");
    }

    /// Takes a name away, if it is there.
    pub(crate) fn unlink(&mut self, name: &Name) {
        self.dentries.remove(name);
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Name, ObjectId)> {
        self.dentries.iter().map(|(name, object)| (name, *object))
    }
}
