//! Whoever writes a journal is killed after any store; whoever opens it finds the last commit, whole.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod any;
mod mortal;

use mortal::{Model, Mortal, Records, by_id};
use proptest::prelude::*;
use shmfs_journal::{Broken, Journal, Record, RecordId, VecPages};

#[derive(Clone, Debug)]
enum Step {
    Put(Box<Record>),
    Remove(Box<RecordId>),
    Commit,
    Abandon,
    Done,
    Reopen,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        12 => (any::record(), proptest::prelude::any::<u8>())
            .prop_map(|(record, which)| Step::Put(Box::new(any::crowded(record, which)))),
        6 => (any::other(), proptest::prelude::any::<u8>())
            .prop_map(|(record, which)| Step::Remove(Box::new(any::crowded(record, which).id()))),
        6 => Just(Step::Commit),
        1 => Just(Step::Abandon),
        2 => Just(Step::Done),
        1 => Just(Step::Reopen),
    ];
    let first = any::store().prop_map(|store| vec![Step::Put(Box::new(Record::Store(store))), Step::Commit]);
    (first, proptest::collection::vec(step, 1..30)).prop_map(|(first, steps)| [first, steps].concat())
}

/// Plays the steps until the writer is killed; the pages, the writes that were made, and what must be found in them.
fn play(steps: &[Step], writes: usize) -> (VecPages, usize, Option<Records>) {
    // Room for one row: the second makes it grow.
    let pages = Mortal::new(VecPages(vec![0x5a; 4096 + 1024]), writes);
    let mut journal = Journal::create(pages).unwrap();
    let mut model = Model::default();
    let mut found = None;
    for step in steps {
        if journal.pages().is_dead() {
            break;
        }
        let stores = journal.pages().stores;
        // One store decides, and it is the first.
        let decided = |journal: &Journal<Mortal>| journal.pages().stores > stores;
        match step {
            Step::Put(record) => {
                journal.put(record).unwrap();
                model.put(record.as_ref().clone());
            }
            Step::Remove(id) => {
                journal.remove(**id).unwrap();
                model.remove(**id);
            }
            Step::Commit => {
                journal.commit();
                model.commit();
                if decided(&journal) {
                    found = Some(model.settled());
                }
            }
            Step::Abandon => {
                journal.abandon();
                model.abandon();
            }
            Step::Done => {
                journal.done();
                model.intents.clear();
                if decided(&journal) {
                    found = Some(model.settled());
                }
            }
            Step::Reopen => {
                let (opened, records) = Journal::open(pages_of(&journal)).unwrap();
                model.abandon();
                journal = opened;
                assert_eq!(by_id(records), model.settled());
            }
        }
        if !journal.pages().is_dead() {
            assert_eq!(journal.is_dirty(), model.dirty, "after {step:?}");
            for step in steps {
                if let Step::Remove(id) = step {
                    assert_eq!(journal.holds(**id), model.holds(**id), "{id:?}");
                }
            }
        }
    }
    let Mortal { pages, made, .. } = pages_of(&journal);
    (pages, made, found)
}

/// A copy of the pages, as the journal has none to give.
fn pages_of(journal: &Journal<Mortal>) -> Mortal {
    let Mortal { pages, left, made, stores } = journal.pages();
    Mortal { pages: pages.clone(), left: *left, made: *made, stores: *stores }
}

fn check_opened(pages: VecPages, found: Option<&Records>) -> Option<Journal<VecPages>> {
    match (Journal::open(pages), found) {
        (Ok((journal, records)), Some(found)) => {
            assert_eq!(&by_id(records), found);
            Some(journal)
        }
        (Err(Broken::Magic | Broken::NoStore), None) => None,
        (Err(broken), _) => panic!("{broken}"),
        (Ok((_, records)), None) => panic!("{records:?} out of nothing"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn the_last_commit_is_found(steps in steps()) {
        let (pages, all, found) = play(&steps, usize::MAX);
        check_opened(pages, found.as_ref()).unwrap();
        for writes in 0..all {
            let (pages, _, found) = play(&steps, writes);
            let Some(journal) = check_opened(pages.clone(), found.as_ref()) else { continue };
            // Recovery is cut short in its turn, at each of its own writes.
            let recovered = Journal::open(Mortal::new(pages.clone(), usize::MAX)).unwrap().0.pages().made;
            for writes in 0..recovered {
                let cut = Journal::open(Mortal::new(pages.clone(), writes)).unwrap().0;
                check_opened(pages_of(&cut).pages, found.as_ref()).unwrap();
            }
            // It goes on as if nothing had been.
            let mut journal = journal;
            let mut model = found.clone().unwrap();
            model.retain(|id, _| !matches!(id, RecordId::Intent(_)));
            let Some(Step::Put(last)) = steps.iter().rev().find(|step| matches!(step, Step::Put(_))) else { unreachable!() };
            journal.put(last).unwrap();
            model.insert(last.id(), last.as_ref().clone());
            journal.commit();
            check_opened(journal.pages().clone(), Some(&model)).unwrap();
        }
    }
}
