//! What one broker waits for: readiness as epoll tells it, and ends of descriptions as inotify does.
//!
//! Owns: the set, the watches, the queue of notices. All go with the broker.
//! Leaves to others: what is ready (`socket`, `process`).

use super::{DescId, FileId, Kernel, What};
use shmfs_abi::Errno;
use shmfs_broker::Source;
use shmfs_sys::watch::WatchId;
use std::collections::{BTreeMap, VecDeque};

/// Something that is waited for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Interest {
    number: i32,
    pub(crate) description: DescId,
    source: Source,
}

/// Watches and notices of one inotify instance.
#[derive(Debug, Default)]
pub(crate) struct Notices {
    last: i32,
    watches: BTreeMap<i32, FileId>,
    queue: VecDeque<i32>,
    pub(crate) overflow: bool,
}

impl Notices {
    /// Watches a file; one that is watched already keeps its id.
    pub(crate) fn watch(&mut self, file: FileId) -> WatchId {
        let known = self.watches.iter().find(|(_, watched)| **watched == file);
        WatchId(known.map(|(id, _)| *id).unwrap_or_else(|| {
            self.last += 1;
            self.watches.insert(self.last, file);
            self.last
        }))
    }

    /// What is queued already is told all the same.
    pub(crate) fn unwatch(&mut self, id: WatchId) {
        self.watches.remove(&id.0);
    }

    pub(super) fn forget_file(&mut self, file: FileId) {
        self.watches.retain(|_, watched| *watched != file);
    }

    pub(crate) fn drain(&mut self) -> (Vec<WatchId>, bool) {
        (self.queue.drain(..).map(WatchId).collect(), std::mem::take(&mut self.overflow))
    }
}

impl Kernel {
    /// A description of this file has gone. Equal notices in a row merge.
    pub(super) fn notice_close(&mut self, file: FileId) {
        let notices = &mut self.notices;
        let Some((id, _)) = notices.watches.iter().find(|(_, watched)| **watched == file) else { return };
        if notices.queue.back() != Some(id) {
            notices.queue.push_back(*id);
        }
    }

    /// Loses every notice that is queued.
    pub(crate) fn overflow(&mut self) {
        if !self.notices.queue.is_empty() {
            self.notices.queue.clear();
            self.notices.overflow = true;
        }
    }

    pub(crate) fn listen_to(&mut self, number: i32, source: Source) -> Result<(), Errno> {
        let description = self.at(number)?;
        if self.interest.iter().any(|known| (known.number, known.description) == (number, description)) {
            return Err(Errno::EEXIST);
        }
        self.interest.push(Interest { number, description, source });
        Ok(())
    }

    pub(crate) fn ignore(&mut self, number: i32) {
        let Ok(description) = self.at(number) else { return };
        self.interest.retain(|known| (known.number, known.description) != (number, description));
    }

    /// Everything that is ready, in any order.
    pub(crate) fn ready(&mut self) -> Vec<Source> {
        let waited = self.interest.iter().filter(|known| self.is_ready(known.description));
        let mut ready: Vec<_> = waited.map(|known| known.source).collect();
        if !self.notices.queue.is_empty() || self.notices.overflow {
            ready.push(Source::Watch);
        }
        self.rng.shuffle(&mut ready);
        ready
    }

    pub(crate) fn is_any_ready(&self) -> bool {
        let noticed = !self.notices.queue.is_empty() || self.notices.overflow;
        noticed || self.interest.iter().any(|known| self.is_ready(known.description))
    }

    fn is_ready(&self, description: DescId) -> bool {
        match self.what(description) {
            What::End(end) => self.is_readable(end),
            What::Listener => self.has_backlog(),
            What::Process(pid) => self.has_ended(pid),
            What::ReadEnd(pipe) => self.is_pipe_readable(pipe),
            _ => false,
        }
    }
}
