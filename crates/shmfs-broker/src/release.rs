//! Objects that nobody can find any more, kept until nobody holds them: an unlinked object, or a destroyed segment,
//! lives on in descriptors and mappings.

use crate::broker::Broker;
use crate::doubt::Watched;
use crate::os::{AttachTable, Os};
use crate::transaction::Todo;
use shmfs_abi::ObjectId;
use shmfs_core::{Event, PlaceImage};
use shmfs_journal::Answered;

impl<O: Os> Broker<O> {
    /// Lets an object go if nobody else holds it, or as soon as nobody does.
    pub(crate) fn release(&mut self, object: ObjectId) {
        // In a store that is open it may have a name again.
        if self.held.contains_key(&object) || !self.namespace.is_unfindable(object) {
            return;
        }
        // `shm_destroy`, ipc/shm.c: a lock ends with the segment.
        self.backings.let_swap(object);
        if self.is_unused(object) {
            return self.let_go(object);
        }
        let Ok(stored) = self.backings.stored(object) else { return };
        let watch = self.os.watch_close(&stored.fd).ok();
        // One that was watched already keeps its watch.
        self.users.remove(&object);
        if let Some(watch) = watch {
            self.watched.insert(watch, Watched::Released(object));
        }
        self.held.insert(object, watch);
        // What was closed between the question and the watch left no notice.
        self.doubts.raise(Watched::Released(object), self.os.now());
    }

    /// Lets anonymous memory go that nobody was given.
    pub(crate) fn let_nameless_go(&mut self, object: ObjectId) {
        let image = self.namespace.object_image(object);
        if image.is_some_and(|image| matches!(image.place, PlaceImage::Anonymous(_))) {
            self.todo.push(Todo::Release(object));
        }
    }

    /// Asks about a released object.
    pub(crate) fn ask_released(&mut self, object: ObjectId) {
        let watched = Watched::Released(object);
        let Some(watch) = self.held.get(&object).copied() else { return self.doubts.settle(watched) };
        if self.is_unused(object) {
            self.doubts.settle(watched);
            self.let_go(object);
        } else {
            let noticed = watch.is_some() && !self.is_promised(object);
            self.doubts.wait(watched, noticed, self.os.now());
        }
    }

    /// Whether nobody else holds an object.
    pub(crate) fn is_unused(&mut self, object: ObjectId) -> bool {
        if self.is_promised(object) {
            return false;
        }
        self.backings.is_unused(&mut self.os, object).unwrap_or_else(|errno| {
            tracing::debug!(errno = errno.name(), "no lease to be had; the object counts as unused");
            true
        })
    }

    /// Whether an answer gives the object that has not come to its client: it is said again where it was lost.
    pub(crate) fn is_promised(&self, object: ObjectId) -> bool {
        let promises =
            |answered: &Answered| answered.gives.iter().flatten().any(|(given, _)| *given == object);
        self.clients.values().any(|client| {
            client
                .answered
                .as_ref()
                .is_some_and(|answered| promises(answered) && client.table.heard() < answered.sequence)
        })
    }

    fn let_go(&mut self, object: ObjectId) {
        let (held, used) = (self.held.remove(&object), self.users.remove(&object));
        if let Some(watch) = held.flatten().or(used.flatten()) {
            self.unwatch(watch);
        }
        self.forget_edits(object);
        self.closing.extend(self.backings.take(object));
        self.observe(Event::Unused { object });
    }
}
