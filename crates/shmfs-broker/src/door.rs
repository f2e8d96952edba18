//! The mount's door, as the broker sees it: something that serves requests of its own on a descriptor of its own.
//!
//! The program that runs the broker passes in how such a door is made ([`DoorMaker`]); the broker knows nothing of the
//! requests. Its device and its state lie in the descriptor table that outlives a broker, so that the next one opens the
//! door again.
//!
//! Owns: the words between the two.
//! Leaves to others: the requests (`shmfs-fuse`), when it is opened and closed (`mounted`), what the store says (`face`).

use rustix::fd::{BorrowedFd, OwnedFd};
use shmfs_abi::{ByteLen, Cred, Errno, Gid, Key, Name, Shmid, Time, Uid};

/// A door that is served in the broker's turns, by requests of its own on a descriptor of its own.
/// An embedded broker has a thread of its own, and its doors go there with it.
pub trait Door: Send {
    /// Serves requests that wait, a bounded number of them.
    fn serve(&mut self, face: &mut dyn Face) -> Served;
    /// From now on others than this door reach the files of the root: what the kernel keeps of them is dropped.
    fn become_shared(&mut self);
    /// The store itself has changed names of the root, without being asked by the door.
    fn names_changed(&mut self);
}

/// How a door is after it has served.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Served {
    /// There may be more.
    Open,
    /// It was unmounted: nothing comes any more.
    Closed,
}

/// What a door sees of its store.
pub trait Face {
    /// The segments that can be found, by their ids.
    fn segments(&self) -> Vec<Segment>;
    /// One segment, also one that is marked for removal and still attached.
    fn segment(&self, shmid: Shmid) -> Option<Segment>;
    /// The number of its file in the descriptor table.
    fn segment_number(&self, shmid: Shmid) -> Option<i32>;
    /// `IPC_RMID`; it is done for good when this returns.
    ///
    /// # Errors
    /// As `shmctl(2)`.
    fn remove_segment(&mut self, caller: &Cred, shmid: Shmid) -> Result<(), Errno>;
    /// `IPC_SET`; it is done for good when this returns.
    ///
    /// # Errors
    /// As `shmctl(2)`.
    fn set_segment(
        &mut self,
        caller: &Cred,
        shmid: Shmid,
        uid: Uid,
        gid: Gid,
        mode: u32,
    ) -> Result<(), Errno>;
    /// A name of the root may show another file than before, or none.
    fn name_changed(&mut self, name: &Name);
    /// What is charged and does not lie in the hidden tmpfs, in bytes.
    fn outside(&self) -> ByteLen;
    /// Whether others than the door reach the files of the root, or ever did.
    fn is_shared(&self) -> bool;
    /// Whether others than the door reach the whole tree, or ever did: it was attached elsewhere (`Tree`).
    fn is_attached(&self) -> bool;
    /// Whether segments are shown.
    fn sysv(&self) -> bool;
}

/// A segment as a door shows it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Segment {
    /// Its id.
    pub shmid: Shmid,
    /// Its key; `IPC_PRIVATE` where it has none any more.
    pub key: Key,
    /// Owner.
    pub uid: Uid,
    /// Owner's group.
    pub gid: Gid,
    /// Permission bits, without marks.
    pub mode: u32,
    /// Size in bytes, as it was asked for.
    pub size: ByteLen,
    /// In memory, in bytes.
    pub allocated: ByteLen,
    /// Last attach; 0 for never.
    pub attached: Time,
    /// Last detach; 0 for never.
    pub detached: Time,
    /// Creation or last change.
    pub changed: Time,
    /// Marked for removal.
    pub removed: bool,
}

/// How a mount's door is made. A broker without it refuses to mount.
#[derive(Clone, Copy)]
pub struct DoorMaker {
    /// Makes the file in which a door remembers what it has begun.
    pub state: fn() -> Result<OwnedFd, Errno>,
    /// The numbers of the descriptor table that such a file names: they are left open when a broker begins.
    pub kept: fn(BorrowedFd<'_>) -> Vec<i32>,
    /// Opens a door. Unless it is resumed, nothing is read from the device yet: that the door is open is not written
    /// down before this returns.
    pub open: fn(DoorFiles<'_>) -> Result<Box<dyn Door>, Errno>,
}

/// What a door is opened with. All of it stays open as long as the door does, under the same numbers.
#[derive(Clone, Copy)]
pub struct DoorFiles<'f> {
    /// The connection to the kernel: /dev/fuse of a mount.
    pub device: BorrowedFd<'f>,
    /// The file that [`DoorMaker::state`] made.
    pub state: BorrowedFd<'f>,
    /// The mount of the hidden tmpfs.
    pub hidden: BorrowedFd<'f>,
    /// Whether a broker before this one has served it.
    pub resumed: bool,
}
