//! The messages between a process and its broker, as bytes of fixed layout.
//!
//! One message is one seqpacket: a header of 24 bytes and the body of its operation.
//!
//! ```text
//! byte 0      4        6     8     16    20     24
//!      "SHMF" version  op    seq   len   zero   body: len bytes
//! ```
//!
//! Numbers are in the machine's byte order: both ends run on one machine. The layouts are the structures in
//! `request`, `response` and the modules `*_body`. A decoder takes nothing on trust: the exact length, all
//! padding, each number of an enumeration and each name is checked, and what breaks a rule is [`Malformed`].
//!
//! `seq` numbers the calls and forks of one client from 1, over all its connections: a call that is repeated on
//! another has the same number, and is done once. `Hello` and `Born` have 0. A response has the number of its
//! request; whoever waits for one skips those with a lower number, which a broker sends again when it does not
//! know that they arrived. What programs and brokers of different versions say to each other is in `foreign`.
//!
//! Owns: layouts, version, operation numbers.
//! Leaves to others: sending and receiving, descriptors (`shmfs-sys`), meaning (`shmfs-core`).
#![no_std]

mod call_body;
mod foreign;
mod frame;
mod malformed;
mod message;
mod op;
mod reason;
mod reply_body;
mod request;
mod response;
mod row_body;
mod stat_body;
mod text;
mod usage_body;
mod want_body;

pub use foreign::{decode_foreign_request, decode_foreign_response};
pub use malformed::Malformed;
pub use message::{Hello, Refused, Request, Response, Role, Welcome, Words};
pub use reason::Reason;
pub use request::{decode_request, encode_request, encode_words};
pub use response::{decode_response, encode_response, sequence_of};
pub use shmfs_abi::limits::MESSAGE_BYTES;

/// The version of the protocol that this crate speaks.
pub const VERSION: u16 = 3;
