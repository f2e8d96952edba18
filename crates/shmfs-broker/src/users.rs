//! Objects that live as long as somebody holds them (`Lifetime::LastUser`).
//!
//! Owns: when to ask whether anybody does.
//! Leaves to others: which objects they are, and their end (the engine).

use crate::broker::Broker;
use crate::doubt::Watched;
use crate::os::Os;
use shmfs_abi::ObjectId;
use shmfs_core::Event;

impl<O: Os> Broker<O> {
    /// Watches an object that has its name from here on, if it is one of them.
    pub(crate) fn watch_users(&mut self, object: ObjectId) {
        if !self.namespace.lives_by_users(object) {
            return;
        }
        let Ok(stored) = self.backings.stored(object) else { return };
        // Watched first: what is closed after the question leaves a notice.
        let watch = self.os.watch_close(&stored.fd).ok();
        if let Some(watch) = watch {
            self.watched.insert(watch, Watched::Used(object));
        }
        self.users.insert(object, watch);
        self.doubts.raise(Watched::Used(object), self.os.now());
    }

    /// Watches all of them, after a broker was killed.
    pub(crate) fn watch_all_users(&mut self) {
        for object in self.namespace.objects().collect::<Vec<_>>() {
            self.watch_users(object);
        }
    }

    /// Asks whether anybody holds such an object.
    pub(crate) fn ask_used(&mut self, object: ObjectId) {
        let watched = Watched::Used(object);
        if !self.namespace.lives_by_users(object) {
            return self.doubts.settle(watched);
        }
        let promised = self.is_promised(object);
        // Without a lease nobody knows; what may be used stays.
        if promised || !self.backings.is_unused(&mut self.os, object).unwrap_or(false) {
            let noticed = self.users.get(&object).is_some_and(Option::is_some) && !promised;
            return self.doubts.wait(watched, noticed, self.os.now());
        }
        self.doubts.settle(watched);
        self.observe(Event::Unheld { object });
    }
}
