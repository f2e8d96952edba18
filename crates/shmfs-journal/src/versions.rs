//! Where the versions of each record are.
//!
//! Owns: the index from a record to its rows. It is never walked: its order is nobody's business.
//! Leaves to others: what is in them.

use crate::body::kind_of;
use crate::record::RecordId;
use shmfs_abi::Name;
use std::collections::HashMap;

/// A value in a row, and its checksum.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Version {
    pub(crate) row: u32,
    pub(crate) crc: u32,
}

/// What the open transaction says of a record.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) enum Open {
    /// Nothing.
    #[default]
    Silent,
    /// This is its value.
    Value(Version),
    /// It is gone; the row says so.
    Tombstone(u32),
}

/// A record's rows.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Versions {
    /// As of the last commit.
    pub(crate) settled: Option<Version>,
    pub(crate) open: Open,
}

impl Versions {
    /// As of the open transaction.
    pub(crate) fn current(&self) -> Option<Version> {
        match self.open {
            Open::Silent => self.settled,
            Open::Value(version) => Some(version),
            Open::Tombstone(_) => None,
        }
    }
}

#[derive(Default, Debug)]
pub(crate) struct Index {
    numbers: HashMap<(u16, u64), Versions>,
    // Few, and long: only names besides an object's own are records.
    names: HashMap<Name, Versions>,
}

impl Index {
    /// A record's rows; none where it has no.
    pub(crate) fn get(&self, id: RecordId) -> Versions {
        let found = match id {
            RecordId::Name(name) => self.names.get(&name),
            _ => self.numbers.get(&key(id)),
        };
        found.copied().unwrap_or_default()
    }

    /// Sets them.
    pub(crate) fn set(&mut self, id: RecordId, versions: Versions) {
        match (id, versions == Versions::default()) {
            (RecordId::Name(name), false) => drop(self.names.insert(name, versions)),
            (RecordId::Name(name), true) => drop(self.names.remove(&name)),
            (_, false) => drop(self.numbers.insert(key(id), versions)),
            (_, true) => drop(self.numbers.remove(&key(id))),
        }
    }
}

/// The key of a record that is not a name.
fn key(id: RecordId) -> (u16, u64) {
    (kind_of(id), number(id))
}

/// The number that tells a record from others of its kind; 0 for a name.
pub(crate) const fn number(id: RecordId) -> u64 {
    match id {
        RecordId::Store | RecordId::Name(_) => 0,
        RecordId::Object(object) => object.0,
        RecordId::Client(client) => client.0,
        RecordId::Connection(connection) => connection.0,
        RecordId::Writer(writer) => writer,
        RecordId::Intent(index) => index as u64,
    }
}
