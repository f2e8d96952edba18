//! What a broker finds around it when it begins.
//!
//! Owns: descriptors of its own for what it listens to, so that it may close them; the note of a panic.
//! Leaves to others: the journal's number, which every broker of the store takes over in turn.

use crate::words::Words;
use rustix::fd::{AsRawFd, OwnedFd, RawFd};
use shmfs_abi::{Errno, Pid};
use shmfs_journal::state::Word;
use shmfs_sys::fd;
use std::collections::BTreeSet;
use std::panic::{set_hook, take_hook};
use std::sync::{Mutex, PoisonError};

/// What a broker finds around it.
#[derive(Debug)]
pub struct Surroundings {
    /// The journal's number.
    pub journal: RawFd,
    /// Readable when the store is to end. Not to be read: the next broker is to see it too.
    pub stop: OwnedFd,
    /// The keeper.
    pub keeper: Pid,
    /// Its pidfd, readable once it has ended.
    pub keeper_end: OwnedFd,
    /// Numbers that no record of the journal names and that are to be left open.
    pub keep: BTreeSet<RawFd>,
}

impl Surroundings {
    /// Those of the calling process, the broker. `keepers` are the keeper's numbers, of which `stop` and `keeper_end`
    /// are two.
    pub(crate) fn new(
        journal: RawFd,
        (keeper, keeper_end): (Pid, RawFd),
        stop: RawFd,
        keepers: impl IntoIterator<Item = RawFd>,
    ) -> Result<Surroundings, Errno> {
        let stop = fd::with_number(stop, fd::duplicate)?;
        let keeper_end = fd::with_number(keeper_end, fd::duplicate)?;
        let own = [journal, stop.as_raw_fd(), keeper_end.as_raw_fd()];
        let keep = keepers.into_iter().chain(own).collect();
        Ok(Surroundings { journal, stop, keeper, keeper_end, keep })
    }
}

/// From here on a panic in this process, in whatever thread, is noted in the journal and ends it.
pub(crate) fn note_panics(words: Words) {
    let words = Mutex::new(words);
    let tell = take_hook();
    set_hook(Box::new(move |panic| {
        words.lock().unwrap_or_else(PoisonError::into_inner).set(Word::Panicked, 1);
        tell(panic);
        std::process::abort();
    }));
}
