//! What the loop waits for: each source has a number in one space.

use shmfs_abi::ClientId;
use shmfs_journal::ConnectionId;

/// A source of events.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Source {
    /// The socket that listens.
    Listener,
    /// The descriptions that are watched for their end.
    Watch,
    /// The pipe whose end says that the store's command has ended.
    Hold,
    /// What asks the broker to stop.
    Stop,
    /// The keeper's pidfd.
    Keeper,
    /// The connection of the store's mount.
    Door,
    /// A connection.
    Connection(ConnectionId),
    /// A client's pidfd.
    Process(ClientId),
    /// A pipe on which a limit is written.
    Writer(u64),
}

// The lowest two bits tell connections, processes and writers from the rest.
impl Source {
    /// The number that the kernel keeps for us.
    pub fn number(self) -> u64 {
        match self {
            Source::Listener => 0,
            Source::Watch => 4,
            Source::Hold => 8,
            Source::Stop => 12,
            Source::Keeper => 16,
            Source::Door => 20,
            Source::Connection(id) => id.0 << 2 | 1,
            Source::Process(client) => client.0 << 2 | 2,
            Source::Writer(writer) => writer << 2 | 3,
        }
    }

    /// The source with this number.
    pub fn from_number(number: u64) -> Option<Source> {
        match (number & 3, number) {
            (0, 0) => Some(Source::Listener),
            (0, 4) => Some(Source::Watch),
            (0, 8) => Some(Source::Hold),
            (0, 12) => Some(Source::Stop),
            (0, 16) => Some(Source::Keeper),
            (0, 20) => Some(Source::Door),
            (1, _) => Some(Source::Connection(ConnectionId(number >> 2))),
            (2, _) => Some(Source::Process(ClientId(number >> 2))),
            (3, _) => Some(Source::Writer(number >> 2)),
            _ => None,
        }
    }
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
            Source::Keeper,
            Source::Door,
            Source::Connection(ConnectionId(0)),
            Source::Connection(ConnectionId(u64::MAX >> 2)),
            Source::Process(ClientId(7)),
            Source::Writer(9),
        ] {
            assert_eq!(Source::from_number(source.number()), Some(source));
        }
        assert_eq!(Source::from_number(24), None);
    }
}
