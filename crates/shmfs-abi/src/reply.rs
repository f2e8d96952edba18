//! What the engine answers.

use crate::{ByteLen, IpcPerm, Key, Lifetime, ObjectId, PageCount, Pid, Row, Shmid, Slot, Ticket};

/// The answer to a [`Call`](crate::Call) that was not refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "fields are named after their types")]
#[allow(
    clippy::large_enum_variant,
    reason = "one reply exists at a time, on the stack; no_std without alloc"
)]
pub enum Reply {
    /// It is done.
    Done,
    /// The segment's id.
    Shmid(Shmid),
    /// The segment may be mapped: `size` is its size as it was asked for. A descriptor comes along.
    Attached { slot: Slot, object: ObjectId, size: ByteLen },
    /// The state of a segment.
    Stat { shmid: Shmid, stat: SegmentStat },
    /// Limits and usage; `highest` is the highest index in use, or 0 (`ipc_get_maxidx`).
    ShmInfo { limits: ShmLimits, usage: ShmUsage, highest: i32 },
    /// An object is open; a descriptor comes along.
    Opened { object: ObjectId },
    /// As `Opened`; `created` where it did not exist before.
    Wanted { object: ObjectId, lifetime: Lifetime, created: bool },
    /// A part of an object comes along; `held` where anybody else has its pages open or mapped.
    Fetched { size: ByteLen, held: bool },
    /// A fresh, unpublished object; a descriptor comes along.
    Fresh { object: ObjectId, ticket: Ticket },
    /// A descriptor of a text comes along.
    Text,
    /// One object.
    Row(Row),
    /// There are no more.
    End,
    /// The store's use.
    Usage(Usage),
    /// The mount of the store's own tmpfs comes along.
    Tree,
}

/// `struct shmid64_ds` without its layout. Times are seconds since the epoch, 0 for never.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SegmentStat {
    /// Owner and mode.
    pub perm: IpcPerm,
    /// Key; `IPC_PRIVATE` once it is marked for removal.
    pub key: Key,
    /// Sequence number, the upper part of the id.
    pub seq: u16,
    /// Size in bytes, as it was asked for.
    pub size: ByteLen,
    /// Last attach.
    pub atime: i64,
    /// Last detach.
    pub dtime: i64,
    /// Last change, or creation.
    pub ctime: i64,
    /// Creator.
    pub cpid: Pid,
    /// Who attached or detached last.
    pub lpid: Pid,
    /// Attaches at the moment.
    pub nattch: u64,
    /// Pages that it has in memory.
    pub resident: PageCount,
}

/// `struct shminfo`: what System V segments may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ShmLimits {
    /// Bytes of one segment.
    pub shmmax: u64,
    /// Segments.
    pub shmmni: u32,
    /// Pages of all segments.
    pub shmall: u64,
}

/// `struct shm_info`: what System V segments are.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ShmUsage {
    /// Segments.
    pub segments: u32,
    /// Pages of all segments (`shm_tot`).
    pub total: PageCount,
    /// Pages in memory (`shm_rss`).
    pub resident: PageCount,
    /// Pages swapped out (`shm_swp`); always 0: swapped pages are not told apart.
    pub swapped: PageCount,
}

/// Where an object's pages live.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Backing {
    /// A memfd sealed against every change of size: System V.
    SealedMemfd,
    /// A file of the store's own hidden tmpfs: POSIX, where one can be had.
    TmpfsFile,
    /// A memfd without seals: POSIX, where no hidden tmpfs can be had.
    Memfd,
    /// A sealed memfd of huge pages: System V with `SHM_HUGETLB`.
    Huge,
    /// A memfd that its holders may seal: anonymous objects.
    SealableMemfd,
    /// A file of the store's state directory: durable objects.
    Durable,
}

impl Backing {
    /// The word for it in listings.
    pub const fn text(self) -> &'static str {
        match self {
            Backing::SealedMemfd => "sealed-memfd",
            Backing::TmpfsFile => "hidden-tmpfs",
            Backing::Memfd => "memfd",
            Backing::Huge => "huge-pages",
            Backing::SealableMemfd => "sealable-memfd",
            Backing::Durable => "durable-file",
        }
    }
}

/// How many objects were ever created, by kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Created {
    /// System V segments.
    pub segments: u64,
    /// POSIX objects.
    pub objects: u64,
    /// Named semaphores.
    pub semaphores: u64,
    /// Anonymous objects.
    pub anonymous: u64,
}

/// What a store uses and has served.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Usage {
    /// The limit in bytes.
    pub size: ByteLen,
    /// Charged against the limit, in bytes.
    pub used: ByteLen,
    /// The most that was ever charged, in bytes.
    pub peak: ByteLen,
    /// In memory, in bytes.
    pub allocated: ByteLen,
    /// What files of the mount hold besides objects, in bytes; counted against the limit beside what is charged.
    pub tree: ByteLen,
    /// Backing of the objects behind the POSIX door.
    pub backing: Backing,
    /// Objects behind the System V door at the moment.
    pub sysv: u64,
    /// Objects behind the POSIX door at the moment.
    pub posix: u64,
    /// Anonymous objects at the moment.
    pub anon: u64,
    /// Objects without a name that processes still hold.
    pub unnamed: u64,
    /// Created since the store began.
    pub created: Created,
    /// Client processes at the moment.
    pub clients: u64,
    /// How often the broker was started anew.
    pub restarts: u64,
    /// The broker's process.
    pub broker: Pid,
    /// The process that keeps it; 0 for a broker without one.
    pub keeper: Pid,
    /// Calls served, by [`CallName`](crate::CallName).
    pub calls: [u64; crate::CallName::ALL.len()],
}
