//! What the journal remembers, as values.
//!
//! Owns: which records there are, and what tells them apart.
//! Leaves to others: their bytes (`body`), what they are of (`shmfs-broker`, `shmfs-core`).

use shmfs_abi::limits::MESSAGE_FDS;
use shmfs_abi::{
    Backing, ClientId, Cred, Errno, Gid, Name, ObjectId, OpenFlags, Pid, ProcFile, Slot, Ticket, Uid,
    store::Admission,
};
use shmfs_core::{ObjectImage, StoreImage};
use shmfs_sys::fd::Identity;
use shmfs_sys::socket::Peer;

/// Bytes of a stored answer: every reply of a call that changes something, and every refusal, is shorter.
pub const ANSWER_BYTES: usize = 320;

/// Bytes of the path of a state directory: what a row has room for beside the store's own.
pub const STATE_BYTES: usize = 255;

/// A connection's number. Never reused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ConnectionId(pub u64);

/// What a connection is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// It has not said hello.
    Stranger,
    /// A forked child's, handed over before the fork: the child has not spoken.
    Unborn(ClientId),
    /// A client process with an attach table.
    Client(ClientId),
    /// A program that looks and removes, and attaches nothing.
    Visitor,
}

/// One thing that is remembered. Its [`RecordId`] tells it from the others.
#[derive(Clone, PartialEq, Eq, Debug)]
#[allow(clippy::large_enum_variant, reason = "one exists at a time, on its way into or out of a row")]
pub enum Record {
    /// The store itself.
    Store(StoreRecord),
    /// An object and its descriptor.
    Object(ObjectRecord),
    /// One more name of an object.
    Name(Name, ObjectId),
    /// A client process.
    Client(ClientRecord),
    /// A connection.
    Connection(ConnectionRecord),
    /// A pipe on which a limit is written.
    Writer(WriterRecord),
    /// Something that is to be done, and its number within the transaction.
    Intent(u32, Intent),
}

/// Which record it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[allow(missing_docs, reason = "as the variants of Record")]
#[allow(clippy::large_enum_variant, reason = "one exists at a time; the journal's index keeps names apart")]
pub enum RecordId {
    Store,
    Object(ObjectId),
    Name(Name),
    Client(ClientId),
    Connection(ConnectionId),
    Writer(u64),
    Intent(u32),
}

impl Record {
    /// Which one it is.
    pub fn id(&self) -> RecordId {
        match self {
            Record::Store(_) => RecordId::Store,
            Record::Object(object) => RecordId::Object(object.image.object),
            Record::Name(name, _) => RecordId::Name(*name),
            Record::Client(client) => RecordId::Client(client.client),
            Record::Connection(connection) => RecordId::Connection(connection.connection),
            Record::Writer(writer) => RecordId::Writer(writer.writer),
            Record::Intent(index, _) => RecordId::Intent(*index),
        }
    }
}

/// What other programs reach of a store's files, by its mount or without it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MountRecord {
    /// The connection of the store's mount; -1 where it is not mounted.
    pub device: i32,
    /// The file in which the mount's door remembers; -1 as above.
    pub door_state: i32,
    /// Whether the mount shows segments.
    pub sysv: bool,
    /// Whether other programs may change names in the hidden tmpfs: it was mounted, or given away.
    pub open: bool,
    /// Whether others than the mount's door reach its files, or ever did.
    pub shared: bool,
    /// Whether the tree was given away, so that others reach all of it.
    pub attached: bool,
}

impl Default for MountRecord {
    /// Not mounted, and nobody reaches anything.
    fn default() -> MountRecord {
        let (sysv, open, shared, attached) = (false, false, false, false);
        MountRecord { device: -1, door_state: -1, sysv, open, shared, attached }
    }
}

/// The store itself. Descriptors are numbers in the shared table, -1 for none.
#[derive(Clone, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "fields are named after what they are in `Config` and `Broker`")]
pub struct StoreRecord {
    pub image: StoreImage,
    /// The directory's path, at most 107 bytes as a socket's.
    pub dir: Vec<u8>,
    /// The path of the directory of durable objects, at most [`STATE_BYTES`]; empty where there is none.
    pub state: Vec<u8>,
    /// The file whose lock keeps that directory for this store.
    pub state_lock: i32,
    pub listener: i32,
    pub hidden: i32,
    /// The pipe whose end says that the store's command has ended; -1 where the store ends when it is told to.
    pub hold: i32,
    /// Whether the store ends although clients are left.
    pub kill: bool,
    /// Whether what nobody uses and whose creator has died is removed.
    pub reap: bool,
    /// The hold has ended, or the mount that the store lives as long as.
    pub command_ended: bool,
    pub mount: MountRecord,
    /// Whether the store ends with its mount.
    pub until_unmounted: bool,
    pub admission: Admission,
    pub posix_dev: u64,
    pub next_connection: u64,
    pub next_client: u64,
    pub next_writer: u64,
}

/// An object and its descriptor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "fields are named after what they are in `Stored`")]
pub struct ObjectRecord {
    pub image: ObjectImage,
    pub fd: i32,
    /// Which file the number must be of.
    pub identity: Identity,
    pub backing: Backing,
    pub owner: (Uid, Gid, u32),
}

/// A client process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "fields are named after what they are in `Client`")]
pub struct ClientRecord {
    pub client: ClientId,
    pub cookie: u64,
    pub table: i32,
    /// Which file the number must be of.
    pub identity: Identity,
    pub pidfd: i32,
    /// 0 for an unborn child.
    pub pid: Pid,
    /// Its image has ended; the process may live on in another.
    pub leaving: bool,
    /// The semaphore that it has not published yet.
    pub ticket: Option<Ticket>,
    pub answered: Option<Answered>,
}

/// A connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "fields are named after what they are in `Connection`")]
pub struct ConnectionRecord {
    pub connection: ConnectionId,
    pub socket: i32,
    pub role: Role,
    pub cred: Option<Cred>,
    pub sender: Option<Peer>,
    /// Whether a message after the first was taken.
    pub spoken: bool,
    /// A visitor's last answer; a client's stands with the client.
    pub answered: Option<Answered>,
}

/// A pipe on which a limit is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "fields are named after what they are in `Writer`")]
pub struct WriterRecord {
    pub writer: u64,
    pub pipe: i32,
    pub file: ProcFile,
    pub cred: Cred,
}

/// The last answer that went to somebody, so that a repeated call is done once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Answered {
    /// The sequence number of the request.
    pub sequence: u64,
    len: u16,
    bytes: [u8; ANSWER_BYTES],
    /// Descriptions that went along, in their order: of which object, opened how.
    pub gives: [Option<(ObjectId, OpenFlags)>; MESSAGE_FDS],
}

impl Answered {
    /// `E2BIG` where the encoded response is too long to be kept.
    ///
    /// # Errors
    /// That.
    pub fn new(
        sequence: u64,
        response: &[u8],
        gives: [Option<(ObjectId, OpenFlags)>; MESSAGE_FDS],
    ) -> Result<Answered, Errno> {
        let mut bytes = [0; ANSWER_BYTES];
        bytes.get_mut(..response.len()).ok_or(Errno::E2BIG)?.copy_from_slice(response);
        Ok(Answered { sequence, len: response.len() as u16, bytes, gives })
    }

    /// The encoded response.
    pub fn response(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }
}

/// Something that others see and that is done after its transaction is committed; doing it twice is doing it once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "as the effects of shmfs-core with these names")]
#[allow(clippy::large_enum_variant, reason = "one exists at a time, on its way into or out of a row")]
pub enum Intent {
    Link {
        ticket: Ticket,
        object: ObjectId,
        name: Name,
    },
    Unlink {
        object: ObjectId,
        name: Name,
    },
    Rename {
        object: ObjectId,
        from: Name,
        to: Name,
        flags: u32,
    },
    LinkName {
        object: ObjectId,
        from: Name,
        to: Name,
    },
    Own {
        object: ObjectId,
        uid: Uid,
        gid: Gid,
        mode: u32,
    },
    /// Cut the object to nothing, if its inode has not changed since `changed` (`st_ctime` in nanoseconds).
    Truncate {
        object: ObjectId,
        changed: u64,
    },
    /// Let the client's row count so many attaches, marked where the segment is removed.
    Introduce {
        client: ClientId,
        slot: Slot,
        object: ObjectId,
        count: u32,
        removed: bool,
    },
    Mark {
        object: ObjectId,
        slot: Slot,
    },
    Resize {
        bytes: u64,
    },
    /// Write down what a durable object is, as the engine has it by then.
    Record {
        object: ObjectId,
    },
    /// Forget a durable object.
    Erase {
        object: ObjectId,
    },
}
