//! A program that looks on and administers: it attaches nothing, and its connection keeps no store alive.
//!
//! Owns: one connection.
//! Leaves to others: finding the store, telling the person.
//! Not done: a connection that breaks is not renewed. A broker that is killed breaks none: the next one answers.

use crate::{
    connect::{self, Begun},
    session::{Lost, Session},
};
use shmfs_abi::{Call, Errno, Reply, store::Token};
use shmfs_sys::{BorrowedFd, OwnedFd};
use shmfs_wire::{Hello, MESSAGE_BYTES, Refused, Response, Role, Words};

/// A conversation with a store.
pub struct Visitor {
    session: Session,
    /// The number of the last call.
    number: u64,
}

impl Visitor {
    /// Connects to the store's socket at `path`.
    ///
    /// # Errors
    /// `EACCES` where the store does not admit the caller; as `connect(2)`: `ENOENT`, `ECONNREFUSED` where
    /// there is none.
    pub fn connect(path: &[u8], token: Option<Token>) -> Result<Visitor, Errno> {
        let hello = Hello { token: token.unwrap_or_default(), role: Role::Visitor, resume: None };
        match connect::begin(path, hello, &mut [0; MESSAGE_BYTES]) {
            Ok(Begun { session, .. }) => Ok(Visitor { session, number: 0 }),
            Err(failure) => Err(failure.errno()),
        }
    }

    /// Asks the store. `Reply::Text` and the like bring a descriptor.
    ///
    /// # Errors
    /// The store's refusal, or one of our own: `ECONNREFUSED` where the store is gone, `ECONNRESET` where it
    /// went while it was asked, `EACCES` where the caller is another user than the one that connected, `EPROTO`
    /// where it speaks another version of the protocol.
    #[allow(
        clippy::result_large_err,
        reason = "no heap to put the reason on; it lives on the stack for a moment"
    )]
    pub fn call(&mut self, call: Call) -> Result<(Reply, Option<OwnedFd>), Refused> {
        self.exchange(call, &[])
    }

    /// Asks the store, with a descriptor, as `Call::Replace` needs it. That call may go to a store of any version, and
    /// the broker that takes over answers it, on the same connection.
    ///
    /// # Errors
    /// As [`call`](Visitor::call).
    #[allow(
        clippy::result_large_err,
        reason = "no heap to put the reason on; it lives on the stack for a moment"
    )]
    pub fn call_with(&mut self, call: Call, fd: BorrowedFd<'_>) -> Result<(Reply, Option<OwnedFd>), Refused> {
        self.exchange(call, &[fd])
    }

    #[allow(
        clippy::result_large_err,
        reason = "no heap to put the reason on; it lives on the stack for a moment"
    )]
    fn exchange(&mut self, call: Call, fds: &[BorrowedFd<'_>]) -> Result<(Reply, Option<OwnedFd>), Refused> {
        self.number = self.number.wrapping_add(1);
        let mut sheet = [0; MESSAGE_BYTES];
        match self.session.exchange(self.number, Words::Call(&call), fds, &mut sheet) {
            Ok((Response::Reply(reply), [fd, _])) => Ok((reply, fd)),
            Ok((Response::Refused(refused), _)) => Err(refused),
            Ok((Response::Reconnect, _)) => {
                Err(Refused::new(Errno::EACCES, "the caller is not who connected"))
            }
            Err(Lost::Unsent) => Err(Refused::new(Errno::ECONNREFUSED, "the store is gone")),
            Err(Lost::Unanswered) => {
                Err(Refused::new(Errno::ECONNRESET, "the store went while it was asked"))
            }
            Ok(_) | Err(Lost::Nonsense) => {
                Err(Refused::new(Errno::EPROTO, "the store speaks another protocol"))
            }
        }
    }
}
