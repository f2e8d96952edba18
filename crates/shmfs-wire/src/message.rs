//! The messages as values: what a process says to its broker, and what the broker says back.
//!
//! Owns: hello, welcome, fork, refusals. Leaves to others: calls and replies (`shmfs-abi`), bytes (`request`, `response`).

use crate::Reason;
use shmfs_abi::{Call, ClientId, Errno, Pid, Refusal, Reply, Shortage, store::Token};

/// From a process to the broker.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "one message exists at a time, on the stack; no_std without alloc"
)]
pub enum Request {
    /// The first message of a connection. Answer: `Welcome` or `Refused`.
    Hello(Hello),
    /// The sender is about to fork. Answer: `Forked` with two descriptors, or `Refused`.
    Fork,
    /// First message of a child on the socket that its parent fetched for it. No answer.
    Born,
    /// A call. Answer: `Reply`, `Refused` or `Reconnect`. `Reserve`, `Settle` and `Replace` bring a descriptor.
    Call(Call),
}

/// A request as it is sent: its parts stay where they lie. A request itself is half a KiB, which a small stack should
/// not hold twice.
#[derive(Clone, Copy, Debug)]
pub enum Words<'a> {
    /// `Request::Hello`.
    Hello(&'a Hello),
    /// `Request::Fork`.
    Fork,
    /// `Request::Born`.
    Born,
    /// `Request::Call`.
    Call(&'a Call),
}

/// The first message of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Hello {
    /// Admission; all zero where the sender has none.
    pub token: Token,
    /// What the sender is.
    pub role: Role,
    /// The client that the sender already is, with its cookie: it lost its connection, or became another
    /// user. The broker knows it by the cookie, not by the process id.
    pub resume: Option<(ClientId, u64)>,
}

/// What a connection is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Role {
    /// A process whose shared memory is served; it gets an attach table.
    Client,
    /// A program that looks on or administers; it attaches nothing and keeps no store alive.
    Visitor,
}

/// From the broker to a process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "one message exists at a time, on the stack; no_std without alloc"
)]
pub enum Response {
    /// To `Hello`: admitted. A `Client` that does not resume receives its attach table as a descriptor; each `Client`
    /// receives after it the root of the hidden tmpfs, for looking, where the store has one.
    Welcome(Welcome),
    /// To `Fork`: the child's attach table and the child's socket come along, in this order.
    Forked,
    /// To `Call`: the answer of the engine. `Attached`, `Opened`, `Fresh` and `Text` bring a descriptor.
    Reply(Reply),
    /// To anything but `Born`: no.
    Refused(Refused),
    /// The sender is not who connected: connect anew with `resume`, then ask again. Nothing was done.
    Reconnect,
}

/// Admitted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Welcome {
    /// Who the process is to the broker; 0 for a visitor.
    pub client: ClientId,
    /// Proves the client when it resumes; 0 for a visitor.
    pub cookie: u64,
    /// `st_dev` of the descriptors of POSIX objects.
    pub tmpfs_dev: u64,
    /// The process as the broker's pid namespace sees it.
    pub pid: Pid,
}

/// A refusal, as it travels.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Refused {
    /// The error number, 1 to 4095.
    pub errno: Errno,
    /// The numbers, where a limit was the reason.
    pub shortage: Option<Shortage>,
    /// Why, in words.
    pub reason: Reason,
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Refused {
        Refused { errno: refusal.errno, shortage: refusal.shortage, reason: Reason::new(refusal.reason) }
    }
}

impl Refused {
    /// A refusal without numbers.
    pub fn new(errno: Errno, reason: &str) -> Refused {
        Refused { errno, shortage: None, reason: Reason::new(reason) }
    }
}

impl Request {
    /// The request as it is sent.
    pub const fn words(&self) -> Words<'_> {
        match self {
            Request::Hello(hello) => Words::Hello(hello),
            Request::Fork => Words::Fork,
            Request::Born => Words::Born,
            Request::Call(call) => Words::Call(call),
        }
    }

    /// How many descriptors come with this message.
    pub const fn descriptors(&self) -> usize {
        match self {
            Request::Call(
                Call::Reserve { .. } | Call::Settle { .. } | Call::Replace | Call::Mount { .. },
            ) => 1,
            Request::Hello(_) | Request::Fork | Request::Born | Request::Call(_) => 0,
        }
    }
}
