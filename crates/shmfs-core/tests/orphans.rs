//! What creators leave behind, and its end.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use common::{CREATOR, NOW, call, fresh, name, observe, open, segment, store};
use shmfs_abi::{AttachFlags, Call, Errno, LimitsChange, ObjectId, Pid, Shmid};
use shmfs_core::{Effect, Event, Namespace};

fn exits(store: &mut Namespace, pid: Pid) {
    assert_eq!(observe(store, Event::Exited { pid }), []);
}

/// Reaps what is no orphan: nothing happens.
fn stays(store: &mut Namespace, object: ObjectId) {
    let before = format!("{store:?}");
    assert_eq!(observe(store, Event::Reaped { object }), []);
    assert_eq!(format!("{store:?}"), before);
}

#[test]
fn objects_are_orphans_when_their_creators_have_ended() {
    let mut store = store();
    let object = open(&mut store, "a");
    let (_, segment) = segment(&mut store, 1);
    exits(&mut store, Pid(CREATOR.0 + 1));
    assert_eq!(store.orphans(), []);
    stays(&mut store, object);
    stays(&mut store, segment);
    exits(&mut store, CREATOR);
    assert_eq!(store.orphans(), [object, segment]);
    assert!(store.object_image(object).unwrap().orphaned);
    // Another process with the same number.
    let later = open(&mut store, "b");
    assert_eq!(store.orphans(), [object, segment]);
    exits(&mut store, CREATOR);
    assert_eq!(store.orphans(), [object, segment, later]);
}

#[test]
fn what_is_not_found_is_no_orphan() {
    let mut store = store();
    let (fresh, ticket) = fresh(&mut store, "sem.a");
    let object = open(&mut store, "a");
    exits(&mut store, CREATOR);
    call(&mut store, Call::Unlink { name: name("a") }).unwrap();
    assert_eq!(store.orphans(), []);
    for object in [fresh, object, ObjectId(0), ObjectId(99)] {
        stays(&mut store, object);
    }
    call(&mut store, Call::SemPublish { ticket }).unwrap();
    assert_eq!(store.orphans(), [fresh]);
}

#[test]
fn a_reaped_object_loses_every_name() {
    let mut store = store();
    let object = open(&mut store, "b");
    let other = open(&mut store, "c");
    for to in ["a", "d"] {
        call(&mut store, Call::Link { from: name("b"), to: name(to) }).unwrap();
    }
    exits(&mut store, CREATOR);
    let effects = observe(&mut store, Event::Reaped { object });
    let unlink = |text| Effect::Unlink { object, name: name(text) };
    assert_eq!(effects, [unlink("a"), unlink("b"), unlink("d"), Effect::Release { object }]);
    assert_eq!(store.released(), [object]);
    assert_eq!(store.orphans(), [other]);
    stays(&mut store, object);
    for text in ["a", "b", "d"] {
        assert_eq!(call(&mut store, Call::Unlink { name: name(text) }).err(), Some(Errno::ENOENT));
    }
}

fn attach(store: &mut Namespace, shmid: Shmid) {
    call(store, Call::ShmAttach { shmid, flags: AttachFlags::empty() }).unwrap();
}

#[test]
fn a_segment_is_no_orphan_while_it_is_attached() {
    let mut store = store();
    let (shmid, object) = segment(&mut store, 1);
    let slot = shmid.slot().unwrap();
    attach(&mut store, shmid);
    exits(&mut store, CREATOR);
    assert_eq!(store.orphans(), []);
    stays(&mut store, object);
    observe(&mut store, Event::Counted { slot, object, nattch: 0, last_detach: Some((CREATOR, NOW)) });
    assert_eq!(store.orphans(), [object]);
    assert_eq!(observe(&mut store, Event::Reaped { object }), [Effect::Release { object }]);
    assert_eq!(call(&mut store, Call::ShmStat { shmid }).err(), Some(Errno::EINVAL));
    // Its key is free.
    assert_ne!(segment(&mut store, 1).0, shmid);
}

#[test]
fn shm_rmid_forced_takes_segments_and_leaves_objects() {
    let mut store = store();
    let change = LimitsChange { rmid_forced: Some(1), ..LimitsChange::default() };
    call(&mut store, Call::SetLimits { change }).unwrap();
    let (_, gone) = segment(&mut store, 1);
    let object = open(&mut store, "a");
    let effects = observe(&mut store, Event::Exited { pid: CREATOR });
    assert_eq!(effects, [Effect::Release { object: gone }]);
    assert_eq!(store.orphans(), [object]);
}
