//! Names that other programs change behind the engine.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use common::{
    NOW, ROOT, ask, call, fresh, name, observe, open, open_call, segment, store, store_of, used, want,
};
use shmfs_abi::{
    ByteLen, Call, Caps, Cred, Errno, Gid, Groups, Kind, Lifetime, Name, ObjectId, OpenFlags, PAGE_SIZE, Pid,
    Reply, Time, Uid,
};
use shmfs_core::{Effect, Event, Facts, Namespace, PlaceImage};

const MADE: Time = Time { seconds: 900, nanos: 5 };

/// Tells of a file with this size and so much in memory.
fn tell(store: &mut Namespace, object: ObjectId, text: &str, (size, allocated): (u64, u64)) {
    let facts = Facts { size: ByteLen(size), allocated: ByteLen(allocated) };
    let (uid, gid, mode) = (Uid(7), Gid(8), 0o100_640);
    let event = Event::Found { object, name: name(text), facts, uid, gid, mode, created: MADE };
    assert_eq!(observe(store, event), []);
}

/// A file of two pages, one of them in memory, that somebody has made.
fn found(store: &mut Namespace, text: &str) -> ObjectId {
    let object = store.next_object();
    tell(store, object, text, (5000, PAGE_SIZE));
    object
}

fn gone(store: &mut Namespace, text: &str) -> Vec<Effect> {
    observe(store, Event::Gone { name: name(text) })
}

fn named(store: &mut Namespace, object: ObjectId, text: &str) {
    assert_eq!(observe(store, Event::Named { object, name: name(text) }), []);
}

fn place(store: &Namespace, object: ObjectId) -> PlaceImage {
    store.object_image(object).unwrap().place
}

fn names(store: &Namespace) -> Vec<(Name, ObjectId)> {
    store.names().map(|(name, object)| (*name, object)).collect()
}

#[test]
fn a_file_becomes_an_object_of_its_owner() {
    let mut store = store();
    let object = found(&mut store, "a");
    let image = store.object_image(object).unwrap();
    assert_eq!((image.uid, image.gid, image.mode, image.links), (Uid(7), Gid(8), 0o640, 1));
    assert_eq!((image.creator, image.created, image.kind), (Pid(0), MADE, Kind::Object));
    assert_eq!((image.size, image.allocated), (ByteLen(5000), ByteLen(PAGE_SIZE)));
    assert_eq!(used(&mut store), 2 * PAGE_SIZE);
    assert_eq!(open(&mut store, "a"), object);
    assert_eq!(store.orphans(), []);
    let semaphore = found(&mut store, "sem.a");
    assert_eq!(store.object_image(semaphore).unwrap().kind, Kind::Semaphore);
    let changes = store.take_changes();
    let images: Vec<_> = changes.objects.iter().filter_map(|(_, image)| *image).collect();
    assert_eq!(images.len(), 2);
    let restored = Namespace::restore(&store.image(), &images, &[]).unwrap();
    assert_eq!(names(&restored), names(&store));
}

#[test]
fn a_sparse_store_charges_what_a_file_has() {
    let mut store = store_of(true);
    found(&mut store, "a");
    assert_eq!(used(&mut store), PAGE_SIZE);
}

#[test]
fn what_is_found_is_charged_beyond_the_limit() {
    let mut store = store();
    let object = store.next_object();
    tell(&mut store, object, "a", (2 << 20, 0));
    assert_eq!(used(&mut store), 2 << 20);
    let grow = Call::Reserve { object, size: ByteLen(3 << 20) };
    assert_eq!(ask(&mut store, grow).err(), Some(Errno::ENOSPC));
}

#[test]
fn a_name_that_is_taken_or_another_number_is_not_believed() {
    let mut store = store();
    let object = open(&mut store, "a");
    let other = found(&mut store, "a");
    assert!(store.object_image(other).is_none());
    tell(&mut store, object, "b", (1, 0));
    assert_eq!(names(&store), [(name("a"), object)]);
}

#[test]
fn a_name_that_is_gone_releases_its_object() {
    let mut store = store();
    let object = open(&mut store, "a");
    assert_eq!(gone(&mut store, "b"), []);
    assert_eq!(gone(&mut store, "a"), [Effect::Release { object }]);
    assert_eq!((place(&store, object), names(&store)), (PlaceImage::Released, vec![]));
    // The name is free; the object lives as long as somebody holds it.
    assert_ne!(open(&mut store, "a"), object);
    observe(&mut store, Event::Unused { object });
    assert!(store.object_image(object).is_none());
}

#[test]
fn an_object_is_followed_from_name_to_name() {
    let mut store = store();
    let (a, b) = (open(&mut store, "a"), found(&mut store, "b"));
    // Exchanged: each look tells of one name.
    assert_eq!(gone(&mut store, "a"), [Effect::Release { object: a }]);
    named(&mut store, b, "a");
    assert_eq!(gone(&mut store, "b"), []);
    named(&mut store, a, "b");
    assert_eq!(names(&store), [(name("a"), b), (name("b"), a)]);
    assert_eq!(place(&store, a), PlaceImage::Name(name("b")));
    assert_eq!(place(&store, b), PlaceImage::Name(name("a")));
    assert!(!store.is_unfindable(a));
}

#[test]
fn a_second_link_keeps_an_object() {
    let mut store = store();
    let object = open(&mut store, "a");
    named(&mut store, object, "b");
    named(&mut store, object, "b");
    assert_eq!(store.object_image(object).unwrap().links, 2);
    assert_eq!(gone(&mut store, "a"), []);
    assert_eq!(place(&store, object), PlaceImage::Name(name("b")));
    let (_, effects) = call(&mut store, Call::Unlink { name: name("b") }).unwrap();
    assert_eq!(effects.last(), Some(&Effect::Release { object }));
}

#[test]
fn what_nobody_can_find_yet_gets_no_name_and_loses_none() {
    let mut store = store();
    let (object, ticket) = fresh(&mut store, "sem.a");
    assert_eq!(store.unpublished(ticket), Some(name("sem.a")));
    named(&mut store, object, "sem.a");
    assert_eq!(names(&store), []);
    call(&mut store, Call::SemPublish { ticket }).unwrap();
    assert_eq!(store.unpublished(ticket), None);
    // A segment, or memory without a name, is no file there.
    let (_, segment) = segment(&mut store, 5);
    named(&mut store, segment, "b");
    let memory = common::anonymous(&mut store, "m");
    named(&mut store, memory, "b");
    assert_eq!(names(&store), [(name("sem.a"), object)]);
    // While its file is being given its name.
    let coming = store.next_object();
    let (_, effects) = ask(&mut store, open_call("c")).unwrap();
    assert!(matches!(effects.first(), Some(Effect::Make { .. })));
    assert_eq!(gone(&mut store, "c"), []);
    assert_eq!(store.object_named(&name("c")), Some(coming));
}

#[test]
fn an_object_that_was_to_go_with_its_creator_goes_by_any_of_its_names() {
    let mut store = store();
    let object = want(&mut store, "a", Lifetime::Process);
    assert_eq!(gone(&mut store, "a"), [Effect::Release { object }]);
    named(&mut store, object, "b");
    let expected = [Effect::Unlink { object, name: name("b") }, Effect::Release { object }];
    assert_eq!(observe(&mut store, Event::Exited { pid: common::CREATOR }), expected);
}

#[test]
fn files_that_are_no_objects_take_room_from_both_doors() {
    let mut store = store();
    let object = open(&mut store, "a");
    let tree = ByteLen((1 << 20) - 3 * PAGE_SIZE);
    observe(&mut store, Event::Tree { size: tree });
    call(&mut store, Call::Reserve { object, size: ByteLen(PAGE_SIZE) }).unwrap();
    segment(&mut store, 5);
    assert_eq!(store.outside(), ByteLen(2 * PAGE_SIZE));
    let grow = Call::Reserve { object, size: ByteLen(2 * PAGE_SIZE) };
    let short = store.call(&ROOT, grow, NOW).unwrap_err().shortage.unwrap();
    assert_eq!((short.asked_bytes, short.free_bytes, short.limit_bytes), (PAGE_SIZE, 0, 1 << 20));
    let Ok((Reply::Usage(usage), _)) = ask(&mut store, Call::Usage) else { panic!("no usage") };
    assert_eq!((usage.used.0, usage.tree), (3 * PAGE_SIZE, tree));
}

/// The errno for a caller without capabilities.
fn errno(store: &mut Namespace, uid: u32, asked: Call) -> Option<Errno> {
    let caps = Caps::empty();
    let caller = Cred { pid: Pid(9), uid: Uid(uid), gid: Gid(uid), groups: Groups::NONE, caps };
    store.call(&caller, asked, NOW).err().map(|refusal| refusal.errno)
}

#[test]
fn the_root_directory_is_whatever_it_was_made() {
    let mut store = store();
    open(&mut store, "a");
    let make = Call::Open { name: name("c"), flags: OpenFlags::CREAT | OpenFlags::RDWR, mode: 0o666 };
    let look = Call::Open { name: name("c"), flags: OpenFlags::empty(), mode: 0 };
    let rename = Call::Rename { from: name("a"), to: name("b"), flags: 0 };
    let root = |store: &mut Namespace, mode| observe(store, Event::Rooted { uid: Uid(5), gid: Gid(5), mode });
    root(&mut store, 0o755);
    let (unlink, link) = (Call::Unlink { name: name("a") }, Call::Link { from: name("a"), to: name("b") });
    for asked in [make, unlink, rename, link] {
        assert_eq!(errno(&mut store, 6, asked), Some(Errno::EACCES), "{asked:?}");
    }
    assert_eq!(errno(&mut store, 6, look), Some(Errno::ENOENT));
    // Who owns the directory takes names away, and without the sticky bit whoever may write there.
    assert_eq!(errno(&mut store, 5, rename), None);
    root(&mut store, 0o700);
    assert_eq!(errno(&mut store, 6, look), Some(Errno::EACCES));
    root(&mut store, 0o1777);
    assert_eq!(errno(&mut store, 6, Call::Unlink { name: name("b") }), Some(Errno::EPERM));
    root(&mut store, 0o777);
    assert_eq!(errno(&mut store, 6, Call::Unlink { name: name("b") }), None);
    // The store is still its owner's.
    assert!(store.call(&ROOT, Call::Tree, NOW).is_ok());
    assert_eq!(errno(&mut store, 5, Call::Mount { sysv: false }), Some(Errno::EPERM));
}
