//! A log that the disk has damaged: recovery gives a committed state, or says that it cannot. It never rolls back half.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use proptest::prelude::*;
use shmfs_durable::{DurableError, Medium, RECORDS_AT, Undo, VecMedium};

const OBJECT: u64 = 7;
const FRONT: usize = RECORDS_AT as usize;

/// A log and pages as they were left, and the states that were ever committed.
#[derive(Clone)]
struct Left {
    log: Vec<u8>,
    pages: Vec<u8>,
    committed: Vec<Vec<u8>>,
}

/// An object of 600 bytes after so many commits, with so many saved and stored ranges of the next epoch.
fn left(commits: u8, edits: u8) -> Left {
    let pages = VecMedium::new((0..600).map(|at: u16| at as u8).collect());
    let mut undo = Undo::create(VecMedium::default(), OBJECT).unwrap();
    let mut committed = vec![pages.bytes()];
    let edit = |undo: &mut Undo<VecMedium>, epoch: u8, edit: u8| {
        let (at, len) = (u64::from(edit) * 90 + u64::from(epoch), 20 + usize::from(edit) * 7);
        undo.save(&pages, at..at + len as u64).unwrap();
        pages.write_all_at(&vec![0x20 * edit + epoch; len], at).unwrap();
    };
    for epoch in 1..=commits {
        // Fewer and fewer: what is behind the live records is older.
        (0..3.max(6 - epoch)).for_each(|number| edit(&mut undo, epoch, number));
        undo.commit(&pages).unwrap();
        committed.push(pages.bytes());
    }
    (0..edits).for_each(|number| edit(&mut undo, commits + 1, number));
    Left { log: undo.medium().bytes(), pages: pages.bytes(), committed }
}

#[derive(PartialEq, Debug)]
enum Found {
    /// The state of the last commit.
    Last,
    /// That of an earlier one.
    Earlier,
    /// It was refused, and the pages are as they were left.
    Refused,
}

fn recover(left: &Left, log: Vec<u8>, what: &str) -> Found {
    let pages = VecMedium::new(left.pages.clone());
    let outcome = Undo::open(VecMedium::new(log), OBJECT).and_then(|mut undo| undo.roll_back(&pages));
    let found = pages.bytes();
    match outcome {
        Ok(_) if Some(&found) == left.committed.last() => Found::Last,
        Ok(_) if left.committed.contains(&found) => Found::Earlier,
        Ok(_) => panic!("{what}: rolled back in half"),
        Err(_) => {
            assert_eq!(found, left.pages, "{what}: refused, and yet the pages were written");
            Found::Refused
        }
    }
}

#[test]
fn any_bit_flipped() {
    for (commits, edits) in [(0, 0), (0, 3), (1, 0), (1, 1), (2, 3), (3, 1), (3, 0), (4, 4)] {
        let left = left(commits, edits);
        let whole = recover(&left, left.log.clone(), "whole");
        assert_eq!(whole, Found::Last, "{commits} commits, {edits} edits");
        let live = FRONT + live_bytes(edits);
        for bit in 0..left.log.len() * 8 {
            let mut log = left.log.clone();
            log[bit / 8] ^= 1 << (bit % 8);
            let found = recover(&left, log, &format!("{commits} commits, {edits} edits, bit {bit} flipped"));
            // One of two copies of a slot, the mark, or what is dead: nothing is lost. A live record: it is noticed.
            let expected = if (FRONT..live).contains(&(bit / 8)) { Found::Refused } else { Found::Last };
            assert_eq!(found, expected, "{commits} commits, {edits} edits, byte {}", bit / 8);
        }
    }
}

/// Bytes of the records of so many edits.
fn live_bytes(edits: u8) -> usize {
    (0..usize::from(edits)).map(|edit| 48 + (20 + edit * 7).next_multiple_of(8)).sum()
}

#[test]
fn cut_anywhere() {
    for (commits, edits) in [(2, 3), (3, 0)] {
        let left = left(commits, edits);
        for len in 0..left.log.len() {
            let found = recover(&left, left.log[..len].to_vec(), &format!("cut at {len}"));
            let expected = if len < FRONT + live_bytes(edits) { Found::Refused } else { Found::Last };
            assert_eq!(found, expected, "{commits} commits, {edits} edits, cut at {len}");
        }
    }
}

/// Both copies of a slot are lost, with everything else in that page.
#[test]
fn a_page_of_the_front_is_lost() {
    let mut found = Vec::new();
    for (commits, edits) in [(1, 0), (2, 0), (3, 0), (1, 1), (2, 3), (3, 3), (4, 1)] {
        for (page, fill) in [(0, 0), (0, 0xff), (1, 0), (1, 0x5a)] {
            let left = left(commits, edits);
            let mut log = left.log.clone();
            log[page * 4096..(page + 1) * 4096].fill(fill);
            let newest = page == usize::from(commits % 2);
            let how = recover(&left, log, &format!("{commits} commits, {edits} edits, page {page} lost"));
            match (newest, edits) {
                // The commit is taken back: its records are all there.
                (true, 0) => assert_eq!(how, Found::Earlier),
                // Somebody has worked on it since.
                (true, _) => assert_eq!(how, Found::Refused),
                (false, _) => assert_eq!(how, Found::Last),
            }
            found.push(how);
        }
    }
    assert_eq!(found.len(), 28);
    // Whichever page it is, without the other there is nothing.
    let left = left(2, 2);
    let mut log = left.log.clone();
    log[..FRONT].fill(0);
    assert!(matches!(Undo::open(VecMedium::new(log), OBJECT), Err(DurableError::NoSlot)));
}

/// The page of the newest slot is lost, and of what tells so one thing too: the other does.
#[test]
fn work_of_a_later_epoch_is_seen_twice() {
    for commits in [1, 2] {
        let left = left(commits, 2);
        let newest = usize::from(commits % 2) * 4096;
        let mark = 4096 - newest + 1024;
        for lost in [mark..mark + 32, FRONT..FRONT + 48] {
            let mut log = left.log.clone();
            log[newest..newest + 4096].fill(0);
            log[lost].fill(0);
            let error = Undo::open(VecMedium::new(log), OBJECT).unwrap_err();
            let epochs = (u64::from(commits) - 1, u64::from(commits) + 1);
            assert!(
                matches!(error, DurableError::SlotLost { slot, found } if (slot, found) == epochs),
                "{commits} commits: {error}"
            );
        }
    }
}

/// Writes over bytes of a record of so many bytes, and makes its checksum right.
fn forge(log: &mut [u8], record: usize, len: usize, at: usize, bytes: &[u8]) {
    log[record + at..record + at + bytes.len()].copy_from_slice(bytes);
    log[record + 40..record + 44].fill(0);
    let crc = crc32fast::hash(&log[record..record + len]);
    log[record + 40..record + 44].copy_from_slice(&crc.to_le_bytes());
}

/// A record that is whole and not the next one is none, however much it looks like one.
#[test]
fn a_record_of_another_chain_ends_the_log() {
    let left = left(2, 2);
    let (first, second) = (48 + 24, 48 + 32);
    let at = FRONT + first;
    assert_eq!(live_bytes(2), first + second);
    let mark = 4096 + 1024;
    let fields: [(usize, &[u8], bool); 8] = [
        (8, &3_u64.to_le_bytes(), true),
        (8, &2_u64.to_le_bytes(), false),
        (8, &4_u64.to_le_bytes(), false),
        (16, &(i64::MAX as u64).to_le_bytes(), false),
        (24, &0_u64.to_le_bytes(), false),
        (32, &2_u32.to_le_bytes(), false),
        (36, &77_u32.to_le_bytes(), false),
        (44, &1_u32.to_le_bytes(), false),
    ];
    for (field, bytes, lives) in fields {
        let mut log = left.log.clone();
        forge(&mut log, at, second, field, bytes);
        let marked = Undo::open(VecMedium::new(log.clone()), OBJECT).map(|undo| undo.is_dirty());
        match marked {
            Ok(dirty) => assert!(dirty && lives, "field {field}"),
            Err(DurableError::RecordsLost { synced: 2, found: 1 }) => assert!(!lives, "field {field}"),
            Err(error) => panic!("field {field}: {error}"),
        }
        // Without the mark it was never certain that the record was whole.
        log[mark..mark + 32].fill(0);
        let pages = VecMedium::new(left.pages.clone());
        let rolled = Undo::open(VecMedium::new(log), OBJECT).unwrap().roll_back(&pages).unwrap();
        assert_eq!(rolled.restored, if lives { 20 + 27 } else { 20 }, "field {field}");
    }
    // Of two that overlap, the older bytes win.
    let mut log = left.log.clone();
    log[mark..mark + 32].fill(0);
    forge(&mut log, at, second, 16, &5_u64.to_le_bytes());
    let pages = VecMedium::new(left.pages.clone());
    Undo::open(VecMedium::new(log), OBJECT).unwrap().roll_back(&pages).unwrap();
    assert_eq!(pages.bytes()[3..23], left.committed.last().unwrap()[3..23]);
}

/// Any bytes as records behind a whole front, or as everything.
fn play(bytes: Vec<u8>) {
    let pages = VecMedium::new(vec![7; 300]);
    let Ok(mut undo) = Undo::open(VecMedium::new(bytes), OBJECT) else { return };
    let dirty = undo.is_dirty();
    let epoch = undo.epoch();
    undo.roll_back(&pages).unwrap();
    assert!(!undo.is_dirty() && undo.epoch() == epoch + u64::from(dirty));
    assert_eq!(pages.bytes().len(), 300);
    undo.save(&pages, 3..9).unwrap();
    pages.write_all_at(b"stores", 3).unwrap();
    undo.commit(&pages).unwrap();
    let again = Undo::open(undo.medium().clone(), OBJECT).unwrap();
    assert!(!again.is_dirty() && again.epoch() > epoch);
}

proptest! {
    #[test]
    fn arbitrary_bytes(bytes in prop::collection::vec(any::<u8>(), 0..12_000)) {
        play(bytes.clone());
        let mut log = left(2, 2).log;
        log.truncate(FRONT);
        log.extend(&bytes);
        play(log);
    }

    #[test]
    fn pieces_of_logs(
        commits in 0..5_u8,
        edits in 0..5_u8,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), 1..200_usize, any::<u8>()), 1..4),
    ) {
        let left = left(commits, edits);
        let mut log = left.log.clone();
        for (count, (to, from, len, how)) in changes.into_iter().enumerate() {
            let (to, from) = (to.index(log.len()), from.index(log.len()));
            let len = len.min(log.len() - to).min(log.len() - from);
            match how % 3 {
                0 => log.copy_within(from..from + len, to),
                1 => log[to..to + len].fill(how),
                _ => log.truncate(to.max(FRONT)),
            }
            // Two places of damage can hide each other: a record, and the mark that speaks of it.
            if count == 0 {
                recover(&left, log.clone(), "one place");
            }
        }
        play(log);
    }
}
