//! One call: sent, answered, done once, whatever becomes of the broker and of the connection.
//!
//! Each call of a client has a number of its own, which it keeps when it is repeated. The broker remembers the last
//! number of each client and its answer: it does what it has not done, and answers again what it has.
//!
//! | what happens | then |
//! |---|---|
//! | the broker is killed, at any moment | the next one answers on the same connection |
//! | the connection breaks | connect again as the same client, repeat |
//! | the answer is `Reconnect`: nothing was done | connect again as the same client, repeat |
//! | another store is in the place of one that is gone, and does not know the client | become its client, ask there |
//! | and connecting again fails | `ECONNREFUSED`, or what the connect failed with: the call may have been done |
//!
//! Owns: that table.
//! Leaves to others: connecting (`connect`), which answer belongs to a call (`session`).

use crate::{
    connect::{ATTEMPTS, Failure},
    session::Lost,
    state::State,
};
use shmfs_abi::{Call, Errno, Reply};
use shmfs_sys::{BorrowedFd, OwnedFd};
use shmfs_wire::{Response, Words};

/// A reply and the descriptor that came with it.
pub(crate) struct Answer {
    pub(crate) reply: Reply,
    pub(crate) fd: Option<OwnedFd>,
}

impl Answer {
    /// The descriptor, which the broker always sends: without it the process has no number left.
    pub(crate) fn descriptor(self) -> Result<OwnedFd, Errno> {
        self.fd.ok_or(Errno::EMFILE)
    }
}

/// A reply of another kind than the call has.
pub(crate) const fn unexpected<T>() -> Result<T, Errno> {
    Err(Errno::EPROTO)
}

impl State {
    /// Puts a call to the broker.
    pub(crate) fn ask(&mut self, call: &Call) -> Result<Answer, Errno> {
        self.ask_as(call, &[], |failure| failure.errno())
    }

    /// Puts a call that the reply `Done` ends.
    pub(crate) fn ask_done(&mut self, call: &Call) -> Result<(), Errno> {
        match self.ask(call)?.reply {
            Reply::Done => Ok(()),
            _ => unexpected(),
        }
    }

    /// Puts a call to the broker, with descriptors. It is done once at most, and once if there is an answer.
    #[allow(
        clippy::result_large_err,
        reason = "no heap to put the reason on; it lives on the stack for a moment"
    )]
    pub(crate) fn ask_with(&mut self, call: &Call, fds: &[BorrowedFd<'_>]) -> Result<Answer, Failure> {
        self.ask_as(call, fds, |failure| failure)
    }

    /// As [`ask_with`](State::ask_with); `told` says what becomes of a failure, without another copy of the answer.
    fn ask_as<E>(
        &mut self,
        call: &Call,
        fds: &[BorrowedFd<'_>],
        told: impl Fn(Failure) -> E,
    ) -> Result<Answer, E> {
        let number = self.next_number();
        for _ in 0..ATTEMPTS {
            self.meet().map_err(|errno| told(Failure::Broken(errno)))?;
            let Some(session) = &self.session else { break };
            let answer = session.exchange(number, Words::Call(call), fds, &mut self.sheet);
            self.heard(number, &answer);
            match answer {
                Ok((Response::Reply(reply), [fd, _])) => return Ok(Answer { reply, fd }),
                Ok((Response::Refused(refused), _)) => return Err(told(Failure::Refused(refused))),
                Ok((Response::Reconnect, _)) | Err(Lost::Unsent | Lost::Unanswered) => self.session = None,
                Ok((Response::Welcome(_) | Response::Forked, _)) | Err(Lost::Nonsense) => {
                    self.session = None;
                    return Err(told(Failure::Broken(Errno::EPROTO)));
                }
            }
        }
        Err(told(Failure::Broken(Errno::ECONNREFUSED)))
    }

    /// Tells the broker, without a message, that the answer to this number has come. `Reconnect` is none: the same
    /// number comes again.
    pub(crate) fn heard<T>(&self, number: u64, answer: &Result<(Response, T), Lost>) {
        if let Some(known) = &self.registration
            && let Ok((response, _)) = answer
            && !matches!(response, Response::Reconnect)
        {
            known.table.set_heard(number);
        }
    }
}
