//! The invariants of the engine, each as an assertion.

use crate::namespace::Namespace;
use crate::object::Place;
use shmfs_abi::{Key, Kind, PageCount};

impl Namespace {
    /// Panics when an invariant is broken: the charges sum up, every name, key and slot leads to one object and back.
    pub fn check(&self) {
        let charged: u64 = self.objects.iter().map(|(_, object)| object.charged.0).sum();
        assert_eq!(PageCount(charged), self.objects.account.used(), "the charges do not sum up");
        for (name, id) in self.mount.names.iter() {
            let place = self.objects.get(id).place;
            assert!(matches!(place, Place::Name(_)) || place == Place::Pending(*name), "a name leads astray");
        }
        for (slot, segment) in self.segments.iter() {
            let object = self.objects.get(segment.object);
            assert_eq!(object.place, Place::Slot(slot), "a slot leads astray");
            assert_eq!(object.kind, Kind::Segment, "a segment's object is of another kind");
            assert!(object.size >= segment.size, "a segment's size has changed");
            assert!(
                !(segment.is_removed() && segment.nattch == 0 && segment.key != Key::PRIVATE),
                "a removed segment has a key"
            );
        }
        let pages: u64 = self.segments.iter().map(|(_, segment)| segment.size.pages().0).sum();
        assert_eq!(pages, self.segments.usage(&self.objects).total.0, "the segments' pages do not sum up");
        for (key, slot) in self.segments.keys() {
            let segment = self.segments.at(slot);
            assert!(segment.is_some_and(|segment| segment.key == key), "a key leads astray");
        }
        for (id, object) in self.objects.iter() {
            match object.place {
                Place::Name(name) | Place::Pending(name) => {
                    assert_eq!(self.mount.names.get(&name), Some(id), "a named object is not found");
                }
                Place::Slot(slot) => {
                    assert!(
                        self.segments.at(slot).is_some_and(|segment| segment.object == id),
                        "a segment is not found"
                    );
                }
                Place::Fresh(_) | Place::Released => {}
            }
        }
    }
}
