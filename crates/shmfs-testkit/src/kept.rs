//! What a journal keeps of a namespace, without the journal.

use shmfs_abi::{Name, ObjectId};
use shmfs_core::{Damage, Namespace, ObjectImage, StoreImage};
use std::collections::BTreeMap;

/// The images of a namespace, one by one as they changed.
#[derive(Clone, Debug)]
pub struct Kept {
    /// The store besides its objects and names.
    pub store: StoreImage,
    /// Objects that are made.
    pub objects: BTreeMap<ObjectId, ObjectImage>,
    /// Names besides the one in an object's image.
    pub names: BTreeMap<Name, ObjectId>,
}

impl Kept {
    /// Everything that this namespace has not told yet.
    pub fn of(engine: &mut Namespace) -> Kept {
        let mut kept = Kept { store: engine.image(), objects: BTreeMap::new(), names: BTreeMap::new() };
        kept.take(engine);
        kept
    }

    /// Takes what has changed. What it is told must be news, and all that is to be known.
    pub fn take(&mut self, engine: &mut Namespace) {
        self.store = engine.image();
        let changes = engine.take_changes();
        for (object, image) in changes.objects {
            assert_eq!(image, engine.object_image(object));
            match image {
                Some(image) => drop(self.objects.insert(object, image)),
                None => drop(self.objects.remove(&object)),
            }
        }
        for (name, object) in changes.names {
            let former = match object {
                Some(object) => self.names.insert(name, object),
                None => self.names.remove(&name),
            };
            assert_ne!(former, object, "a name is told that has not changed");
        }
        assert!(engine.take_changes().is_empty(), "changes are told twice");
        let all = engine.objects().filter_map(|object| Some((object, engine.object_image(object)?)));
        assert!(self.objects == all.collect(), "an object has changed and was not told");
    }

    /// The namespace of these images.
    ///
    /// # Errors
    /// Images that do not belong together.
    pub fn restore(&self) -> Result<Namespace, Damage> {
        let objects: Vec<_> = self.objects.values().copied().collect();
        let names: Vec<_> = self.names.iter().map(|(name, object)| (*name, *object)).collect();
        Namespace::restore(&self.store, &objects, &names)
    }
}
