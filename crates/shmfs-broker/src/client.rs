//! One client process: its attach table and the evidence by which its end is noticed.

use crate::events::ConnectionId;
use rustix::fd::OwnedFd;
use shmfs_abi::Pid;
use shmfs_index::Table;
use shmfs_sys::watch::WatchId;

/// A client process.
pub(crate) struct Client {
    /// What it showed to be the process that a table belongs to when it connects again.
    pub(crate) cookie: u64,
    pub(crate) table: Table,
    /// The inode number of the table, as /proc/PID/maps shows it.
    pub(crate) table_ino: u64,
    /// Watches for the end of the client's own description of its table: exit, exec or kill.
    pub(crate) watch: Option<WatchId>,
    /// Readable at the process's death. None for an unborn child, whose number is not known.
    pub(crate) pidfd: Option<OwnedFd>,
    pub(crate) connection: Option<ConnectionId>,
}

impl Client {
    /// The process, or nothing for an unborn child.
    pub(crate) fn pid(&self) -> Option<Pid> {
        Some(self.table.pid()).filter(|pid| pid.0 != 0)
    }
}
