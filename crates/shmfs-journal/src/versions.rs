//! Where the versions of each record are.
//!
//! Owns: the index from a record to its rows, and which of them the open transaction speaks of. The index is never
//! walked: its order is nobody's business.
//! Leaves to others: what is in the rows.

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
    /// It is among those of which the open transaction spoke.
    pub(crate) touched: bool,
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

/// Which record, in few bytes: names are long, and seldom records.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Key {
    Number(u16, u64),
    Name(Box<Name>),
}

/// Where a record's versions are, as long as it has any.
pub(crate) type Place = usize;

#[derive(Default, Debug)]
pub(crate) struct Index {
    places: HashMap<Key, Place>,
    entries: Vec<(Key, Versions)>,
    vacant: Vec<Place>,
}

impl Index {
    /// The place of a record that has versions.
    pub(crate) fn find(&self, id: RecordId) -> Option<Place> {
        self.places.get(&key(id)).copied()
    }

    /// The place of a record, which has no versions at first.
    pub(crate) fn place(&mut self, id: RecordId) -> Place {
        let (entries, vacant) = (&mut self.entries, &mut self.vacant);
        let key = key(id);
        *self.places.entry(key.clone()).or_insert_with(|| {
            let entry = (key, Versions::default());
            if let Some(place) = vacant.pop() {
                entries[place] = entry;
                return place;
            }
            entries.push(entry);
            entries.len() - 1
        })
    }

    pub(crate) fn at(&self, place: Place) -> &Versions {
        &self.entries[place].1
    }

    pub(crate) fn at_mut(&mut self, place: Place) -> &mut Versions {
        &mut self.entries[place].1
    }

    /// Forgets the record if it has no versions.
    pub(crate) fn leave(&mut self, place: Place) {
        if *self.at(place) == Versions::default() && self.places.remove(&self.entries[place].0).is_some() {
            self.vacant.push(place);
        }
    }
}

fn key(id: RecordId) -> Key {
    match id {
        RecordId::Name(name) => Key::Name(Box::new(name)),
        _ => Key::Number(kind_of(id), number(id)),
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Intent, Journal, Record, VecPages};
    use shmfs_abi::ObjectId;

    #[test]
    fn a_place_is_left_and_taken_again() {
        let mut index = Index::default();
        let name = |byte| RecordId::Name(Name::new(&[byte]).unwrap());
        let (a, b) = (index.place(name(b'a')), index.place(RecordId::Writer(1)));
        assert_eq!((index.find(name(b'a')), index.place(name(b'a'))), (Some(a), a));
        index.at_mut(b).touched = true;
        index.leave(b);
        index.leave(a);
        index.leave(a);
        assert_eq!((index.find(name(b'a')), index.find(RecordId::Writer(1))), (None, Some(b)));
        assert_eq!(index.place(name(b'c')), a);
        assert_eq!(index.place(name(b'a')), 2);
        // Numbers of different kinds are different records.
        assert_eq!(index.place(RecordId::Intent(1)), 3);
    }

    /// What comes and goes leaves nothing behind in the index, on none of its ways.
    #[test]
    fn the_index_is_as_large_as_what_it_has() {
        let mut journal = Journal::create(VecPages::default()).unwrap();
        for round in 0..50 {
            let name = Name::new(format!("{round}").as_bytes()).unwrap();
            let intent = Record::Intent(round, Intent::Resize { bytes: 1 });
            journal.put(&Record::Name(name, ObjectId(1))).unwrap();
            journal.put(&intent).unwrap();
            if round % 2 == 0 {
                journal.commit();
                journal.remove(RecordId::Name(name)).unwrap();
                if round % 4 == 0 {
                    journal.remove(intent.id()).unwrap();
                    journal.done();
                }
                journal.commit();
            } else if round % 3 == 0 {
                journal.abandon();
            } else {
                journal.remove(RecordId::Name(name)).unwrap();
                journal.remove(intent.id()).unwrap();
                journal.commit();
            }
        }
        let index = journal.index();
        assert!(index.places.is_empty(), "{:?}", index.places);
        assert!(index.entries.len() <= 4, "{}", index.entries.len());
    }
}
