//! How segments are found and made.
//!
//! Owns: that one of several processes makes a segment.
//! Leaves to others: segments that were found, keys and every rule (the engine).

use super::{Segment, stat::stat};
use crate::{Error, Lifetime, Result, Store};
use shmfs_abi::{ByteLen, Call, Errno, GetFlags, Key, Reply, Shmid};

/// The mode of a segment where none is chosen: its owner's alone.
const MODE: u32 = 0o600;
/// How often a segment is asked for that others make and remove meanwhile.
const ATTEMPTS: usize = 64;

/// How a segment is to be found or made, by [`Store::segment`].
///
/// ```
/// let store = shmfs::Store::embedded()?;
/// let (first, created) = store.segment(7).len(4096).mode(0o640).open_or_create()?;
/// let (second, again) = store.segment(7).len(4096).open_or_create()?;
/// assert_eq!((created, again, first.id()), (true, false, second.id()));
/// # Ok::<(), shmfs::Error>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "options do nothing until a segment is found or made with them"]
pub struct SegmentOptions {
    store: Store,
    key: Key,
    len: u64,
    mode: u32,
    lifetime: Lifetime,
}

impl Store {
    /// How the segment with this key is to be found or made.
    pub fn segment(&self, key: i32) -> SegmentOptions {
        let lifetime = Lifetime::default();
        SegmentOptions { store: self.clone(), key: Key(key), len: 0, mode: MODE, lifetime }
    }

    /// Makes a segment of `len` bytes that no key finds (`IPC_PRIVATE`); its [id](Segment::id) does.
    ///
    /// # Errors
    /// As [`SegmentOptions::create`].
    pub fn private_segment(&self, len: u64) -> Result<Segment> {
        self.segment(Key::PRIVATE.0).len(len).create()
    }

    /// The segment with this number.
    ///
    /// # Errors
    /// `EINVAL` where there is none, `EIDRM` where it was removed, `EACCES` where its mode does not let this process read.
    pub fn segment_by_id(&self, shmid: i32) -> Result<Segment> {
        let id = Shmid(shmid);
        Ok(Segment { store: self.clone(), id, len: stat(self, id, "find")?.len })
    }
}

impl SegmentOptions {
    /// Its length in bytes if it is made; the least that it must have if it is found.
    pub fn len(mut self, bytes: u64) -> SegmentOptions {
        self.len = bytes;
        self
    }

    /// Its permission bits if it is made. The umask does not count (`shmget(2)`).
    pub fn mode(mut self, mode: u32) -> SegmentOptions {
        self.mode = mode;
        self
    }

    /// How long it lives if it is made: until it is removed, or durable.
    pub fn lifetime(mut self, lifetime: Lifetime) -> SegmentOptions {
        self.lifetime = lifetime;
        self
    }

    /// Makes it; the key must be free.
    ///
    /// # Errors
    /// `EEXIST` where the key is taken; `EINVAL` for no bytes, more than SHMMAX, and lifetimes that segments do not have;
    /// `ENOSPC` where the store is full, with the numbers; `EOPNOTSUPP` for a durable one in a store without a state
    /// directory.
    pub fn create(&self) -> Result<Segment> {
        let mode = GetFlags::from_bits_retain((self.mode & 0o777) as i32);
        self.get(GetFlags::CREAT | GetFlags::EXCL | mode, "create").map(|id| self.made(id))
    }

    /// Finds it.
    ///
    /// # Errors
    /// `ENOENT` where no segment has the key; `EINVAL` where it is shorter than wanted; `EACCES` where its mode does not let
    /// this process read.
    pub fn open(&self) -> Result<Segment> {
        if self.key == Key::PRIVATE {
            // `shmget` would make one.
            return Err(Error::because(
                Errno::ENOENT,
                format!("{}: no key of 0 finds any", self.tried("open")),
            ));
        }
        let id = self.get(GetFlags::empty(), "open")?;
        self.store.segment_by_id(id.0).map_err(|error| {
            if [Errno::EINVAL, Errno::EIDRM].contains(&Errno(error.errno())) {
                return Error::because(
                    Errno::ENOENT,
                    format!("{}: it was removed meanwhile", self.tried("open")),
                );
            }
            error
        })
    }

    /// Finds it, or makes it where no segment has the key; whether it was made. Of several processes that ask at the same
    /// time, one makes it.
    ///
    /// # Errors
    /// As [`open`](SegmentOptions::open) but for `ENOENT`; as [`create`](SegmentOptions::create) but for `EEXIST`.
    pub fn open_or_create(&self) -> Result<(Segment, bool)> {
        let mut last = None;
        for _ in 0..ATTEMPTS {
            match self.open() {
                Err(error) if error.errno() == Errno::ENOENT.0 => {}
                opened => return opened.map(|segment| (segment, false)),
            }
            match self.create() {
                Err(error) if error.errno() == Errno::EEXIST.0 => last = Some(error),
                made => return made.map(|segment| (segment, true)),
            }
        }
        Err(last.unwrap_or_else(|| Error::nonsense("cannot open or create a segment")))
    }

    fn made(&self, id: Shmid) -> Segment {
        Segment { store: self.store.clone(), id, len: self.len }
    }

    fn get(&self, flags: GetFlags, verb: &str) -> Result<Shmid> {
        let tried = self.tried(verb);
        let (key, size) = (self.key, ByteLen(self.len));
        let call = match self.lifetime {
            Lifetime::Durable => Call::ShmGetDurable { key, size, flags },
            Lifetime::UntilRemoved => Call::ShmGet { key, size, flags },
            other => {
                let why = "a segment lives until it is removed, or is durable";
                return Err(Error::because(Errno::EINVAL, format!("{tried}: {why}, not {other:?}")));
            }
        };
        match self.store.ask(call, None, &tried)? {
            (Reply::Shmid(id), _) => Ok(id),
            _ => Err(Error::nonsense(tried)),
        }
    }

    fn tried(&self, verb: &str) -> String {
        format!("cannot {verb} the segment with key {:#010x}", self.key.0)
    }
}
