//! Messages of another version of the protocol.
//!
//! A program keeps the client that it was started with, so a broker may be older or newer than whoever speaks to it.
//! It says so in words, and hands its store on to a newer one that asks for it. This much of the protocol is
//! therefore frozen, the same in every version:
//!
//! | what | operation | body |
//! |---|---|---|
//! | the header of every message | | 24 bytes (`frame`) |
//! | `Hello` of a visitor | 1 | 40 bytes (`request`) |
//! | `Replace`, with one descriptor | 38 | none |
//! | `Welcome` | 128 | 32 bytes (`response`) |
//! | `Refused` | 130 | 200 bytes (`response`) |
//! | `Done` | 144 | none |
//!
//! Each side puts its own version into the header, and numbers its requests as every version does.
//!
//! Owns: that list, the words of the refusal.
//! Leaves to others: the layouts; messages of [`VERSION`] itself (`request`, `response`).

use crate::{
    Hello, Reason, Refused, Request, Response, Role, VERSION, Words,
    frame::{self, Frame},
    op,
    request::HelloBody,
    response,
};
use shmfs_abi::{Call, Errno, Reply};

/// Reads a message that a program of another version sent, and its sequence number. A request that every version
/// has is served as one of [`VERSION`] is. Any other, even one that is cut, is answered with this refusal: `EPROTO`,
/// with both versions and what helps.
///
/// Nothing for bytes without a header, and for those of [`VERSION`], which
/// [`decode_request`](crate::decode_request) reads.
pub fn decode_foreign_request(bytes: &[u8]) -> Option<(u64, Result<Request, Refused>)> {
    let (version, seq) = foreign_header(bytes)?;
    Some((seq, frozen_request(bytes).ok_or_else(|| refusal(version))))
}

/// Reads an answer of a broker of another version, and its sequence number, where
/// [`decode_response`](crate::decode_response) says [`Malformed::Version`](crate::Malformed::Version).
///
/// The answer is `Refused`, which any request may get, or `Welcome` or `Done`, for requests that are
/// [frozen](Request::is_frozen); nothing if it is any other.
///
/// Nothing at all for bytes without a header, and for those of [`VERSION`].
pub fn decode_foreign_response(bytes: &[u8]) -> Option<(u64, Option<Response>)> {
    let (_, seq) = foreign_header(bytes)?;
    Some((seq, frozen_response(bytes)))
}

impl Request {
    /// Whether a broker of any version understands it.
    pub const fn is_frozen(&self) -> bool {
        self.words().are_frozen()
    }
}

impl Words<'_> {
    /// As [`Request::is_frozen`].
    pub const fn are_frozen(self) -> bool {
        matches!(self, Words::Hello(Hello { role: Role::Visitor, .. }) | Words::Call(Call::Replace))
    }
}

fn foreign_header(bytes: &[u8]) -> Option<(u16, u64)> {
    frame::version_and_sequence(bytes).ok().filter(|(version, _)| *version != VERSION)
}

fn frozen_request(bytes: &[u8]) -> Option<Request> {
    let frame = Frame::open_any(bytes).ok()?;
    let request = match frame.op {
        op::HELLO => Request::Hello(frame.body::<HelloBody>().ok()?.hello().ok()?),
        op::REPLACE => frame.empty(Request::Call(Call::Replace)).ok()?,
        _ => return None,
    };
    request.is_frozen().then_some(request)
}

fn frozen_response(bytes: &[u8]) -> Option<Response> {
    let frame = Frame::open_any(bytes).ok()?;
    match frame.op {
        op::WELCOME => response::welcome(&frame).ok(),
        op::REFUSED => response::refused(&frame).ok(),
        op::REPLY_DONE => frame.empty(Response::Reply(Reply::Done)).ok(),
        _ => None,
    }
}

/// Who is older, and what helps.
fn refusal(version: u16) -> Refused {
    let reason = if version < VERSION {
        Reason::format(format_args!(
            "the program speaks protocol {version} and its store {VERSION}: start the program again"
        ))
    } else {
        Reason::format(format_args!(
            "the program speaks protocol {version} and its store {VERSION}: `shm daemon --replace` with the newer \
             shm hands the store on"
        ))
    };
    Refused { errno: Errno::EPROTO, shortage: None, reason }
}
