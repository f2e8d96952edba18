//! A record: the bytes of a range as they were before an edit.
//!
//! | at | bytes | what |
//! |---|---|---|
//! | 0 | 8 | "SHMFSOLD" |
//! | 8 | 8 | the epoch: one more than the committed one |
//! | 16 | 8 | where in the object the bytes were |
//! | 24 | 8 | how many they are, 1 to 1 MiB |
//! | 32 | 4 | how many records of this epoch are before it |
//! | 36 | 4 | the checksum of the record before it; of the commit slot, for the first |
//! | 40 | 4 | CRC-32 of the whole record with this field zero |
//! | 44 | 4 | zero |
//! | 48 | | the bytes, then zeros to a multiple of 8 |
//!
//! Each record names the one before it, so what an earlier epoch or a failed edit left in the log is never taken for
//! the next record, whatever it looks like.
//!
//! Owns: the layout of a record. Leaves to others: which records there are (`log`).

use crate::medium::{Medium, read_full};
use shmfs_abi::limits::OBJECT_BYTES;
use std::io;
use std::ops::Range;
use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Where the first record is.
pub const RECORDS_AT: u64 = 8192;

/// The most old bytes in one record; a longer range is several.
pub const RECORD_BYTES: u64 = 1 << 20;

const MAGIC: u64 = u64::from_le_bytes(*b"SHMFSOLD");
const HEADER: usize = size_of::<Layout>();
const ALIGN: u64 = 8;

const _: () = assert!(HEADER == 48 && RECORD_BYTES.is_multiple_of(ALIGN) && OBJECT_BYTES <= u64::MAX / 2);

#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Layout {
    magic: U64,
    epoch: U64,
    offset: U64,
    len: U64,
    sequence: U32,
    before: U32,
    crc: U32,
    zero: U32,
}

/// What must be before a record for it to be the next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Link {
    pub(crate) epoch: u64,
    /// Records before it.
    pub(crate) sequence: u32,
    /// The checksum of the last of them, or of the slot.
    pub(crate) before: u32,
}

/// A record that is whole; its bytes are in the sheet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Record {
    pub(crate) link: Link,
    pub(crate) offset: u64,
    pub(crate) len: u64,
    pub(crate) crc: u32,
}

impl Record {
    /// Bytes in the log.
    pub(crate) fn size(&self) -> u64 {
        size_of_record(self.len)
    }

    /// Its range in the object.
    pub(crate) fn range(&self) -> Range<u64> {
        self.offset..self.offset + self.len
    }
}

/// Bytes in the log of a record of so many old bytes.
pub(crate) const fn size_of_record(len: u64) -> u64 {
    HEADER as u64 + len.next_multiple_of(ALIGN)
}

/// Where a record is put together, or looked at. Never longer than the longest record.
#[derive(Debug, Default)]
pub(crate) struct Sheet(Vec<u8>);

impl Sheet {
    /// Room for that many old bytes, at most [`RECORD_BYTES`].
    pub(crate) fn room(&mut self, len: u64) -> &mut [u8] {
        self.0.clear();
        self.0.resize(size_of_record(len) as usize, 0);
        &mut self.0[HEADER..HEADER + len as usize]
    }

    /// Makes the bytes in the room a record, and writes it.
    pub(crate) fn write(
        &mut self,
        log: &impl Medium,
        at: u64,
        link: Link,
        range: Range<u64>,
    ) -> io::Result<Record> {
        let len = range.end - range.start;
        let mut layout = Layout {
            magic: MAGIC.into(),
            epoch: link.epoch.into(),
            offset: range.start.into(),
            len: len.into(),
            sequence: link.sequence.into(),
            before: link.before.into(),
            crc: 0.into(),
            zero: 0.into(),
        };
        self.put(&layout);
        let crc = crc32fast::hash(&self.0);
        layout.crc = crc.into();
        self.put(&layout);
        log.write_all_at(&self.0, at)?;
        Ok(Record { link, offset: range.start, len, crc })
    }

    fn put(&mut self, layout: &Layout) {
        self.0[..HEADER].copy_from_slice(layout.as_bytes());
    }

    /// The old bytes of the record that was read last.
    pub(crate) fn bytes(&self, record: &Record) -> &[u8] {
        self.0.get(HEADER..HEADER + record.len as usize).unwrap_or_default()
    }

    /// Reads what is at `at`; nothing if it is no whole record. The checksum is looked at only if `wanted` likes the
    /// rest: behind the last record may be a megabyte of anything.
    pub(crate) fn read(
        &mut self,
        log: &impl Medium,
        at: u64,
        wanted: impl FnOnce(&Record) -> bool,
    ) -> io::Result<Option<Record>> {
        self.0.clear();
        self.0.resize(HEADER, 0);
        let found = read_full(log, &mut self.0, at)?;
        let Ok(layout) = Layout::read_from_bytes(&self.0[..found]) else { return Ok(None) };
        let Some(record) = sensible(&layout).filter(wanted) else { return Ok(None) };
        self.0.resize(record.size() as usize, 0);
        let rest = self.0.len() - HEADER;
        if read_full(log, &mut self.0[HEADER..], at + HEADER as u64)? < rest {
            return Ok(None);
        }
        self.put(&Layout { crc: 0.into(), ..layout });
        // The fuzzer cannot guess checksums, and is to see what is behind them.
        let whole = crc32fast::hash(&self.0) == record.crc || cfg!(fuzzing);
        Ok(whole.then_some(record))
    }
}

/// The record of a header whose numbers can be.
fn sensible(layout: &Layout) -> Option<Record> {
    let link =
        Link { epoch: layout.epoch.get(), sequence: layout.sequence.get(), before: layout.before.get() };
    let record = Record { link, offset: layout.offset.get(), len: layout.len.get(), crc: layout.crc.get() };
    let fits = (1..=RECORD_BYTES).contains(&record.len) && record.offset <= OBJECT_BYTES - record.len;
    (layout.magic == MAGIC && layout.zero == 0 && fits).then_some(record)
}
