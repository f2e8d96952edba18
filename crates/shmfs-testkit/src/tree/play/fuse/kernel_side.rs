//! What the kernel keeps of a connection: which inodes it knows, and the files behind open ones.

use rustix::fd::OwnedFd;
use shmfs_abi::{ByteLen, Cred, Errno, Gid, Name, Shmid, Uid};
use shmfs_broker::{Face, Segment};
use shmfs_fuse::Device;
use shmfs_fuse::wire::{InvalInodeOut, OutHeader};

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use zerocopy::FromBytes;

/// Inodes, files, and the moment at which the server dies.
#[derive(Debug, Default)]
pub(super) struct KernelSide {
    /// How often each inode was told and not forgotten.
    pub(super) lookups: BTreeMap<u64, u64>,
    /// The files that it reads and writes itself, by their numbers.
    pub(super) backings: BTreeMap<i32, OwnedFd>,
    last: i32,
    /// Calls of the server to the outside until it dies; none: it lives.
    pub(super) dies_after: Option<u32>,
}

/// A server that dies in a call. It is no panic: nothing is printed.
pub(super) struct Dead;

impl KernelSide {
    /// The server calls out.
    fn called(&mut self) {
        match &mut self.dies_after {
            Some(0) => {
                self.dies_after = None;
                std::panic::resume_unwind(Box::new(Dead));
            }
            Some(calls) => *calls -= 1,
            None => {}
        }
    }
}

/// The kernel's end as the server has it.
#[derive(Clone, Debug, Default)]
pub(super) struct Shared(Arc<Mutex<KernelSide>>);

impl Shared {
    /// A server that has died in a call has left it as it was.
    pub(super) fn lock(&self) -> MutexGuard<'_, KernelSide> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Device for Shared {
    fn backing_open(&mut self, file: i32) -> Result<i32, Errno> {
        let mut side = self.lock();
        side.called();
        // The server's descriptor may be one of O_PATH; the kernel opens its own.
        let opened =
            shmfs_sys::fd::with_number(file, |file| shmfs_sys::fd::reopen(file, shmfs_abi::OpenFlags::RDWR))?;
        side.last += 1;
        let id = side.last;
        side.backings.insert(id, opened);
        Ok(id)
    }

    fn backing_close(&mut self, id: i32) {
        let mut side = self.lock();
        side.called();
        side.backings.remove(&id);
        side.called();
    }

    fn notify(&mut self, message: &[u8]) -> Result<(), Errno> {
        let mut side = self.lock();
        side.called();
        let Ok((head, rest)) = OutHeader::read_from_prefix(message) else {
            panic!("a notice without a head")
        };
        assert_eq!((head.len as usize, head.unique), (message.len(), 0), "the head of a notice");
        assert!(head.error > 0, "a notice has a code");
        let Ok((inode, _)) = InvalInodeOut::read_from_prefix(rest) else { return Ok(()) };
        let known = inode.ino == 1 || side.lookups.contains_key(&inode.ino);
        if known { Ok(()) } else { Err(Errno::ENOENT) }
    }
}

/// A store without segments.
#[derive(Debug, Default)]
pub(super) struct Bare {
    side: Shared,
    /// Whether others reach the root, and all of it.
    pub(super) shared: bool,
    pub(super) attached: bool,
    pub(super) sysv: bool,
}

impl Bare {
    pub(super) fn new(side: Shared) -> Bare {
        Bare { side, ..Bare::default() }
    }
}

impl Face for Bare {
    fn segments(&self) -> Vec<Segment> {
        Vec::new()
    }

    fn segment(&self, _: Shmid) -> Option<Segment> {
        None
    }

    fn segment_number(&self, _: Shmid) -> Option<i32> {
        None
    }

    fn remove_segment(&mut self, _: &Cred, _: Shmid) -> Result<(), Errno> {
        Err(Errno::EINVAL)
    }

    fn set_segment(&mut self, _: &Cred, _: Shmid, _: Uid, _: Gid, _: u32) -> Result<(), Errno> {
        Err(Errno::EINVAL)
    }

    fn name_changed(&mut self, _: &Name) {
        self.side.lock().called();
    }

    fn outside(&self) -> ByteLen {
        ByteLen(0)
    }

    fn is_shared(&self) -> bool {
        self.shared
    }

    fn is_attached(&self) -> bool {
        self.attached
    }

    fn sysv(&self) -> bool {
        self.sysv
    }
}
