//! Files of durable objects that are not as they should be, because a disk has failed: what is to be done is tried until
//! it is done.
//!
//! The store's objects are what the engine says; the files follow. Who renames, changes or removes one is told that it
//! is done, and not that the disk is full: nobody could take it back.
//!
//! Owns: what is still to be done. Leaves to others: the files (`Os`), what is written down (`heads`).

use crate::broker::Broker;
use crate::doubt::Watched;
use crate::heads;
use crate::os::{Os, Result};
use shmfs_abi::ObjectId;
use shmfs_journal::Intent;

impl<O: Os> Broker<O> {
    /// Brings the files of a durable object up to what the engine says, now or later.
    pub(crate) fn write_down(&mut self, object: ObjectId, intent: Intent) {
        if matches!(self.behind.get(&object), Some(Intent::Erase { .. })) {
            // What is to be taken away is written down no more.
            return;
        }
        match self.try_to_write_down(intent) {
            Ok(()) => drop(self.behind.remove(&object)),
            Err(errno) => {
                tracing::error!(
                    object = object.0,
                    errno = errno.name(),
                    "the files of a durable object are not as they should be; this is tried again"
                );
                self.behind.insert(object, intent);
                self.doubts.raise(Watched::Behind(object), self.os.now());
            }
        }
    }

    fn try_to_write_down(&mut self, intent: Intent) -> Result<()> {
        match intent {
            Intent::Record { object } => match self.namespace.object_image(object).filter(heads::is_kept) {
                Some(image) => self.os.record(&image),
                // It was removed meanwhile.
                None => Ok(()),
            },
            Intent::Erase { object } => self.os.erase(object),
            _ => Ok(()),
        }
    }

    /// Tries once more. When all is done, a broker that follows has nothing to do.
    pub(crate) fn ask_behind(&mut self, object: ObjectId) {
        let watched = Watched::Behind(object);
        let Some(intent) = self.behind.get(&object).copied() else { return self.doubts.settle(watched) };
        if self.try_to_write_down(intent).is_err() {
            return self.doubts.wait(watched, false, self.os.now());
        }
        self.behind.remove(&object);
        self.doubts.settle(watched);
        if self.behind.is_empty() {
            self.journal.done();
        }
    }
}
