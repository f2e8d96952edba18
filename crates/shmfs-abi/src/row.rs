//! One object as a listing shows it.

use crate::{ByteLen, Gid, Key, Lifetime, Name, ObjectId, Pid, Shmid, Time, Uid};

/// Which door an object came in by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Door {
    /// System V.
    Sysv,
    /// POSIX.
    Posix,
    /// Anonymous memory that processes pass on by descriptor.
    Anon,
}

/// What an object is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Kind {
    /// A System V segment.
    Segment,
    /// A POSIX shared memory object.
    Object,
    /// A POSIX named semaphore.
    Semaphore,
    /// Anonymous memory.
    Anonymous,
}

/// One object as a listing shows it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Row {
    /// The object.
    pub object: ObjectId,
    /// Its door.
    pub door: Door,
    /// Its kind.
    pub kind: Kind,
    /// System V: its id.
    pub shmid: Option<Shmid>,
    /// System V: its key.
    pub key: Option<Key>,
    /// POSIX: its name; nothing once it is unlinked. Anonymous: its label.
    pub name: Option<Name>,
    /// Size in bytes.
    pub size: ByteLen,
    /// In memory, in bytes.
    pub allocated: ByteLen,
    /// System V: attaches.
    pub nattch: Option<u64>,
    /// Permission bits, without marks.
    pub mode: u32,
    /// Owner.
    pub uid: Uid,
    /// Owner's group.
    pub gid: Gid,
    /// Creator.
    pub cpid: Pid,
    /// System V: who attached or detached last.
    pub lpid: Option<Pid>,
    /// Removed or unlinked, and still in use.
    pub removed: bool,
    /// How long it lives.
    pub lifetime: Lifetime,
    /// Whether its writers take a lock, which who copies it waits for.
    pub guarded: bool,
    /// When it was created.
    pub created: Time,
}
