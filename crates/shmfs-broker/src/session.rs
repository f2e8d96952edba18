//! How a connection becomes somebody: hello, fork, birth, and its end.

use crate::answer::{Answered, Outgoing};
use crate::broker::{Broker, now};
use crate::client::Client;
use crate::connection::{Connection, Role};
use crate::credentials;
use crate::death::Watched;
use crate::events::{ConnectionId, Source};
use rustix::fd::{AsFd, OwnedFd};
use shmfs_abi::{CallName, ClientId, Cred, Errno, OpenFlags, Pid, limits};
use shmfs_core::Event;
use shmfs_index::Table;
use shmfs_sys::socket::{self, Peer};
use shmfs_sys::{fd, process};
use shmfs_wire::{Hello, Response, Role as Wanted, Welcome};

impl Broker {
    /// The first message of a connection: admits it and gives a client process its table.
    pub(crate) fn hello(&mut self, id: ConnectionId, hello: &Hello, out: &mut Outgoing) -> Answered {
        let Some(connection) = self.connections.get(&id) else { return Answered::Hangup("it is gone") };
        if connection.role != Role::Stranger {
            return Answered::Hangup("it said hello twice");
        }
        let Ok(peer) = socket::peer(&connection.socket) else {
            return Answered::Hangup("it has no credentials");
        };
        let cred = credentials::of(&connection.socket, &peer);
        if !self.admission.admits(cred.uid, hello.token, self.owner) {
            tracing::info!(pid = cred.pid.0, uid = cred.uid.0, "not admitted to this store");
            return Answered::refused(Errno::EACCES, "this store does not admit the caller");
        }
        let welcomed = match (hello.role, hello.resume) {
            (Wanted::Visitor, _) => Ok((Role::Visitor, ClientId(0), 0)),
            (Wanted::Client, Some((client, cookie))) => self.resume(id, client, cookie, cred.pid),
            (Wanted::Client, None) => self.register(id, cred.pid, out),
        };
        let (role, client, cookie) = match welcomed {
            Ok(welcomed) => welcomed,
            Err(errno) => return Answered::refused(errno, "the process cannot be registered"),
        };
        if let (Role::Client(_), Some(root)) = (role, self.backings.root()) {
            // Without it the client asks for it when it needs it.
            let given = root.and_then(|root| out.carry(root));
            let _ = given.inspect_err(|errno| tracing::warn!(errno = errno.name(), "no root for a client"));
        }
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.role = role;
            connection.cred = Some(cred);
        }
        Answered::Say(Response::Welcome(Welcome {
            client,
            cookie,
            tmpfs_dev: self.backings.posix_dev(),
            pid: cred.pid,
        }))
    }

    /// A client process that lost its socket, or changed its user, takes its table up again. The cookie proves it;
    /// a child whose first word was lost has no number in its table yet.
    fn resume(
        &mut self,
        id: ConnectionId,
        client: ClientId,
        cookie: u64,
        pid: Pid,
    ) -> Result<(Role, ClientId, u64), Errno> {
        let known = self.clients.get(&client).filter(|known| known.cookie == cookie);
        let known = known.filter(|known| known.pid().is_none_or(|known| known == pid)).ok_or(Errno::ESRCH)?;
        let former = known.connection;
        if known.pidfd.is_none() {
            self.name_process(client, pid);
        }
        if let Some(former) = former {
            self.close(former);
        }
        if let Some(known) = self.clients.get_mut(&client) {
            known.connection = Some(id);
        }
        Ok((Role::Client(client), client, cookie))
    }

    /// A new client process: its table, with a description of its own that goes out with the answer.
    fn register(
        &mut self,
        id: ConnectionId,
        pid: Pid,
        out: &mut Outgoing,
    ) -> Result<(Role, ClientId, u64), Errno> {
        let (client, given) = self.new_client(Some(pid))?;
        self.mark_ahead(client);
        let known = self.clients.get_mut(&client).ok_or(Errno::ESRCH)?;
        known.connection = Some(id);
        let cookie = known.cookie;
        out.carry(given)?;
        Ok((Role::Client(client), client, cookie))
    }

    /// A copy of a process that nobody announced writes what it inherited into its rows by itself: they carry
    /// the marks of removed segments before it does.
    fn mark_ahead(&self, client: ClientId) {
        let Some(client) = self.clients.get(&client) else { return };
        for (slot, object) in self.namespace.marked() {
            client.table.mark_ahead(slot, object);
        }
    }

    fn new_client(&mut self, pid: Option<Pid>) -> Result<(ClientId, OwnedFd), Errno> {
        if self.clients.len() >= limits::CLIENTS {
            tracing::warn!(limit = limits::CLIENTS, "too many client processes");
            return Err(Errno::EAGAIN);
        }
        let id = ClientId(self.next_client);
        self.next_client += 1;
        let cookie = random()?;
        let (file, table) = Table::create(id, cookie)?;
        let given = fd::reopen(file.as_fd(), OpenFlags::RDWR)?;
        let watch = self.watch.add_close(file.as_fd()).ok();
        if let Some(watch) = watch {
            self.watched.insert(watch, Watched::Table(id));
        }
        let table_ino = fd::facts(&file)?.identity.ino;
        let client = Client { cookie, table, table_ino, watch, pidfd: None, connection: None };
        self.clients.insert(id, client);
        if let Some(pid) = pid {
            self.name_process(id, pid);
        }
        Ok((id, given))
    }

    /// Writes into a client's table which process it is, and watches that.
    fn name_process(&mut self, id: ClientId, pid: Pid) {
        let pidfd = self.watch_process(id, pid);
        if let Some(client) = self.clients.get_mut(&id) {
            client.table.set_pid(pid);
            client.pidfd = pidfd;
        }
    }

    fn watch_process(&self, client: ClientId, pid: Pid) -> Option<OwnedFd> {
        let pidfd = process::pidfd(pid)
            .inspect_err(|errno| tracing::debug!(pid = pid.0, errno = errno.name(), "no pidfd"))
            .ok()?;
        self.events.add(&pidfd, Source::Process(client)).ok()?;
        Some(pidfd)
    }

    /// Before a fork: a table with the parent's counts, and a socket, both for the child.
    pub(crate) fn fork(&mut self, parent: ClientId, cred: &Cred, out: &mut Outgoing) -> Answered {
        self.calls[CallName::Fork as usize] += 1;
        match self.prepare_child(parent, cred, out) {
            Ok(()) => Answered::Say(Response::Forked),
            Err(errno) => Answered::refused(errno, "the child cannot be registered"),
        }
    }

    fn prepare_child(&mut self, parent: ClientId, cred: &Cred, out: &mut Outgoing) -> Result<(), Errno> {
        let (ours, theirs) = socket::pair()?;
        let (child, table) = self.new_client(None)?;
        let connection = self.connect(Connection::new(ours, Role::Unborn(child), Some(*cred)));
        let (Some(parent), Some(born)) = (self.clients.get(&parent), self.clients.get(&child)) else {
            return Err(Errno::ESRCH);
        };
        born.table.copy_counts_from(&parent.table);
        let attached: Vec<_> = parent.table.used().map(|(slot, object, _)| (slot, object)).collect();
        if let Some(born) = self.clients.get_mut(&child) {
            born.connection = connection;
        }
        for (slot, object) in attached {
            if self.namespace.segment_object(slot) == Some(object) {
                self.namespace.observe(Event::Forked { slot, parent: cred.pid }, now());
            }
        }
        out.carry(table)?;
        out.carry(theirs)
    }

    /// The child's first word, on the socket that was made for it: the kernel says which process it is.
    pub(crate) fn born(&mut self, id: ConnectionId, sender: &Peer) -> Answered {
        let Some(connection) = self.connections.get_mut(&id) else { return Answered::Nothing };
        let Role::Unborn(child) = connection.role else { return Answered::Hangup("it was born twice") };
        connection.role = Role::Client(child);
        // The child has its parent's credentials: nothing ran in it before this message.
        connection.cred = connection.cred.map(|parent| Cred { pid: sender.pid, ..parent });
        self.name_process(child, sender.pid);
        Answered::Nothing
    }
}

fn random() -> Result<u64, Errno> {
    let mut bytes = [0; 8];
    match rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty()) {
        Ok(8) => Ok(u64::from_ne_bytes(bytes)),
        _ => Err(Errno::EAGAIN),
    }
}
