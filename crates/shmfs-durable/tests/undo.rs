//! Saving, committing and rolling back, one after the other.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod sim;

use shmfs_abi::Errno;
use shmfs_durable::{DurableError, LOG_BYTES, Medium, RECORD_BYTES, RECORDS_AT, RolledBack, Undo, VecMedium};
use sim::{OBJECT, UNDO, World, handles};
use std::io;

fn new() -> Undo<VecMedium> {
    Undo::create(VecMedium::default(), OBJECT).unwrap()
}

fn store(pages: &VecMedium, at: u64, bytes: &[u8]) {
    pages.write_all_at(bytes, at).unwrap();
}

/// Bytes of the log behind its front.
fn records(undo: &Undo<VecMedium>) -> u64 {
    undo.medium().len().unwrap() - RECORDS_AT
}

#[test]
fn what_is_saved_is_not_saved_twice() {
    let pages = VecMedium::new(vec![1; 100]);
    let mut undo = new();
    // Old bytes, and what the log has then: 48 bytes a record, and the old bytes up to a multiple of 8.
    for (range, log) in [
        (10..20, 64),
        (12..18, 64),
        (10..20, 64),
        (5..5, 64),
        (20..28, 120),
        (0..100, 120 + 48 + 16 + 48 + 72),
        (0..100, 304),
    ] {
        undo.save(&pages, range.clone()).unwrap();
        assert_eq!(records(&undo), log, "{range:?}");
        store(&pages, range.start, &vec![9; (range.end - range.start) as usize]);
    }
    assert_eq!(undo.roll_back(&pages).unwrap(), RolledBack { restored: 100, beyond_end: 0 });
    assert_eq!(pages.bytes(), [1; 100]);
    assert_eq!((undo.epoch(), undo.is_dirty()), (1, false));
    assert_eq!(undo.roll_back(&pages).unwrap(), RolledBack::default());
    assert_eq!(undo.epoch(), 1);
}

#[test]
fn ranges_end_where_the_object_does() {
    let pages = VecMedium::new(vec![1; 100]);
    let mut undo = new();
    #[allow(clippy::reversed_empty_ranges, reason = "refused like the others")]
    for range in [90..101, 101..101, u64::MAX - 1..u64::MAX, 20..10] {
        let error = undo.save(&pages, range.clone()).unwrap_err();
        assert!(matches!(error, DurableError::Range { len: 100, .. }), "{range:?}: {error}");
        assert_eq!(error.errno(), Errno::EINVAL);
    }
    assert_eq!((records(&undo), undo.is_dirty()), (0, false));
    undo.save(&pages, 100..100).unwrap();
    undo.save(&pages, 99..100).unwrap();
    assert_eq!(
        undo.save(&pages, 50..200).unwrap_err().to_string(),
        "cannot edit bytes 50 to 200: the object has 100"
    );
    assert!(undo.is_dirty());
}

#[test]
fn a_long_range_is_several_records() {
    let len = 3 * RECORD_BYTES + 5;
    let object: Vec<u8> = (0..len).map(|at| (at % 251) as u8).collect();
    let pages = VecMedium::new(object.clone());
    let mut undo = new();
    undo.save(&pages, 0..len).unwrap();
    assert_eq!(records(&undo), 3 * (48 + RECORD_BYTES) + 48 + 8);
    store(&pages, 0, &vec![0xee; len as usize]);
    let mut found = Undo::open(undo.medium().clone(), OBJECT).unwrap();
    assert!(found.is_dirty());
    assert_eq!(found.roll_back(&pages).unwrap().restored, len);
    assert!(pages.bytes() == object);
    // Most of the room is given back.
    assert_eq!(records(&found), RECORD_BYTES);
}

#[test]
fn a_commit_without_an_edit_ends_no_epoch() {
    let pages = VecMedium::new(vec![1; 100]);
    let mut undo = new();
    assert_eq!(undo.commit(&pages).unwrap(), 0);
    undo.save(&pages, 0..1).unwrap();
    assert_eq!(undo.commit(&pages).unwrap(), 1);
    assert_eq!(undo.commit(&pages).unwrap(), 1);
}

#[test]
fn a_half_edit_of_another_comes_first() {
    let pages = VecMedium::new(vec![1; 100]);
    let mut undo = new();
    undo.save(&pages, 0..10).unwrap();
    store(&pages, 0, &[5; 10]);
    let mut next = Undo::open(undo.medium().clone(), OBJECT).unwrap();
    for refused in [next.save(&pages, 50..60), next.commit(&pages).map(drop), next.settle()] {
        let error = refused.unwrap_err();
        assert!(matches!(error, DurableError::MustRollBack { records: 1, .. }), "{error}");
        assert_eq!(error.errno(), Errno::EBUSY);
    }
    next.roll_back(&pages).unwrap();
    assert_eq!(pages.bytes(), [1; 100]);
    next.save(&pages, 50..60).unwrap();
    assert_eq!(next.commit(&pages).unwrap(), 2);
}

/// Two that have opened the log at the same time, and take turns.
#[test]
fn an_editor_sees_what_another_has_done_before() {
    let world = World::new(vec![1; 100], 0);
    let (log, pages) = handles(world);
    let mut first = Undo::create(log.clone(), OBJECT).unwrap();
    let mut second = Undo::open(log.clone(), OBJECT).unwrap();
    for turn in 0..6_u64 {
        let undo = if turn % 2 == 0 { &mut first } else { &mut second };
        undo.save(&pages, turn..turn + 9).unwrap();
        pages.store(turn as usize, &[turn as u8; 9]);
        assert_eq!(undo.commit(&pages).unwrap(), turn + 1);
    }
    assert_eq!((first.epoch(), second.epoch()), (5, 6));
    first.refresh().unwrap();
    assert_eq!(first.epoch(), 6);
    // One ends in the middle; the other has found that before the first could say so.
    second.save(&pages, 0..50).unwrap();
    pages.store(0, &[0xff; 50]);
    first.refresh().unwrap();
    let mut third = Undo::open(log.clone(), OBJECT).unwrap();
    assert_eq!(first.roll_back(&pages).unwrap().restored, 50);
    assert!(third.is_dirty(), "it has not looked since");
    assert_eq!(third.roll_back(&pages).unwrap().restored, 0);
    assert_eq!((first.epoch(), third.epoch()), (7, 7));
    assert_eq!(log.world().pages()[..6], [0, 1, 2, 3, 4, 5]);
}

/// Looking at a log that is being written needs no lock: nothing is believed but the epoch.
#[test]
fn a_log_is_looked_at_while_it_is_written() {
    let world = World::new(vec![1; 100], 0);
    let (log, pages) = handles(world);
    let mut undo = Undo::create(log.clone(), OBJECT).unwrap();
    undo.save(&pages, 0..10).unwrap();
    undo.commit(&pages).unwrap();
    undo.save(&pages, 20..30).unwrap();
    undo.save(&pages, 40..50).unwrap();
    pages.store(20, &[2; 10]);
    pages.store(40, &[2; 10]);
    // As if the records were read while they are written again: those that the mark names are not there.
    let mut torn = log.world();
    torn.files[UNDO].cache[8192..].fill(0);
    let (torn, _) = handles(torn);
    let error = Undo::open(torn.clone(), OBJECT).unwrap_err();
    assert!(matches!(error, DurableError::RecordsLost { synced: 2, found: 0 }), "{error}");
    let looked = Undo::attach(torn, OBJECT).unwrap();
    assert_eq!((looked.epoch(), looked.is_dirty()), (1, false));
    // Under the lock it is read before anything is done.
    let attach = || Undo::attach(log.clone(), OBJECT).unwrap();
    let (mut saves, mut settles) = (attach(), attach());
    for refused in [saves.save(&pages, 0..1), settles.settle()] {
        let error = refused.unwrap_err();
        assert!(matches!(error, DurableError::MustRollBack { records: 2, .. }), "{error}");
    }
    assert_eq!(attach().roll_back(&pages).unwrap().restored, 20);
    assert_eq!(attach().roll_back(&pages).unwrap().restored, 0);
    assert_eq!(log.world().pages(), [1; 100]);
    assert_eq!(attach().epoch(), 2);
    let mut edits = attach();
    edits.save(&pages, 0..100).unwrap();
    assert_eq!(edits.commit(&pages).unwrap(), 3);
    assert!(Undo::attach(log.clone(), OBJECT + 1).is_err());
}

#[test]
fn a_cut_object_gets_back_what_has_room() {
    let pages = VecMedium::new(vec![1; 100]);
    let mut undo = new();
    for range in [80..100, 40..60, 0..10] {
        undo.save(&pages, range).unwrap();
    }
    store(&pages, 0, &[2; 100]);
    pages.set_len(50).unwrap();
    assert_eq!(undo.roll_back(&pages).unwrap(), RolledBack { restored: 20, beyond_end: 30 });
    assert_eq!(pages.bytes(), [vec![1; 10], vec![2; 30], vec![1; 10]].concat());
    assert!(!undo.is_dirty());
}

/// A disk that is full at each write in turn.
#[test]
fn a_full_disk_refuses_the_edit_and_nothing_else() {
    for step in 0.. {
        let world = World::new(vec![1; 3000], 0);
        let (log, pages) = handles(world);
        let mut undo = Undo::create(log.clone(), OBJECT).unwrap();
        undo.save(&pages, 0..10).unwrap();
        pages.store(0, &[2; 10]);
        // From here on the n-th write or sync fails, and everything behind it.
        log.0.borrow_mut().left = Some(step);
        let saved = undo.save(&pages, 5..3000);
        let finished = !log.world().dead;
        let mut world = log.0.borrow_mut();
        (world.left, world.dead) = (None, false);
        drop(world);
        assert_eq!(log.world().pages()[10..], [1; 2990]);
        match saved {
            // The mark may be missing.
            Ok(()) => pages.store(5, &[3; 2000]),
            Err(error) => {
                assert_eq!(error.errno(), Errno::EIO, "{error}");
                // The edit before it goes on, in other places too.
                undo.save(&pages, 100..200).unwrap();
                pages.store(100, &[3; 100]);
            }
        }
        if step % 2 == 0 {
            assert_eq!(undo.commit(&pages).unwrap(), 1);
            assert_eq!(log.world().pages()[..5], [2; 5]);
        } else {
            undo.roll_back(&pages).unwrap();
            assert_eq!(log.world().pages(), [1; 3000]);
        }
        assert!(!Undo::open(log.clone(), OBJECT).unwrap().is_dirty());
        if finished {
            assert_eq!(step, 3, "record, sync, mark");
            break;
        }
    }
}

/// Longer than any log.
struct Endless;

impl Medium for Endless {
    fn len(&self) -> io::Result<u64> {
        Ok(u64::MAX / 2)
    }

    fn read_at(&self, _: &mut [u8], _: u64) -> io::Result<usize> {
        panic!("nothing is read")
    }

    fn write_all_at(&self, _: &[u8], _: u64) -> io::Result<()> {
        panic!("nothing is written")
    }

    fn set_len(&self, _: u64) -> io::Result<()> {
        panic!("nothing is cut")
    }

    fn sync(&self) -> io::Result<()> {
        panic!("nothing is synced")
    }
}

#[test]
fn a_log_has_an_end() {
    let mut undo = new();
    for len in [LOG_BYTES, LOG_BYTES * 2, u64::MAX / 2] {
        let error = undo.save(&Endless, 0..len).unwrap_err();
        assert!(
            matches!(error, DurableError::LogFull { free, .. } if free == LOG_BYTES - RECORDS_AT),
            "{error}"
        );
        assert_eq!(error.errno(), Errno::EFBIG);
    }
    assert!(!undo.is_dirty());
}

#[test]
fn a_log_is_one_objects() {
    let log = new().medium().clone();
    let other = Undo::open(log.clone(), OBJECT + 1).unwrap_err();
    assert_eq!(other.to_string(), "the undo log is that of object 7, and not of object 8");
    let again = Undo::create(log, OBJECT).unwrap_err();
    assert!(matches!(again, DurableError::LogNotEmpty { len: 8192 }), "{again}");
    let none = Undo::open(VecMedium::default(), OBJECT).unwrap_err();
    assert!(matches!(none, DurableError::LogCut { len: 0 }), "{none}");
}

#[test]
fn another_version_is_told_plainly() {
    let mut slot = new().medium().bytes()[..32].to_vec();
    (slot[8], slot[12], slot[13], slot[14], slot[15]) = (2, 0, 0, 0, 0);
    let crc = crc32fast::hash(&slot);
    slot[12..16].copy_from_slice(&crc.to_le_bytes());
    let log = new().medium().clone();
    log.write_all_at(&slot, 4096).unwrap();
    let error = Undo::open(log, OBJECT).unwrap_err();
    assert_eq!(error.to_string(), "the undo log has layout 2, and this program reads layout 1");
    assert_eq!(error.errno(), Errno::EOPNOTSUPP);
}

/// A slot of the last epoch there is can be read, and nothing follows it.
#[test]
fn epochs_end() {
    let mut slot = new().medium().bytes()[..32].to_vec();
    slot[12..16].fill(0);
    slot[16..24].fill(0xff);
    let crc = crc32fast::hash(&slot);
    slot[12..16].copy_from_slice(&crc.to_le_bytes());
    let log = VecMedium::new(vec![0; 8192]);
    log.write_all_at(&slot, 4096).unwrap();
    let mut undo = Undo::open(log, OBJECT).unwrap();
    assert_eq!((undo.epoch(), undo.is_dirty()), (u64::MAX, false));
    let error = undo.save(&VecMedium::new(vec![1; 9]), 0..1).unwrap_err();
    assert!(matches!(error, DurableError::LastEpoch { .. }), "{error}");
}

/// After a failed sync of the pages the kernel has forgotten which were not written: they are written again.
#[test]
fn pages_that_could_not_be_synced_are_rolled_back() {
    let world = World::new(vec![1; 100], 0);
    let (log, pages) = handles(world);
    let mut undo = Undo::create(log.clone(), OBJECT).unwrap();
    undo.save(&pages, 0..100).unwrap();
    pages.store(0, &[2; 100]);
    log.0.borrow_mut().fails = 1;
    undo.commit(&pages).unwrap_err();
    log.0.borrow_mut().fails = 0;
    let error = undo.commit(&pages).unwrap_err();
    assert_eq!(error.to_string(), "1 saved ranges wait to be rolled back: their pages could not be synced");
    undo.roll_back(&pages).unwrap();
    assert_eq!(log.world().files.map(|file| file.pending.len()), [0, 0]);
    assert_eq!(log.world().pages(), [1; 100]);
}

/// Whether a commit whose sync failed has happened is decided before anything else.
#[test]
fn a_commit_in_doubt_is_finished_or_taken_back() {
    for finish in [true, false] {
        let world = World::new(vec![1; 100], 0);
        let (log, pages) = handles(world);
        let mut undo = Undo::create(log.clone(), OBJECT).unwrap();
        undo.save(&pages, 0..100).unwrap();
        pages.store(0, &[2; 100]);
        pages.sync().unwrap();
        // The pages have nothing to sync, and the sync of the log is the third step.
        let mut world = log.0.borrow_mut();
        (world.left, world.fails) = (Some(2), 0);
        drop(world);
        undo.commit(&pages).unwrap_err();
        let mut world = log.0.borrow_mut();
        (world.left, world.dead) = (None, false);
        drop(world);
        for refused in [undo.save(&pages, 0..1), undo.settle()] {
            let error = refused.unwrap_err();
            assert!(matches!(error, DurableError::InDoubt { epoch: 1 }), "{error}");
        }
        let expected =
            if finish { undo.commit(&pages).map(|_| 2) } else { undo.roll_back(&pages).map(|_| 1) };
        assert_eq!((undo.epoch(), log.world().files[UNDO].pending.len()), (1, 0));
        assert_eq!(log.world().pages(), [expected.unwrap(); 100]);
        let found = Undo::open(log, OBJECT).unwrap();
        assert_eq!((found.epoch(), found.is_dirty()), (1, false));
    }
}
