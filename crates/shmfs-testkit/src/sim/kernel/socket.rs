//! Connections of `AF_UNIX`, `SOCK_SEQPACKET`, and the pipes.
//!
//! A close tells the other end as `unix_release_sock` (net/unix/af_unix.c) does: end of file, or `ECONNRESET` where
//! messages were left unread.
//!
//! Owns: queues of messages. Leaves to others: what they say.
//! Not done: a full queue: the kernel has room for far more than anybody here sends.

use super::{DescId, Kernel, What};
use shmfs_abi::{Errno, OpenFlags};
use shmfs_sys::socket::Peer;
use std::collections::VecDeque;

/// One end's place; never used again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct EndId(usize);

/// A message on its way.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) bytes: Vec<u8>,
    /// It holds these.
    pub(crate) descriptions: Vec<DescId>,
    pub(crate) sender: Peer,
}

/// One end of a connection.
#[derive(Debug)]
pub(super) struct End {
    peer: EndId,
    inbox: VecDeque<Message>,
    is_open: bool,
    /// The other end closed with messages of ours unread (`sk_err`).
    is_reset: bool,
    /// Who was at the other end when the connection was made.
    them: Peer,
}

/// What there is to receive.
#[derive(Debug)]
pub(crate) enum Got {
    Nothing,
    Message(Message),
    /// The other end is closed.
    End,
    Reset,
}

impl Kernel {
    fn new_pair(&mut self, one: Peer, two: Peer) -> (EndId, EndId) {
        let (first, second) = (EndId(self.ends.len()), EndId(self.ends.len() + 1));
        let end = |peer, them| End { peer, inbox: VecDeque::new(), is_open: true, is_reset: false, them };
        self.ends.push(end(second, two));
        self.ends.push(end(first, one));
        (first, second)
    }

    /// Connects to the store: a hold on the caller's end. The other one waits to be accepted.
    pub(crate) fn connect(&mut self, caller: Peer, broker: Peer) -> DescId {
        let (ours, theirs) = self.new_pair(caller, broker);
        let waiting = self.describe(What::End(theirs), OpenFlags::RDWR);
        self.backlog.push_back(waiting);
        self.describe(What::End(ours), OpenFlags::RDWR)
    }

    /// Takes a waiting connection.
    pub(crate) fn accept(&mut self) -> Result<DescId, Errno> {
        self.backlog.pop_front().ok_or(Errno::EAGAIN)
    }

    pub(crate) fn has_backlog(&self) -> bool {
        !self.backlog.is_empty()
    }

    /// Two connected sockets.
    pub(crate) fn pair(&mut self, maker: Peer) -> (DescId, DescId) {
        let (one, two) = self.new_pair(maker, maker);
        (self.describe(What::End(one), OpenFlags::RDWR), self.describe(What::End(two), OpenFlags::RDWR))
    }

    pub(crate) fn end_of(&self, id: DescId) -> Result<EndId, Errno> {
        match self.what(id) {
            What::End(end) => Ok(end),
            _ => Err(Errno::ENOTCONN),
        }
    }

    pub(crate) fn them(&self, end: EndId) -> Peer {
        self.ends[end.0].them
    }

    /// The other end.
    pub(crate) fn other(&self, end: EndId) -> EndId {
        self.ends[end.0].peer
    }

    /// Sends a message, whose holds on descriptions it takes over; they end where it cannot go.
    pub(crate) fn send(&mut self, from: EndId, message: Message) -> Result<(), Errno> {
        let end = &mut self.ends[from.0];
        let peer = end.peer;
        let errno = if std::mem::take(&mut end.is_reset) {
            Some(Errno::ECONNRESET)
        } else if !self.ends[peer.0].is_open {
            Some(Errno::EPIPE)
        } else {
            None
        };
        if let Some(errno) = errno {
            message.descriptions.iter().for_each(|held| self.release(*held));
            return Err(errno);
        }
        self.ends[peer.0].inbox.push_back(message);
        Ok(())
    }

    /// What there is, without taking it. A reset is told once.
    pub(crate) fn peek(&mut self, end: EndId) -> Got {
        if std::mem::take(&mut self.ends[end.0].is_reset) {
            return Got::Reset;
        }
        let End { peer, inbox, .. } = &self.ends[end.0];
        match inbox.front() {
            Some(message) => Got::Message(message.clone()),
            None if !self.ends[peer.0].is_open => Got::End,
            None => Got::Nothing,
        }
    }

    /// Takes the next message: its holds on descriptions are the taker's.
    pub(crate) fn take(&mut self, end: EndId) -> Option<Message> {
        self.ends[end.0].inbox.pop_front()
    }

    pub(crate) fn is_readable(&self, end: EndId) -> bool {
        let End { peer, inbox, is_reset, .. } = &self.ends[end.0];
        !inbox.is_empty() || *is_reset || !self.ends[peer.0].is_open
    }

    /// What lies in queues, for a person.
    pub(super) fn queued(&self) -> Vec<String> {
        let ends = self.ends.iter().enumerate().filter(|(_, end)| !end.inbox.is_empty());
        ends.map(|(at, end)| {
            format!("{at}: {:?}", end.inbox.iter().map(|m| &m.descriptions).collect::<Vec<_>>())
        })
        .collect()
    }

    pub(super) fn close_end(&mut self, id: EndId) {
        let end = &mut self.ends[id.0];
        end.is_open = false;
        let unread = std::mem::take(&mut end.inbox);
        let peer = end.peer;
        if !unread.is_empty() {
            self.ends[peer.0].is_reset = true;
        }
        for held in unread.into_iter().flat_map(|message| message.descriptions) {
            self.release(held);
        }
    }

    /// A pipe: holds on its reading and its writing end.
    pub(crate) fn pipe(&mut self) -> (DescId, DescId) {
        let pipe = self.pipes.len();
        self.pipes.push(VecDeque::new());
        let read = self.describe(What::ReadEnd(pipe), OpenFlags::empty());
        (read, self.describe(What::WriteEnd(pipe), OpenFlags::WRONLY))
    }

    pub(crate) fn write_pipe(&mut self, pipe: usize, bytes: &[u8]) {
        self.pipes[pipe].extend(bytes);
    }

    pub(crate) fn read_pipe(&mut self, pipe: usize, bytes: &mut [u8]) -> Result<usize, Errno> {
        let len = bytes.len().min(self.pipes[pipe].len());
        for (to, from) in bytes.iter_mut().zip(self.pipes[pipe].drain(..len)) {
            *to = from;
        }
        if len == 0 && self.any_description(|what| what == What::WriteEnd(pipe)) {
            return Err(Errno::EAGAIN);
        }
        Ok(len)
    }

    pub(super) fn is_pipe_readable(&self, pipe: usize) -> bool {
        !self.pipes[pipe].is_empty() || !self.any_description(|what| what == What::WriteEnd(pipe))
    }
}
