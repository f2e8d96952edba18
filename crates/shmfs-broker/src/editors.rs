//! Programs that were given the undo log of a durable object: when one dies, what it left half done is rolled back.
//!
//! A program that edits next, and a store that begins, would do it as well; until then others would see half an edit.
//!
//! Owns: who was given which log, when to look.
//! Leaves to others: whether an edit was left, and rolling it back (`shmfs-durable`).
//! Not done: a broker that follows on a killed one does not know who has which log; it looks at every durable object once.

use crate::broker::Broker;
use crate::doubt::Watched;
use crate::os::Os;
use shmfs_abi::{ClientId, Lifetime, ObjectId};

impl<O: Os> Broker<O> {
    /// A program may edit an object from here on.
    pub(crate) fn may_edit(&mut self, client: ClientId, object: ObjectId) {
        self.editors.entry(client).or_default().insert(object);
    }

    /// A child has the descriptors of its parent, and with them an edit that is going on.
    pub(crate) fn copy_edits(&mut self, parent: ClientId, child: ClientId) {
        if let Some(edits) = self.editors.get(&parent).cloned() {
            self.editors.insert(child, edits);
        }
    }

    /// A program's image has ended. Its memory goes before its descriptors, and with those the editor's lock: where a
    /// pidfd is to tell that the whole process has, this is asked once more then.
    pub(crate) fn editor_gone(&mut self, client: ClientId, wholly: bool) {
        for object in self.editors.get(&client).into_iter().flatten() {
            self.doubts.raise(Watched::Edited(*object), self.os.now());
        }
        if wholly {
            self.editors.remove(&client);
        }
    }

    /// An object is gone: nobody edits it.
    pub(crate) fn forget_edits(&mut self, object: ObjectId) {
        if self.backings.is_durable(object) {
            for edits in self.editors.values_mut() {
                edits.remove(&object);
            }
        }
    }

    /// Looks at every durable object once.
    pub(crate) fn look_at_edits(&mut self) {
        for object in self.namespace.objects().collect::<Vec<_>>() {
            let image = self.namespace.object_image(object);
            if image.is_some_and(|image| image.lifetime == Lifetime::Durable) {
                self.doubts.raise(Watched::Edited(object), self.os.now());
            }
        }
    }

    /// Rolls back what nobody will finish.
    pub(crate) fn ask_edited(&mut self, object: ObjectId) {
        let watched = Watched::Edited(object);
        let Some(image) = self.namespace.object_image(object) else { return self.doubts.settle(watched) };
        match self.os.roll_back(&image) {
            Ok(true) => self.doubts.settle(watched),
            // Somebody edits it: another, or the lock of the one that has died is not free yet.
            Ok(false) => self.doubts.wait(watched, true, self.os.now()),
            Err(errno) => {
                tracing::error!(
                    object = object.0,
                    errno = errno.name(),
                    "what was left half done stays for the next editor"
                );
                self.doubts.settle(watched);
            }
        }
    }
}
