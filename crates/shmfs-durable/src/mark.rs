//! The mark: how many records were on the disk when it was written.
//!
//! | at | bytes | what |
//! |---|---|---|
//! | 0 | 8 | "SHMFSMRK" |
//! | 8 | 8 | the epoch of the records |
//! | 16 | 4 | how many there are |
//! | 20 | 4 | the checksum of the last of them |
//! | 24 | 4 | CRC-32 of these 32 bytes with this field zero |
//! | 28 | 4 | zero |
//!
//! A record that is not whole at the end of a log was torn while it was written, and nothing has happened since; or
//! it was whole, bytes were stored, and the disk has lost it. The mark tells one from the other. It is written after
//! the records are synced and is not synced itself, so it never says too much.
//!
//! Owns: the layout of the mark. Leaves to others: where it is (`front`), what follows from it (`log`).

use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Bytes of a mark.
pub(crate) const MARK_BYTES: usize = size_of::<Layout>();

const MAGIC: u64 = u64::from_le_bytes(*b"SHMFSMRK");

const _: () = assert!(MARK_BYTES == 32);

#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Layout {
    magic: U64,
    epoch: U64,
    records: U32,
    last: U32,
    crc: U32,
    zero: U32,
}

/// That so many records of an epoch are on the disk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Mark {
    pub(crate) epoch: u64,
    pub(crate) records: u32,
    /// The checksum of the last of them.
    pub(crate) last: u32,
}

impl Mark {
    /// Its bytes.
    pub(crate) fn encode(self) -> [u8; MARK_BYTES] {
        let mut layout = Layout {
            magic: MAGIC.into(),
            epoch: self.epoch.into(),
            records: self.records.into(),
            last: self.last.into(),
            crc: 0.into(),
            zero: 0.into(),
        };
        layout.crc = crc32fast::hash(layout.as_bytes()).into();
        zerocopy::transmute!(layout)
    }

    /// The mark that the first 32 bytes are, if they are one.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Mark> {
        let (layout, _) = Layout::read_from_prefix(bytes).ok()?;
        let crc = crc32fast::hash(Layout { crc: 0.into(), ..layout }.as_bytes());
        let whole = layout.crc == crc || cfg!(fuzzing);
        let mark = Mark { epoch: layout.epoch.get(), records: layout.records.get(), last: layout.last.get() };
        (layout.magic == MAGIC && whole && mark.records > 0).then_some(mark)
    }
}
