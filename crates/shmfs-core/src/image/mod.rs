//! Images: what is to be remembered of a namespace so that another process can go on with it.
//!
//! An image is plain data without order or identity of its own: whoever keeps them ([`take_changes`]) and
//! gives all of them back ([`restore`]) has the same namespace as before.
//!
//! A backing that is still being made is not in them. A lock that is being taken counts as taken.
//!
//! [`take_changes`]: crate::Namespace::take_changes
//! [`restore`]: crate::Namespace::restore
//!
//! Owns: the images and both directions.
//! Leaves to others: keeping them (the broker's journal).

mod restore;
mod take;

use shmfs_abi::{
    Backing, ByteLen, Created, Gid, IpcPerm, Key, Kind, Lifetime, Name, ObjectId, PageCount, Pid, ShmLimits,
    Shmid, Slot, Ticket, Time, Uid,
};

/// What a namespace is besides its objects and names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StoreImage {
    /// The limit of both doors together.
    pub limit: PageCount,
    /// The most that was ever charged.
    pub peak: PageCount,
    /// Whether pages in memory are charged in place of sizes.
    pub sparse: bool,
    /// Whether every page is made when its size is charged.
    pub reserve: bool,
    /// The limits of System V segments.
    pub limits: ShmLimits,
    /// `shm_rmid_forced`.
    pub rmid_forced: bool,
    /// `shm_next_id`.
    pub next_id: Option<Shmid>,
    /// Where the search for the next slot begins, the last slot given, its sequence number.
    pub cursor: (u32, Option<u32>, u16),
    /// The last object's number and the last ticket.
    pub numbers: (u64, u64),
    /// What was ever created.
    pub created: Created,
    /// What stands behind the POSIX door.
    pub posix: Backing,
    /// Whether there can be durable objects.
    pub durable: bool,
    /// fs.protected_regular and fs.protected_hardlinks of the host.
    pub protected: (u8, bool),
    /// Who owns the root directory of the mount `shm`.
    pub owner: (Uid, Gid),
    /// When the store began.
    pub boot: Time,
}

/// Where an object is found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PlaceImage {
    /// By this name, once its backing has it; the ticket waits for that.
    Pending(Name, Ticket),
    /// By this name.
    Name(Name),
    /// Nowhere yet: a semaphore that its creator publishes under this name with this ticket.
    Fresh(Name, Ticket),
    /// By the segment in this slot.
    Slot(Slot, SegmentImage),
    /// Nowhere: anonymous memory with this label.
    Anonymous(Name),
    /// Nowhere any more.
    Released,
}

/// A System V segment besides its object.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "fields are named as in `doors::sysv::Segment`")]
pub struct SegmentImage {
    pub seq: u16,
    pub key: Key,
    pub perm: IpcPerm,
    pub size: ByteLen,
    pub atime: i64,
    pub dtime: i64,
    pub ctime: i64,
    pub cpid: Pid,
    pub lpid: Pid,
    pub nattch: u64,
    pub touched: Time,
    pub huge: bool,
    pub durable: bool,
    pub orphaned: bool,
}

/// An object whose backing is made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "fields are named as in `object::Object` and `inode::Inode`")]
pub struct ObjectImage {
    pub object: ObjectId,
    pub kind: Kind,
    pub size: ByteLen,
    pub allocated: ByteLen,
    pub charged: PageCount,
    pub uid: Uid,
    pub gid: Gid,
    pub mode: u32,
    pub links: u32,
    pub creator: Pid,
    pub created: Time,
    pub lifetime: Lifetime,
    pub guarded: bool,
    /// Since when more is charged than the size shows.
    pub reserved: Option<Time>,
    /// A POSIX object's creator has ended.
    pub orphaned: bool,
    pub place: PlaceImage,
}

/// What has changed since the last look.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// Objects, each once; nothing where one is gone. Objects whose backing is still being made are left out. One that
    /// came and went in between is told as gone.
    pub objects: Vec<(ObjectId, Option<ObjectImage>)>,
    /// Names besides the one in an object's image (hard links), each once; nothing where one is gone.
    pub names: Vec<(Name, Option<ObjectId>)>,
}

impl Changes {
    /// Whether no object and no name has changed. The store itself may have: limits that were set, or numbers that were
    /// drawn and nobody has seen ([`image`](crate::Namespace::image)).
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty() && self.names.is_empty()
    }
}

/// Images that do not belong together: what is wrong, in words.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Damage(pub &'static str);
