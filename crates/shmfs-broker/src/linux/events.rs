//! The set of sources that the loop waits for, by epoll.

use super::errno;
use crate::os::BATCH;
use crate::source::Source;
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::fd::{AsFd, AsRawFd, OwnedFd};
use shmfs_abi::Errno;
use std::mem::MaybeUninit;

/// The set of sources.
pub(super) struct Events {
    epoll: OwnedFd,
}

impl Events {
    pub(super) fn new() -> Result<Events, Errno> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).map_err(errno)?;
        Ok(Events { epoll })
    }

    pub(super) fn number(&self) -> i32 {
        self.epoll.as_raw_fd()
    }

    /// Waits for `source` from now on; level-triggered.
    pub(super) fn add(&self, fd: impl AsFd, source: Source) -> Result<(), Errno> {
        epoll::add(&self.epoll, fd, EventData::new_u64(source.number()), EventFlags::IN).map_err(errno)
    }

    /// Waits no longer for it. Needed where the description may outlive our descriptor.
    pub(super) fn remove(&self, fd: impl AsFd) {
        if let Err(error) = epoll::delete(&self.epoll, fd) {
            tracing::debug!(%error, "the source was not among the events");
        }
    }

    /// The sources that have something, after at most `milliseconds` when given.
    pub(super) fn wait(&self, milliseconds: Option<u32>) -> Result<Vec<Source>, std::io::Error> {
        let timeout = milliseconds.map(|ms| rustix::event::Timespec {
            tv_sec: i64::from(ms / 1000),
            tv_nsec: i64::from(ms % 1000) * 1_000_000,
        });
        let mut batch = [MaybeUninit::<epoll::Event>::uninit(); BATCH];
        match epoll::wait(&self.epoll, &mut batch, timeout.as_ref()) {
            Ok((events, _)) => {
                Ok(events.iter().filter_map(|event| Source::from_number(event.data.u64())).collect())
            }
            Err(rustix::io::Errno::INTR) => Ok(Vec::new()),
            Err(error) => Err(error.into()),
        }
    }
}
