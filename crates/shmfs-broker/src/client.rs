//! One client process: its attach table and the evidence by which its end is noticed.

use crate::os::{AttachTable, Os};
use shmfs_abi::{Pid, Ticket};
use shmfs_journal::{Answered, ConnectionId};
use shmfs_sys::fd::Identity;
use shmfs_sys::watch::WatchId;

/// A client process.
pub(crate) struct Client<O: Os> {
    /// What it showed to be the process that a table belongs to when it connects again.
    pub(crate) cookie: u64,
    pub(crate) table: O::Table,
    /// Our own description of the table's file.
    pub(crate) file: O::Fd,
    pub(crate) identity: Identity,
    /// Watches for the end of the client's own description of its table: exit, exec or kill.
    pub(crate) watch: Option<WatchId>,
    /// Readable at the process's death. None for an unborn child, whose number is not known.
    pub(crate) pidfd: Option<O::Fd>,
    pub(crate) connection: Option<ConnectionId>,
    /// The semaphore that it has not published yet: it does one thing at a time.
    pub(crate) ticket: Option<Ticket>,
    /// The last call that changed something, and its answer.
    pub(crate) answered: Option<Answered>,
}

impl<O: Os> Client<O> {
    /// The process, or nothing for an unborn child.
    pub(crate) fn pid(&self) -> Option<Pid> {
        Some(self.table.pid()).filter(|pid| pid.0 != 0)
    }
}
