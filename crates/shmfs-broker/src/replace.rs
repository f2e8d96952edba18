//! Another program in this one's place: `shm daemon --replace`.
//!
//! The request stays in its socket until a broker answers it that runs the program it brings: the one that comes, or
//! this one, if it is that program already.

use crate::answer::{Outcome, Outgoing};
use crate::broker::Broker;
use crate::os::Os;
use shmfs_abi::{Call, Cred, Errno, Reply};
use shmfs_journal::ConnectionId;
use shmfs_wire::{Refused, Response};

impl<O: Os> Broker<O> {
    pub(crate) fn replace(
        &mut self,
        request: (ConnectionId, u64),
        cred: &Cred,
        program: Option<O::Fd>,
    ) -> Outcome {
        if let Err(refusal) = self.namespace.call(cred, Call::Replace, self.os.now()) {
            return Outcome::Say(Response::Refused(Refused::from(refusal)));
        }
        let Some(program) = program else {
            return Outcome::refused(Errno::EINVAL, "no program came with the request");
        };
        if self.os.runs(&program) {
            return Outcome::Say(Response::Reply(Reply::Done));
        }
        if self.keeper.is_none() {
            return Outcome::refused(Errno::ENOSYS, "this broker has no keeper and cannot be replaced");
        }
        self.replacing = Some((request.0, request.1, program));
        Outcome::Replace
    }

    /// The program that is to take this one's place.
    pub fn program(&self) -> Option<&O::Fd> {
        self.replacing.as_ref().map(|(_, _, program)| program)
    }

    /// The other program could not take over: says so to who asked, and serves on.
    pub fn replace_failed(&mut self, reason: &str) {
        let Some((id, sequence, _)) = self.replacing.take() else { return };
        let refused = Refused::new(Errno::EIO, reason);
        self.say(id, sequence, &Response::Refused(refused), &Outgoing::none());
        self.consume(id);
    }
}
