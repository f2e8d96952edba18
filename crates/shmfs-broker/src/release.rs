//! Objects that nobody can find any more, kept until nobody holds them.
//!
//! An unlinked object, or a destroyed segment, lives on in descriptors and mappings. A write lease on our
//! own description is granted only when there is no other (fcntl(2), F_SETLEASE); inotify says when to ask.
//! The kernel sends IN_CLOSE a moment before it drops the description's count (`__fput`, fs/file_table.c), so an
//! object in doubt is asked again after a pause, which doubles up to a bound.

use crate::broker::{Broker, now};
use crate::death::Watched;
use rustix::fd::AsFd;
use shmfs_abi::ObjectId;
use shmfs_core::{Effect, Event};
use shmfs_sys::watch::WatchId;
use std::collections::{BTreeMap, HashMap};

/// The first pause before an object is asked again, and the last, in milliseconds.
const FIRST_PAUSE: u32 = 1;
const LAST_PAUSE: u32 = 64;

/// Released objects that are still held by somebody.
#[derive(Default)]
pub(crate) struct Releases {
    held: HashMap<ObjectId, Option<WatchId>>,
    /// Objects of which a description was closed: to be asked, with the pause before the next time.
    doubtful: BTreeMap<ObjectId, u32>,
}

impl Releases {
    /// A description of this object was closed.
    pub(crate) fn doubt(&mut self, object: ObjectId) {
        if self.held.contains_key(&object) {
            self.doubtful.insert(object, FIRST_PAUSE);
        }
    }

    /// Notices were lost.
    pub(crate) fn doubt_all(&mut self) {
        let all: Vec<_> = self.held.keys().copied().collect();
        for object in all {
            self.doubt(object);
        }
    }

    /// How long the loop may wait at most, in milliseconds, before doubtful objects are asked again.
    pub(crate) fn patience(&self) -> Option<u32> {
        self.doubtful.values().min().copied()
    }
}

impl Broker {
    /// Lets an object go if nobody else holds it, or as soon as nobody does.
    pub(crate) fn release(&mut self, object: ObjectId) -> Vec<Effect> {
        if self.is_unused(object) {
            return self.let_go(object);
        }
        let watch = self.backings.watched(object).and_then(|file| self.watch.add_close(file.as_fd())).ok();
        if let Some(watch) = watch {
            self.watched.insert(watch, Watched::Released(object));
        }
        self.releases.held.insert(object, watch);
        // What was closed between the question and the watch left no notice.
        self.releases.doubt(object);
        Vec::new()
    }

    /// Asks about every object in doubt.
    pub(crate) fn retry_releases(&mut self) {
        let doubtful: Vec<_> =
            self.releases.doubtful.iter().map(|(object, pause)| (*object, *pause)).collect();
        for (object, pause) in doubtful {
            if self.is_unused(object) {
                let effects = self.let_go(object);
                self.carry_out_alone(effects);
            } else if pause < LAST_PAUSE {
                self.releases.doubtful.insert(object, pause * 2);
            } else if self.releases.held.get(&object).is_some_and(Option::is_some) {
                // It is really held: the next notice will come.
                self.releases.doubtful.remove(&object);
            }
        }
    }

    fn is_unused(&self, object: ObjectId) -> bool {
        self.backings.is_unused(object).unwrap_or_else(|errno| {
            tracing::debug!(errno = errno.name(), "no lease to be had; the object counts as unused");
            true
        })
    }

    fn let_go(&mut self, object: ObjectId) -> Vec<Effect> {
        self.releases.doubtful.remove(&object);
        if let Some(Some(watch)) = self.releases.held.remove(&object) {
            self.unwatch(watch);
        }
        self.backings.close(object);
        self.namespace.observe(Event::Unused { object }, now())
    }
}
