//! A commit slot: the number of the last committed epoch.
//!
//! | at | bytes | what |
//! |---|---|---|
//! | 0 | 8 | "SHMFSUND" |
//! | 8 | 4 | the version of the log's layout, 1 |
//! | 12 | 4 | CRC-32 of these 32 bytes with this field zero |
//! | 16 | 8 | the epoch |
//! | 24 | 8 | the number of the object |
//!
//! Numbers are little-endian. Magic, version and checksum stand at these places in every version.
//!
//! Owns: the layout of a slot. Leaves to others: where slots are, and which counts (`front`).

use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Rises with every change of the log's layout.
pub(crate) const VERSION: u32 = 1;

/// Bytes of a slot.
pub(crate) const SLOT_BYTES: usize = size_of::<Layout>();

const MAGIC: u64 = u64::from_le_bytes(*b"SHMFSUND");

const _: () = assert!(SLOT_BYTES == 32);

#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Layout {
    magic: U64,
    version: U32,
    crc: U32,
    epoch: U64,
    object: U64,
}

/// An epoch of an object that was committed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Slot {
    pub(crate) epoch: u64,
    pub(crate) object: u64,
}

/// What bytes are, as a slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Found {
    Slot(Slot),
    /// A whole one of another version.
    Version(u32),
    /// Not a whole one.
    Nothing,
}

impl Slot {
    fn layout(self) -> Layout {
        let Slot { epoch, object } = self;
        let mut layout = Layout {
            magic: MAGIC.into(),
            version: VERSION.into(),
            crc: 0.into(),
            epoch: epoch.into(),
            object: object.into(),
        };
        layout.crc = crc32fast::hash(layout.as_bytes()).into();
        layout
    }

    /// Its bytes.
    pub(crate) fn encode(self) -> [u8; SLOT_BYTES] {
        zerocopy::transmute!(self.layout())
    }

    /// Its checksum: the first record of the next epoch names it.
    pub(crate) fn crc(self) -> u32 {
        self.layout().crc.get()
    }

    /// What the bytes are, of which the first 32 count.
    pub(crate) fn decode(bytes: &[u8]) -> Found {
        let Ok((layout, _)) = Layout::read_from_prefix(bytes) else { return Found::Nothing };
        let crc = crc32fast::hash(Layout { crc: 0.into(), ..layout }.as_bytes());
        // The fuzzer cannot guess checksums, and is to see what is behind them.
        if layout.magic != MAGIC || (layout.crc != crc && !cfg!(fuzzing)) {
            return Found::Nothing;
        }
        if layout.version != VERSION {
            return Found::Version(layout.version.get());
        }
        Found::Slot(Slot { epoch: layout.epoch.get(), object: layout.object.get() })
    }
}
