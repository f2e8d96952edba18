//! The header: which object it was, and how the copy was made.
//!
//! | at | bytes | what |
//! |---|---|---|
//! | 0 | 8 | "SHMFSNAP" |
//! | 8 | 4 | the version of this layout, 1 |
//! | 12 | 4 | CRC-32 of the header with this field zero |
//! | 16 | 8 | the number that the object had in its store |
//! | 24 | 8 | its size in bytes |
//! | 32 | 8 | when it was created: seconds since the epoch |
//! | 40 | 8 | when the copy was begun: seconds since the epoch |
//! | 48 | 4 | nanoseconds of its creation |
//! | 52 | 4 | nanoseconds of the beginning |
//! | 56 | 8 | the epoch, for hold 3; else 0 |
//! | 64 | 4 | owner |
//! | 68 | 4 | owner's group |
//! | 72 | 4 | mode: at most 07777 |
//! | 76 | 4 | System V key; 0 for others, and for `IPC_PRIVATE` |
//! | 80 | 1 | kind: 1 segment, 2 object, 3 semaphore, 4 anonymous |
//! | 81 | 1 | lifetime: 0 until removed, 1 process, 2 last user, 3 durable |
//! | 82 | 1 | 1 if its writers take a lock that snapshots wait for |
//! | 83 | 1 | hold: 0 nothing, 1 alone, 2 guard, 3 epoch |
//! | 84 | 1 | bytes of the name; 0 for none |
//! | 85 | 255 | the name, and zeros |
//! | 340 | 4 | zero |
//!
//! Numbers are little-endian. Magic and version stand at these places in every version.
//!
//! Owns: this layout, and what a header can say. Leaves to others: what follows from it (`shm restore`).

use crate::SnapshotError;
use crate::bytes::Counted;
use crate::verdict::Hold;
use shmfs_abi::limits::{NAME_BYTES, OBJECT_BYTES};
use shmfs_abi::{ByteLen, Gid, Key, Kind, Lifetime, Name, ObjectId, Time, Uid};
use std::io::Read;
use zerocopy::little_endian::{I32, I64, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Bytes of the header.
pub const HEADER_BYTES: usize = size_of::<Layout>();

pub(crate) const VERSION: u32 = 1;
const MAGIC: [u8; 8] = *b"SHMFSNAP";
const MODE: u32 = 0o7777;
const NANOS: u32 = 1_000_000_000;
const KINDS: [Kind; 4] = [Kind::Segment, Kind::Object, Kind::Semaphore, Kind::Anonymous];
const LIFETIMES: [Lifetime; 4] =
    [Lifetime::UntilRemoved, Lifetime::Process, Lifetime::LastUser, Lifetime::Durable];

#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Start {
    magic: [u8; 8],
    version: U32,
    crc: U32,
}

#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Layout {
    start: Start,
    object: U64,
    size: U64,
    created_seconds: I64,
    taken_seconds: I64,
    created_nanos: U32,
    taken_nanos: U32,
    epoch: U64,
    uid: U32,
    gid: U32,
    mode: U32,
    key: I32,
    kind: u8,
    lifetime: u8,
    guarded: u8,
    hold: u8,
    name_len: u8,
    name: [u8; NAME_BYTES],
    zero: [u8; 4],
}

const _: () = assert!(HEADER_BYTES == 344);

/// What a snapshot says of its object.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    /// The number that it had in its store.
    pub object: ObjectId,
    /// What it is.
    pub kind: Kind,
    /// Its name, or the label of anonymous memory; nothing for segments and for what was unlinked.
    pub name: Option<Name>,
    /// The key of a segment; `IPC_PRIVATE` for one without, and for everything else.
    pub key: Key,
    /// Owner.
    pub uid: Uid,
    /// Owner's group.
    pub gid: Gid,
    /// At most twelve bits.
    pub mode: u32,
    /// Its size. What no frame covers is zero.
    pub size: ByteLen,
    /// How long it lives.
    pub lifetime: Lifetime,
    /// Whether its writers take a lock that snapshots wait for.
    pub guarded: bool,
    /// When it was created.
    pub created: Time,
    /// When the copy was begun, by the clock of the machine.
    pub taken: Time,
    /// What kept it from changing.
    pub hold: Hold,
}

impl Header {
    /// An object without a name, of root's, at no time.
    pub fn new(kind: Kind, size: ByteLen) -> Header {
        Header {
            object: ObjectId(0),
            kind,
            name: None,
            key: Key::PRIVATE,
            uid: Uid(0),
            gid: Gid(0),
            mode: 0o600,
            size,
            lifetime: Lifetime::UntilRemoved,
            guarded: false,
            created: Time::default(),
            taken: Time::default(),
            hold: Hold::Nothing,
        }
    }

    pub(crate) fn encode(&self) -> Result<Vec<u8>, SnapshotError> {
        self.check().map_err(|what| SnapshotError::Header { what })?;
        let name = self.name.as_ref().map(Name::as_bytes).unwrap_or_default();
        let mut name_bytes = [0; NAME_BYTES];
        name_bytes[..name.len()].copy_from_slice(name);
        let (hold, epoch) = self.hold.number();
        let mut layout = Layout {
            start: Start { magic: MAGIC, version: VERSION.into(), crc: 0.into() },
            object: self.object.0.into(),
            size: self.size.0.into(),
            created_seconds: self.created.seconds.into(),
            taken_seconds: self.taken.seconds.into(),
            created_nanos: self.created.nanos.into(),
            taken_nanos: self.taken.nanos.into(),
            epoch: epoch.into(),
            uid: self.uid.0.into(),
            gid: self.gid.0.into(),
            mode: self.mode.into(),
            key: self.key.0.into(),
            kind: place(&KINDS, &self.kind) + 1,
            lifetime: place(&LIFETIMES, &self.lifetime),
            guarded: u8::from(self.guarded),
            hold,
            name_len: name.len() as u8,
            name: name_bytes,
            zero: [0; 4],
        };
        layout.start.crc = layout.crc().into();
        Ok(layout.as_bytes().to_vec())
    }

    pub(crate) fn read<R: Read>(from: &mut Counted<R>) -> Result<Header, SnapshotError> {
        let damaged = |what| SnapshotError::Damaged { at: 0, what };
        let mut bytes = [0; HEADER_BYTES];
        let found = from.some(&mut bytes)?;
        if !MAGIC.starts_with(&bytes[..found.min(MAGIC.len())]) {
            return Err(SnapshotError::NoSnapshot);
        }
        let (start, _) = Start::read_from_prefix(&bytes).map_err(|_| SnapshotError::NoSnapshot)?;
        if found >= size_of::<Start>() && start.version != VERSION {
            return Err(SnapshotError::Version { found: start.version.get() });
        }
        let layout = Layout::read_from_bytes(&bytes).ok().filter(|_| found == HEADER_BYTES);
        let layout = layout.ok_or(SnapshotError::Cut { at: from.at })?;
        // The fuzzer cannot guess checksums, and is to see what is behind them.
        if layout.crc() != layout.start.crc.get() && !cfg!(fuzzing) {
            return Err(damaged("the checksum of the header is wrong"));
        }
        let header = Header::of(&layout).map_err(damaged)?;
        header.check().map_err(damaged)?;
        Ok(header)
    }

    fn of(layout: &Layout) -> Result<Header, &'static str> {
        let (name, rest) = layout.name.split_at(usize::from(layout.name_len));
        if layout.guarded > 1 || layout.zero != [0; 4] || rest.iter().any(|byte| *byte != 0) {
            return Err("the fields of the header contradict each other");
        }
        let name = match name {
            [] => None,
            name => Some(Name::new(name).map_err(|_| "its name cannot be")?),
        };
        let kind = usize::from(layout.kind).checked_sub(1).and_then(|at| KINDS.get(at));
        Ok(Header {
            object: ObjectId(layout.object.get()),
            kind: *kind.ok_or("its kind is unknown")?,
            name,
            key: Key(layout.key.get()),
            uid: Uid(layout.uid.get()),
            gid: Gid(layout.gid.get()),
            mode: layout.mode.get(),
            size: ByteLen(layout.size.get()),
            lifetime: *LIFETIMES.get(usize::from(layout.lifetime)).ok_or("its lifetime is unknown")?,
            guarded: layout.guarded == 1,
            created: Time { seconds: layout.created_seconds.get(), nanos: layout.created_nanos.get() },
            taken: Time { seconds: layout.taken_seconds.get(), nanos: layout.taken_nanos.get() },
            hold: Hold::of(layout.hold, layout.epoch.get()).ok_or("what held it is unknown")?,
        })
    }

    fn check(&self) -> Result<(), &'static str> {
        let segment = self.kind == Kind::Segment;
        if segment && self.name.is_some() {
            Err("a segment has no name")
        } else if !segment && self.key != Key::PRIVATE {
            Err("only a segment has a key")
        } else if self.size.0 > OBJECT_BYTES {
            Err("its size cannot be")
        } else if self.mode & !MODE != 0 {
            Err("its mode cannot be")
        } else if self.created.nanos >= NANOS || self.taken.nanos >= NANOS {
            Err("its time cannot be")
        } else {
            Ok(())
        }
    }
}

impl Layout {
    fn crc(&self) -> u32 {
        crc32fast::hash(Layout { start: Start { crc: 0.into(), ..self.start }, ..*self }.as_bytes())
    }
}

/// Where it stands; every one of them does.
fn place<T: PartialEq>(all: &[T], one: &T) -> u8 {
    all.iter().position(|other| other == one).unwrap_or_default() as u8
}
