//! What the broker asks of the operating system, as one trait: Linux implements it (`linux`), and the simulator.
//!
//! A broker may be killed between any two of these calls. What they hand out are numbers in a descriptor table that
//! outlives it.
//!
//! Owns: the words. Leaves to others: their meaning (`linux`, and the simulator's world).

use crate::door::Door;
use crate::source::Source;
use shmfs_abi::{
    Backing, ByteLen, ClientId, Cred, Errno, Gid, Name, ObjectId, OpenFlags, Pid, Slot, Time, Uid,
};
use shmfs_core::ObjectImage;
use shmfs_journal::Pages;
use shmfs_sys::fd::{Facts, Identity};
use shmfs_sys::socket::Peer;
use shmfs_sys::watch::WatchId;
use std::collections::BTreeSet;

/// Sources told of at once: where there are so many, others may have something too.
pub const BATCH: usize = 256;

/// The result of one call.
pub type Result<T> = std::result::Result<T, Errno>;

/// What a fresh backing is to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "fields are named after their types")]
pub struct Wish {
    pub backing: Backing,
    /// With `Backing::Huge`: the logarithm of the page size.
    pub huge_log2: u32,
    pub size: ByteLen,
    pub uid: Uid,
    pub gid: Gid,
    pub mode: u32,
    /// Whether every page is made at once.
    pub populate: bool,
}

/// A message that waits on a connection, and stays there until it is consumed.
#[derive(Debug)]
pub struct Peeked<Fd> {
    /// Its bytes, as many as there was room for. 0: the other end is closed.
    pub len: usize,
    /// Whether it was longer.
    pub truncated: bool,
    /// Who sent it, as the kernel says.
    pub sender: Option<Peer>,
    /// The descriptor that came along.
    pub fd: Option<Fd>,
}

/// The ends of descriptions that the kernel told of.
#[derive(Debug, Default)]
pub struct Closed {
    /// Of these files a description has gone.
    pub watches: Vec<WatchId>,
    /// Names that are gone from the root of the hidden tmpfs.
    pub gone: Vec<Name>,
    /// Notices were lost: any file's may have.
    pub overflow: bool,
}

/// The operating system.
pub trait Os {
    /// A descriptor; closed when it is dropped.
    type Fd: std::fmt::Debug;
    /// An attach table, mapped.
    type Table: AttachTable;
    /// Pages that stay in memory while this is there.
    type Kept;
    /// The pages of a journal.
    type Pages: Pages;

    /// The number under which a descriptor lies in the table.
    fn number(&self, fd: &Self::Fd) -> i32;
    /// Takes over a number that a broker before this one has left; `EBADF` where nothing is there.
    fn adopt(&mut self, number: i32) -> Result<Self::Fd>;
    /// How many descriptors this process may have: numbers end before it.
    fn descriptor_limit(&self) -> u64 {
        u64::MAX
    }
    /// How many are open in the table, where the kernel counts them.
    fn open_descriptors(&self) -> Option<u64> {
        None
    }
    /// Closes every number that is not among `known`: what a killed broker had open for a moment.
    fn close_others(&mut self, known: &BTreeSet<i32>);

    /// The time of day.
    fn now(&self) -> Time;
    /// A number that nobody can guess.
    fn random(&mut self) -> Result<u64>;

    /// Waits for sources that have something; at most so many milliseconds where it says so. 0 only looks.
    fn wait(&mut self, milliseconds: Option<u32>) -> std::io::Result<Vec<Source>>;
    /// Waits for this descriptor too from now on; level-triggered.
    fn listen_to(&mut self, fd: &Self::Fd, source: Source) -> Result<()>;
    /// Waits for it no longer.
    fn ignore(&mut self, fd: &Self::Fd);
    /// Tells when a description of this file has gone, whosever it was.
    fn watch_close(&mut self, fd: &Self::Fd) -> Result<WatchId>;
    /// Tells no longer.
    fn unwatch(&mut self, watch: WatchId);
    /// What has been told.
    fn closed(&mut self) -> Closed;

    /// Takes one waiting connection.
    fn accept(&mut self, listener: &Self::Fd) -> Result<Self::Fd>;
    /// Two connected sockets.
    fn pair(&mut self) -> Result<(Self::Fd, Self::Fd)>;
    /// Looks at the next message without taking it; `EAGAIN` where there is none.
    fn peek(&mut self, socket: &Self::Fd, bytes: &mut [u8]) -> Result<Peeked<Self::Fd>>;
    /// Takes the message that was looked at.
    fn consume(&mut self, socket: &Self::Fd);
    /// Sends a message; never waits.
    fn send(&mut self, socket: &Self::Fd, bytes: &[u8], fds: &[&Self::Fd]) -> Result<()>;
    /// Who connected.
    fn credentials(&mut self, socket: &Self::Fd) -> Result<Cred>;
    /// A process's limit of locked memory, in bytes.
    fn locked_memory(&self, pid: Pid) -> u64;
    /// The group whose members may have huge pages (vm.hugetlb_shm_group).
    fn huge_group(&self) -> Option<Gid>;
    /// Readable once the process has ended.
    fn pidfd(&mut self, pid: Pid) -> Result<Self::Fd>;
    /// Whether a process that lives maps the memfd with this inode number.
    fn maps(&self, pid: Pid, ino: u64) -> bool;

    /// Whether this process runs the program in this file.
    fn runs(&self, program: &Self::Fd) -> bool;

    /// A new attach table: its file, and our mapping.
    fn make_table(&mut self, client: ClientId, cookie: u64) -> Result<(Self::Fd, Self::Table)>;
    /// Maps a table that was made.
    fn map_table(&mut self, fd: &Self::Fd) -> Result<Self::Table>;

    /// Makes a file without a name: sized, sealed, owned.
    fn make(&mut self, hidden: Option<&Self::Fd>, wish: &Wish) -> Result<Self::Fd>;
    /// What the file's inode says.
    fn facts(&self, fd: &Self::Fd) -> Result<Facts>;
    /// When its inode changed last, in nanoseconds (`st_ctime`).
    fn changed(&self, fd: &Self::Fd) -> Result<u64>;
    /// How it is open.
    fn access(&self, fd: &Self::Fd) -> Result<OpenFlags>;
    /// A description of its own.
    fn open(&mut self, fd: &Self::Fd, flags: OpenFlags) -> Result<Self::Fd>;
    /// Whether ours is the only description of the file.
    fn is_unused(&mut self, fd: &Self::Fd) -> Result<bool>;
    /// Sets owner and mode, as far as the process may.
    fn own(&mut self, fd: &Self::Fd, uid: Uid, gid: Gid, mode: u32);
    /// Sets the size.
    fn truncate(&mut self, fd: &Self::Fd, size: ByteLen) -> Result<()>;
    /// Lets the file have at least this size, and makes every page of it.
    fn populate(&mut self, fd: &Self::Fd, size: ByteLen) -> Result<()>;
    /// Maps the whole file; with `lock` its pages stay in memory.
    fn keep(&mut self, fd: &Self::Fd, lock: bool) -> Result<Self::Kept>;

    /// Gives a file of the hidden tmpfs a name.
    fn link(&mut self, hidden: &Self::Fd, file: &Self::Fd, name: &Name) -> Result<()>;
    /// Takes a name away.
    fn unlink(&mut self, hidden: &Self::Fd, name: &Name) -> Result<()>;
    /// renameat2(2)
    fn rename(&mut self, hidden: &Self::Fd, from: &Name, to: &Name, flags: u32) -> Result<()>;
    /// Gives a file one more name.
    fn link_name(&mut self, hidden: &Self::Fd, from: &Name, to: &Name) -> Result<()>;
    /// Which file has a name; nothing where none has.
    fn named(&self, hidden: &Self::Fd, name: &Name) -> Result<Option<Identity>>;
    /// Lets the hidden tmpfs have another size.
    fn resize(&mut self, hidden: &Self::Fd, size: ByteLen) -> Result<()>;
    /// A descriptor of its root for looking names up.
    fn root(&mut self, hidden: &Self::Fd) -> Result<Self::Fd>;

    /// Where durable objects are kept from here on.
    fn use_state(&mut self, _dir: &[u8]) -> Result<()> {
        Err(Errno::EOPNOTSUPP)
    }
    /// Makes the files of a durable object: pages of this size, no undo, and what it is.
    fn make_durable(&mut self, _image: &ObjectImage) -> Result<Self::Fd> {
        Err(Errno::EOPNOTSUPP)
    }
    /// Writes down what a durable object is.
    fn record(&mut self, _image: &ObjectImage) -> Result<()> {
        Err(Errno::EOPNOTSUPP)
    }
    /// Takes the files of a durable object away.
    fn erase(&mut self, _object: ObjectId) -> Result<()> {
        Err(Errno::EOPNOTSUPP)
    }
    /// A description of the undo log of a durable object.
    fn undo(&mut self, _object: ObjectId) -> Result<Self::Fd> {
        Err(Errno::EOPNOTSUPP)
    }
    /// Rolls back what an editor that has ended left of a durable object; false where somebody is editing it.
    fn roll_back(&mut self, _image: &ObjectImage) -> Result<bool> {
        Ok(true)
    }
    /// Takes away durable objects with numbers after this one: nobody has seen them.
    fn sweep(&mut self, _last: ObjectId) {}
    /// Lets a file on a disk have at least this size, with room for every page of it.
    fn allocate(&mut self, _fd: &Self::Fd, _size: ByteLen) -> Result<()> {
        Err(Errno::EOPNOTSUPP)
    }

    /// The mount of the hidden tmpfs, for somebody who attaches it.
    fn tree(&mut self, _hidden: &Self::Fd) -> Result<Self::Fd> {
        Err(Errno::EOPNOTSUPP)
    }
    /// Lets everybody make names in the root of the hidden tmpfs, and take away their own.
    fn open_to_all(&mut self, _hidden: &Self::Fd) -> Result<()> {
        Err(Errno::EOPNOTSUPP)
    }
    /// Opens the regular file that has this name; nothing where it is no regular file, or none. The description need not be
    /// for writing, and no link is followed.
    fn take_in(&mut self, _hidden: &Self::Fd, _name: &Name) -> Result<Option<Self::Fd>> {
        Err(Errno::EOPNOTSUPP)
    }
    /// What has this name, whatever it is; no link is followed. `ENOENT` where nothing has.
    fn entry(&self, _hidden: &Self::Fd, _name: &Name) -> Result<Facts> {
        Err(Errno::EOPNOTSUPP)
    }
    /// With what an open of this name fails that makes nothing, follows no link and waits for nobody; nothing where it
    /// would not. Of the flags only the access counts.
    fn attempt(&self, _hidden: &Self::Fd, _name: &Name, _flags: OpenFlags) -> Option<Errno> {
        Some(Errno::EOPNOTSUPP)
    }
    /// The regular files in the root, with their inode numbers; at most so many, and whether these were all.
    fn entries(&self, _hidden: &Self::Fd, _most: usize) -> Result<(Vec<(Name, u64)>, bool)> {
        Err(Errno::EOPNOTSUPP)
    }
    /// Tells from now on when a name is gone from the root.
    fn watch_names(&mut self, _hidden: &Self::Fd) -> Result<()> {
        Err(Errno::EOPNOTSUPP)
    }
    /// What the hidden tmpfs holds, in bytes.
    fn holds(&self, _hidden: &Self::Fd) -> Result<ByteLen> {
        Err(Errno::EOPNOTSUPP)
    }

    /// Whether this is a connection of FUSE.
    fn is_device(&self, _fd: &Self::Fd) -> bool {
        false
    }
    /// The file in which a mount's door remembers.
    fn door_state(&mut self) -> Result<Self::Fd> {
        Err(Errno::EOPNOTSUPP)
    }
    /// Numbers that such a file names.
    fn kept_by_door(&self, _state: &Self::Fd) -> Vec<i32> {
        Vec::new()
    }
    /// Opens a mount's door.
    fn open_door(
        &mut self,
        _device: &Self::Fd,
        _state: &Self::Fd,
        _hidden: &Self::Fd,
        _resumed: bool,
    ) -> Result<Box<dyn Door>> {
        Err(Errno::EOPNOTSUPP)
    }

    /// A sealed text.
    fn text(&mut self, text: &str) -> Result<Self::Fd>;
    /// A pipe: its reading end, which never waits, and its writing end.
    fn pipe(&mut self) -> Result<(Self::Fd, Self::Fd)>;
    /// Reads from a pipe; 0 at its end, `EAGAIN` where there is nothing.
    fn read(&mut self, fd: &Self::Fd, bytes: &mut [u8]) -> Result<usize>;
}

/// One client process's attach table, as the broker uses it (`shmfs_index::Table` has the contracts).
#[allow(missing_docs, reason = "the methods are those of shmfs_index::Table")]
pub trait AttachTable {
    fn client(&self) -> ClientId;
    fn cookie(&self) -> u64;
    fn pid(&self) -> Pid;
    fn set_pid(&self, pid: Pid);
    /// Lets the row of `slot` count exactly `count` attaches of `object`.
    fn set_count(&self, slot: Slot, object: ObjectId, count: u32);
    fn mark_removed(&self, slot: Slot, object: ObjectId);
    fn mark_ahead(&self, slot: Slot, object: ObjectId);
    fn count(&self, slot: Slot, object: ObjectId) -> u32;
    fn last_detach(&self, slot: Slot, object: ObjectId) -> Option<(Pid, Time)>;
    fn used(&self) -> Vec<(Slot, ObjectId, u32)>;
    fn copy_counts_from(&self, parent: &Self);
    fn detaches(&self) -> u64;
    fn opens(&self) -> u64;
    fn heard(&self) -> u64;
}
