//! How effects went that can fail: what waited for them becomes real, or goes.
//!
//! Owns: the end of what is pending. Leaves to others: what is pending, and tickets (`namespace`).

use crate::answer::{Effect, Facts};
use crate::namespace::{Namespace, Pending};
use crate::object::Place;
use shmfs_abi::{Errno, Kind, ObjectId, Ticket};

impl Namespace {
    /// Hears how the effect with this ticket went.
    pub fn settle(&mut self, ticket: Ticket, outcome: std::result::Result<Facts, Errno>) -> Vec<Effect> {
        let Some(pending) = self.pending.remove(&ticket) else { return Vec::new() };
        match (pending, outcome) {
            (Pending::Segment(slot), Ok(_)) => {
                self.segments.made(slot);
                self.created.segments += 1;
                Vec::new()
            }
            (Pending::Object(object), Ok(_)) => {
                let Some(Place::Pending(name, _)) = self.objects.find(object).map(|found| found.place) else {
                    return Vec::new();
                };
                self.pending.insert(ticket, Pending::Name(object));
                vec![Effect::Link { ticket, object, name }]
            }
            (Pending::Name(object), Ok(_)) => {
                self.named(object);
                self.end_with_creator(object)
            }
            (Pending::Anonymous(object), Ok(_)) => {
                self.objects.change(object, |made| {
                    if let Place::Anonymous(_, waits) = &mut made.place {
                        *waits = None;
                    }
                });
                self.created.anonymous += 1;
                Vec::new()
            }
            (Pending::Fresh(object) | Pending::Unpublished(object), Ok(_)) => {
                self.pending.insert(ticket, Pending::Unpublished(object));
                Vec::new()
            }
            (Pending::Segment(slot), Err(_)) => {
                if let Some(object) = self.segments.forget(slot) {
                    self.objects.discard(object);
                }
                Vec::new()
            }
            (Pending::Object(object), Err(_)) => {
                self.give_up_name(object);
                self.objects.discard(object);
                Vec::new()
            }
            (Pending::Name(object), Err(_)) => {
                self.give_up_name(object);
                vec![self.release(object)]
            }
            (Pending::Fresh(object) | Pending::Anonymous(object), Err(_)) => {
                self.objects.discard(object);
                Vec::new()
            }
            (Pending::Unpublished(object), Err(_)) => vec![self.release(object)],
            (Pending::Lock(..), Ok(_)) => Vec::new(),
            (Pending::Lock(slot, locked), Err(_)) => {
                self.segments.set_locked(slot, !locked);
                Vec::new()
            }
        }
    }

    fn named(&mut self, object: ObjectId) {
        let Some(named) = self.objects.find(object) else { return };
        let Place::Pending(name, _) = named.place else { return };
        let kind = named.kind;
        self.objects.change(object, |named| {
            named.place = Place::Name(name);
            named.inode.links = 1;
        });
        match kind {
            Kind::Semaphore => self.created.semaphores += 1,
            Kind::Object | Kind::Segment | Kind::Anonymous => self.created.objects += 1,
        }
    }

    /// The name of what cannot have it is free again.
    fn give_up_name(&mut self, object: ObjectId) {
        if let Some(Place::Pending(name, _)) = self.objects.find(object).map(|found| found.place) {
            self.mount.names.unlink(&name);
        }
    }
}
