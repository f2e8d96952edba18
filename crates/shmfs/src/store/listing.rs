//! What is in a store, for programs that look.

use super::Store;
use crate::{Error, Lifetime, Result};
use shmfs_abi::{Call, CallName, ObjectId, Reply, Row, limits};
use std::time::{Duration, SystemTime};

/// What an object of a store is.
///
/// ```
/// use shmfs::{Kind, Store};
/// let store = Store::embedded()?;
/// let (_object, _memory) = (store.create("a", 1)?, store.anonymous("b", 1)?);
/// let kinds: Vec<Kind> = store.list()?.iter().map(|entry| entry.kind).collect();
/// assert_eq!(kinds, [Kind::Object, Kind::Anonymous]);
/// # Ok::<(), shmfs::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Kind {
    /// A System V segment.
    Segment,
    /// A POSIX shared memory object.
    Object,
    /// A POSIX named semaphore.
    Semaphore,
    /// Anonymous memory, made by [`Store::anonymous`].
    Anonymous,
}

/// One object of a store, as [`Store::list`] found it.
///
/// ```
/// use shmfs::{Kind, Store};
/// let store = Store::embedded()?;
/// let segment = store.segment(0x5eed).len(100).create()?;
/// let entry = store.list()?.remove(0);
/// assert_eq!((entry.kind, entry.key, entry.size), (Kind::Segment, Some(0x5eed), 100));
/// assert_eq!(entry.shmid, Some(segment.id()));
/// # Ok::<(), shmfs::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Entry {
    /// Its number in the store, which no other object ever has there.
    pub number: u64,
    /// What it is.
    pub kind: Kind,
    /// Its name, while it has one; the label of anonymous memory. Bytes, as on Linux.
    pub name: Option<Vec<u8>>,
    /// System V: its id.
    pub shmid: Option<i32>,
    /// System V: its key; 0 is `IPC_PRIVATE`.
    pub key: Option<i32>,
    /// Its size in bytes.
    pub size: u64,
    /// What of it is in memory, in bytes.
    pub allocated: u64,
    /// System V: attaches.
    pub attaches: Option<u64>,
    /// Permission bits.
    pub mode: u32,
    /// Its owner.
    pub uid: u32,
    /// Its owner's group.
    pub gid: u32,
    /// The process that created it.
    pub creator: i32,
    /// Whether it was unlinked or removed, and lives on because somebody uses it.
    pub removed: bool,
    /// How long it lives.
    pub lifetime: Lifetime,
    /// Whether its writers take the [guard](crate::Object::guard).
    pub guarded: bool,
    /// When it was created.
    pub created: SystemTime,
}

/// What a store uses and has served, as [`Store::usage`] found it.
///
/// ```
/// let store = shmfs::Store::embedded()?;
/// let frames = store.create("frames", 5000)?;
/// let usage = store.usage()?;
/// assert_eq!((usage.used, usage.objects), (8192, 1));
/// assert_eq!(usage.calls("shm_open"), Some(1));
/// # Ok::<(), shmfs::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Usage {
    /// The limit in bytes.
    pub size: u64,
    /// Charged against the limit, in bytes; sizes are charged in whole pages.
    pub used: u64,
    /// The most that was ever charged, in bytes.
    pub peak: u64,
    /// In memory, in bytes.
    pub allocated: u64,
    /// System V segments at the moment.
    pub segments: u64,
    /// POSIX objects and semaphores at the moment.
    pub objects: u64,
    /// Anonymous objects at the moment.
    pub anonymous: u64,
    /// Objects without a name that processes still hold.
    pub unnamed: u64,
    /// Processes in the store at the moment.
    pub clients: u64,
    /// How often its broker was started anew.
    pub restarts: u64,
    /// The broker's process.
    pub broker: i32,
    calls: Vec<u64>,
}

impl Usage {
    /// How many calls the store has served under this name, which is that of the C function: "shm_open", "shmget",
    /// "anonymous"; nothing for a name that it does not count.
    pub fn calls(&self, name: &str) -> Option<u64> {
        let index = CallName::ALL.iter().position(|known| known.text() == name)?;
        self.calls.get(index).copied()
    }
}

impl Store {
    /// Every object of the store, in the order in which they were created.
    ///
    /// # Errors
    /// `ECONNREFUSED` where the store is gone.
    pub fn list(&self) -> Result<Vec<Entry>> {
        let mut entries = Vec::new();
        self.rows(|row| {
            entries.push(Entry::of(row));
            true
        })?;
        Ok(entries)
    }

    /// What the store uses and has served.
    ///
    /// # Errors
    /// `ECONNREFUSED` where the store is gone.
    pub fn usage(&self) -> Result<Usage> {
        let tried = "cannot measure the store";
        match self.ask(Call::Usage, None, tried)? {
            (Reply::Usage(usage), _) => Ok(Usage::of(&usage)),
            _ => Err(Error::nonsense(tried)),
        }
    }

    /// Shows one row after the other, for as long as the answer is true.
    pub(crate) fn rows(&self, mut show: impl FnMut(&Row) -> bool) -> Result<()> {
        let tried = "cannot list the store";
        let mut after = ObjectId(0);
        // Objects are made while we look; the bound ends a listing that they outrun.
        for _ in 0..limits::OBJECTS + limits::SLOTS as usize {
            match self.ask(Call::Next { after }, None, tried)? {
                (Reply::Row(row), _) if show(&row) => after = row.object,
                (Reply::Row(_) | Reply::End, _) => break,
                _ => return Err(Error::nonsense(tried)),
            }
        }
        Ok(())
    }
}

impl Entry {
    fn of(row: &Row) -> Entry {
        Entry {
            number: row.object.0,
            kind: match row.kind {
                shmfs_abi::Kind::Segment => Kind::Segment,
                shmfs_abi::Kind::Object => Kind::Object,
                shmfs_abi::Kind::Semaphore => Kind::Semaphore,
                shmfs_abi::Kind::Anonymous => Kind::Anonymous,
            },
            name: row.name.map(|name| name.as_bytes().to_vec()),
            shmid: row.shmid.map(|shmid| shmid.0),
            key: row.key.map(|key| key.0),
            size: row.size.0,
            allocated: row.allocated.0,
            attaches: row.nattch,
            mode: row.mode,
            uid: row.uid.0,
            gid: row.gid.0,
            creator: row.cpid.0,
            removed: row.removed,
            lifetime: row.lifetime.into(),
            guarded: row.guarded,
            created: time(row.created),
        }
    }
}

impl Usage {
    fn of(usage: &shmfs_abi::Usage) -> Usage {
        Usage {
            size: usage.size.0,
            used: usage.used.0,
            peak: usage.peak.0,
            allocated: usage.allocated.0,
            segments: usage.sysv,
            objects: usage.posix,
            anonymous: usage.anon,
            unnamed: usage.unnamed,
            clients: usage.clients,
            restarts: usage.restarts,
            broker: usage.broker.0,
            calls: usage.calls.to_vec(),
        }
    }
}

fn time(time: shmfs_abi::Time) -> SystemTime {
    let nanos = Duration::from_nanos(u64::from(time.nanos));
    let seconds = Duration::from_secs(time.seconds.unsigned_abs());
    let moment = if time.seconds < 0 {
        SystemTime::UNIX_EPOCH.checked_sub(seconds)
    } else {
        SystemTime::UNIX_EPOCH.checked_add(seconds)
    };
    moment.and_then(|moment| moment.checked_add(nanos)).unwrap_or(SystemTime::UNIX_EPOCH)
}
