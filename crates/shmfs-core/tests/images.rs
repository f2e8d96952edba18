//! What is told of changes, and which images are refused.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use common::{
    CREATOR, NOW, ROOT, anonymous, ask, call, durable_store, fresh, name, observe, open, open_call, segment,
    settle, store, store_of, used, want,
};
use shmfs_abi::sysv::SHM_DEST;
use shmfs_abi::{
    AttachFlags, Backing, ByteLen, Call, GetFlags, Key, Kind, Lifetime, LimitsChange, Name, ObjectId,
    PageCount, Pid, Shmid, Slot, Ticket, Time, limits,
};
use shmfs_core::{
    Changes, Damage, Effect, Event, Facts, Namespace, ObjectImage, PlaceImage, SegmentImage, StoreImage,
};

/// The objects that are told, without their images.
fn told(changes: &Changes) -> Vec<(u64, bool)> {
    changes.objects.iter().map(|(object, image)| (object.0, image.is_some())).collect()
}

#[test]
fn what_is_measured_and_counted_as_it_was_is_no_change() {
    let mut store = store();
    let object = open(&mut store, "a");
    let (shmid, segment) = segment(&mut store, 1);
    let slot = shmid.slot().unwrap();
    let facts = Facts { size: ByteLen(5), allocated: ByteLen(4096) };
    let in_memory = Facts { size: ByteLen(8192), allocated: ByteLen(0) };
    let counted = Event::Counted { slot, object: segment, nattch: 3, last_detach: Some((CREATOR, NOW)) };
    for event in [Event::Measured { object, facts }, counted] {
        observe(&mut store, event);
    }
    assert_eq!(told(&store.take_changes()), [(object.0, true), (segment.0, true)]);
    let image = store.image();
    for event in
        [Event::Measured { object, facts }, Event::Measured { object: segment, facts: in_memory }, counted]
    {
        observe(&mut store, event);
        assert!(store.take_changes().is_empty(), "{event:?}");
    }
    assert_eq!(store.image(), image);
}

#[test]
fn each_change_of_value_is_told_once() {
    let mut store = store();
    let object = open(&mut store, "a");
    let (shmid, segment) = segment(&mut store, 1);
    let slot = shmid.slot().unwrap();
    store.take_changes();
    let facts = Facts { size: ByteLen(0), allocated: ByteLen(4096) };
    let size = ByteLen(4096);
    let calls = [
        (Call::Reserve { object, size }, object),
        (Call::Settle { object }, object),
        (Call::ShmAttach { shmid, flags: AttachFlags::empty() }, segment),
        (Call::ShmSet { shmid, uid: shmfs_abi::Uid(7), gid: shmfs_abi::Gid(0), mode: 0o600 }, segment),
        (Call::ShmLock { shmid, lock: true, allowance: 0 }, segment),
        (Call::ShmRemove { shmid }, segment),
        (Call::Unlink { name: name("a") }, object),
    ];
    let events = [
        (Event::Measured { object, facts }, object, true),
        (Event::Counted { slot, object: segment, nattch: 2, last_detach: None }, segment, true),
        (Event::Forked { slot, parent: Pid(7) }, segment, true),
        (Event::Unused { object }, object, false),
        (Event::Counted { slot, object: segment, nattch: 0, last_detach: None }, segment, true),
    ];
    for (asked, changed) in calls {
        call(&mut store, asked).unwrap();
        assert_eq!(told(&store.take_changes()), [(changed.0, true)], "{asked:?}");
    }
    for (event, changed, stays) in events {
        observe(&mut store, event);
        assert_eq!(told(&store.take_changes()), [(changed.0, stays)], "{event:?}");
    }
    assert!(store.take_changes().is_empty());
}

#[test]
fn an_object_is_told_once_its_backing_is_made() {
    let mut store = store();
    let (_, effects) = ask(&mut store, open_call("a")).unwrap();
    let Some(&Effect::Make { ticket, object, .. }) = effects.first() else { panic!("{effects:?}") };
    observe(&mut store, Event::Exited { pid: CREATOR });
    assert!(store.take_changes().is_empty());
    assert_eq!(store.object_image(object), None);
    settle(&mut store, ticket, Ok(Facts::default()));
    assert_eq!(told(&store.take_changes()), [(object.0, true)]);
    settle(&mut store, ticket, Ok(Facts::default()));
    assert_eq!(told(&store.take_changes()), [(object.0, true)]);
}

#[test]
fn names_are_told_besides_the_one_in_the_place() {
    let mut store = store();
    let object = open(&mut store, "m");
    store.take_changes();
    let mut names = |asked: Option<Call>| {
        if let Some(asked) = asked {
            call(&mut store, asked).unwrap();
        }
        let changes = store.take_changes();
        let names = changes.names.iter().map(|(name, object)| (*name, object.is_some())).collect::<Vec<_>>();
        (names, store.object_image(object).unwrap().place)
    };
    let place = |text| PlaceImage::Name(name(text));
    let link = |text| Some(Call::Link { from: name("m"), to: name(text) });
    let rename = |from, to| Some(Call::Rename { from: name(from), to: name(to), flags: 0 });
    assert_eq!(names(link("b")), (vec![(name("b"), true)], place("m")));
    assert_eq!(names(link("c")), (vec![(name("c"), true)], place("m")));
    assert_eq!(names(rename("c", "d")), (vec![(name("c"), false), (name("d"), true)], place("m")));
    assert_eq!(names(rename("m", "e")), (vec![], place("e")));
    assert_eq!(names(Some(Call::Unlink { name: name("d") })), (vec![(name("d"), false)], place("e")));
    assert_eq!(names(Some(Call::Unlink { name: name("e") })), (vec![(name("b"), false)], place("b")));
    assert_eq!(names(Some(Call::Unlink { name: name("b") })), (vec![], PlaceImage::Released));
}

#[test]
fn a_sparse_store_with_its_limits_is_restored() {
    let mut store = store_of(true);
    let object = open(&mut store, "a");
    let facts = Facts { size: ByteLen(1 << 30), allocated: ByteLen(5000) };
    observe(&mut store, Event::Measured { object, facts });
    let change = LimitsChange {
        size: Some(1 << 22),
        shmmax: Some(1 << 12),
        next_id: Some(77),
        rmid_forced: Some(1),
        ..LimitsChange::default()
    };
    call(&mut store, Call::SetLimits { change }).unwrap();
    let images: Vec<_> = store.objects().filter_map(|object| store.object_image(object)).collect();
    let mut restored = Namespace::restore(&store.image(), &images, &[]).unwrap();
    store.take_changes();
    assert_eq!(format!("{restored:?}"), format!("{store:?}"));
    assert_eq!(used(&mut restored), 8192);
}

#[test]
fn sizes_beyond_every_number_are_charged_and_given_back() {
    let mut store = store();
    let facts = Facts { size: ByteLen(u64::MAX), allocated: ByteLen(u64::MAX) };
    // Without a check after each.
    let objects: Vec<_> = (0..8200)
        .map(|number| {
            let answer = store.call(&ROOT, open_call(&format!("{number}")), NOW).unwrap();
            let Some(&Effect::Make { ticket, object, .. }) = answer.effects.first() else {
                panic!("{answer:?}")
            };
            store.settle(ticket, Ok(Facts::default()));
            store.settle(ticket, Ok(Facts::default()));
            object
        })
        .collect();
    for object in &objects {
        store.observe(Event::Measured { object: *object, facts }, NOW);
    }
    store.check();
    for object in &objects {
        store.observe(Event::Measured { object: *object, facts: Facts::default() }, NOW);
    }
    assert_eq!(used(&mut store), 0);
}

/// A store with one of each.
struct Whole {
    store: StoreImage,
    objects: Vec<ObjectImage>,
    names: Vec<(Name, ObjectId)>,
}

/// Where each is among the images.
const OBJECT: usize = 0;
const SEGMENT: usize = 1;
const FRESH: usize = 2;
const WAITING: usize = 3;
const DURABLE: usize = 4;
const KEPT: usize = 5;
const ANONYMOUS: usize = 6;

fn whole() -> Whole {
    let mut store = durable_store();
    open(&mut store, "a");
    segment(&mut store, 5);
    fresh(&mut store, "sem.f");
    let (_, effects) = ask(&mut store, open_call("w")).unwrap();
    let Some(&Effect::Make { ticket, .. }) = effects.first() else { panic!("{effects:?}") };
    settle(&mut store, ticket, Ok(Facts::default()));
    call(&mut store, Call::Link { from: name("a"), to: name("b") }).unwrap();
    want(&mut store, "d", Lifetime::Durable);
    let flags = GetFlags::from_bits_retain(0o1600);
    call(&mut store, Call::ShmGetDurable { key: Key(6), size: ByteLen(1), flags }).unwrap();
    anonymous(&mut store, "n");
    let changes = store.take_changes();
    let objects: Vec<_> = changes.objects.into_iter().map(|(_, image)| image.unwrap()).collect();
    let names = changes.names.into_iter().map(|(name, object)| (name, object.unwrap())).collect();
    assert_eq!(objects.len(), 7);
    Whole { store: store.image(), objects, names }
}

fn segment_of(whole: &mut Whole) -> &mut SegmentImage {
    match &mut whole.objects[SEGMENT].place {
        PlaceImage::Slot(_, segment) => segment,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn refused(words: &'static str, spoil: impl FnOnce(&mut Whole)) {
    let mut whole = whole();
    assert!(Namespace::restore(&whole.store, &whole.objects, &whole.names).is_ok());
    spoil(&mut whole);
    let damage = Namespace::restore(&whole.store, &whole.objects, &whole.names).map(|_| ());
    assert_eq!(damage, Err(Damage(words)));
}

#[test]
fn numbers_and_names_that_cannot_be_are_refused() {
    refused("two objects have one number", |whole| {
        whole.objects[FRESH].place = PlaceImage::Released;
        whole.objects.push(whole.objects[FRESH]);
    });
    let number = "an object has a number that was never given";
    refused(number, |whole| whole.objects[OBJECT].object = ObjectId(8));
    refused(number, |whole| whole.objects[OBJECT].object = ObjectId(0));
    refused(number, |whole| whole.store.numbers.0 = 3);
    let ticket = "something waits for a ticket that was never given";
    refused(ticket, |whole| whole.store.numbers.1 = 2);
    refused(ticket, |whole| whole.objects[FRESH].place = PlaceImage::Fresh(name("sem.f"), Ticket(0)));
    refused("two things wait for one ticket", |whole| {
        let PlaceImage::Pending(_, ticket) = whole.objects[WAITING].place else { panic!("it does not wait") };
        whole.objects[FRESH].place = PlaceImage::Fresh(name("sem.f"), ticket);
    });
    refused("a counter has run over", |whole| whole.store.numbers.1 = u64::MAX);
    let twice = "two objects have one name";
    refused(twice, |whole| whole.objects[OBJECT].place = PlaceImage::Name(name("w")));
    refused(twice, |whole| whole.names.push(whole.names[0]));
    refused(twice, |whole| whole.names[0].0 = name("a"));
    let stray = "a further name is of no named object";
    refused(stray, |whole| whole.names[0].1 = ObjectId(77));
    refused(stray, |whole| whole.names[0].1 = whole.objects[WAITING].object);
    let links = "an object has not as many names as it counts";
    refused(links, |whole| whole.names.clear());
    refused(links, |whole| whole.objects[OBJECT].links = 3);
    refused(links, |whole| whole.objects[WAITING].links = 1);
}

#[test]
fn segments_that_cannot_be_are_refused() {
    let second = |whole: &mut Whole, slot, key| {
        whole.store.numbers.0 = 9;
        whole.store.peak = PageCount(99);
        let mut copy = whole.objects[SEGMENT];
        copy.object = ObjectId(9);
        let PlaceImage::Slot(_, mut segment) = copy.place else { panic!("it is no segment") };
        segment.key = key;
        copy.place = PlaceImage::Slot(slot, segment);
        whole.objects.push(copy);
    };
    refused("two segments have one slot", |whole| second(whole, Slot(0), Key(7)));
    refused("two segments have one key", |whole| second(whole, Slot(2), Key(5)));
    refused("a slot is beyond the last", |whole| second(whole, Slot(limits::SLOTS), Key(8)));
    refused("a removed segment has a key", |whole| segment_of(whole).perm.mode |= SHM_DEST);
    refused("a removed segment that nobody attaches is there", |whole| {
        let segment = segment_of(whole);
        segment.perm.mode |= SHM_DEST;
        segment.key = Key::PRIVATE;
    });
    let size = "a segment's size has changed";
    refused(size, |whole| segment_of(whole).size = ByteLen(8191));
    refused(size, |whole| {
        let segment = segment_of(whole);
        (segment.huge, segment.size) = (true, ByteLen(8193));
    });
    refused("a segment is too small", |whole| segment_of(whole).size = ByteLen(0));
    refused("a segment's mode has other bits", |whole| segment_of(whole).perm.mode |= 0o4000);
    let owner = "a segment and its object are of different owners";
    refused(owner, |whole| segment_of(whole).perm.mode = 0o644);
    refused(owner, |whole| whole.objects[SEGMENT].uid.0 = 7);
    refused("a segment is marked as a POSIX object", |whole| whole.objects[SEGMENT].orphaned = true);
    refused("the segments' pages are more than a number", |whole| {
        whole.store.numbers.0 = 9999;
        segment_of(whole).size = ByteLen(u64::MAX);
        segment_of(whole).key = Key::PRIVATE;
        let mut copy = whole.objects[SEGMENT];
        for slot in 2..5000 {
            let PlaceImage::Slot(place, _) = &mut copy.place else { panic!("it is no segment") };
            (*place, copy.object) = (Slot(slot), ObjectId(100 + u64::from(slot)));
            whole.objects.push(copy);
        }
    });
}

#[test]
fn kinds_sizes_and_charges_that_cannot_be_are_refused() {
    let kind = "an object is of another kind than its place";
    refused(kind, |whole| whole.objects[OBJECT].kind = Kind::Segment);
    refused(kind, |whole| whole.objects[WAITING].kind = Kind::Segment);
    refused(kind, |whole| whole.objects[SEGMENT].kind = Kind::Object);
    refused(kind, |whole| whole.objects[FRESH].kind = Kind::Object);
    refused(kind, |whole| whole.objects[OBJECT].kind = Kind::Anonymous);
    refused(kind, |whole| whole.objects[ANONYMOUS].kind = Kind::Object);
    let large = "an object is too large";
    refused(large, |whole| whole.objects[OBJECT].size = ByteLen(limits::OBJECT_BYTES + 1));
    refused(large, |whole| whole.objects[OBJECT].allocated = ByteLen(u64::MAX));
    refused("a mode has other bits", |whole| whole.objects[OBJECT].mode = 0o10600);
    let cost = "an object is not charged what it costs";
    refused(cost, |whole| whole.objects[OBJECT].size = ByteLen(1));
    refused(cost, |whole| whole.objects[OBJECT].reserved = Some(Time::default()));
    refused(cost, |whole| whole.store.sparse = true);
    let peak = "more is charged than ever was";
    refused(peak, |whole| whole.store.peak = PageCount(2));
    refused(peak, |whole| whole.objects[OBJECT].charged = PageCount(u64::MAX));
}

#[test]
fn lifetimes_that_cannot_be_are_refused() {
    let lifetime = "an object has a lifetime that its kind has not";
    refused(lifetime, |whole| whole.objects[ANONYMOUS].lifetime = Lifetime::Durable);
    refused(lifetime, |whole| whole.objects[FRESH].lifetime = Lifetime::LastUser);
    let differs = "a segment and its object live differently long";
    refused(differs, |whole| whole.objects[SEGMENT].lifetime = Lifetime::Durable);
    refused(differs, |whole| whole.objects[KEPT].lifetime = Lifetime::UntilRemoved);
    refused(differs, |whole| segment_of(whole).durable = true);
    let place = "a durable object is in a store without state";
    refused(place, |whole| whole.store.durable = false);
    refused("a durable object has several names", |whole| {
        whole.names.push((name("e"), whole.objects[DURABLE].object));
        whole.objects[DURABLE].links = 2;
    });
}

#[test]
fn stores_that_cannot_be_are_refused() {
    refused("POSIX objects have no such backing", |whole| whole.store.posix = Backing::SealedMemfd);
    refused("the store's limit is more than a number of bytes", |whole| {
        whole.store.limit = PageCount(1 << 52)
    });
    refused("the next segment's id is none", |whole| whole.store.next_id = Some(Shmid(-1)));
    let nowhere = "the search for a slot begins nowhere";
    refused(nowhere, |whole| whole.store.cursor.0 = limits::SLOTS + 1);
    refused(nowhere, |whole| whole.store.cursor.1 = Some(limits::SLOTS));
    refused(nowhere, |whole| whole.store.cursor.2 = u16::MAX);
}
