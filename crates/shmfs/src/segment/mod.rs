//! System V segments: shared memory with a number, and with a key by which strangers find it.
//!
//! Owns: the handle, its attaches.
//! Leaves to others: keys and numbers, every rule (the engine), counting attaches (`shmfs-client`).
//! Not done: huge pages (`SHM_HUGETLB`), attaching at an address, lifetimes but until removed and
//! durable.

mod options;
mod stat;

pub use options::SegmentOptions;
pub use stat::SegmentStat;

use crate::{Durable, Error, Mapping, Result, Store};
use shmfs_abi::{AttachFlags, Call, Errno, Gid, Lifetime, Part, Reply, Shmid, Uid};
use shmfs_sys::view::View;
use stat::stat;
use std::fmt;
use std::sync::Arc;

/// A System V segment. It stays until it is [removed](Segment::remove) and nobody is attached to it; its length never
/// changes. Other processes find it by its key, programs that know nothing of this library too (`shmget(2)`, under
/// `shm run`).
///
/// ```
/// use shmfs::Store;
/// let store = Store::embedded()?;
/// let segment = store.segment(0x5eed).len(100).create()?;
/// let mapping = segment.attach()?;
/// mapping.write_at(0, b"attached")?;
///
/// let same = store.segment(0x5eed).open()?;
/// assert_eq!(same.attach_read_only()?.window(..8)?.to_vec()?, b"attached");
/// assert_eq!(same.stat()?.attaches, 1);
/// same.remove()?;                       // when the last one detaches
/// drop(mapping);
/// assert_eq!(segment.stat().unwrap_err().errno(), 22); // EINVAL: there is no such segment
/// # Ok::<(), shmfs::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Segment {
    store: Store,
    id: Shmid,
    len: u64,
}

/// An attach of this process, which ends when this is dropped.
pub(crate) struct Attach {
    store: Store,
    address: usize,
}

impl Segment {
    /// Its number (`shmid`), by which every process of the store finds it: [`Store::segment_by_id`].
    pub fn id(&self) -> i32 {
        self.id.0
    }

    /// Its key; 0, `IPC_PRIVATE`, where it has none or is removed.
    ///
    /// # Errors
    /// As [`stat`](Segment::stat).
    pub fn key(&self) -> Result<i32> {
        self.stat().map(|stat| stat.key)
    }

    /// Its length in bytes.
    #[allow(clippy::len_without_is_empty, reason = "a segment is never empty")]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Maps it for reading and writing; dropping the mapping detaches it.
    ///
    /// # Errors
    /// `EIDRM` or `EINVAL` where it is gone, `EACCES` where its mode does not allow it, `ENOMEM`, `EMFILE`.
    pub fn attach(&self) -> Result<Mapping> {
        self.map(AttachFlags::empty())
    }

    /// Maps it for reading.
    ///
    /// # Errors
    /// As [`attach`](Segment::attach).
    pub fn attach_read_only(&self) -> Result<Mapping> {
        self.map(AttachFlags::RDONLY)
    }

    fn map(&self, flags: AttachFlags) -> Result<Mapping> {
        let refused = |errno| Error::kernel(errno, format_args!("cannot attach segment {}", self.id.0));
        let len = usize::try_from(self.len).map_err(|_| refused(Errno::ENOMEM))?;
        let address = self.store.client().shmat(self.id.0, 0, flags.bits()).map_err(refused)?;
        let attach = Attach { store: self.store.clone(), address };
        let view = View::placed(address, len, !flags.contains(AttachFlags::RDONLY));
        let view = view.ok_or_else(|| refused(Errno::ENOMEM))?;
        Ok(Mapping::attached(view, Arc::from(format!("segment {}", self.id.0)), attach))
    }

    /// Its state.
    ///
    /// # Errors
    /// `EINVAL` or `EIDRM` where it is gone, `EACCES` where its mode does not let this process read.
    pub fn stat(&self) -> Result<SegmentStat> {
        stat(&self.store, self.id, "look at")
    }

    /// Gives it another owner, group and mode (`IPC_SET`).
    ///
    /// # Errors
    /// `EPERM` where this process is neither its owner nor its creator; `EINVAL` or `EIDRM` where it is gone.
    pub fn set(&self, uid: u32, gid: u32, mode: u32) -> Result<()> {
        let call = Call::ShmSet { shmid: self.id, uid: Uid(uid), gid: Gid(gid), mode };
        self.store.ask_done(call, format_args!("cannot change segment {}", self.id.0))
    }

    /// Removes it (`IPC_RMID`): no key finds it any more, and it goes when nobody is attached.
    ///
    /// # Errors
    /// `EPERM` where this process is neither its owner nor its creator; `EINVAL` or `EIDRM` where it is gone.
    pub fn remove(&self) -> Result<()> {
        let call = Call::ShmRemove { shmid: self.id };
        self.store.ask_done(call, format_args!("cannot remove segment {}", self.id.0))
    }

    /// The segment as one that is edited in epochs, each of which is there after a crash wholly or not at all. It counts as
    /// attached until the [`Durable`] is dropped.
    ///
    /// # Errors
    /// `EINVAL` where its lifetime is another than [`Lifetime::Durable`](crate::Lifetime::Durable); as [`attach`](Segment::attach).
    pub fn durable(&self) -> Result<Durable> {
        let tried = format_args!("cannot edit segment {}", self.id.0);
        let mapping = self.attach()?;
        let mut number = None;
        self.store.rows(|row| {
            let found = row.shmid == Some(self.id);
            if found {
                number = Some((row.object, row.lifetime));
            }
            !found
        })?;
        let Some((object, Lifetime::Durable)) = number else {
            let why = "it is not durable: that is chosen when a segment is created";
            return Err(Error::because(Errno::EINVAL, format!("{tried}: {why}")));
        };
        match self.store.ask(Call::Fetch { object, part: Part::Write }, None, tried)? {
            (Reply::Fetched { .. }, Some(pages)) => Durable::open(&self.store, object, mapping, pages),
            (Reply::Fetched { .. }, None) => Err(Error::kernel(Errno::EMFILE, tried)),
            _ => Err(Error::nonsense(tried)),
        }
    }
}

impl Drop for Attach {
    fn drop(&mut self) {
        // It fails where somebody has unmapped it already, or mapped something else over it.
        let _ = self.store.client().shmdt(self.address);
    }
}

impl fmt::Debug for Attach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Attach({:#x})", self.address)
    }
}
