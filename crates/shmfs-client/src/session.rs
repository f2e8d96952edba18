//! One connection: a socket that the program may close at any time, and the messages on it.
//!
//! A broker that is killed breaks no connection: the next one answers on it, and may answer again what was answered
//! before.
//!
//! Owns: which answer belongs to a request.
//! Leaves to others: who connects (`connect`), the numbers of requests (`state`), what is repeated when a connection
//! breaks (`ask`).

use crate::kept::Kept;
use core::cmp::Ordering::{Equal, Greater, Less};
use shmfs_abi::Errno;
use shmfs_sys::{
    BorrowedFd, fd,
    process::{self, Rights},
    socket::{self, Fds},
};
use shmfs_wire::{
    MESSAGE_BYTES, Malformed, Response, Words, decode_foreign_response, decode_response, encode_words,
    sequence_of,
};

/// The number of `Hello` and `Born`, which belong to no client yet. Calls begin at 1.
pub(crate) const FIRST_WORDS: u64 = 0;

/// A connection of this process, with the rights that it had then.
pub(crate) struct Session {
    socket: Kept,
    /// A duplicate of the socket, whose number is given up for a moment when a process has no other left.
    spare: Option<Kept>,
    rights: Rights,
}

/// Where a message is written, and its answer.
pub(crate) type Sheet = [u8; MESSAGE_BYTES];

/// Why there is no response.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Lost {
    /// The request could not be sent: nobody has read it.
    Unsent,
    /// The connection ended without the answer: the request may have been done.
    Unanswered,
    /// What came back is no answer to it.
    Nonsense,
}

impl Session {
    /// A connection that was made with these rights.
    pub(crate) fn new(socket: Kept, rights: Rights) -> Session {
        let spare = socket.duplicate();
        Session { socket, spare, rights }
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

    /// Whether it can still speak for this process: the socket is there, and what the process may do is the same.
    pub(crate) fn is_good(&self) -> bool {
        self.rights == process::rights() && self.socket.is_itself()
    }

    /// Those with which it was made.
    pub(crate) const fn rights(&self) -> Rights {
        self.rights
    }

    /// Says something that has no answer.
    pub(crate) fn tell(&self, seq: u64, words: Words<'_>, sheet: &mut Sheet) -> Result<(), Lost> {
        self.send(seq, words, &[], sheet)
    }

    /// Asks under the number `seq` and waits for the answer to it, as long as it takes: a broker that is killed is
    /// followed by one that answers. Signals do not end the wait. Answers to lower numbers were repeated by such a
    /// broker, which cannot know that they had arrived; they are dropped with their descriptors.
    ///
    /// The caller lends the sheet, on which nothing is kept: whoever calls may have a stack of four pages.
    pub(crate) fn exchange(
        &self,
        seq: u64,
        words: Words<'_>,
        fds: &[BorrowedFd<'_>],
        sheet: &mut Sheet,
    ) -> Result<(Response, Fds), Lost> {
        self.send(seq, words, fds, sheet)?;
        let (len, fds) = self.hear(seq, sheet)?;
        read(sheet.get(..len).unwrap_or_default(), words, fds)
    }

    /// Waits for the answer to `seq`: its length on the sheet, its descriptors.
    #[inline(never)]
    fn hear(&self, seq: u64, sheet: &mut Sheet) -> Result<(usize, Fds), Lost> {
        let socket = self.socket.lend().map_err(|_| Lost::Unanswered)?;
        loop {
            let received = match socket::receive(socket, sheet, true) {
                Ok(received) if received.len > 0 => received,
                // ECONNRESET: with the request unread, or looked at and done (`unix_release_sock`,
                // net/unix/af_unix.c).
                Ok(_) | Err(_) => return Err(Lost::Unanswered),
            };
            let heard = sequence_of(sheet.get(..received.len).unwrap_or_default()).ok_or(Lost::Nonsense)?;
            match heard.cmp(&seq) {
                Less => {}
                Equal => return Ok((received.len, received.fds)),
                Greater => return Err(Lost::Nonsense),
            }
        }
    }

    #[inline(never)]
    fn send(
        &self,
        seq: u64,
        words: Words<'_>,
        fds: &[BorrowedFd<'_>],
        sheet: &mut Sheet,
    ) -> Result<(), Lost> {
        let len = encode_words(words, seq, sheet);
        let socket = self.socket.lend().map_err(|_| Lost::Unsent)?;
        // A message goes whole or not at all.
        socket::send(socket, sheet.get(..len).unwrap_or_default(), fds, true).map_err(|_| Lost::Unsent)
    }
}

/// What an answer says. A frame of its own: sending and waiting need none of it.
#[inline(never)]
fn read(bytes: &[u8], words: Words<'_>, fds: Fds) -> Result<(Response, Fds), Lost> {
    match decode_response(bytes) {
        Ok((_, response)) => Ok((response, fds)),
        Err(Malformed::Version(_)) => read_foreign(bytes, words, fds),
        Err(_) => Err(Lost::Nonsense),
    }
}

/// An answer of a broker of another version, which may say what every version has.
#[cold]
#[inline(never)]
fn read_foreign(bytes: &[u8], words: Words<'_>, fds: Fds) -> Result<(Response, Fds), Lost> {
    match decode_foreign_response(bytes) {
        Some((_, Some(response))) if words.are_frozen() || matches!(response, Response::Refused(_)) => {
            Ok((response, fds))
        }
        _ => Err(Lost::Nonsense),
    }
}
