//! What the event loop waits for: each source has a number in one space.

use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::fd::{AsFd, OwnedFd};
use shmfs_abi::{ClientId, Errno};
use std::mem::MaybeUninit;

/// Events taken at one wait.
const BATCH: usize = 256;

/// A connection's number. Never reused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct ConnectionId(pub(crate) u64);

/// A source of events.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Source {
    /// The socket that listens.
    Listener,
    /// The descriptions that are watched for their end.
    Watch,
    /// The pipe whose end says that the store's command has ended.
    Hold,
    /// The pipe that asks the broker to stop.
    Stop,
    /// A connection.
    Connection(ConnectionId),
    /// A client's pidfd.
    Process(ClientId),
    /// A pipe on which a limit is written.
    Writer(u64),
}

// The lowest two bits tell connections, processes and writers from the rest.
impl Source {
    fn number(self) -> u64 {
        match self {
            Source::Listener => 0,
            Source::Watch => 4,
            Source::Hold => 8,
            Source::Stop => 12,
            Source::Connection(id) => id.0 << 2 | 1,
            Source::Process(client) => client.0 << 2 | 2,
            Source::Writer(writer) => writer << 2 | 3,
        }
    }

    fn from_number(number: u64) -> Option<Source> {
        match (number & 3, number) {
            (0, 0) => Some(Source::Listener),
            (0, 4) => Some(Source::Watch),
            (0, 8) => Some(Source::Hold),
            (0, 12) => Some(Source::Stop),
            (1, _) => Some(Source::Connection(ConnectionId(number >> 2))),
            (2, _) => Some(Source::Process(ClientId(number >> 2))),
            (3, _) => Some(Source::Writer(number >> 2)),
            _ => None,
        }
    }
}

/// The set of sources.
pub(crate) struct Events {
    epoll: OwnedFd,
}

impl Events {
    pub(crate) fn new() -> Result<Events, Errno> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).map_err(errno)?;
        Ok(Events { epoll })
    }

    /// Waits for `source` from now on; level-triggered.
    pub(crate) fn add(&self, fd: impl AsFd, source: Source) -> Result<(), Errno> {
        epoll::add(&self.epoll, fd, EventData::new_u64(source.number()), EventFlags::IN).map_err(errno)
    }

    /// Waits no longer for it. Needed where the description may outlive our descriptor.
    pub(crate) fn remove(&self, fd: impl AsFd) {
        if let Err(error) = epoll::delete(&self.epoll, fd) {
            tracing::debug!(%error, "the source was not among the events");
        }
    }

    /// The sources that have something, after at most `milliseconds` when given.
    pub(crate) fn wait(&self, milliseconds: Option<u32>) -> Result<Vec<Source>, std::io::Error> {
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

fn errno(error: rustix::io::Errno) -> Errno {
    Errno(error.raw_os_error())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_source_comes_back_from_its_number() {
        for source in [
            Source::Listener,
            Source::Watch,
            Source::Hold,
            Source::Stop,
            Source::Connection(ConnectionId(0)),
            Source::Connection(ConnectionId(u64::MAX >> 2)),
            Source::Process(ClientId(7)),
            Source::Writer(9),
        ] {
            assert_eq!(Source::from_number(source.number()), Some(source));
        }
        assert_eq!(Source::from_number(16), None);
    }
}
