//! A backing is made first and has its name after it; either can fail.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use common::{ask, call, fresh, name, observe, open, open_call, sem_call, settle, store, used};
use shmfs_abi::{ByteLen, Call, Errno, ObjectId, PAGE_SIZE, Reply, Ticket};
use shmfs_core::{Effect, Event, Facts, Namespace, PlaceImage};

const FULL: Result<Facts, Errno> = Err(Errno::ENOSPC);

/// Opens up to the made backing. What waits then is the name.
fn made(store: &mut Namespace, text: &str) -> (ObjectId, Ticket) {
    let (reply, effects) = ask(store, open_call(text)).unwrap();
    let [Effect::Make { ticket, object, size: ByteLen(0), .. }, Effect::Give { .. }] = effects[..] else {
        panic!("{effects:?}");
    };
    assert_eq!(reply, Reply::Opened { object });
    let next = settle(store, ticket, Ok(Facts::default()));
    assert_eq!(next, [Effect::Link { ticket, object, name: name(text) }]);
    (object, ticket)
}

#[test]
fn an_object_can_be_opened_once_its_name_is_there() {
    let mut store = store();
    let (object, ticket) = made(&mut store, "a");
    assert_eq!(store.pending_links(), [(ticket, object, name("a"))]);
    assert_eq!(store.object_image(object).unwrap().place, PlaceImage::Pending(name("a"), ticket));
    for asked in [open_call("a"), Call::Unlink { name: name("a") }] {
        assert_eq!(ask(&mut store, asked).err(), Some(Errno::EAGAIN));
    }
    assert_eq!(settle(&mut store, ticket, Ok(Facts::default())), []);
    assert_eq!(store.pending_links(), []);
    assert_eq!(open(&mut store, "a"), object);
    // A ticket is settled once.
    assert_eq!(settle(&mut store, ticket, FULL), []);
    assert_eq!(open(&mut store, "a"), object);
}

#[test]
fn a_backing_that_cannot_be_made_leaves_nothing() {
    let mut store = store();
    for asked in [open_call("a"), sem_call("sem.a")] {
        let (_, effects) = ask(&mut store, asked).unwrap();
        let Some(Effect::Make { ticket, .. }) = effects.first() else { panic!("{effects:?}") };
        assert_eq!(settle(&mut store, *ticket, FULL), []);
    }
    assert_eq!((store.objects().count(), used(&mut store)), (0, 0));
    let changes = store.take_changes();
    assert!(changes.is_empty(), "{changes:?}");
    // The name is free.
    open(&mut store, "a");
}

#[test]
fn a_name_that_cannot_be_given_releases_the_object() {
    let mut store = store();
    let (object, ticket) = made(&mut store, "a");
    assert_eq!(settle(&mut store, ticket, FULL), [Effect::Release { object }]);
    assert_eq!(store.released(), [object]);
    assert_eq!(store.pending_links(), []);
    assert_ne!(open(&mut store, "a"), object);
    observe(&mut store, Event::Unused { object });
    assert_eq!(store.released(), []);
}

#[test]
fn a_semaphore_that_cannot_have_its_name_stays_charged_until_nobody_holds_it() {
    let mut store = store();
    let (object, ticket) = fresh(&mut store, "sem.a");
    let (_, effects) = ask(&mut store, Call::SemPublish { ticket }).unwrap();
    assert_eq!(effects, [Effect::Link { ticket, object, name: name("sem.a") }]);
    assert_eq!(settle(&mut store, ticket, FULL), [Effect::Release { object }]);
    assert_eq!(used(&mut store), PAGE_SIZE);
    observe(&mut store, Event::Unused { object });
    assert_eq!(used(&mut store), 0);
}

#[test]
fn a_semaphore_is_published_once_and_only_where_its_name_is_free() {
    let mut store = store();
    let (first, ticket) = fresh(&mut store, "sem.a");
    let (second, late) = fresh(&mut store, "sem.a");
    assert_eq!(store.object_image(first).unwrap().place, PlaceImage::Fresh(name("sem.a"), ticket));
    call(&mut store, Call::SemPublish { ticket }).unwrap();
    assert_eq!(ask(&mut store, Call::SemPublish { ticket }).err(), Some(Errno::EINVAL));
    assert_eq!(ask(&mut store, Call::SemPublish { ticket: late }).err(), Some(Errno::EEXIST));
    assert_eq!(store.object_image(second).unwrap().place, PlaceImage::Fresh(name("sem.a"), late));
    assert_eq!(settle(&mut store, late, FULL), [Effect::Release { object: second }]);
}

#[test]
fn numbers_are_drawn_by_what_is_made_alone() {
    let mut store = store();
    open(&mut store, "a");
    let before = store.image();
    open(&mut store, "a");
    assert_eq!(ask(&mut store, Call::Unlink { name: name("b") }).err(), Some(Errno::ENOENT));
    let refused = Call::Open { name: name("b"), flags: shmfs_abi::OpenFlags::RDWR, mode: 0 };
    assert_eq!(ask(&mut store, refused).err(), Some(Errno::ENOENT));
    assert_eq!(store.image(), before);
}
