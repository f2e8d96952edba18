//! What follows the header: frames, and the trailer that ends them.
//!
//! | in a frame at | bytes | what |
//! |---|---|---|
//! | 0 | 4 | "FRAM" |
//! | 4 | 4 | CRC-32 of the whole frame with this field zero |
//! | 8 | 8 | where in the object its bytes belong |
//! | 16 | 4 | how many there are: 1 to 1 MiB |
//! | 20 | 4 | how many they are in the file |
//! | 24 | 4 | CRC-32 of the bytes themselves |
//! | 28 | 4 | zero |
//! | 32 | | the bytes, as one or more zstd frames |
//!
//! | in the trailer at | bytes | what |
//! |---|---|---|
//! | 0 | 4 | "TAIL" |
//! | 4 | 4 | CRC-32 of the trailer with this field zero |
//! | 8 | 8 | frames before it |
//! | 16 | 8 | bytes in them, as they are in the object |
//! | 24 | 4 | CRC-32 of all frames' first 32 bytes, one after the other |
//! | 28 | 4 | attaches, for verdict 2; else 0 |
//! | 32 | 1 | verdict: 1 consistent; fuzzy: 2 held, 3 came, 4 busy, 5 unknown, 6 shrank |
//! | 33 | 7 | zero |
//!
//! Owns: these layouts. Leaves to others: their order (`read`, `write`).

use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The most bytes of an object that one frame has.
pub const FRAME_BYTES: usize = 1 << 20;

/// The most bytes that they are in the file: `ZSTD_COMPRESSBOUND`, zstd.h.
pub const STORED_BYTES: usize = FRAME_BYTES + (FRAME_BYTES >> 8);

pub(crate) const FRAME: U32 = U32::from_bytes(*b"FRAM");
pub(crate) const TRAILER: U32 = U32::from_bytes(*b"TAIL");

/// What a frame and the trailer begin with.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct Start {
    pub(crate) tag: U32,
    pub(crate) crc: U32,
}

#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct FrameLayout {
    pub(crate) start: Start,
    pub(crate) offset: U64,
    pub(crate) len: U32,
    pub(crate) stored: U32,
    pub(crate) plain_crc: U32,
    pub(crate) zero: U32,
}

#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct TrailerLayout {
    pub(crate) start: Start,
    pub(crate) frames: U64,
    pub(crate) bytes: U64,
    pub(crate) sum: U32,
    pub(crate) attaches: U32,
    pub(crate) verdict: u8,
    pub(crate) zero: [u8; 7],
}

const _: () = assert!(size_of::<FrameLayout>() == 32 && size_of::<TrailerLayout>() == 40);

/// The CRC-32 of a part that begins with `Start`, its field for it taken as zero.
pub(crate) fn crc(start: Start, rest: &[&[u8]]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(Start { crc: 0.into(), ..start }.as_bytes());
    rest.iter().for_each(|part| crc.update(part));
    crc.finalize()
}

impl FrameLayout {
    pub(crate) fn crc(&self, stored: &[u8]) -> u32 {
        crc(self.start, &[&self.as_bytes()[size_of::<Start>()..], stored])
    }
}

impl TrailerLayout {
    pub(crate) fn crc(&self) -> u32 {
        crc(self.start, &[&self.as_bytes()[size_of::<Start>()..]])
    }
}

/// What the frames come to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Totals {
    /// How many there are.
    pub frames: u64,
    /// Bytes of the object in them.
    pub bytes: u64,
    /// Bytes of the whole file.
    pub file_bytes: u64,
}

/// The frames so far, on either side.
#[derive(Clone, Debug, Default)]
pub(crate) struct Count {
    pub(crate) frames: u64,
    pub(crate) bytes: u64,
    /// Where the last one ends in the object.
    pub(crate) end: u64,
    sum: crc32fast::Hasher,
}

impl Count {
    /// Whether a frame of `len` bytes can be next in an object of `size` bytes.
    pub(crate) fn has_room(&self, offset: u64, len: u64, size: u64) -> bool {
        let end = offset.checked_add(len);
        (1..=FRAME_BYTES as u64).contains(&len) && offset >= self.end && end.is_some_and(|end| end <= size)
    }

    pub(crate) fn add(&mut self, layout: &FrameLayout) {
        let len = u64::from(layout.len.get());
        self.frames += 1;
        self.bytes += len;
        self.end = layout.offset.get() + len;
        self.sum.update(layout.as_bytes());
    }

    pub(crate) fn sum(&self) -> u32 {
        self.sum.clone().finalize()
    }
}
