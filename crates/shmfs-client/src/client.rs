//! One process's side of its store.
//!
//! Owns: the lock.
//! Leaves to others: what happens behind it.

use crate::library::Opens;
use crate::root::Shown;
use crate::state::{Source, State};
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use shmfs_abi::Errno;
use shmfs_sys::lock::Lock;

/// One process's side of its store. It lives in a `static`; nothing happens before the first call.
///
/// # Errors
/// Besides what a call says itself, each can fail with
/// `ENOSYS` where the process has no store, or is a child of vfork;
/// `ECONNREFUSED` where the store is gone, before it was asked or after;
/// `EACCES` where the store does not admit this user;
/// `EMFILE`, `ENFILE` or `ENOMEM` where the process or the system has no descriptor or memory left;
/// `EPROTO` where the broker speaks another version of the protocol, or nonsense. No call ever goes to the
/// kernel's own shared memory instead.
///
/// A broker that is killed and followed by another is no error: the call waits for that one's answer, and is
/// done once.
pub struct Client {
    pub(crate) state: Lock<State>,
    armed: AtomicBool,
    /// `st_dev` of POSIX objects, 0 before the first connection; readable without the lock.
    tmpfs_dev: AtomicU64,
    pub(crate) root: Shown,
    pub(crate) opens: Opens,
}

impl Client {
    /// A client that has not connected. At the first call that needs a store, and until it says which, `source`
    /// is asked; it must not call the client.
    pub const fn new(source: fn() -> Result<crate::Settings, Errno>) -> Client {
        let source: Source = source;
        Client {
            state: Lock::new(State::new(source)),
            armed: AtomicBool::new(false),
            tmpfs_dev: AtomicU64::new(0),
            root: Shown::nothing(),
            opens: Opens::none(),
        }
    }

    /// Runs `act` with this process's state, signals blocked.
    pub(crate) fn with<R>(&self, act: impl FnOnce(&mut State) -> Result<R, Errno>) -> Result<R, Errno> {
        self.state.with(|state| {
            if !self.armed.load(Relaxed) {
                self.state.arm()?;
                self.armed.store(true, Relaxed);
            }
            state.claim()?;
            let done = act(state);
            self.tmpfs_dev.store(state.tmpfs_dev, Relaxed);
            self.root.show(state.root.as_ref());
            done
        })
    }

    /// `st_dev` of POSIX objects, if this process or one that it is a copy of has ever connected.
    pub(crate) fn tmpfs_dev(&self) -> Option<u64> {
        Some(self.tmpfs_dev.load(Relaxed)).filter(|&dev| dev != 0)
    }
}
