//! Files of which a description has gone: whose it was, the kernel does not say.
//!
//! A write lease on our own description is granted only when there is no other (fcntl(2), F_SETLEASE); inotify says
//! when to ask. The kernel sends IN_CLOSE a moment before it drops the description's count (`__fput`,
//! fs/file_table.c), so a file in doubt is asked again after a pause, which doubles up to a bound.

use crate::broker::Broker;
use crate::os::Os;
use shmfs_abi::{ClientId, ObjectId};
use std::collections::BTreeMap;

/// The first pause before a file is asked again, and the last, in milliseconds.
const FIRST_PAUSE: u32 = 1;
const LAST_PAUSE: u32 = 64;

/// Whose descriptions are watched for their end.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Watched {
    /// A client's attach table: its end is the end of the client's image.
    Table(ClientId),
    /// An object that has no name and no attach any more.
    Released(ObjectId),
    /// An object whose creator has died.
    Orphan(ObjectId),
}

/// Files in doubt, with the pause before the next question.
#[derive(Default)]
pub(crate) struct Doubts {
    pauses: BTreeMap<Watched, u32>,
}

impl Doubts {
    /// A description of this one has gone.
    pub(crate) fn raise(&mut self, watched: Watched) {
        self.pauses.insert(watched, FIRST_PAUSE);
    }

    /// It is settled.
    pub(crate) fn settle(&mut self, watched: Watched) {
        self.pauses.remove(&watched);
    }

    /// It was asked once more, and is held. Says whether this was often enough, where a notice comes of the next end.
    pub(crate) fn wait(&mut self, watched: Watched, noticed: bool) {
        let Some(pause) = self.pauses.get_mut(&watched) else { return };
        if *pause < LAST_PAUSE {
            *pause *= 2;
        } else if noticed {
            self.pauses.remove(&watched);
        }
    }

    /// How long the loop may wait at most, in milliseconds.
    pub(crate) fn patience(&self) -> Option<u32> {
        self.pauses.values().min().copied()
    }

    fn all(&self) -> Vec<Watched> {
        self.pauses.keys().copied().collect()
    }
}

impl<O: Os> Broker<O> {
    /// Asks about everything in doubt.
    pub(crate) fn ask_doubtful(&mut self) {
        for watched in self.doubts.all() {
            self.ask(watched);
        }
    }

    /// Asks whether anybody else holds a file of which a description has gone.
    pub(crate) fn ask(&mut self, watched: Watched) {
        match watched {
            Watched::Table(client) => self.ask_table(client),
            Watched::Released(object) => self.ask_released(object),
            Watched::Orphan(object) => self.ask_orphan(object),
        }
    }
}
