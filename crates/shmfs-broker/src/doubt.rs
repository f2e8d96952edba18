//! Files of which a description has gone: whose it was, the kernel does not say.
//!
//! A write lease on our own description is granted only when there is no other (fcntl(2), F_SETLEASE); inotify says
//! when to ask. The kernel sends IN_CLOSE a moment before it drops the description's count (`__fput`,
//! fs/file_table.c), so a file in doubt is asked again after a pause, which doubles up to a bound.

use crate::broker::Broker;
use crate::os::Os;
use shmfs_abi::{ClientId, ObjectId, Time};
use std::collections::BTreeMap;

/// The first pause before a file is asked again, and the last, in milliseconds.
const FIRST_PAUSE: u32 = 1;
const LAST_PAUSE: u32 = 64;

/// What is asked about again and again, most of it because of its descriptions.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Watched {
    /// A client's attach table: its end is the end of the client's image.
    Table(ClientId),
    /// An object that has no name and no attach any more.
    Released(ObjectId),
    /// An object whose creator has died.
    Orphan(ObjectId),
    /// An object that lives as long as somebody holds it.
    Used(ObjectId),
    /// A durable object whose files are not as they should be.
    Behind(ObjectId),
    /// A durable object whose editor may have died.
    Edited(ObjectId),
}

/// Files in doubt, with the pause before the next question and when it ends, in nanoseconds since the epoch. A busy
/// broker turns often within one pause, and must not give up before the time has passed.
#[derive(Default)]
pub(crate) struct Doubts {
    pauses: BTreeMap<Watched, (u32, u64)>,
}

const MILLISECOND: u64 = 1_000_000;

impl Doubts {
    /// A description of this one has gone.
    pub(crate) fn raise(&mut self, watched: Watched, now: Time) {
        self.pauses.insert(watched, (FIRST_PAUSE, now.as_nanos()));
    }

    /// It is settled.
    pub(crate) fn settle(&mut self, watched: Watched) {
        self.pauses.remove(&watched);
    }

    /// It was asked once more, and is held. Says whether this was often enough, where a notice comes of the next end.
    pub(crate) fn wait(&mut self, watched: Watched, noticed: bool, now: Time) {
        let Some((pause, due)) = self.pauses.get_mut(&watched) else { return };
        if *pause >= LAST_PAUSE && noticed {
            self.pauses.remove(&watched);
            return;
        }
        *due = now.as_nanos() + u64::from(*pause) * MILLISECOND;
        *pause = (*pause * 2).min(LAST_PAUSE);
    }

    /// How long the loop may wait at most, in milliseconds.
    pub(crate) fn patience(&self, now: Time) -> Option<u32> {
        let next = self.pauses.values().map(|(_, due)| due.saturating_sub(now.as_nanos())).min()?;
        Some(next.div_ceil(MILLISECOND).min(LAST_PAUSE.into()) as u32)
    }

    /// Whose pause is over. A clock that was set back ends all.
    fn due(&self, now: Time) -> Vec<Watched> {
        let now = now.as_nanos();
        let over = |due: u64| due <= now || due > now + u64::from(LAST_PAUSE) * MILLISECOND;
        self.pauses.iter().filter(|(_, (_, due))| over(*due)).map(|(watched, _)| *watched).collect()
    }
}

impl<O: Os> Broker<O> {
    /// Asks about everything in doubt.
    pub(crate) fn ask_doubtful(&mut self) {
        for watched in self.doubts.due(self.os.now()) {
            self.ask(watched);
        }
    }

    /// Asks whether anybody else holds a file of which a description has gone.
    pub(crate) fn ask(&mut self, watched: Watched) {
        match watched {
            Watched::Table(client) => self.ask_table(client),
            Watched::Released(object) => self.ask_released(object),
            Watched::Orphan(object) => self.ask_orphan(object),
            Watched::Used(object) => self.ask_used(object),
            Watched::Behind(object) => self.ask_behind(object),
            Watched::Edited(object) => self.ask_edited(object),
        }
    }
}
