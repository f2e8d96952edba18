//! How long objects live whose creators chose, and what a durable one is spared.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use common::{
    CREATOR, NOW, anonymous, ask, call, durable_store, name, observe, open, segment, settle, store, used,
    want, wanted,
};
use shmfs_abi::{
    AttachFlags, Backing, ByteLen, Call, Errno, GetFlags, Key, Lifetime, LimitsChange, ObjectId, OpenFlags,
    PAGE_SIZE, Part, Pid, Reply, Shmid, Wanted, limits,
};
use shmfs_core::{Effect, Event, Facts, Namespace, PlaceImage};

fn unlink(object: ObjectId, text: &str) -> Effect {
    Effect::Unlink { object, name: name(text) }
}

fn durable_segment(store: &mut Namespace, key: i32) -> (Shmid, ObjectId) {
    let flags = GetFlags::from_bits_retain(0o1600);
    let asked = Call::ShmGetDurable { key: Key(key), size: ByteLen(8192), flags };
    let Reply::Shmid(shmid) = call(store, asked).unwrap().0 else { panic!("no id") };
    (shmid, store.segment_object(shmid.slot().unwrap()).unwrap())
}

fn force(store: &mut Namespace) -> Vec<Effect> {
    let change = LimitsChange { rmid_forced: Some(1), ..LimitsChange::default() };
    call(store, Call::SetLimits { change }).unwrap().1
}

#[test]
fn an_object_is_charged_its_size_and_has_one_creator() {
    let mut store = store();
    let (reply, effects) = ask(&mut store, Call::Want(wanted("a", Lifetime::UntilRemoved))).unwrap();
    let Reply::Wanted { object, lifetime: Lifetime::UntilRemoved, created: true } = reply else {
        panic!("{reply:?}")
    };
    let [Effect::Make { ticket, backing: Backing::TmpfsFile, size: ByteLen(8000), .. }, ref give] =
        effects[..]
    else {
        panic!("{effects:?}")
    };
    assert_eq!(*give, Effect::Give { object, flags: OpenFlags::RDWR });
    assert_eq!(used(&mut store), 2 * PAGE_SIZE);
    settle(&mut store, ticket, Ok(Facts::default()));
    settle(&mut store, ticket, Ok(Facts::default()));
    assert_eq!(ask(&mut store, Call::Want(wanted("a", Lifetime::LastUser))).err(), Some(Errno::EEXIST));
    let flags = OpenFlags::CREAT | OpenFlags::RDWR;
    let other = Wanted { flags, size: ByteLen(1 << 30), ..wanted("a", Lifetime::LastUser) };
    let (reply, _) = ask(&mut store, Call::Want(other)).unwrap();
    assert_eq!(reply, Reply::Wanted { object, lifetime: Lifetime::UntilRemoved, created: false });
}

#[test]
fn what_is_too_large_or_has_no_place_is_refused() {
    let mut store = store();
    let plain = wanted("a", Lifetime::UntilRemoved);
    let large = Wanted { size: ByteLen(limits::OBJECT_BYTES + 1), ..plain };
    for (asked, errno) in [
        (Call::Want(large), Errno::EFBIG),
        (Call::Want(Wanted { size: ByteLen(1 << 30), ..plain }), Errno::ENOSPC),
        (Call::Want(wanted("a", Lifetime::Durable)), Errno::EOPNOTSUPP),
        (Call::Want(Wanted { flags: OpenFlags::RDWR, ..plain }), Errno::ENOENT),
        (Call::Anonymous { label: name("a"), size: ByteLen(1 << 30) }, Errno::ENOSPC),
        (Call::Anonymous { label: name("a"), size: large.size }, Errno::EFBIG),
        (Call::ShmGetDurable { key: Key(1), size: ByteLen(1), flags: GetFlags::CREAT }, Errno::EOPNOTSUPP),
        (Call::Fetch { object: ObjectId(1), part: Part::Read }, Errno::ENOENT),
    ] {
        assert_eq!(ask(&mut store, asked).err(), Some(errno), "{asked:?}");
    }
    assert_eq!((store.objects().count(), store.image().numbers), (0, (0, 0)));
    let huge = GetFlags::CREAT | GetFlags::HUGETLB;
    let mut store = durable_store();
    let asked = Call::ShmGetDurable { key: Key(1), size: ByteLen(1), flags: huge };
    assert_eq!(ask(&mut store, asked).err(), Some(Errno::EINVAL));
}

#[test]
fn with_its_creator_goes_what_was_to_live_as_long() {
    let mut store = store();
    let [ends, stays] = [("a", Lifetime::Process), ("b", Lifetime::UntilRemoved)]
        .map(|(text, lifetime)| want(&mut store, text, lifetime));
    call(&mut store, Call::Link { from: name("a"), to: name("c") }).unwrap();
    assert_eq!(observe(&mut store, Event::Exited { pid: Pid(CREATOR.0 + 1) }), []);
    let effects = observe(&mut store, Event::Exited { pid: CREATOR });
    assert_eq!(effects, [unlink(ends, "a"), unlink(ends, "c"), Effect::Release { object: ends }]);
    assert_eq!((store.released(), store.orphans()), (vec![ends], vec![stays]));
    assert_eq!(observe(&mut store, Event::Exited { pid: CREATOR }), []);
}

/// A broker is killed between the commit and the name; the creator dies meanwhile.
#[test]
fn a_name_that_comes_after_its_creators_end_goes_at_once() {
    let mut store = store();
    let (_, effects) = ask(&mut store, Call::Want(wanted("a", Lifetime::Process))).unwrap();
    let Some(&Effect::Make { ticket, object, .. }) = effects.first() else { panic!("{effects:?}") };
    settle(&mut store, ticket, Ok(Facts::default()));
    assert_eq!(observe(&mut store, Event::Exited { pid: CREATOR }), []);
    let effects = settle(&mut store, ticket, Ok(Facts::default()));
    assert_eq!(effects, [unlink(object, "a"), Effect::Release { object }]);
    assert_eq!(ask(&mut store, Call::Unlink { name: name("a") }).err(), Some(Errno::ENOENT));
}

#[test]
fn what_nobody_holds_goes_if_it_was_to_live_so_long() {
    let mut store = store();
    let used = want(&mut store, "a", Lifetime::LastUser);
    let others =
        [want(&mut store, "b", Lifetime::Process), open(&mut store, "c"), anonymous(&mut store, "d")];
    assert!(store.lives_by_users(used));
    for object in others {
        assert!(!store.lives_by_users(object));
        assert_eq!(observe(&mut store, Event::Unheld { object }), []);
    }
    // A name more or another name changes nothing.
    call(&mut store, Call::Rename { from: name("a"), to: name("e"), flags: 0 }).unwrap();
    let effects = observe(&mut store, Event::Unheld { object: used });
    assert_eq!(effects, [unlink(used, "e"), Effect::Release { object: used }]);
    assert_eq!(observe(&mut store, Event::Unheld { object: used }), []);
}

#[test]
fn anonymous_memory_is_found_by_nothing_and_goes_when_it_is_let_go() {
    let mut store = store();
    let asked = Call::Anonymous { label: name("a"), size: ByteLen(100) };
    let (_, effects) = ask(&mut store, asked).unwrap();
    let [Effect::Make { ticket, backing: Backing::SealableMemfd, .. }, Effect::Give { .. }, ref release] =
        effects[..]
    else {
        panic!("{effects:?}")
    };
    // It is shown once it is made.
    assert_eq!(store.object_after(ObjectId(0)), None);
    settle(&mut store, ticket, Ok(Facts::default()));
    let object = ObjectId(1);
    assert_eq!((release, store.object_after(ObjectId(0))), (&Effect::Release { object }, Some(object)));
    assert_eq!(store.object_image(object).unwrap().place, PlaceImage::Anonymous(name("a")));
    // Its label is no name.
    assert_ne!(open(&mut store, "a"), object);
    assert_ne!(anonymous(&mut store, "a"), object);
    assert_eq!((store.released().len(), store.orphans().len()), (2, 0));
    observe(&mut store, Event::Exited { pid: CREATOR });
    observe(&mut store, Event::Unused { object });
    assert_eq!(store.released(), [ObjectId(3)]);
    let (_, effects) = ask(&mut store, asked).unwrap();
    let Some(&Effect::Make { ticket, .. }) = effects.first() else { panic!("{effects:?}") };
    settle(&mut store, ticket, Err(Errno::ENFILE));
    assert_eq!(used(&mut store), PAGE_SIZE);
}

#[test]
fn a_durable_object_is_reaped_by_nobody_and_has_one_name() {
    let mut store = durable_store();
    let object = want(&mut store, "a", Lifetime::Durable);
    let link = Call::Link { from: name("a"), to: name("b") };
    assert_eq!(ask(&mut store, link).err(), Some(Errno::EPERM));
    assert_eq!(observe(&mut store, Event::Exited { pid: CREATOR }), []);
    assert_eq!(store.orphans(), []);
    for event in [Event::Reaped { object }, Event::Unheld { object }] {
        assert_eq!(observe(&mut store, event), []);
    }
    // It grows with room on the disk.
    let (_, effects) = call(&mut store, Call::Reserve { object, size: ByteLen(9000) }).unwrap();
    assert_eq!(effects, [Effect::Populate { object, size: ByteLen(9000) }]);
    let (_, effects) = call(&mut store, Call::Unlink { name: name("a") }).unwrap();
    assert_eq!(effects, [unlink(object, "a"), Effect::Release { object }]);
}

#[test]
fn shm_rmid_forced_spares_durable_segments() {
    let mut store = durable_store();
    let (shmid, kept) = durable_segment(&mut store, 1);
    let (_, gone) = segment(&mut store, 2);
    assert_eq!(force(&mut store), [Effect::Mark { object: gone, slot: store.slots()[1] }]);
    assert_eq!(observe(&mut store, Event::Exited { pid: CREATOR }), [Effect::Release { object: gone }]);
    let slot = shmid.slot().unwrap();
    let (reply, effects) = ask(&mut store, Call::ShmAttach { shmid, flags: AttachFlags::empty() }).unwrap();
    assert!(matches!(reply, Reply::Attached { object, .. } if object == kept));
    assert!(effects.contains(&Effect::Introduce { object: kept, slot, removed: false }), "{effects:?}");
    let counted = Event::Counted { slot, object: kept, nattch: 0, last_detach: Some((CREATOR, NOW)) };
    assert_eq!(observe(&mut store, counted), []);
    assert_eq!(store.orphans(), []);
    assert_eq!(force(&mut store), []);
    let (_, effects) = call(&mut store, Call::ShmRemove { shmid }).unwrap();
    assert_eq!(effects, [Effect::Release { object: kept }]);
}

#[test]
fn parts_are_what_a_mode_gives() {
    let mut store = durable_store();
    let durable = want(&mut store, "a", Lifetime::Durable);
    let plain = open(&mut store, "b");
    let give = |object, flags| vec![Effect::Give { object, flags }];
    for (object, part, expected) in [
        (durable, Part::Read, Ok(give(durable, OpenFlags::empty()))),
        (plain, Part::Write, Ok(give(plain, OpenFlags::RDWR))),
        (durable, Part::Undo, Ok(vec![Effect::GiveUndo { object: durable }])),
        (plain, Part::Undo, Err(Errno::EINVAL)),
        (ObjectId(99), Part::Undo, Err(Errno::ENOENT)),
    ] {
        let got = ask(&mut store, Call::Fetch { object, part }).map(|(_, effects)| effects);
        assert_eq!(got, expected, "{part:?} of {object:?}");
    }
    // What waits for its name is nobody's yet; what has lost it is still its holders'.
    let (_, effects) = ask(&mut store, Call::Want(wanted("c", Lifetime::UntilRemoved))).unwrap();
    let Some(&Effect::Make { object, .. }) = effects.first() else { panic!("{effects:?}") };
    let fetch = |object| Call::Fetch { object, part: Part::Read };
    assert_eq!(ask(&mut store, fetch(object)).err(), Some(Errno::ENOENT));
    call(&mut store, Call::Unlink { name: name("b") }).unwrap();
    assert!(ask(&mut store, fetch(plain)).is_ok());
}
