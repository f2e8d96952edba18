//! How a connection becomes somebody: hello, fork, birth.

use crate::admission;
use crate::answer::{Outcome, Outgoing};
use crate::broker::Broker;
use crate::client::Client;
use crate::connection::Connection;
use crate::crowd::{NO_DESCRIPTOR, seen_outside};
use crate::doubt::Watched;
use crate::os::{AttachTable, Os};
use crate::source::Source;
use shmfs_abi::{CallName, ClientId, Cred, Errno, OpenFlags, Pid, limits};
use shmfs_core::Event;
use shmfs_journal::{ConnectionId, Role};
use shmfs_sys::socket::Peer;
use shmfs_wire::{Hello, Response, Role as Wanted, Welcome};

impl<O: Os> Broker<O> {
    /// The first message of a connection: admits it and gives a client process its table.
    pub(crate) fn hello(&mut self, id: ConnectionId, hello: &Hello, out: &mut Outgoing<O>) -> Outcome {
        let Some(connection) = self.connections.get(&id) else { return Outcome::Hangup("it is gone") };
        let Ok(cred) = self.os.credentials(&connection.socket) else {
            return Outcome::Hangup("it has no credentials");
        };
        let owner = self.record.image.owner.0;
        if !admission::admits(&self.record.admission, cred.uid, hello.token, owner) {
            tracing::info!(pid = cred.pid.0, uid = cred.uid.0, "not admitted to this store");
            return Outcome::refused(Errno::EACCES, "this store does not admit the caller");
        }
        let role = match (hello.role, hello.resume) {
            (Wanted::Visitor, _) => Ok(Role::Visitor),
            (Wanted::Client, Some((client, cookie))) => self.resume(id, client, cookie, cred.pid),
            (Wanted::Client, None) => self.register(id, cred.pid, out),
        };
        let role = match role {
            Ok(role) => role,
            Err(errno) => return cannot_register(errno, "the process cannot be registered"),
        };
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.role = role;
            connection.cred = Some(cred);
            self.dirty.connections.insert(id);
        }
        self.welcome(role, cred.pid, out)
    }

    /// Hello came a second time: the answer was lost with the broker that gave it.
    pub(crate) fn welcome_again(
        &mut self,
        id: ConnectionId,
        hello: &Hello,
        out: &mut Outgoing<O>,
    ) -> Outcome {
        let Some(connection) = self.connections.get(&id) else { return Outcome::Nothing };
        let (role, pid) = (connection.role, connection.cred.map_or(Pid(0), |cred| cred.pid));
        // Who resumes has its table.
        let client = connection.client().filter(|_| hello.resume.is_none());
        if let Some(client) = client.and_then(|client| self.clients.get(&client)) {
            let given = self.os.open(&client.file, OpenFlags::RDWR).and_then(|table| out.carry(table));
            if let Err(errno) = given {
                return cannot_register(errno, "the process cannot be registered");
            }
        }
        self.welcome(role, pid, out)
    }

    fn welcome(&mut self, role: Role, pid: Pid, out: &mut Outgoing<O>) -> Outcome {
        let known = match role {
            Role::Client(id) => self.clients.get(&id).map(|client| (id, client.cookie)),
            _ => None,
        };
        if let (Role::Client(_), Some(hidden)) = (role, &self.backings.hidden) {
            // Without it the client asks for it when it needs it.
            let given = self.os.root(hidden).and_then(|root| out.carry(root));
            let _ = given.inspect_err(|errno| tracing::warn!(errno = errno.name(), "no root for a client"));
            self.share();
        }
        let (client, cookie) = known.unwrap_or_default();
        let tmpfs_dev = self.backings.posix_dev();
        Outcome::Say(Response::Welcome(Welcome { client, cookie, tmpfs_dev, pid }))
    }

    /// A client process that lost its socket, or changed its user, takes its table up again. The cookie proves it;
    /// a child whose first word was lost has no number in its table yet.
    fn resume(&mut self, id: ConnectionId, client: ClientId, cookie: u64, pid: Pid) -> Result<Role, Errno> {
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
        self.dirty.clients.insert(client);
        Ok(Role::Client(client))
    }

    /// A new client process: its table, with a description of its own that goes out with the answer.
    fn register(&mut self, id: ConnectionId, pid: Pid, out: &mut Outgoing<O>) -> Result<Role, Errno> {
        let (client, given) = self.new_client(Some(pid))?;
        self.mark_ahead(client);
        let known = self.clients.get_mut(&client).ok_or(Errno::ESRCH)?;
        known.connection = Some(id);
        out.carry(given)?;
        Ok(Role::Client(client))
    }

    /// A copy of a process that nobody announced writes what it inherited into its rows by itself: they carry
    /// the marks of removed segments before it does.
    fn mark_ahead(&self, client: ClientId) {
        let Some(client) = self.clients.get(&client) else { return };
        for (slot, object) in self.namespace.marked() {
            client.table.mark_ahead(slot, object);
        }
    }

    fn new_client(&mut self, pid: Option<Pid>) -> Result<(ClientId, O::Fd), Errno> {
        if self.clients.len() >= limits::CLIENTS {
            tracing::warn!(limit = limits::CLIENTS, "too many client processes");
            return Err(Errno::EAGAIN);
        }
        self.admit_process()?;
        let id = ClientId(self.record.next_client);
        let cookie = self.os.random()?;
        let (file, table) = self.os.make_table(id, cookie)?;
        let given = self.os.open(&file, OpenFlags::RDWR)?;
        let identity = self.os.facts(&file)?.identity;
        let watch = self.os.watch_close(&file).ok();
        match watch {
            Some(watch) => drop(self.watched.insert(watch, Watched::Table(id))),
            // Nobody tells of its end: it is asked about again and again.
            None => self.doubts.raise(Watched::Table(id), self.os.now()),
        }
        self.record.next_client += 1;
        let client = Client {
            cookie,
            table,
            file,
            identity,
            watch,
            pidfd: None,
            connection: None,
            ticket: None,
            answered: None,
        };
        self.clients.insert(id, client);
        self.dirty.clients.insert(id);
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
            self.dirty.clients.insert(id);
        }
    }

    fn watch_process(&mut self, client: ClientId, pid: Pid) -> Option<O::Fd> {
        let pidfd = self.os.pidfd(pid);
        let pidfd =
            pidfd.inspect_err(|errno| tracing::debug!(pid = pid.0, errno = errno.name(), "no pidfd")).ok()?;
        self.os.listen_to(&pidfd, Source::Process(client)).ok()?;
        Some(pidfd)
    }

    /// Before a fork: a table with the parent's counts, and a socket, both for the child.
    pub(crate) fn fork(&mut self, parent: ClientId, cred: &Cred, out: &mut Outgoing<O>) -> Outcome {
        self.count_call(CallName::Fork, 1);
        match self.prepare_child(parent, cred, out) {
            Ok(()) => Outcome::Say(Response::Forked),
            Err(errno) => cannot_register(errno, "the child cannot be registered"),
        }
    }

    fn prepare_child(&mut self, parent: ClientId, cred: &Cred, out: &mut Outgoing<O>) -> Result<(), Errno> {
        let (ours, theirs) = self.os.pair()?;
        let (child, table) = self.new_client(None)?;
        let connection = self.connect(Connection::new(ours, Role::Unborn(child), Some(*cred)));
        self.copy_edits(parent, child);
        let (Some(parent), Some(born)) = (self.clients.get(&parent), self.clients.get(&child)) else {
            return Err(Errno::ESRCH);
        };
        born.table.copy_counts_from(&parent.table);
        let attached = parent.table.used();
        if let Some(born) = self.clients.get_mut(&child) {
            born.connection = connection;
        }
        self.dirty.clients.insert(child);
        self.dirty.connections.extend(connection);
        for (slot, object, _) in attached {
            if self.namespace.segment_object(slot) == Some(object) {
                self.observe(Event::Forked { slot, parent: cred.pid });
            }
        }
        out.carry(table)?;
        out.carry(theirs)
    }

    /// The child's first word, on the socket that was made for it: the kernel says which process it is.
    pub(crate) fn born(&mut self, id: ConnectionId, sender: &Peer) -> Outcome {
        let Some(connection) = self.connections.get_mut(&id) else { return Outcome::Nothing };
        let Role::Unborn(child) = connection.role else { return Outcome::Hangup("it was born twice") };
        connection.role = Role::Client(child);
        // The child has its parent's credentials: nothing ran in it before this message.
        connection.cred = connection.cred.map(|parent| Cred { pid: sender.pid, ..parent });
        self.dirty.connections.insert(id);
        self.name_process(child, sender.pid);
        Outcome::Nothing
    }
}

fn cannot_register(errno: Errno, reason: &'static str) -> Outcome {
    match seen_outside(errno) {
        Errno::ENFILE => Outcome::refused(Errno::ENFILE, NO_DESCRIPTOR),
        errno => Outcome::refused(errno, reason),
    }
}
