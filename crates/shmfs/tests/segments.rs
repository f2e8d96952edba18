//! System V segments, in two processes.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use common::{Actor, hear, say, until};
use shmfs::{Store, ftok};

const EACCES: i32 = 13;
const EEXIST: i32 = 17;
const ENOENT: i32 = 2;
const EINVAL: i32 = 22;

#[test]
fn child() {
    match common::role().as_deref() {
        None => {}
        Some("attaches") => attaches(),
        Some("races") => races(),
        Some(other) => panic!("there is no role {other}"),
    }
}

fn attaches() {
    let store = Store::open().unwrap();
    let key = hear().unwrap().parse().unwrap();
    let segment = store.segment(key).open().unwrap();
    let mapping = segment.attach().unwrap();
    say(mapping.load_u32(0).unwrap());
    mapping.store_u32(4, std::process::id()).unwrap();
    say("stored");
    let _ = hear();
}

#[test]
fn a_segment_is_found_by_its_key_counted_and_removed() {
    let store = Store::embedded().unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    let key = ftok(file.path(), b'x').unwrap();
    let segment = store.segment(key).len(5000).mode(0o640).create().unwrap();
    let mapping = segment.attach().unwrap();
    assert_eq!((mapping.len(), mapping.is_writable()), (5000, true));
    mapping.store_u32(0, 4711).unwrap();
    assert_eq!(mapping.write_at(4999, b"ab").unwrap_err().errno(), EINVAL, "it has 5000 bytes");

    let mut other = Actor::start("attaches", &store);
    other.tell(&key.to_string());
    assert_eq!((other.heard().as_str(), other.heard().as_str()), ("4711", "stored"));
    assert_eq!(mapping.load_u32(4).unwrap(), other.pid());
    let stat = segment.stat().unwrap();
    assert_eq!((stat.key, stat.len, stat.mode, stat.attaches, stat.removed), (key, 5000, 0o640, 2, false));
    assert_eq!((stat.creator, stat.last), (std::process::id() as i32, other.pid() as i32));
    assert!(stat.attached.is_some() && stat.detached.is_none() && stat.changed.is_some());

    segment.remove().unwrap();
    assert_eq!((segment.stat().unwrap().removed, segment.key().unwrap()), (true, 0));
    assert_eq!(store.segment(key).open().unwrap_err().errno(), ENOENT);
    other.kill();
    until(|| segment.stat().unwrap().attaches == 1);
    drop(mapping);
    let gone = segment.stat().unwrap_err().errno();
    assert_eq!(gone, EINVAL);
    assert_eq!(store.usage().unwrap().used, 0);
    let usage = store.usage().unwrap();
    assert_eq!((usage.calls("shmget"), usage.calls("shmat")), (Some(3), Some(2)), "the store served them");
}

#[test]
fn what_is_refused_is_told() {
    let store = Store::embedded().unwrap();
    let segment = store.segment(9).len(100).create().unwrap();
    let error = store.segment(9).len(100).create().unwrap_err();
    assert_eq!(error.to_string(), "cannot create the segment with key 0x00000009: the key is taken (EEXIST)");
    assert_eq!(error.errno(), EEXIST);
    assert_eq!(store.segment(9).len(101).open().unwrap_err().errno(), EINVAL);
    assert_eq!(
        store.segment(9).len(101).open_or_create().unwrap_err().errno(),
        EINVAL,
        "it is there, and too short"
    );
    assert_eq!(store.segment(10).open().unwrap_err().errno(), ENOENT);
    assert_eq!(store.segment(10).create().unwrap_err().errno(), EINVAL, "no bytes");
    assert_eq!(store.segment_by_id(12345).unwrap_err().errno(), EINVAL);

    let same = store.segment_by_id(segment.id()).unwrap();
    assert_eq!((same.len(), same.key().unwrap()), (100, 9));
    let reads = same.attach_read_only().unwrap();
    assert_eq!(reads.write_at(0, b"x").unwrap_err().errno(), EACCES);
    same.set(0, 0, 0o644).unwrap();
    assert_eq!(segment.stat().unwrap().mode, 0o644);
    let private = store.private_segment(1).unwrap();
    assert_eq!(store.segment(0).len(1).open().unwrap_err().errno(), ENOENT);
    assert!(store.segment(0).len(1).open_or_create().unwrap().1);
    assert_eq!((private.key().unwrap(), private.len()), (0, 1));
}

fn races() {
    let store = Store::open().unwrap();
    let _ = hear();
    let made = (1..=100).filter(|key| {
        let (segment, created) = store.segment(*key).len(4096).open_or_create().unwrap();
        assert_eq!(segment.len(), 4096);
        created
    });
    say(made.count());
    let _ = hear();
}

#[test]
fn one_of_four_processes_makes_each_of_100_segments() {
    let store = Store::embedded().unwrap();
    let mut racers: Vec<Actor> = (0..4).map(|_| Actor::start("races", &store)).collect();
    racers.iter_mut().for_each(|racer| racer.tell("go"));
    let made: Vec<u64> = racers.iter_mut().map(|racer| racer.heard().parse().unwrap()).collect();
    assert_eq!(made.iter().sum::<u64>(), 100, "{made:?}");
    assert_eq!(store.usage().unwrap().segments, 100);
    racers.into_iter().for_each(Actor::finish);
}

#[test]
fn keys_of_files_are_those_of_c() {
    // sysvipc/ftok.c of glibc, by hand.
    let file = tempfile::NamedTempFile::new().unwrap();
    let stat = rustix::fs::stat(file.path()).unwrap();
    let expected = (stat.st_ino & 0xffff) as i32 | ((stat.st_dev & 0xff) as i32) << 16 | 0x7e << 24;
    assert_eq!(ftok(file.path(), 0x7e).unwrap(), expected);
    assert!(ftok(file.path(), 0xff).unwrap() < 0, "a key is a signed number");
    let error = ftok("/nowhere/at/all", 1).unwrap_err();
    assert_eq!(error.errno(), ENOENT);
    assert!(error.what().starts_with("cannot make a key of /nowhere/at/all: "), "{error}");
}
