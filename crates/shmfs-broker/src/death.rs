//! The evidence of deaths.
//!
//! A client's table is the witness: its description belongs to one process image alone, so its end
//! (inotify's IN_CLOSE_WRITE, confirmed by a lease) is the end of that image, by exit, exec or kill, whatever became of
//! its sockets. A pidfd says the same of a process's death. A hang-up says only that the socket is gone; without an
//! inotify watch the process's maps are asked.

use crate::broker::Broker;
use crate::doubt::Watched;
use crate::os::{AttachTable, BATCH, Closed, Os};
use crate::source::Source;
use shmfs_abi::{CallName, ClientId, Errno, Pid};
use shmfs_core::Event;
use shmfs_journal::ConnectionId;
use shmfs_sys::watch::WatchId;

impl<O: Os> Broker<O> {
    /// Takes every death that can be known now: what the kernel queued before a request was sent is seen
    /// before that request is served.
    pub(crate) fn see_deaths(&mut self, sources: &[Source]) {
        // A request of this turn was sent before the wait ended; so was the notice of any death before it.
        let told = sources.contains(&Source::Watch) || sources.len() >= BATCH;
        let closed = if told { self.os.closed() } else { Closed::default() };
        for watch in closed.watches {
            if let Some(watched) = self.watched.get(&watch).copied() {
                self.doubts.raise(watched, self.os.now());
                self.ask(watched);
            }
        }
        self.hear_gone(&closed.gone);
        if closed.overflow {
            if self.record.mount.attached {
                self.look_at_all(false);
            }
            tracing::warn!("the kernel dropped notices of closed files; every process is asked");
            self.ask_everybody();
        }
        for source in sources {
            if let Source::Process(client) = source {
                self.gone(*client);
                self.editor_gone(*client, true);
                if let Some((pid, pidfd)) = self.leaving.remove(client) {
                    self.os.ignore(&pidfd);
                    self.closing.push(pidfd);
                    self.dirty.clients.insert(*client);
                    self.exited(pid);
                }
            }
        }
        self.settle_deaths();
    }

    /// Asks about every client, every released object, and every one that lives as long as somebody holds it.
    pub(crate) fn ask_everybody(&mut self) {
        let clients: Vec<_> = self.clients.keys().copied().collect();
        for client in clients {
            self.doubts.raise(Watched::Table(client), self.os.now());
            self.ask_table(client);
        }
        let held: Vec<_> = self.held.keys().copied().collect();
        held.into_iter().for_each(|object| self.doubts.raise(Watched::Released(object), self.os.now()));
        let used: Vec<_> = self.users.keys().copied().collect();
        used.into_iter().for_each(|object| self.doubts.raise(Watched::Used(object), self.os.now()));
    }

    /// A description of a client's table has gone. It may have been a second one: then the client lives.
    pub(crate) fn ask_table(&mut self, id: ClientId) {
        let watched = Watched::Table(id);
        let Some(client) = self.clients.get(&id) else { return self.doubts.settle(watched) };
        let only_ours = match self.os.is_unused(&client.file) {
            Ok(unused) => unused,
            Err(errno) => {
                tracing::debug!(errno = errno.name(), "no lease to be had; the process's maps are asked");
                !self.still_maps(id)
            }
        };
        if only_ours {
            self.doubts.settle(watched);
            self.gone(id);
        } else {
            let noticed = client.watch.is_some();
            self.doubts.wait(watched, noticed, self.os.now());
        }
    }

    /// Watches a description no longer.
    pub(crate) fn unwatch(&mut self, watch: WatchId) {
        self.watched.remove(&watch);
        self.os.unwatch(watch);
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
            self.dirty.clients.insert(client);
        }
        if self.clients.get(&client).is_some_and(|known| known.watch.is_none()) {
            self.doubts.raise(Watched::Table(client), self.os.now());
            self.ask_table(client);
            self.settle_deaths();
        }
    }

    /// Closes a connection.
    pub(crate) fn close(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.remove(&id) else { return };
        self.os.ignore(&connection.socket);
        self.closing.push(connection.socket);
        self.dirty.connections.insert(id);
    }

    /// A process image ended: its table goes, and its attaches with it.
    pub(crate) fn gone(&mut self, id: ClientId) {
        self.harvest(id);
        let Some(client) = self.clients.remove(&id) else { return };
        self.dirty.clients.insert(id);
        self.editor_gone(id, client.pidfd.is_none());
        if let Some(watch) = client.watch {
            self.unwatch(watch);
        }
        if let Some(connection) = client.connection {
            self.close(connection);
        }
        if let Some(ticket) = client.ticket {
            let effects = self.namespace.settle(ticket, Err(Errno::ECONNRESET));
            self.carry_out_alone(effects);
        }
        self.count_call(CallName::Shmdt, client.table.detaches());
        self.count_call(CallName::ShmOpen, client.table.opens());
        let pid = client.pid().unwrap_or_default();
        tracing::debug!(pid = pid.0, "a process ended");
        for (slot, object, count) in client.table.used() {
            if self.namespace.segment_object(slot) == Some(object) {
                self.touched.insert(slot);
                self.observe(Event::Died { slot, object, pid, count });
            }
        }
        self.closing.push(client.file);
        match client.pidfd {
            // An exec ends an image too, and an exit ends the image first: the pidfd tells when the process has.
            Some(pidfd) => drop(self.leaving.insert(id, (pid, pidfd))),
            None if self.is_known(pid) => {}
            None => self.exited(pid),
        }
    }

    /// Whether something else will tell of the end of a process: it has registered twice, and one answer was lost.
    fn is_known(&self, pid: Pid) -> bool {
        let lives = self.clients.values().any(|client| client.pid() == Some(pid));
        lives || self.leaving.values().any(|(leaving, _)| *leaving == pid)
    }

    /// A process has ended for good: what it created may go with it (`shm_rmid_forced`).
    fn exited(&mut self, pid: Pid) {
        if pid != Pid(0) {
            self.observe(Event::Exited { pid });
            self.reap();
        }
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
    pub(crate) fn settle_deaths(&mut self) {
        while let Some(slot) = self.touched.pop_first() {
            let effects = self.recount(slot);
            self.carry_out_alone(effects);
        }
    }

    /// Whether the process of a client still maps its attach table. In doubt it does.
    fn still_maps(&self, client: ClientId) -> bool {
        let Some(client) = self.clients.get(&client) else { return false };
        match client.pid() {
            Some(pid) => self.os.maps(pid, client.identity.ino),
            // An unborn child: its parent's answer, or its own first word, is still to come.
            None => client.connection.is_some(),
        }
    }
}
