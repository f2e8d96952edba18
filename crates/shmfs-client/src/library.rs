//! What the library needs besides the calls of C: any call, with the words of its refusal; names that are opened
//! without a message; a client that joins one store after the other.
//!
//! Owns: opened names that are not counted yet.
//! Leaves to others: what the calls mean (the engine), the library's types (`shmfs`).

use crate::{Client, Settings, connect::Failure, state::State};
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use shmfs_abi::{Call, Errno, Reply};
use shmfs_sys::{BorrowedFd, OwnedFd, fd, tmpfs};
use shmfs_wire::Refused;

impl Client {
    /// A client of no store: [`join`](Client::join) says which. Until then every call is `ENOSYS`.
    pub const fn idle() -> Client {
        Client::new(|| Err(Errno::ENOSYS))
    }

    /// Becomes a client of this store; nothing happens before the first call. A store that it was in before must have
    /// been [left](Client::leave).
    ///
    /// # Errors
    /// `EBUSY` while it has attaches or open semaphores of another store.
    pub fn join(&self, settings: Settings) -> Result<(), Errno> {
        self.with(|state| {
            if state.attaches.len() + state.semaphores.len() > 0 {
                return Err(Errno::EBUSY);
            }
            state.leave();
            state.join(settings);
            Ok(())
        })
    }

    /// Is a client of no store any more: the store forgets it, as if the process had ended.
    ///
    /// # Errors
    /// `EBUSY` while it has attaches or open semaphores.
    pub fn leave(&self) -> Result<(), Errno> {
        let left = self.with(|state| {
            if state.attaches.len() + state.semaphores.len() > 0 {
                return Err(Errno::EBUSY);
            }
            self.opens.count(state);
            state.leave();
            Ok(())
        });
        self.root.hide();
        left
    }

    /// Puts any call to the store, with at most one descriptor each way.
    ///
    /// # Errors
    /// The store's refusal with its words, or one of our own, as [`Client`] says.
    #[allow(
        clippy::result_large_err,
        reason = "no heap to put the reason on; it lives on the stack for a moment"
    )]
    pub fn call(
        &self,
        call: Call,
        descriptor: Option<BorrowedFd<'_>>,
    ) -> Result<(Reply, Option<OwnedFd>), Refused> {
        let mut refused = None;
        let answer = self.with(|state| {
            self.opens.count(state);
            let asked = match descriptor {
                Some(fd) => state.ask_with(&call, &[fd]),
                None => state.ask_with(&call, &[]),
            };
            asked.map_err(|failure| {
                let errno = failure.errno();
                if let Failure::Refused(words) = failure {
                    refused = Some(words);
                }
                errno
            })
        });
        match answer {
            Ok(answer) => Ok((answer.reply, answer.fd)),
            Err(errno) => Err(refused.unwrap_or_else(|| Refused::new(errno, broken(errno)))),
        }
    }

    /// Opens what has this name, for reading or for reading and writing, by the kernel alone: no message goes to the
    /// store. Its statistics count it with the next call of this client, or with one of its next 64 opens.
    ///
    /// # Errors
    /// As `open(2)`; `ENOSYS` where the store has no directory of names, and `ENOENT` for names that are not in it,
    /// as durable objects' are not: then the store is to be asked.
    pub fn open_known(&self, name: &[u8], write: bool) -> Result<OwnedFd, Errno> {
        let opened = fd::with_number(self.root()?, |root| tmpfs::open_below(root, name, write));
        if opened.is_ok() && self.opens.one_more() {
            // A process that cannot register counts nothing.
            let _ = self.with(|state| {
                self.opens.count(state);
                Ok(())
            });
        }
        opened
    }
}

/// How many opens are counted at once: the lock and the signals cost as much as half an open.
const BATCH: u64 = 64;

/// Opened names, as this process counts them for its table.
pub(crate) struct Opens {
    all: AtomicU64,
    /// So many of them the table has, or nobody will count.
    done: AtomicU64,
}

impl Opens {
    pub(crate) const fn none() -> Opens {
        Opens { all: AtomicU64::new(0), done: AtomicU64::new(0) }
    }

    /// One more; whether it is time to count: at the first, and at each that completes a batch.
    fn one_more(&self) -> bool {
        self.all.fetch_add(1, Relaxed).is_multiple_of(BATCH)
    }

    /// Those that are not counted yet; they count as done from here on. The lock is held.
    pub(crate) fn take(&self) -> u64 {
        let all = self.all.load(Relaxed);
        all.wrapping_sub(self.done.swap(all, Relaxed))
    }

    /// Counts in the process's table what is not counted yet.
    fn count(&self, state: &State) {
        if let Some(known) = &state.registration {
            match self.take() {
                0 => {}
                number => known.table.count_opens(number),
            }
        }
    }
}

/// What stands in the place of a refusal's words where the store said none.
const fn broken(errno: Errno) -> &'static str {
    match errno {
        Errno::ENOSYS => "no store was joined",
        Errno::ECONNREFUSED => "the store is gone",
        Errno::EACCES => "the store does not admit this user",
        Errno::EPROTO => "the store speaks another protocol",
        _ => "the call did not reach the store",
    }
}

impl State {
    /// Gives up everything that belongs to a store.
    fn leave(&mut self) {
        self.session = None;
        self.registration = None;
        self.root = None;
        self.unborn = None;
        self.tmpfs_dev = 0;
        self.hidden = false;
        self.forget_store();
    }
}
