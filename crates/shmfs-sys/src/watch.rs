//! Hearing that a description of a file has gone: its last descriptor closed and its last mapping unmapped, in
//! whatever process and however it ended; and that a name has gone from a directory.
//!
//! Owns: one inotify queue.
//! Leaves to others: who it was; events merge, so they are a hint to ask (`lease`).

use crate::{Errno, Result, errno, text::fd_path};
use core::mem::MaybeUninit;
use rustix::{
    fd::{AsFd, BorrowedFd, OwnedFd},
    fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags},
};
use shmfs_abi::Name;

/// One watched file, as long as it is watched.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct WatchId(pub i32);

/// What the queue tells.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(clippy::large_enum_variant, reason = "one exists at a time, on the stack; no_std without alloc")]
pub enum Drained {
    /// At least one description of this file has gone.
    Closed(WatchId),
    /// This name is gone from this directory, or moved.
    Left(WatchId, Name),
    /// The file is not watched any more: removed, or itself gone.
    Ended(WatchId),
    /// The queue was full and events are lost: ask about every file.
    Overflow,
}

/// A queue of events: readable when there are some, close-on-exec, never blocking.
#[derive(Debug)]
pub struct Watch(OwnedFd);

/// Bytes read at once: some hundred events of 16 bytes.
const BUFFER: usize = 4096;

impl Watch {
    /// An empty queue.
    ///
    /// # Errors
    /// As `inotify_init1(2)`: `EMFILE` beyond the user's number of queues.
    pub fn new() -> Result<Watch> {
        inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).map(Watch).map_err(errno)
    }

    /// Watches the file behind `fd`. A file that is watched already keeps its id.
    ///
    /// # Errors
    /// As `inotify_add_watch(2)`: `ENOSPC` beyond the user's number of watches, `EACCES` without read permission.
    pub fn add_close(&self, fd: BorrowedFd<'_>) -> Result<WatchId> {
        let closes = WatchFlags::CLOSE_WRITE | WatchFlags::CLOSE_NOWRITE;
        inotify::add_watch(&self.0, fd_path(fd).as_c_str(), closes).map(WatchId).map_err(errno)
    }

    /// Watches the directory behind `fd` for names that go.
    ///
    /// # Errors
    /// As [`add_close`](Watch::add_close).
    pub fn add_names(&self, fd: BorrowedFd<'_>) -> Result<WatchId> {
        let leaves = WatchFlags::DELETE | WatchFlags::MOVED_FROM | WatchFlags::ONLYDIR;
        inotify::add_watch(&self.0, fd_path(fd).as_c_str(), leaves).map(WatchId).map_err(errno)
    }

    /// Watches a file no longer; [`Drained::Ended`] follows.
    ///
    /// # Errors
    /// `EINVAL` if it is not watched.
    pub fn remove(&self, id: WatchId) -> Result<()> {
        inotify::remove_watch(&self.0, id.0).map_err(errno)
    }

    /// Takes all events out of the queue.
    ///
    /// # Errors
    /// As `read(2)`.
    pub fn drain(&self, mut act: impl FnMut(Drained)) -> Result<()> {
        let mut buffer = [MaybeUninit::uninit(); BUFFER];
        let mut reader = Reader::new(&self.0, &mut buffer);
        loop {
            match reader.next().map_err(errno) {
                Ok(event) if event.events().contains(ReadFlags::QUEUE_OVERFLOW) => act(Drained::Overflow),
                Ok(event) if event.events().contains(ReadFlags::IGNORED) => {
                    act(Drained::Ended(WatchId(event.wd())));
                }
                Ok(event) => {
                    let watch = WatchId(event.wd());
                    match event.file_name().map(|name| Name::new(name.to_bytes())) {
                        None => act(Drained::Closed(watch)),
                        Some(Ok(name)) => act(Drained::Left(watch, name)),
                        // No directory has such a name.
                        Some(Err(_)) => {}
                    }
                }
                Err(Errno::EAGAIN) => return Ok(()),
                Err(Errno::EINTR) => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl AsFd for Watch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
