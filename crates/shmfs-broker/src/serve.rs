//! One message: received, checked, put to the engine, answered.

use crate::answer::{Answered, Outgoing};
use crate::broker::{Broker, now};
use crate::connection::Role;
use crate::credentials;
use crate::effects::Exchange;
use crate::events::ConnectionId;
use rustix::fd::{AsFd, OwnedFd};
use shmfs_abi::limits::MESSAGE_BYTES;
use shmfs_abi::{Call, Cred, Errno, ObjectId, Refusal, Reply, refuse};
use shmfs_core::{Event, Facts};
use shmfs_sys::fd;
use shmfs_sys::socket::{self, Received};
use shmfs_wire::{Refused, Request, Response};

impl Broker {
    /// Serves one message of a connection that has something to read.
    pub(crate) fn serve(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.get(&id) else { return };
        // One byte more than a message has tells one that is too long.
        let mut bytes = [0; MESSAGE_BYTES + 1];
        let received = match socket::receive(&connection.socket, &mut bytes, false) {
            Ok(received) if received.len > 0 => received,
            Ok(_) => return self.hang_up(id),
            Err(Errno::EAGAIN | Errno::EINTR) => return,
            Err(_) => return self.hang_up(id),
        };
        if received.truncated || received.len > MESSAGE_BYTES {
            return self.end(id, "its message is too long");
        }
        let (sequence, request) = match shmfs_wire::decode_request(&bytes[..received.len]) {
            Ok(decoded) => decoded,
            Err(malformed) => return self.end(id, &malformed.to_string()),
        };
        let mut out = Outgoing::default();
        match self.answer(id, request, received, &mut out) {
            Answered::Say(response) => self.say(id, sequence, &response, &out),
            Answered::Nothing => {}
            Answered::Hangup(reason) => self.end(id, reason),
        }
    }

    fn answer(
        &mut self,
        id: ConnectionId,
        request: Request,
        received: Received,
        out: &mut Outgoing,
    ) -> Answered {
        let Some(connection) = self.connections.get_mut(&id) else { return Answered::Nothing };
        let Some(sender) = received.sender else { return Answered::Hangup("it came without credentials") };
        let known = *connection.sender.get_or_insert(sender);
        if known != sender {
            // Another process or another user speaks on this socket: it shall connect for itself.
            return Answered::Say(Response::Reconnect);
        }
        let role = connection.role;
        let cred = connection.cred;
        match (request, role, cred) {
            (Request::Hello(hello), ..) => self.hello(id, &hello, out),
            (Request::Born, Role::Unborn(_), _) => self.born(id, &sender),
            (Request::Fork, Role::Client(client), Some(cred)) => self.fork(client, &cred, out),
            (Request::Call(call), Role::Client(_) | Role::Visitor, Some(cred)) => {
                let descriptor = received.fds.into_iter().flatten().next();
                Answered::Say(self.answer_call(id, &cred, call, descriptor, out))
            }
            _ => Answered::Hangup("it asked out of turn"),
        }
    }

    fn answer_call(
        &mut self,
        id: ConnectionId,
        cred: &Cred,
        call: Call,
        descriptor: Option<OwnedFd>,
        out: &mut Outgoing,
    ) -> Response {
        let client = self.connections.get(&id).and_then(|connection| connection.client());
        if let (Some(name), Some(_)) = (call.name(), client) {
            self.calls[name as usize] += 1;
        }
        let mut exchange = Exchange { connection: Some(id), client, out };
        match self.put(cred, call, descriptor, &mut exchange) {
            Ok(reply) => Response::Reply(reply),
            Err(refusal) => {
                let name = call.name().map_or("", |name| name.text());
                tracing::debug!(
                    pid = cred.pid.0,
                    call = name,
                    errno = refusal.errno.name(),
                    reason = refusal.reason,
                    shortage = ?refusal.shortage,
                    "refused"
                );
                Response::Refused(Refused::from(refusal))
            }
        }
    }

    /// Puts a call to the engine, with what it needs from outside, and carries out what it wants done.
    fn put(
        &mut self,
        cred: &Cred,
        call: Call,
        descriptor: Option<OwnedFd>,
        exchange: &mut Exchange<'_>,
    ) -> Result<Reply, Refusal> {
        let call = self.complete(cred, call, descriptor)?;
        if let Call::ShmAttach { .. } = call
            && exchange.client.is_none()
        {
            return refuse(Errno::EPERM, "a visitor has no attach table");
        }
        if let (Call::SemOpen { .. }, Some(id)) = (&call, exchange.connection)
            && !self.may_begin(id)
        {
            return refuse(Errno::EMFILE, "too many unpublished semaphores on one connection");
        }
        if let Call::SemPublish { ticket } = &call
            && !exchange.connection.is_some_and(|id| self.has_ticket(id, *ticket))
        {
            return refuse(Errno::EINVAL, "the semaphore is another's to publish");
        }
        self.refresh(&call);
        let answer = match self.namespace.call(cred, call, now()) {
            Ok(answer) => answer,
            Err(refusal) => {
                self.give_up(&call, exchange);
                return Err(refusal);
            }
        };
        self.carry_out(answer.effects, exchange).map_err(|errno| Refusal {
            errno,
            reason: "the kernel refused what the call needs",
            shortage: None,
        })?;
        if let (Reply::Fresh { ticket, .. }, Some(id)) = (answer.reply, exchange.connection) {
            self.remember(id, ticket);
        }
        if cfg!(debug_assertions) {
            self.namespace.check();
        }
        Ok(self.fill_in(answer.reply))
    }

    /// A semaphore that cannot be published goes.
    fn give_up(&mut self, call: &Call, exchange: &Exchange<'_>) {
        if let Call::SemPublish { ticket } = call
            && self.forget(*ticket, exchange)
        {
            let effects = self.namespace.settle(*ticket, Err(Errno::EEXIST), now());
            self.carry_out_alone(effects);
        }
    }

    /// Fills in what the caller does not say itself: which object a descriptor shows, which is the proof of the
    /// right to resize it; and its own limit of locked memory.
    fn complete(&mut self, cred: &Cred, call: Call, descriptor: Option<OwnedFd>) -> Result<Call, Refusal> {
        let call = match call {
            Call::Reserve { size, .. } => Call::Reserve { object: self.shown(descriptor)?, size },
            Call::Settle { .. } => Call::Settle { object: self.shown(descriptor)? },
            Call::ShmLock { shmid, lock, .. } => {
                Call::ShmLock { shmid, lock, allowance: credentials::memlock_bytes(cred.pid) }
            }
            other => other,
        };
        if let Call::Reserve { object, .. } | Call::Settle { object } = call {
            self.measure(object);
        }
        Ok(call)
    }

    fn shown(&self, descriptor: Option<OwnedFd>) -> Result<ObjectId, Refusal> {
        let Some(descriptor) = descriptor else {
            return refuse(Errno::EINVAL, "no descriptor came with the call");
        };
        let writes = fd::access(descriptor.as_fd()).is_ok_and(|flags| flags.access().writes());
        if !writes {
            return refuse(Errno::EINVAL, "the descriptor is not open for writing");
        }
        let object = fd::facts(&descriptor).ok().and_then(|facts| self.backings.object_at(facts.identity));
        match object {
            Some(object) => Ok(object),
            None => refuse(Errno::EBADF, "the descriptor shows no object of this store"),
        }
    }

    /// Tells the engine what the inode of an object says: its size, its pages, and its owner and mode where somebody
    /// changed them through a descriptor.
    pub(crate) fn measure(&mut self, object: ObjectId) {
        let Ok(facts) = self.backings.facts(object) else { return };
        if let Some((uid, gid, mode)) = self.backings.changed_owner(object, &facts) {
            let effects = self.namespace.observe(Event::Owned { object, uid, gid, mode }, now());
            self.carry_out_alone(effects);
        }
        let facts = Facts { size: facts.size, allocated: facts.allocated };
        let effects = self.namespace.observe(Event::Measured { object, facts }, now());
        self.carry_out_alone(effects);
    }

    fn say(&mut self, id: ConnectionId, sequence: u64, response: &Response, out: &Outgoing) {
        let Some(connection) = self.connections.get(&id) else { return };
        let mut bytes = [0; MESSAGE_BYTES];
        let len = shmfs_wire::encode_response(response, sequence, &mut bytes);
        let fds: Vec<_> = out.fds().iter().map(AsFd::as_fd).collect();
        if let Err(errno) = socket::send(&connection.socket, &bytes[..len], &fds, false) {
            tracing::info!(errno = errno.name(), "an answer could not be sent");
            self.hang_up(id);
        }
    }

    /// Ends one connection that broke a rule, with its reason in the log. Nothing else changes.
    fn end(&mut self, id: ConnectionId, reason: &str) {
        let pid =
            self.connections.get(&id).and_then(|connection| connection.cred).map_or(0, |cred| cred.pid.0);
        tracing::warn!(pid, reason, "a connection is ended");
        self.hang_up(id);
    }
}
