//! Any bytes as a journal: they are refused, or a store can go on with them. The fuzzer and the replay of its corpus.

use shmfs_core::Namespace;
use shmfs_journal::{Intent, Journal, Record, RecordId, VecPages};
use std::collections::BTreeMap;

/// How far the bytes got.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Reached {
    Refused,
    Opened,
    /// Its records are a namespace too.
    Restored,
}

/// Opens the bytes, goes on with them, and puts together what they say.
pub fn replay(bytes: &[u8]) -> Reached {
    let Ok((mut journal, records)) = Journal::open(VecPages(bytes.to_vec())) else { return Reached::Refused };
    let again =
        |journal: &Journal<VecPages>| Journal::open(journal.pages().clone()).expect("it was opened before").1;
    assert_eq!(again(&journal), records, "recovery changes what it finds");

    let is_intent = |record: &&Record| matches!(record, Record::Intent(..));
    let lasting = records.iter().filter(|record| !is_intent(record));
    let mut expected: BTreeMap<RecordId, &Record> = lasting.map(|record| (record.id(), record)).collect();
    let gone = expected.keys().next_back().copied().filter(|id| *id != RecordId::Store);
    if let Some(id) = gone {
        if journal.remove(id).is_err() {
            // The last transaction that there can be was committed.
            return Reached::Opened;
        }
        expected.remove(&id);
    }
    let intent = Record::Intent(7, Intent::Resize { bytes: 1 });
    expected.insert(intent.id(), &intent);
    for record in expected.values() {
        if journal.put(record).is_err() {
            return Reached::Opened;
        }
    }
    journal.commit();
    let found = again(&journal);
    assert_eq!(found.iter().map(|record| (record.id(), record)).collect::<BTreeMap<_, _>>(), expected);
    journal.done();
    expected.remove(&intent.id());
    assert_eq!(again(&journal).len(), expected.len());

    if restores(&records) { Reached::Restored } else { Reached::Opened }
}

/// Whether the images are a namespace's, whose images are the same then.
fn restores(records: &[Record]) -> bool {
    let store = records.iter().find_map(|record| match record {
        Record::Store(store) => Some(store.image),
        _ => None,
    });
    let objects: Vec<_> = records
        .iter()
        .filter_map(|record| match record {
            Record::Object(object) => Some(object.image),
            _ => None,
        })
        .collect();
    let names: Vec<_> = records
        .iter()
        .filter_map(|record| match record {
            Record::Name(name, object) => Some((*name, *object)),
            _ => None,
        })
        .collect();
    let store = store.expect("a journal has a store");
    let Ok(mut namespace) = Namespace::restore(&store, &objects, &names) else { return false };
    namespace.check();
    assert!(namespace.take_changes().is_empty());
    for image in &objects {
        assert_eq!(namespace.object_image(image.object).as_ref(), Some(image));
    }
    true
}
