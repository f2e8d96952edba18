//! The evidence of deaths.
//!
//! A client's table is the witness: its description belongs to one process image alone, so its end
//! (inotify's IN_CLOSE_WRITE) is the end of that image, by exit, exec or kill, whatever became of its sockets. A
//! pidfd says the same of a process's death. A hang-up says only that the socket is gone; without an inotify watch
//! the process's maps are asked.

use crate::broker::{Broker, now};
use crate::events::{ConnectionId, Source};
use shmfs_abi::{ClientId, Errno, ObjectId, Pid};
use shmfs_core::Event;
use shmfs_sys::watch::{Drained, WatchId};
use std::io::{BufRead, BufReader};

/// Lines of /proc/PID/maps that are read: vm.max_map_count is 65,530 by default.
const MAPS_LINES: usize = 1 << 20;

/// Whose description is watched for its end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Watched {
    /// A client's attach table.
    Table(ClientId),
    /// An object that has no name and no attach any more.
    Released(ObjectId),
}

impl Broker {
    /// Takes every death that can be known now: what the kernel queued before a request was sent is seen
    /// before that request is served.
    pub(crate) fn see_deaths(&mut self, sources: &[Source]) {
        let mut ended = Vec::new();
        let mut overflow = false;
        let drained = self.watch.drain(|event| match event {
            Drained::Closed(watch) => ended.push(watch),
            Drained::Ended(_) => {}
            Drained::Overflow => overflow = true,
        });
        if let Err(errno) = drained {
            tracing::warn!(errno = errno.name(), "the notices of closed files cannot be read");
            overflow = true;
        }
        for watch in ended {
            match self.watched.get(&watch) {
                Some(Watched::Table(client)) => self.gone(*client),
                Some(Watched::Released(object)) => self.releases.doubt(*object),
                None => {}
            }
        }
        if overflow {
            tracing::warn!("the kernel dropped notices of closed files; every process is asked");
            self.ask_everybody();
        }
        for source in sources {
            if let Source::Process(client) = source {
                self.gone(*client);
                if let Some((pid, pidfd)) = self.leaving.remove(client) {
                    self.events.remove(&pidfd);
                    self.exited(pid);
                }
            }
        }
        self.settle_deaths();
    }

    fn ask_everybody(&mut self) {
        let clients: Vec<_> = self.clients.keys().copied().collect();
        for client in clients {
            if !self.still_maps(client) {
                self.gone(client);
            }
        }
        self.releases.doubt_all();
    }

    /// Watches a description no longer.
    pub(crate) fn unwatch(&mut self, watch: WatchId) {
        self.watched.remove(&watch);
        if let Err(errno) = self.watch.remove(watch) {
            tracing::debug!(errno = errno.name(), "it was not watched any more");
        }
    }

    /// A socket hung up. The process may have closed it and live on.
    pub(crate) fn hang_up(&mut self, id: ConnectionId) {
        let client = self.connections.get(&id).and_then(|connection| connection.client());
        self.close(id);
        let Some(client) = client else { return };
        if let Some(known) = self.clients.get_mut(&client)
            && known.connection == Some(id)
        {
            known.connection = None;
        }
        let unwatched = self.clients.get(&client).is_some_and(|known| known.watch.is_none());
        if unwatched && !self.still_maps(client) {
            self.gone(client);
            self.settle_deaths();
        }
    }

    /// Closes a connection and undoes what it left half done.
    pub(crate) fn close(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.remove(&id) else { return };
        self.events.remove(&connection.socket);
        for ticket in connection.tickets {
            let effects = self.namespace.settle(ticket, Err(Errno::ECONNRESET), now());
            self.carry_out_alone(effects);
        }
    }

    /// A process image ended: its table goes, and its attaches with it.
    fn gone(&mut self, id: ClientId) {
        self.harvest(id);
        let Some(client) = self.clients.remove(&id) else { return };
        if let Some(watch) = client.watch {
            self.unwatch(watch);
        }
        if let Some(connection) = client.connection {
            self.close(connection);
        }
        self.calls[shmfs_abi::CallName::Shmdt as usize] += client.table.detaches();
        self.calls[shmfs_abi::CallName::ShmOpen as usize] += client.table.opens();
        let pid = client.pid().unwrap_or_default();
        tracing::debug!(pid = pid.0, "a process ended");
        for (slot, object, count) in client.table.used() {
            if self.namespace.segment_object(slot) == Some(object) {
                self.touched.insert(slot);
                self.namespace.observe(Event::Died { slot, object, pid, count }, now());
            }
        }
        match client.pidfd {
            // An exec ends an image too, and an exit ends the image first: the pidfd tells when the process has.
            Some(pidfd) => drop(self.leaving.insert(id, (pid, pidfd))),
            None => self.exited(pid),
        }
    }

    /// A process has ended for good: what it created may go with it (`shm_rmid_forced`).
    fn exited(&mut self, pid: Pid) {
        let effects = self.namespace.observe(Event::Exited { pid }, now());
        self.carry_out_alone(effects);
    }

    /// The last detaches that only this process's table remembers are counted before it goes.
    fn harvest(&mut self, id: ClientId) {
        let Some(client) = self.clients.get(&id) else { return };
        let slots = self.namespace.slots().into_iter();
        let detached: Vec<_> = slots
            .filter(|slot| {
                let object = self.namespace.segment_object(*slot);
                object.is_some_and(|object| client.table.last_detach(*slot, object).is_some())
            })
            .collect();
        for slot in detached {
            let effects = self.recount(slot);
            self.carry_out_alone(effects);
        }
    }

    /// Counts anew every segment that a death has touched; a marked one may be destroyed by it.
    fn settle_deaths(&mut self) {
        while let Some(slot) = self.touched.pop_first() {
            let effects = self.recount(slot);
            self.carry_out_alone(effects);
        }
    }

    /// Whether the process of a client still maps its attach table. In doubt it does.
    fn still_maps(&self, client: ClientId) -> bool {
        let Some(client) = self.clients.get(&client) else { return false };
        match client.pid() {
            Some(pid) => maps_inode(pid, client.table_ino),
            // An unborn child: its parent's answer, or its own first word, is still to come.
            None => client.connection.is_some(),
        }
    }
}

/// Whether a process maps the memfd with this inode number (proc_pid_maps(5)).
fn maps_inode(pid: Pid, ino: u64) -> bool {
    let Ok(maps) = std::fs::File::open(format!("/proc/{}/maps", pid.0)) else { return false };
    let number = ino.to_string();
    BufReader::new(maps)
        .lines()
        .take(MAPS_LINES)
        .map_while(Result::ok)
        .any(|line| line.split_ascii_whitespace().nth(4) == Some(&number) && line.contains("/memfd:"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mapped_memfd_is_found_and_another_is_not() {
        let (file, table) = shmfs_index::Table::create(ClientId(1), 2).unwrap();
        let ino = shmfs_sys::fd::facts(&file).unwrap().identity.ino;
        let this = Pid(std::process::id() as i32);
        assert!(maps_inode(this, ino));
        drop(table);
        assert!(!maps_inode(this, ino));
    }
}
