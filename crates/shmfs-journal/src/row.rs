//! One row: a version of a record, or a tombstone, with its transaction and its checksum.
//!
//! A row is free while its first word is 0. It is written body first and that word last, so a row with a transaction
//! is whole; only damage makes its checksum wrong.
//!
//! Owns: the layout of a row. Leaves to others: bodies (`body`), which rows are used (`rows`).

use crate::Pages;
use crate::body::Senseless;
use crate::layout::{ROW, guard, row_at};
use shmfs_abi::Errno;
use zerocopy::{FromBytes, Immutable, IntoBytes};

/// The record is gone with this transaction.
pub(crate) const TOMBSTONE: u16 = 1 << 0;

/// 24 bytes before every body.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
struct Head {
    /// The transaction, guarded.
    tx: u64,
    kind: u16,
    flags: u16,
    /// Bytes of the body.
    len: u32,
    /// Of head and body, with this field zero.
    crc: u32,
    zero: u32,
}

const HEAD: usize = size_of::<Head>();

/// Bytes of the largest body.
pub(crate) const BODY_BYTES: usize = ROW - HEAD;

const _: () = assert!(HEAD == 24 && BODY_BYTES == 1000);

/// Where a row is put together, or looked at.
#[derive(Debug)]
pub(crate) struct Sheet {
    bytes: [u8; ROW],
    /// Bytes in use, the head's among them.
    len: usize,
}

/// A row that is whole.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Whole<'s> {
    pub(crate) kind: u16,
    pub(crate) tombstone: bool,
    pub(crate) crc: u32,
    pub(crate) body: &'s [u8],
}

impl Sheet {
    pub(crate) fn new() -> Sheet {
        Sheet { bytes: [0; ROW], len: HEAD }
    }

    /// Begins a body.
    pub(crate) fn begin(&mut self) {
        self.len = HEAD;
    }

    /// Appends a part of the body; `E2BIG` where there is no room.
    pub(crate) fn put<B: IntoBytes + Immutable + ?Sized>(&mut self, part: &B) -> Result<(), Errno> {
        let part = part.as_bytes();
        let end = self.len + part.len();
        self.bytes.get_mut(self.len..end).ok_or(Errno::E2BIG)?.copy_from_slice(part);
        self.len = end;
        Ok(())
    }

    /// The body so far.
    pub(crate) fn body(&self) -> &[u8] {
        self.bytes.get(HEAD..self.len).unwrap_or_default()
    }

    /// Writes the row, which is free, as one of the transaction; its checksum.
    pub(crate) fn write<P: Pages>(&mut self, pages: &mut P, row: u32, tx: u64, kind: u16, flags: u16) -> u32 {
        let len = (self.len - HEAD) as u32;
        let mut head = Head { tx: guard(tx), kind, flags, len, crc: 0, zero: 0 };
        let (place, _) = self.bytes.split_at_mut(HEAD);
        place.copy_from_slice(head.as_bytes());
        head.crc = crc32fast::hash(self.bytes.get(..self.len).unwrap_or_default());
        let (place, _) = self.bytes.split_at_mut(HEAD);
        place.copy_from_slice(head.as_bytes());
        pages.write(
            row_at(row) + size_of::<u64>(),
            self.bytes.get(size_of::<u64>()..self.len).unwrap_or_default(),
        );
        pages.store(row_at(row), head.tx);
        head.crc
    }

    /// Reads a row; nothing if it is not whole.
    pub(crate) fn read<P: Pages>(&mut self, pages: &P, row: u32) -> Option<Whole<'_>> {
        let (place, body) = self.bytes.split_at_mut(HEAD);
        pages.read(row_at(row), place);
        let head = Head::read_from_bytes(place).ok()?;
        let len = usize::try_from(head.len).ok()?;
        pages.read(row_at(row) + HEAD, body.get_mut(..len)?);
        place.copy_from_slice(Head { crc: 0, ..head }.as_bytes());
        self.len = HEAD + len;
        let crc = crc32fast::hash(self.bytes.get(..self.len)?);
        // The fuzzer cannot guess checksums, and is to see what is behind them.
        if (crc != head.crc && !cfg!(fuzzing)) || head.zero != 0 || head.flags & !TOMBSTONE != 0 {
            return None;
        }
        Some(Whole { kind: head.kind, tombstone: head.flags & TOMBSTONE != 0, crc, body: self.body() })
    }
}

/// What is left of a body that is being read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rest<'b>(pub(crate) &'b [u8]);

impl<'b> Rest<'b> {
    /// Takes a part of a fixed layout.
    pub(crate) fn take<B: FromBytes>(&mut self, what: &'static str) -> Result<B, Senseless> {
        let (part, rest) = B::read_from_prefix(self.0).map_err(|_| Senseless(what))?;
        self.0 = rest;
        Ok(part)
    }

    /// Takes so many bytes.
    pub(crate) fn bytes(&mut self, len: impl Into<usize>, what: &'static str) -> Result<&'b [u8], Senseless> {
        let (bytes, rest) = self.0.split_at_checked(len.into()).ok_or(Senseless(what))?;
        self.0 = rest;
        Ok(bytes)
    }

    /// Nothing is left.
    pub(crate) fn end(self, what: &'static str) -> Result<(), Senseless> {
        if self.0.is_empty() { Ok(()) } else { Err(Senseless(what)) }
    }
}
