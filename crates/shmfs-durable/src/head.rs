//! The head of a durable object: what a store must know of it besides its bytes.
//!
//! | at | bytes | what |
//! |---|---|---|
//! | 0 | 8 | "SHMFSHED" |
//! | 8 | 4 | the version of this layout, 1 |
//! | 12 | 4 | CRC-32 of the whole head with this field zero |
//! | 16 | 8 | the number of the object |
//! | 24 | 8 | its size in bytes |
//! | 32 | 8 | when it was created: seconds since the epoch |
//! | 40 | 4 | and nanoseconds |
//! | 44 | 4 | owner |
//! | 48 | 4 | owner's group |
//! | 52 | 4 | creator |
//! | 56 | 4 | creator's group |
//! | 60 | 4 | mode: at most 07777 |
//! | 64 | 4 | System V key; 0 for others, and for `IPC_PRIVATE` |
//! | 68 | 1 | kind: 1 segment, 2 object, 3 semaphore |
//! | 69 | 1 | 1 if its writers take a lock that snapshots wait for |
//! | 70 | 1 | bytes of the name; 0 for segments |
//! | 71 | 1 | zero |
//! | 72 | | the name |
//!
//! Numbers are little-endian. Magic, version and checksum stand at these places in every version.
//!
//! Owns: the layout of a head. Leaves to others: the file that it is in (`state`), what follows from it (the broker).

use crate::DurableError;
use shmfs_abi::limits::{NAME_BYTES, OBJECT_BYTES};
use shmfs_abi::{ByteLen, Gid, IpcPerm, Key, Kind, Name, Time, Uid};
use zerocopy::little_endian::{I32, I64, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The most bytes of a head, in any version.
pub const HEAD_BYTES: usize = 4096;

const MAGIC: u64 = u64::from_le_bytes(*b"SHMFSHED");
const VERSION: u32 = 1;
const FIXED: usize = size_of::<Layout>();
const MODE: u32 = 0o7777;
const NANOS: u32 = 1_000_000_000;

const _: () = assert!(FIXED == 72 && FIXED + NAME_BYTES <= HEAD_BYTES);

/// What every version begins with.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Start {
    magic: U64,
    version: U32,
    crc: U32,
}

#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Layout {
    start: Start,
    object: U64,
    size: U64,
    seconds: I64,
    nanos: U32,
    uid: U32,
    gid: U32,
    cuid: U32,
    cgid: U32,
    mode: U32,
    key: I32,
    kind: u8,
    guarded: u8,
    name_len: u8,
    zero: u8,
}

/// What comes back with the bytes of a durable object.
///
/// ```
/// use shmfs_abi::{ByteLen, IpcPerm, Key, Kind, Name, Time};
/// use shmfs_durable::Head;
///
/// let head = Head {
///     kind: Kind::Object,
///     name: Some(Name::new(b"frames").unwrap()),
///     key: Key::PRIVATE,
///     perm: IpcPerm { mode: 0o600, ..IpcPerm::default() },
///     guarded: false,
///     size: ByteLen(8 << 20),
///     created: Time::default(),
/// };
/// assert_eq!(Head::decode(7, &head.encode(7).unwrap()).unwrap(), head);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Head {
    /// Segment, object or semaphore.
    pub kind: Kind,
    /// The name of an object or a semaphore.
    pub name: Option<Name>,
    /// The key of a segment.
    pub key: Key,
    /// Owner, creator, and at most twelve bits of mode.
    pub perm: IpcPerm,
    /// Whether its writers take a lock that snapshots wait for.
    pub guarded: bool,
    /// Its size in bytes. The file of its pages has it, or is longer, unless somebody has cut it.
    pub size: ByteLen,
    /// When it was created.
    pub created: Time,
}

impl Head {
    /// Its bytes, as the head of that object.
    ///
    /// # Errors
    /// [`DurableError::Head`] for what no such object can have: anonymous memory, a segment with a name, another
    /// without one, a key without a segment, a size, mode or time that cannot be.
    pub fn encode(&self, object: u64) -> Result<Vec<u8>, DurableError> {
        self.check().map_err(|what| DurableError::Head { object, what })?;
        let name = self.name.as_ref().map(Name::as_bytes).unwrap_or_default();
        let layout = Layout {
            start: Start { magic: MAGIC.into(), version: VERSION.into(), crc: 0.into() },
            object: object.into(),
            size: self.size.0.into(),
            seconds: self.created.seconds.into(),
            nanos: self.created.nanos.into(),
            uid: self.perm.uid.0.into(),
            gid: self.perm.gid.0.into(),
            cuid: self.perm.cuid.0.into(),
            cgid: self.perm.cgid.0.into(),
            mode: self.perm.mode.into(),
            key: self.key.0.into(),
            kind: number_of(self.kind).unwrap_or_default(),
            guarded: u8::from(self.guarded),
            name_len: name.len() as u8,
            zero: 0,
        };
        let mut bytes = layout.as_bytes().to_vec();
        bytes.extend_from_slice(name);
        let start = Start { crc: crc32fast::hash(&bytes).into(), ..layout.start };
        bytes[..size_of::<Start>()].copy_from_slice(start.as_bytes());
        Ok(bytes)
    }

    /// The head that all of the bytes are, of that object.
    ///
    /// # Errors
    /// [`DurableError::Head`], [`DurableError::HeadTooLong`] and [`DurableError::HeadVersion`].
    pub fn decode(object: u64, bytes: &[u8]) -> Result<Head, DurableError> {
        let broken = |what| DurableError::Head { object, what };
        if bytes.len() > HEAD_BYTES {
            return Err(DurableError::HeadTooLong { object });
        }
        let (start, rest) = Start::read_from_prefix(bytes).map_err(|_| broken("it was cut"))?;
        if start.magic != MAGIC {
            return Err(broken("it is another kind of file"));
        }
        let mut crc = crc32fast::Hasher::new();
        crc.update(Start { crc: 0.into(), ..start }.as_bytes());
        crc.update(rest);
        // The fuzzer cannot guess checksums, and is to see what is behind them.
        if start.crc != crc.finalize() && !cfg!(fuzzing) {
            return Err(broken("its checksum is wrong"));
        }
        if start.version != VERSION {
            return Err(DurableError::HeadVersion { object, found: start.version.get(), ours: VERSION });
        }
        let (layout, name) = Layout::read_from_prefix(bytes).map_err(|_| broken("it was cut"))?;
        if layout.object != object {
            return Err(broken("it is another object's"));
        }
        let head = Head::of(&layout, name).map_err(broken)?;
        head.check().map_err(broken)?;
        Ok(head)
    }

    fn of(layout: &Layout, name: &[u8]) -> Result<Head, &'static str> {
        if name.len() != usize::from(layout.name_len) || layout.zero != 0 || layout.guarded > 1 {
            return Err("its fields contradict each other");
        }
        let name =
            if name.is_empty() { None } else { Some(Name::new(name).map_err(|_| "its name cannot be")?) };
        let perm = IpcPerm {
            uid: Uid(layout.uid.get()),
            gid: Gid(layout.gid.get()),
            cuid: Uid(layout.cuid.get()),
            cgid: Gid(layout.cgid.get()),
            mode: layout.mode.get(),
        };
        Ok(Head {
            kind: kind_of(layout.kind).ok_or("its kind is unknown")?,
            name,
            key: Key(layout.key.get()),
            perm,
            guarded: layout.guarded == 1,
            size: ByteLen(layout.size.get()),
            created: Time { seconds: layout.seconds.get(), nanos: layout.nanos.get() },
        })
    }

    fn check(&self) -> Result<(), &'static str> {
        let segment = self.kind == Kind::Segment;
        if number_of(self.kind).is_none() {
            Err("its kind is never durable")
        } else if segment == self.name.is_some() {
            Err("a segment has no name, and everything else has one")
        } else if !segment && self.key != Key::PRIVATE {
            Err("only a segment has a key")
        } else if self.size.0 > OBJECT_BYTES {
            Err("its size cannot be")
        } else if self.perm.mode & !MODE != 0 {
            Err("its mode cannot be")
        } else if self.created.nanos >= NANOS {
            Err("its time cannot be")
        } else {
            Ok(())
        }
    }
}

fn number_of(kind: Kind) -> Option<u8> {
    match kind {
        Kind::Segment => Some(1),
        Kind::Object => Some(2),
        Kind::Semaphore => Some(3),
        Kind::Anonymous => None,
    }
}

fn kind_of(number: u8) -> Option<Kind> {
    [Kind::Segment, Kind::Object, Kind::Semaphore].into_iter().find(|kind| number_of(*kind) == Some(number))
}
