//! What goes into a journal comes out of it, at the price that was promised.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod any;
mod mortal;

use mortal::{Mortal, by_id, commit_all};
use proptest::prelude::*;
use shmfs_abi::Errno;
use shmfs_journal::{Broken, Journal, Pages, Record, RecordId, VecPages};

const ROW: usize = 1024;

/// Bytes of so many rows and the header.
const fn rows(count: usize) -> usize {
    4096 + count * ROW
}

fn reopen<P: Pages + Clone>(journal: &Journal<P>) -> (Journal<P>, Vec<Record>) {
    Journal::open(journal.pages().clone()).unwrap()
}

fn is_intent(record: &Record) -> bool {
    matches!(record, Record::Intent(..))
}

/// The store, two objects and so on, and no intent.
fn lasting() -> Vec<Record> {
    any::twelve(0).into_iter().filter(|record| !is_intent(record)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn every_record_comes_back(store in any::store(), others in prop::collection::vec(any::other(), 0..6)) {
        let mut records = vec![Record::Store(store)];
        for other in others {
            if records.iter().all(|record| record.id() != other.id()) {
                records.push(other);
            }
        }
        let mut journal = Journal::create(VecPages::default()).unwrap();
        commit_all(&mut journal, &records);
        let mut found = reopen(&journal).1;
        prop_assert_eq!(by_id(found.clone()), by_id(records.clone()));
        // In no order, but always in the same.
        prop_assert_eq!(&found, &reopen(&journal).1);
        journal.done();
        found.retain(|record| !is_intent(record));
        prop_assert_eq!(by_id(reopen(&journal).1), by_id(found));
    }
}

#[test]
fn what_is_superseded_makes_room() {
    let mut journal = Journal::create(VecPages::default()).unwrap();
    for version in 0..2000 {
        commit_all(&mut journal, &any::twelve(version % 3));
        if version % 5 == 0 {
            let id = any::twelve(0)[1].id();
            journal.remove(id).unwrap();
            journal.commit();
            assert!(!journal.holds(id));
        }
        if version % 7 == 0 {
            journal.put(&any::twelve(0)[2]).unwrap();
            journal.abandon();
        }
    }
    // Twice as many as there are records, and a tombstone.
    let bytes = &journal.pages().0;
    assert!(bytes[rows(25)..].iter().all(|&byte| byte == 0), "rows are not used again");
    assert_eq!(by_id(reopen(&journal).1), by_id(any::twelve(1999 % 3)));
}

fn objects(count: u64) -> impl Iterator<Item = Record> {
    let Record::Object(object) = any::twelve(0).swap_remove(1) else { panic!("no object") };
    (1..=count).map(move |number| {
        let mut object = object;
        object.image.object = shmfs_abi::ObjectId(number);
        Record::Object(object)
    })
}

#[test]
fn it_grows_twofold() {
    let mut journal = Journal::create(VecPages::default()).unwrap();
    assert_eq!(journal.pages().len(), rows(256));
    journal.put(&any::twelve(0)[0]).unwrap();
    objects(255).for_each(|object| journal.put(&object).unwrap());
    assert_eq!(journal.pages().len(), rows(256));
    objects(1000).for_each(|object| journal.put(&object).unwrap());
    assert_eq!(journal.pages().len(), rows(1024));
    journal.commit();
    assert_eq!(reopen(&journal).1.len(), 1001);
}

/// Pages that cannot grow beyond some length.
#[derive(Clone, Default)]
struct Bounded(VecPages);

impl Pages for Bounded {
    fn len(&self) -> usize {
        self.0.len()
    }
    fn grow(&mut self, len: usize) -> Result<(), Errno> {
        if len > rows(256) { Err(Errno::ENOMEM) } else { self.0.grow(len) }
    }
    fn read(&self, at: usize, bytes: &mut [u8]) {
        self.0.read(at, bytes);
    }
    fn write(&mut self, at: usize, bytes: &[u8]) {
        self.0.write(at, bytes);
    }
    fn load(&self, at: usize) -> u64 {
        self.0.load(at)
    }
    fn store(&mut self, at: usize, value: u64) {
        self.0.store(at, value);
    }
}

#[test]
fn what_does_not_fit_changes_nothing() {
    let mut journal = Journal::create(Bounded::default()).unwrap();
    journal.put(&any::twelve(0)[0]).unwrap();
    objects(255).for_each(|object| journal.put(&object).unwrap());
    let next = objects(256).last().unwrap();
    assert_eq!(journal.put(&next), Err(Errno::ENOMEM));
    assert!(!journal.holds(next.id()));
    journal.commit();
    // No room for a tombstone either, nor for a second version.
    assert_eq!(journal.remove(RecordId::Object(shmfs_abi::ObjectId(1))), Err(Errno::ENOMEM));
    assert!(journal.holds(RecordId::Object(shmfs_abi::ObjectId(1))) && !journal.is_dirty());
    assert_eq!(reopen(&journal).1.len(), 256);

    let Record::Store(mut store) = any::twelve(1).swap_remove(0) else { panic!("no store") };
    store.dir = vec![b'/'; 108];
    assert_eq!(journal.put(&Record::Store(store)), Err(Errno::E2BIG));
    assert!(!journal.is_dirty());
}

#[test]
fn intents_last_until_they_are_done_or_others_are_committed() {
    let (intents, lasting): (Vec<_>, Vec<_>) = any::twelve(0).into_iter().partition(is_intent);
    let mut journal = Journal::create(VecPages::default()).unwrap();
    commit_all(&mut journal, &lasting);
    commit_all(&mut journal, &intents);
    // Nothing to commit: they stay.
    journal.commit();
    assert_eq!(by_id(reopen(&journal).1), by_id(any::twelve(0)));
    let mut other = reopen(&journal).0;
    // They are not part of what is being written.
    other.put(&lasting[1]).unwrap();
    other.abandon();
    assert!(intents.iter().all(|intent| other.holds(intent.id())));
    commit_all(&mut other, &lasting[1..2]);
    assert_eq!(by_id(reopen(&other).1), by_id(lasting.clone()));
    assert!(!other.holds(intents[0].id()));
    // Told while the next transaction is being written, which has one with the same number.
    journal.put(&intents[0]).unwrap();
    journal.done();
    assert_eq!(by_id(reopen(&journal).1), by_id(lasting.clone()));
    journal.commit();
    let all = [lasting.as_slice(), &intents[..1]].concat();
    assert_eq!(by_id(reopen(&journal).1), by_id(all));
}

#[test]
fn a_journal_has_a_store() {
    let mut journal = Journal::create(VecPages::default()).unwrap();
    assert_eq!(Journal::open(journal.pages().clone()).err(), Some(Broken::NoStore));
    commit_all(&mut journal, &any::twelve(0)[1..]);
    assert_eq!(Journal::open(journal.pages().clone()).err(), Some(Broken::NoStore));
    // A new one forgets the old.
    let journal = Journal::create(journal.pages().clone()).unwrap();
    assert_eq!(Journal::open(journal.pages().clone()).err(), Some(Broken::NoStore));
    assert!(any::twelve(0).iter().all(|record| !journal.holds(record.id())));
}

#[test]
fn each_step_writes_as_little_as_it_can() {
    let mut journal = Journal::create(Mortal::new(VecPages::default(), usize::MAX)).unwrap();
    let steps = |journal: &mut Journal<Mortal>, step: &dyn Fn(&mut Journal<Mortal>)| {
        let before = journal.pages().made;
        step(journal);
        journal.pages().made - before
    };
    commit_all(&mut journal, &lasting());
    let record = lasting().swap_remove(1);
    let put = |journal: &mut Journal<Mortal>| steps(journal, &|journal| journal.put(&record).unwrap());
    // A row that was never used is cleared and counted; then body and transaction, as in any other.
    assert_eq!(put(&mut journal), 4);
    // In place: cleared first.
    assert_eq!(put(&mut journal), 3);
    // The tally, the commit, the row that is free.
    assert_eq!(steps(&mut journal, &|journal| journal.commit()), 3);
    let put = |journal: &mut Journal<Mortal>| steps(journal, &|journal| journal.put(&record).unwrap());
    assert_eq!(put(&mut journal), 2);
    assert_eq!(steps(&mut journal, &|journal| journal.done()), 0);
}
