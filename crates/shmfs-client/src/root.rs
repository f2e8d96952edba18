//! The root of the store's hidden tmpfs, in which a process looks names up by itself: the kernel answers with
//! the caller's own rights, and the broker does not hear of it.
//!
//! Only the broker's user can change names there; the store's rules for that are the engine's.
//!
//! Owns: the descriptor, which can be found without the lock; its renewal when the program closed it.
//! Leaves to others: what is looked up (`shmfs-preload`).
//! Not done: a store whose POSIX objects are memfds has no such directory: `ENOSYS`. The descriptor keeps the files
//! of a store that is gone, until the process ends.

use crate::{Client, kept::Kept, state::State};
use core::sync::atomic::{
    AtomicI32, AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};
use shmfs_abi::Errno;
use shmfs_sys::{
    AsRawFd, OwnedFd,
    fd::{self, Identity},
};

/// Number and identity of the root, readable without the lock.
pub(crate) struct Shown {
    number: AtomicI32,
    dev: AtomicU64,
    ino: AtomicU64,
}

impl Shown {
    pub(crate) const fn nothing() -> Shown {
        Shown { number: AtomicI32::new(-1), dev: AtomicU64::new(0), ino: AtomicU64::new(0) }
    }

    /// Shows what the state has. The lock is held.
    pub(crate) fn show(&self, root: Option<&Kept>) {
        let Some(root) = root else { return };
        let identity = root.identity();
        self.dev.store(identity.dev, Relaxed);
        self.ino.store(identity.ino, Relaxed);
        self.number.store(root.number(), Release);
    }

    /// Shows nothing any more.
    pub(crate) fn hide(&self) {
        self.number.store(-1, Release);
    }

    fn number(&self) -> Option<i32> {
        let number = self.number.load(Acquire);
        let identity = Identity { dev: self.dev.load(Relaxed), ino: self.ino.load(Relaxed) };
        let found = fd::identify_raw(number)?;
        (found.identity == identity).then_some(number)
    }
}

impl Client {
    /// The number of a descriptor of the directory that holds the store's names; for lookups only (`O_PATH`).
    /// The program may close it at any time, in another thread too: a call with it then meets `EBADF`.
    ///
    /// # Errors
    /// `ENOSYS` where the store has no such directory; as [`Client`] says.
    pub fn root(&self) -> Result<i32, Errno> {
        if let Some(number) = self.root.number() {
            return Ok(number);
        }
        self.with(State::fetch_root)?;
        self.root.number().ok_or(Errno::EMFILE)
    }

    /// Whether `fd` is an open directory of names of the store.
    pub fn is_root(&self, fd: i32) -> bool {
        let (dev, ino) = (self.root.dev.load(Relaxed), self.root.ino.load(Relaxed));
        dev != 0 && fd::identify_raw(fd).is_some_and(|found| found.identity == Identity { dev, ino })
    }

    /// `st_dev` of the store's hidden tmpfs, if this process or one that it is a copy of has met it.
    pub fn hidden_dev(&self) -> Option<u64> {
        Some(self.root.dev.load(Relaxed)).filter(|&dev| dev != 0)
    }

    /// Counts an object that was opened by its name in [`root`](Client::root), for the store's statistics.
    pub fn count_open(&self) {
        // A process that cannot register counts nothing.
        let _ = self.with(|state| {
            if let Some(known) = &state.registration {
                known.table.count_open();
            }
            Ok(())
        });
    }
}

impl State {
    /// Takes the root that came with a welcome. One that is in use keeps its number.
    pub(crate) fn keep_root(&mut self, fd: Option<OwnedFd>) {
        let Some(fd) = fd else { return };
        // The new one may come under the very number of one that the program has closed.
        let is_there = |known: &Kept| known.number() != fd.as_raw_fd() && known.is_itself();
        if !self.root.as_ref().is_some_and(is_there)
            && let Some(closed) = self.root.take()
        {
            closed.forget();
        }
        let Ok(given) = Kept::new(fd) else { return };
        if self.root.as_ref().is_none_or(|known| known.identity() != given.identity()) {
            self.root = Some(given);
        }
    }

    /// Makes sure that there is a root.
    fn fetch_root(&mut self) -> Result<(), Errno> {
        self.session()?;
        if self.root.as_ref().is_some_and(Kept::is_itself) {
            return Ok(());
        }
        if !self.hidden {
            return Err(Errno::ENOSYS);
        }
        // The program has closed it, or had no number left for it: it comes with each welcome.
        self.session = None;
        self.session().map(drop)
    }
}
