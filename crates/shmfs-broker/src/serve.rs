//! One message: looked at, checked, put to the engine, committed, answered, and only then taken.
//!
//! A broker that follows on one which was killed in between finds the message again. It knows by the number whether
//! the call is done, and then says what was to be said.

use crate::RunError;
use crate::answer::{Outcome, Outgoing};
use crate::broker::Broker;
use crate::os::{AttachTable, Os, Peeked};
use crate::strangers;
use crate::transaction::{Answering, is_outrun};
use shmfs_abi::limits::MESSAGE_BYTES;
use shmfs_abi::{Call, Errno};
use shmfs_journal::{Answered, ConnectionId, Role};
use shmfs_wire::{Refused, Request, Response};

/// How often other programs may be quicker than one call, before it fails.
const OUTRUNS: u32 = 8;

impl<O: Os> Broker<O> {
    /// Serves one message of a connection that has something to read.
    pub(crate) fn serve(&mut self, id: ConnectionId) -> Result<(), RunError> {
        let Some(connection) = self.connections.get(&id) else { return Ok(()) };
        // One byte more than a message has tells one that is too long.
        let mut bytes = [0; MESSAGE_BYTES + 1];
        let peeked = match self.os.peek(&connection.socket, &mut bytes) {
            Ok(peeked) if peeked.len > 0 => peeked,
            Err(Errno::EAGAIN | Errno::EINTR) => return Ok(()),
            Ok(_) | Err(_) => {
                self.hang_up(id);
                return self.conclude(None).map(drop);
            }
        };
        let message = &bytes[..peeked.len.min(bytes.len())];
        if peeked.truncated || peeked.len > MESSAGE_BYTES {
            return match shmfs_wire::decode_foreign_request(message) {
                Some((sequence, Err(refused))) => self.refuse(id, sequence, refused),
                _ => self.end(id, "its message is too long"),
            };
        }
        let (sequence, request) = match shmfs_wire::decode_request(message) {
            Ok(decoded) => decoded,
            Err(malformed) => match shmfs_wire::decode_foreign_request(message) {
                Some((sequence, Ok(request))) => (sequence, request),
                Some((sequence, Err(refused))) => return self.refuse(id, sequence, refused),
                None => return self.end(id, &malformed.to_string()),
            },
        };
        self.begin(id, sequence);
        let served = self.serve_request(id, sequence, request, peeked);
        self.end_request();
        served
    }

    fn serve_request(
        &mut self,
        id: ConnectionId,
        sequence: u64,
        request: Request,
        peeked: Peeked<O::Fd>,
    ) -> Result<(), RunError> {
        if self.is_heard(id, sequence, &request) {
            self.consume(id);
            return Ok(());
        }
        if let Some(interrupted) = self.interrupted.take_if(|known| known.is(id, sequence)) {
            self.say_again(id, &interrupted.answered);
            self.consume(id);
            return Ok(());
        }
        if let Request::Call(_) = request
            && let Some(answered) = self.last_answer(id)
            && sequence <= answered.sequence
        {
            if sequence == answered.sequence {
                self.say_again(id, &answered);
            }
            self.consume(id);
            return Ok(());
        }
        let mut out = Outgoing::none();
        let outcome = if self.quarantined.take_if(|call| *call == (id, sequence)).is_some() {
            tracing::error!(
                connection = id.0,
                sequence,
                ?request,
                "set aside: it has crashed the broker three times"
            );
            Outcome::refused(Errno::EIO, "the call has crashed the broker three times and is set aside")
        } else {
            self.answer(id, &request, sequence, peeked, &mut out)
        };
        match outcome {
            Outcome::Say(response) => {
                let answering = self.settle_answer(id, &request, (sequence, response), &mut out)?;
                if let Some(answered) = answering.kept() {
                    self.begin_answer(&answered);
                }
                self.say(id, sequence, &answering.response, &out);
                self.consume(id);
            }
            Outcome::Nothing => {
                self.conclude(None)?;
                self.consume(id);
            }
            Outcome::Hangup(reason) => return self.end(id, reason),
            Outcome::Replace => {}
        }
        Ok(())
    }

    /// Commits what a request has changed. In a store that is open another program may be quicker in between: then the
    /// call is made once more, on what there is by then.
    fn settle_answer(
        &mut self,
        id: ConnectionId,
        request: &Request,
        (sequence, response): (u64, Response),
        out: &mut Outgoing<O>,
    ) -> Result<Answering, RunError> {
        let (mut response, mut tries) = (response, OUTRUNS);
        loop {
            let keep = matches!(request, Request::Call(_));
            let recipe = if keep { out.recipe() } else { None };
            let named = |call: &Call| strangers::names(call)[0].is_some();
            let cred = self.connections.get(&id).and_then(|connection| connection.cred);
            let again = match (request, cred) {
                (Request::Call(call), Some(cred)) if self.record.mount.open && tries > 0 && named(call) => {
                    Some((*call, cred))
                }
                _ => None,
            };
            let mut answering =
                Answering { connection: id, sequence, response, recipe, again: again.is_some() };
            let Some(errno) = self.conclude(Some(&mut answering))? else { return Ok(answering) };
            *out = Outgoing::none();
            let Some((call, cred)) = again.filter(|_| is_outrun(errno)) else { return Ok(answering) };
            tries -= 1;
            match self.answer_call(id, &cred, (call, sequence), None, out) {
                Outcome::Say(said) => response = said,
                _ => return Ok(answering),
            }
        }
    }

    fn answer(
        &mut self,
        id: ConnectionId,
        request: &Request,
        sequence: u64,
        peeked: Peeked<O::Fd>,
        out: &mut Outgoing<O>,
    ) -> Outcome {
        let Some(connection) = self.connections.get_mut(&id) else { return Outcome::Nothing };
        let Some(sender) = peeked.sender else { return Outcome::Hangup("it came without credentials") };
        let known = *connection.sender.get_or_insert(sender);
        if known != sender {
            // Another process or another user speaks on this socket: it shall connect for itself.
            return Outcome::Say(Response::Reconnect);
        }
        let first = matches!(request, Request::Hello(_) | Request::Born);
        let spoken = connection.spoken;
        connection.spoken |= !first;
        let (role, cred) = (connection.role, connection.cred);
        match (request, role, cred) {
            (Request::Hello(hello), Role::Stranger, _) => self.hello(id, hello, out),
            (Request::Hello(hello), Role::Client(_) | Role::Visitor, _) if !spoken => {
                self.welcome_again(id, hello, out)
            }
            (Request::Hello(_), ..) => Outcome::Hangup("it said hello twice"),
            (Request::Born, Role::Unborn(_), _) => self.born(id, &sender),
            (Request::Born, Role::Client(_), _) if !spoken => Outcome::Nothing,
            (Request::Fork, Role::Client(client), Some(cred)) => self.fork(client, &cred, out),
            (Request::Call(call), Role::Client(_) | Role::Visitor, Some(cred)) => {
                self.answer_call(id, &cred, (*call, sequence), peeked.fd, out)
            }
            _ => Outcome::Hangup("it asked out of turn"),
        }
    }

    /// Whether the client's table says that the answer has come: a broker was killed before it took the message.
    fn is_heard(&self, id: ConnectionId, sequence: u64, request: &Request) -> bool {
        let client = self.connections.get(&id).and_then(|connection| self.clients.get(&connection.client()?));
        let counts = matches!(request, Request::Call(_) | Request::Fork);
        counts && client.is_some_and(|client| client.table.heard() >= sequence)
    }

    /// Answers a message that is not understood.
    fn refuse(&mut self, id: ConnectionId, sequence: u64, refused: Refused) -> Result<(), RunError> {
        tracing::warn!(reason = refused.reason.as_str(), "a message of another version");
        self.say(id, sequence, &Response::Refused(refused), &Outgoing::none());
        self.consume(id);
        Ok(())
    }

    /// The last call of who speaks on this connection that changed something.
    fn last_answer(&self, id: ConnectionId) -> Option<Answered> {
        let connection = self.connections.get(&id)?;
        match connection.client() {
            Some(client) => self.clients.get(&client)?.answered,
            None => connection.answered,
        }
    }

    /// Says what was to be said when a broker died over it, or the connection was lost.
    fn say_again(&mut self, id: ConnectionId, answered: &Answered) {
        let mut fds = Vec::new();
        for (object, flags) in answered.gives.iter().flatten() {
            match self.backings.open(&mut self.os, *object, *flags) {
                Ok(fd) => fds.push(fd),
                // It may go better when the call is repeated.
                Err(errno) if errno != Errno::EIDRM => {
                    tracing::info!(errno = errno.name(), "an answer could not be made again");
                    return self.hang_up(id);
                }
                Err(errno) => {
                    let refused = Refused::new(errno, "the object is gone meanwhile");
                    return self.say(id, answered.sequence, &Response::Refused(refused), &Outgoing::none());
                }
            }
        }
        let Some(connection) = self.connections.get(&id) else { return };
        let sent = self.os.send(&connection.socket, answered.response(), &fds.iter().collect::<Vec<_>>());
        self.heard(id, sent);
    }

    pub(crate) fn say(&mut self, id: ConnectionId, sequence: u64, response: &Response, out: &Outgoing<O>) {
        let Some(connection) = self.connections.get(&id) else { return };
        let mut bytes = [0; MESSAGE_BYTES];
        let len = shmfs_wire::encode_response(response, sequence, &mut bytes);
        let sent = self.os.send(&connection.socket, &bytes[..len], &out.fds());
        self.heard(id, sent);
    }

    fn heard(&mut self, id: ConnectionId, sent: Result<(), Errno>) {
        if let Err(errno) = sent {
            tracing::info!(errno = errno.name(), "an answer could not be sent");
            self.hang_up(id);
        }
    }

    /// Takes the message that is answered.
    pub(crate) fn consume(&mut self, id: ConnectionId) {
        if let Some(connection) = self.connections.get(&id) {
            self.os.consume(&connection.socket);
        }
    }

    /// Ends one connection that broke a rule, with its reason in the log. Nothing else changes.
    fn end(&mut self, id: ConnectionId, reason: &str) -> Result<(), RunError> {
        let pid =
            self.connections.get(&id).and_then(|connection| connection.cred).map_or(0, |cred| cred.pid.0);
        tracing::warn!(pid, reason, "a connection is ended");
        // The message stays: a broker that follows before this is committed ends the connection once more.
        self.hang_up(id);
        self.conclude(None).map(drop)
    }
}
