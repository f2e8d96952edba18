//! The header that every message begins with, and the checks that every body shares.
//!
//! The layout of the header is frozen: it is the same in every version of the protocol, and so is the body of
//! `Refused` behind it. A broker can therefore answer a program of another version, and be understood. What else every
//! version has is in `foreign`.
//!
//! Owns: magic, version, length. Leaves to others: what a body holds.

use crate::{MESSAGE_BYTES, Malformed, VERSION};
use shmfs_abi::{Slot, limits::SLOTS};
use zerocopy::{FromBytes, Immutable, IntoBytes};

const MAGIC: [u8; 4] = *b"SHMF";

/// Bytes of a header.
const HEADER_BYTES: usize = size_of::<Header>();

/// 24 bytes before every body, in every version.
#[derive(FromBytes, IntoBytes, Immutable)]
#[repr(C)]
struct Header {
    magic: [u8; 4],
    version: u16,
    op: u16,
    seq: u64,
    /// Bytes of the body.
    len: u32,
    zero: u32,
}

const _: () = assert!(HEADER_BYTES == 24);

/// A message whose header is right.
pub(crate) struct Frame<'b> {
    pub(crate) op: u16,
    pub(crate) seq: u64,
    body: &'b [u8],
}

/// Where a message is written.
pub(crate) struct Sheet<'b> {
    pub(crate) buf: &'b mut [u8; MESSAGE_BYTES],
    pub(crate) seq: u64,
}

impl Sheet<'_> {
    /// Writes header and body; the message's length in bytes.
    pub(crate) fn write<B: IntoBytes + Immutable>(self, op: u16, body: &B) -> usize {
        const { assert!(HEADER_BYTES + size_of::<B>() <= MESSAGE_BYTES) };
        let len = size_of::<B>();
        let header = Header { magic: MAGIC, version: VERSION, op, seq: self.seq, len: len as u32, zero: 0 };
        let Some((head, rest)) = self.buf.split_first_chunk_mut::<HEADER_BYTES>() else { return 0 };
        // Both fit: the assertion above.
        let written = header.write_to(head).is_ok() && body.write_to_prefix(rest).is_ok();
        if written { HEADER_BYTES + len } else { 0 }
    }

    /// Writes a message without a body.
    pub(crate) fn write_empty(self, op: u16) -> usize {
        self.write(op, &[0_u8; 0])
    }
}

impl<'b> Frame<'b> {
    /// Checks the header of `bytes`.
    pub(crate) fn open(bytes: &'b [u8]) -> Result<Frame<'b>, Malformed> {
        if bytes.len() > MESSAGE_BYTES {
            return Err(Malformed::Long { len: bytes.len() });
        }
        let (version, _) = version_and_sequence(bytes)?;
        if version != VERSION {
            return Err(Malformed::Version(version));
        }
        Frame::open_any(bytes)
    }

    /// Checks the header of `bytes`, whose version may be any.
    pub(crate) fn open_any(bytes: &'b [u8]) -> Result<Frame<'b>, Malformed> {
        let (header, body) = header_of(bytes)?;
        if usize::try_from(header.len) != Ok(body.len()) {
            return Err(Malformed::Length { op: header.op, len: body.len() });
        }
        zero(header.zero == 0, "header")?;
        Ok(Frame { op: header.op, seq: header.seq, body })
    }

    /// The body, which has exactly the length of `B`.
    pub(crate) fn body<B: FromBytes>(&self) -> Result<B, Malformed> {
        B::read_from_bytes(self.body).map_err(|_| Malformed::Length { op: self.op, len: self.body.len() })
    }

    /// Gives `value` when there is no body.
    pub(crate) fn empty<T>(&self, value: T) -> Result<T, Malformed> {
        self.body::<[u8; 0]>().map(|_| value)
    }
}

/// Version and sequence number of a message, of which nothing but magic and length of the header is checked.
pub(crate) fn version_and_sequence(bytes: &[u8]) -> Result<(u16, u64), Malformed> {
    header_of(bytes).map(|(header, _)| (header.version, header.seq))
}

fn header_of(bytes: &[u8]) -> Result<(Header, &[u8]), Malformed> {
    let (header, body) =
        Header::read_from_prefix(bytes).map_err(|_| Malformed::Short { len: bytes.len() })?;
    if header.magic != MAGIC {
        return Err(Malformed::Magic);
    }
    Ok((header, body))
}

/// Refuses padding that is not zero.
pub(crate) fn zero(holds: bool, place: &'static str) -> Result<(), Malformed> {
    if holds { Ok(()) } else { Err(Malformed::Padding(place)) }
}

/// 0 or 1 as a truth value.
pub(crate) fn truth(value: u32, field: &'static str) -> Result<bool, Malformed> {
    match value {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(Malformed::Field(field)),
    }
}

/// A slot within the table of segments.
pub(crate) fn slot(value: u32) -> Result<Slot, Malformed> {
    if value < SLOTS { Ok(Slot(value)) } else { Err(Malformed::Field("slot")) }
}

/// A field that may be absent, and is zero then.
pub(crate) fn optional<T>(
    present: bool,
    is_zero: bool,
    value: impl FnOnce() -> Result<T, Malformed>,
    field: &'static str,
) -> Result<Option<T>, Malformed> {
    if present {
        return value().map(Some);
    }
    zero(is_zero, field).map(|()| None)
}
