//! One connection: a socket that the program may close at any time, and the messages on it.
//!
//! Owns: the sequence numbers.
//! Leaves to others: who connects (`connect`), what is repeated when it breaks (`ask`).

use crate::kept::Kept;
use shmfs_abi::{Errno, Gid, Uid};
use shmfs_sys::{
    BorrowedFd, fd, process,
    socket::{self, Fds},
};
use shmfs_wire::{MESSAGE_BYTES, Request, Response, decode_response, encode_request};

/// A connection of this process, as the user that it was then.
pub(crate) struct Session {
    socket: Kept,
    /// A duplicate of the socket, whose number is given up for a moment when a process has no other left.
    spare: Option<Kept>,
    user: (Uid, Gid),
    seq: u64,
}

/// Why there is no response.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Lost {
    /// The broker cannot have read the request.
    Unread,
    /// The request may have been read and done.
    Unknown,
    /// What came back is no response to it.
    Nonsense,
}

/// The effective user and group of this process.
pub(crate) fn user() -> (Uid, Gid) {
    (process::euid(), process::egid())
}

impl Session {
    /// A connection that `user` made.
    pub(crate) fn new(socket: Kept, user: (Uid, Gid)) -> Session {
        let spare = socket.duplicate();
        Session { socket, spare, user, seq: 0 }
    }

    /// Makes room for one descriptor; says whether there was any to make.
    pub(crate) fn give_up_spare(&mut self) -> bool {
        self.spare.take().is_some_and(|spare| spare.is_itself())
    }

    /// Takes the room back that [`give_up_spare`](Session::give_up_spare) made.
    pub(crate) fn renew_spare(&mut self) {
        self.spare = self.socket.duplicate();
    }

    /// Whether a descriptor can be had at all.
    ///
    /// # Errors
    /// `EMFILE`.
    pub(crate) fn probe_number(&self) -> Result<(), Errno> {
        fd::has_number(self.socket.lend()?)
    }

    /// Whether it can still speak for this process: the socket is there, and the user has not changed.
    pub(crate) fn is_good(&self) -> bool {
        self.user == user() && self.socket.is_itself()
    }

    /// Who connected.
    pub(crate) const fn user(&self) -> (Uid, Gid) {
        self.user
    }

    /// Says something that has no answer.
    pub(crate) fn tell(&mut self, request: &Request) -> Result<(), Lost> {
        self.send(request, &[])
    }

    /// Asks and waits for the answer. Signals do not end the wait.
    pub(crate) fn exchange(
        &mut self,
        request: &Request,
        fds: &[BorrowedFd<'_>],
    ) -> Result<(Response, Fds), Lost> {
        self.send(request, fds)?;
        let mut buffer = [0; MESSAGE_BYTES];
        let socket = self.socket.lend().map_err(|_| Lost::Unknown)?;
        let received = match socket::receive(socket, &mut buffer, true) {
            Ok(received) if received.len > 0 => received,
            // The broker's end closed with the request still in its queue (`unix_release_sock`,
            // net/unix/af_unix.c).
            Err(Errno::ECONNRESET) => return Err(Lost::Unread),
            Ok(_) | Err(_) => return Err(Lost::Unknown),
        };
        let bytes = buffer.get(..received.len).unwrap_or_default();
        match decode_response(bytes) {
            Ok((seq, response)) if seq == self.seq => Ok((response, received.fds)),
            Ok(_) | Err(_) => Err(Lost::Nonsense),
        }
    }

    fn send(&mut self, request: &Request, fds: &[BorrowedFd<'_>]) -> Result<(), Lost> {
        let mut buffer = [0; MESSAGE_BYTES];
        self.seq = self.seq.wrapping_add(1);
        let len = encode_request(request, self.seq, &mut buffer);
        let socket = self.socket.lend().map_err(|_| Lost::Unread)?;
        // A message goes whole or not at all.
        socket::send(socket, buffer.get(..len).unwrap_or_default(), fds, true).map_err(|_| Lost::Unread)
    }
}
