//! A journal that is cut, overwritten or flipped gives the records that were committed, or none.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod any;
mod mortal;

use mortal::{Mortal, Records, by_id, commit_all};
use proptest::prelude::*;
use shmfs_journal::{Broken, Journal, Record, VecPages, is_journal};

/// A journal's bytes up to its last used row, and what was committed in it.
struct Sample {
    bytes: Vec<u8>,
    committed: Records,
}

/// These records were committed, and others before them; the writer was killed before it freed any of those, or in the
/// middle of the next transaction.
fn sample(old: &[Record], new: &[Record], gone: &Record, freed: bool) -> Sample {
    let mut journal = Journal::create(Mortal::new(VecPages::default(), usize::MAX)).unwrap();
    commit_all(&mut journal, old);
    journal.put(gone).unwrap();
    journal.commit();
    new.iter().for_each(|record| journal.put(record).unwrap());
    journal.remove(gone.id()).unwrap();
    if freed {
        journal.commit();
        old.iter().for_each(|record| journal.put(record).unwrap());
    } else {
        // The tally and the commit.
        journal.pages_mut().left = 2;
        journal.commit();
    }
    let bytes = &journal.pages().pages.0;
    let used = bytes[4096..].chunks(1024).rposition(|row| row.iter().any(|&byte| byte != 0)).unwrap() + 1;
    let sample = Sample { bytes: bytes[..4096 + used * 1024].to_vec(), committed: by_id(new.to_vec()) };
    assert_eq!(sample.check(sample.bytes.clone(), || "whole".to_owned()), Ok(()));
    sample
}

/// Both, of all kinds of records.
fn samples() -> [Sample; 2] {
    let gone = any::crowded(any::twelve(2).swap_remove(1), 2);
    [false, true].map(|freed| sample(&any::twelve(0), &any::twelve(1), &gone, freed))
}

impl Sample {
    /// The bytes open with what was committed, or not at all.
    fn check(&self, bytes: Vec<u8>, what: impl Fn() -> String) -> Result<(), Broken> {
        let (journal, records) = Journal::open(VecPages(bytes))?;
        assert_eq!(by_id(records), self.committed, "{}", what());
        // What recovery wrote does not make it worse.
        let again = Journal::open(journal.pages().clone()).unwrap().1;
        assert_eq!(by_id(again), self.committed, "{}", what());
        Ok(())
    }
}

#[test]
fn cut_anywhere() {
    for sample in samples() {
        for cut in 0..sample.bytes.len() {
            let kept = sample.bytes[..cut].to_vec();
            let broken = sample.check(kept, || format!("cut at {cut}")).unwrap_err();
            assert!(matches!(broken, Broken::Magic | Broken::Short { .. }), "cut at {cut}: {broken}");
        }
    }
}

#[test]
fn zero_from_anywhere() {
    for sample in samples() {
        let mut opened = 0;
        let mut bytes = sample.bytes.clone();
        for cut in (0..sample.bytes.len()).rev() {
            bytes[cut] = 0;
            opened += usize::from(sample.check(bytes.clone(), || format!("zero from {cut}")).is_ok());
        }
        // At least what follows the last body.
        assert!((1..sample.bytes.len() - 4096).contains(&opened), "{opened} opened");
    }
}

#[test]
fn any_bit_flipped() {
    let few = |version| any::twelve(version).into_iter().take(3).collect::<Vec<_>>();
    let gone = any::crowded(any::twelve(2).swap_remove(1), 2);
    for freed in [false, true] {
        let sample = sample(&few(0), &few(1), &gone, freed);
        let mut refused = 0;
        // Of the header's words outside of transactions, and of long runs of nothing, a few will do.
        let nothing = |byte: usize| {
            (256..4096).contains(&byte) || sample.bytes[byte - 64..=byte].iter().all(|&b| b == 0)
        };
        let bits =
            (0..sample.bytes.len() * 8).filter(|bit| bit / 8 < 256 || !nothing(bit / 8) || bit % 97 == 0);
        for bit in bits {
            let mut bytes = sample.bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            refused += usize::from(sample.check(bytes, || format!("bit {bit} flipped")).is_err());
        }
        assert!(refused > 3 * 200 * 8, "{refused} refused");
    }
}

#[test]
fn only_rows_that_are_needed_must_be_whole() {
    // Twelve new rows and a tombstone; ten old rows, without the intents, and what the tombstone deletes.
    let [sample, _] = samples();
    let rows = (sample.bytes.len() - 4096) / 1024;
    let refused = (0..rows).filter(|&row| {
        let mut bytes = sample.bytes.clone();
        bytes[4096 + row * 1024 + 30] ^= 0x10;
        let opened = sample.check(bytes.clone(), || format!("row {row} damaged"));
        if let Ok((journal, _)) = Journal::open(VecPages(bytes)) {
            assert_eq!(journal.pages().0[4096 + row * 1024..][..8], [0; 8], "row {row} is not free");
        }
        assert!(opened == Ok(()) || opened == Err(Broken::Row { row: row as u32 }), "row {row}: {opened:?}");
        opened.is_err()
    });
    assert_eq!((refused.count(), rows), (13, 24));
}

proptest! {
    #[test]
    fn anything_written_over_it(
        freed in 0..2_usize,
        at in any::<prop::sample::Index>(),
        over in prop::collection::vec(any::<u8>(), 0..200),
        from in any::<prop::sample::Index>(),
    ) {
        let sample = &samples()[freed];
        let mut bytes = sample.bytes.clone();
        let at = at.index(bytes.len() - over.len());
        bytes[at..at + over.len()].copy_from_slice(&over);
        let _ = sample.check(bytes, || format!("at {at}"));
        // Rows of its own in other places.
        let mut bytes = sample.bytes.clone();
        let rows = (bytes.len() - 4096) / 1024;
        let (from, to) = (4096 + from.index(rows) * 1024, 4096 + at % rows * 1024);
        bytes.copy_within(from..from + 1024, to);
        let _ = sample.check(bytes, || format!("row at {from} over that at {to}"));
    }

    #[test]
    fn random_bytes(bytes in prop::collection::vec(any::<u8>(), 0..12000), whole in any::<bool>(), shape in any::<[u64; 4]>()) {
        let mut bytes = bytes;
        if whole && bytes.len() >= 4096 {
            // A header that is right as far as it goes.
            let pages = Journal::create(VecPages::default()).unwrap().pages().clone();
            bytes[..256].copy_from_slice(&pages.0[..256]);
            let words = &samples()[0].bytes[16..256];
            if shape[0] % 2 == 0 {
                bytes[16..256].copy_from_slice(words);
            }
        }
        prop_assert!(Journal::open(VecPages(bytes)).is_err());
    }
}

#[test]
fn another_version_is_told_plainly() {
    let mut bytes = samples()[0].bytes.clone();
    bytes[8] = 9;
    let broken = is_journal(&VecPages(bytes.clone())).unwrap_err();
    assert_eq!(broken, Broken::Version { found: 9, ours: 3 });
    assert_eq!(Journal::open(VecPages(bytes)).err(), Some(broken));
    assert!(broken.to_string().contains("layout 9"), "{broken}");
    assert_eq!(is_journal(&VecPages(vec![0; 5000])), Err(Broken::Magic));
    assert_eq!(is_journal(&VecPages(Vec::new())), Err(Broken::Magic));
}
