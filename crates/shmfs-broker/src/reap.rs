//! `shm daemon --reap`: what no living process uses and whose creator has died is removed.
//!
//! Linux keeps it until somebody removes it; so do stores that are not told otherwise. A segment is used while it has
//! attaches, a POSIX object while somebody has it open or mapped.
//!
//! Owns: when to ask, the reason in the log.
//! Leaves to others: who is an orphan, and the removal (the engine).
//! Not done: a segment that is detached by a process which lives on is looked at when somebody next asks for its state,
//! or dies.

use crate::broker::Broker;
use crate::doubt::Watched;
use crate::os::Os;
use shmfs_abi::{Errno, Kind, ObjectId};
use shmfs_core::{Event, PlaceImage};

impl<O: Os> Broker<O> {
    /// Looks at every orphan.
    pub(crate) fn reap(&mut self) {
        if !self.record.reap {
            return;
        }
        for object in self.namespace.orphans() {
            let Ok(stored) = self.backings.stored(object) else { continue };
            // Watched first: what is closed after the question leaves a notice.
            if let Ok(watch) = self.os.watch_close(&stored.fd) {
                self.watched.insert(watch, Watched::Orphan(object));
            }
            self.doubts.raise(Watched::Orphan(object), self.os.now());
            self.ask_orphan(object);
        }
    }

    /// Asks about an orphan.
    pub(crate) fn ask_orphan(&mut self, object: ObjectId) {
        let watched = Watched::Orphan(object);
        if !self.namespace.orphans().contains(&object) {
            return self.doubts.settle(watched);
        }
        let unused: Result<bool, Errno> = self.backings.is_unused(&mut self.os, object);
        // Without a lease nobody knows; what may be used stays.
        if !unused.unwrap_or(false) {
            return self.doubts.wait(watched, true, self.os.now());
        }
        self.doubts.settle(watched);
        if let Some(image) = self.namespace.object_image(object) {
            let name = match image.place {
                PlaceImage::Name(name) => String::from_utf8_lossy(name.as_bytes()).into_owned(),
                PlaceImage::Slot(slot, _) => format!("segment in slot {}", slot.0),
                _ => String::new(),
            };
            let kind = if image.kind == Kind::Segment { "sysv" } else { "posix" };
            tracing::info!(
                object = object.0,
                name,
                kind,
                bytes = image.size.0,
                creator = image.creator.0,
                "reaped: its creator has ended and no process uses it"
            );
        }
        self.observe(Event::Reaped { object });
    }
}
