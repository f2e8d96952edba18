//! Stores that a process makes for itself, and others that join them.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use common::{Actor, hear, say, until};
use shmfs::{Kind, Lifetime, Store};
use std::fs;

const ENOENT: i32 = 2;
const EACCES: i32 = 13;
const EEXIST: i32 = 17;
const ENOSPC: i32 = 28;
const ECONNREFUSED: i32 = 111;

/// The second process.
#[test]
fn child() {
    match common::role().as_deref() {
        None => {}
        Some("reads") => reads(),
        Some("races") => races(),
        Some("joins") => joins(),
        Some("holds") => holds(),
        Some("creates") => creates(),
        Some("serves") => serves(),
        Some(other) => panic!("there is no role {other}"),
    }
}

fn reads() {
    let store = Store::open().unwrap();
    while let Some(name) = hear() {
        let mapping = store.open_object(&name).unwrap().map().unwrap();
        let text = mapping.window(..8).unwrap().to_vec().unwrap();
        mapping.write_at(8, b"and back").unwrap();
        say(String::from_utf8(text).unwrap());
    }
}

#[test]
fn an_embedded_store_serves_a_second_process() {
    let store = Store::embedded().unwrap();
    let object = store.create("frames", 5000).unwrap();
    let mapping = object.map().unwrap();
    mapping.write_at(0, b"to there").unwrap();

    let mut other = Actor::start("reads", &store);
    assert_eq!(other.ask("frames"), "to there");
    assert_eq!(mapping.window(8..16).unwrap().to_vec().unwrap(), b"and back");

    let usage = store.usage().unwrap();
    assert_eq!((usage.clients, usage.objects, usage.used), (2, 1, 8192));
    // One made it by a message, the other was told its name by the kernel: both count.
    assert_eq!(usage.calls("shm_open"), Some(2));
    assert_eq!(usage.calls("no such call"), None);
    other.finish();
    until(|| store.usage().unwrap().clients == 1);
}

#[test]
fn names_are_taken_freed_and_refused() {
    let store = Store::embedded().unwrap();
    let error = store.open_object("x").unwrap_err();
    assert_eq!(error.to_string(), "cannot open `x`: no object has this name (ENOENT)");
    let first = store.create("/x", 100).unwrap();
    assert_eq!((first.name().unwrap().as_bytes(), first.len().unwrap()), (&b"x"[..], 100));
    let error = store.create("x", 100).unwrap_err();
    assert_eq!((error.errno(), error.what()), (EEXIST, "cannot create `x`: the name is taken"));
    let (_, created) = store.open_or_create("x", 7).unwrap();
    assert!(!created);

    first.unlink().unwrap();
    assert_eq!(first.unlink().unwrap_err().errno(), ENOENT);
    assert_eq!(store.unlink("x").unwrap_err().what(), "cannot unlink `x`: no object has this name");
    let (second, created) = store.open_or_create("x", 7).unwrap();
    assert_eq!(
        (created, second.len().unwrap(), first.len().unwrap()),
        (true, 7, 100),
        "it is another object"
    );
    assert_eq!(store.create("a/b", 1).unwrap_err().what(), "a name has no slash, and byte 1 is one");

    // A mode without rights binds everybody but root.
    store.object("locked").unwrap().mode(0).create(1).unwrap();
    let opened = store.open_object("locked").map(drop).map_err(|error| error.errno());
    let root = rustix::process::geteuid().is_root();
    assert_eq!(opened, if root { Ok(()) } else { Err(EACCES) });
}

#[test]
fn sizes_are_charged_and_limits_told_with_their_numbers() {
    let store = Store::options().size(1 << 20).embedded().unwrap();
    let object = store.create("a", 1 << 19).unwrap();
    assert_eq!(store.usage().unwrap().used, 1 << 19);
    let full = "1048576 bytes asked, 524288 free of this store's 1048576";
    let error = store.create("b", 1 << 20).unwrap_err();
    assert_eq!(error.to_string(), format!("cannot create `b`: {full} (ENOSPC)"));
    assert_eq!(store.open_object("b").unwrap_err().errno(), ENOENT, "nothing is left of it");

    let full = "1048576 bytes asked, 524288 free of this store's 1048576";
    let error = object.resize((1 << 20) + (1 << 19)).unwrap_err();
    assert_eq!(error.what(), format!("cannot give 1572864 bytes to `a`: {full}"));
    assert_eq!(object.len().unwrap(), 1 << 19);
    object.resize(1 << 20).unwrap();
    assert_eq!(store.anonymous("scratch", 1).unwrap_err().errno(), ENOSPC);
    assert_eq!(store.private_segment(1).unwrap_err().errno(), ENOSPC);
    object.resize(4096).unwrap();
    let scratch = store.anonymous("scratch", 1 << 19).unwrap();
    assert_eq!(store.usage().unwrap().used, (1 << 19) + 4096);
    scratch.resize(0).unwrap();
    assert_eq!(store.usage().unwrap().used, 4096);
}

fn races() {
    let store = Store::open().unwrap();
    let _ = hear();
    let mut made = 0;
    for number in 0..200 {
        let (object, created) = store.open_or_create(format!("race-{number}"), 8192).unwrap();
        assert_eq!(object.len().unwrap(), 8192, "nobody sees it without its size");
        if created {
            object.map().unwrap().store_u32(0, std::process::id()).unwrap();
            made += 1;
        }
    }
    say(made);
    let _ = hear();
}

#[test]
fn one_of_eight_processes_makes_each_of_200_objects() {
    let store = Store::embedded().unwrap();
    let mut racers: Vec<Actor> = (0..8).map(|_| Actor::start("races", &store)).collect();
    racers.iter_mut().for_each(|racer| racer.tell("go"));
    let made: Vec<(u32, u64)> =
        racers.iter_mut().map(|racer| (racer.pid(), racer.heard().parse().unwrap())).collect();
    assert_eq!(made.iter().map(|(_, made)| made).sum::<u64>(), 200, "{made:?}");
    assert_eq!(store.usage().unwrap().objects, 200);
    for (pid, count) in made {
        let of_it = (0..200).filter(|number| {
            let object = store.open_object(format!("race-{number}")).unwrap();
            object.map().unwrap().load_u32(0).unwrap() == pid
        });
        assert_eq!(of_it.count() as u64, count);
    }
    racers.into_iter().for_each(Actor::finish);
}

fn creates() {
    let store = Store::open().unwrap();
    let mut held = Vec::new();
    while let Some(wish) = hear() {
        let lifetime = match wish.as_str() {
            "process" => Lifetime::Process,
            "last-user" => Lifetime::LastUser,
            _ => Lifetime::UntilRemoved,
        };
        held.push(store.object(&wish).unwrap().lifetime(lifetime).create(4096).unwrap());
        say("made");
    }
}

#[test]
fn a_killed_creator_takes_what_was_to_live_as_long_as_it() {
    let store = Store::embedded().unwrap();
    let mut creator = Actor::start("creates", &store);
    for wish in ["process", "last-user", "until-removed"] {
        assert_eq!(creator.ask(wish), "made");
    }
    let mapping = store.open_object("last-user").unwrap().map().unwrap();
    let process = store.open_object("process").unwrap();
    let lifetimes: Vec<Lifetime> = store.list().unwrap().iter().map(|entry| entry.lifetime).collect();
    assert_eq!(lifetimes, [Lifetime::Process, Lifetime::LastUser, Lifetime::UntilRemoved]);

    assert!(!creator.kill().success());
    until(|| store.open_object("process").is_err());
    assert_eq!(store.create("process", 1).unwrap().len().unwrap(), 1, "the name is free");
    assert_eq!(process.len().unwrap(), 4096, "who has it open keeps it");
    store.open_object("last-user").unwrap();
    store.open_object("until-removed").unwrap();

    drop(mapping);
    until(|| store.open_object("last-user").is_err_and(|error| error.errno() == ENOENT));
    store.open_object("until-removed").unwrap();
}

fn holds() {
    let store = Store::open().unwrap();
    let path = hear().unwrap();
    let socket = std::os::unix::net::UnixStream::connect(path).unwrap();
    let object = shmfs::Object::receive_from(&socket).unwrap();
    say(object.map().unwrap().load_u32(0).unwrap());
    let _ = hear();
    drop(object);
    say(store.usage().unwrap().anonymous);
    let _ = hear();
}

#[test]
fn anonymous_memory_is_listed_as_long_as_somebody_holds_it() {
    let store = Store::embedded().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("socket");
    let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let object = store.anonymous("a scratch", 4096).unwrap();
    object.map().unwrap().store_u32(0, 4711).unwrap();
    object.seal(shmfs::Seals::SHRINK | shmfs::Seals::GROW).unwrap();
    assert_eq!(object.resize(1).unwrap_err().errno(), 1, "EPERM");

    let mut other = Actor::start("holds", &store);
    other.tell(path.to_str().unwrap());
    object.send_to(&listener.accept().unwrap().0).unwrap();
    assert_eq!(other.heard(), "4711");
    drop(object);
    let entry = store.list().unwrap().remove(0);
    assert_eq!(
        (entry.kind, entry.name.as_deref(), entry.size),
        (Kind::Anonymous, Some(&b"a scratch"[..]), 4096)
    );
    assert_eq!(entry.creator, std::process::id() as i32);

    other.tell("let go");
    other.heard();
    until(|| store.list().unwrap().is_empty());
    assert_eq!(store.usage().unwrap().used, 0);
    other.finish();
}

fn joins() {
    let store = Store::open().unwrap();
    store.create("mine", 10).unwrap();
    say("joined");
    let _ = hear();
    say(store.create("late", 10).map(drop).map_err(|error| error.errno()).unwrap_err());
    let _ = hear();
}

#[test]
fn an_embedded_store_ends_with_its_last_handle() {
    let store = Store::embedded().unwrap();
    let dir = store.dir().to_owned();
    let object = store.create("kept", 4096).unwrap();
    let mut other = Actor::start("joins", &store);
    assert_eq!(other.heard(), "joined");
    drop(store);
    assert!(dir.exists(), "an object of it is a handle");
    object.open_again_by_name();
    drop(object);
    assert!(!dir.exists());
    assert_eq!(other.ask("go on"), ECONNREFUSED.to_string());
    other.finish();
    assert_eq!(Store::at(&dir).unwrap_err().errno(), ECONNREFUSED);
}

/// That the store still serves while only an object is left.
trait OpenAgain {
    fn open_again_by_name(&self);
}

impl OpenAgain for shmfs::Object {
    fn open_again_by_name(&self) {
        self.resize(8192).unwrap();
        assert_eq!(self.len().unwrap(), 8192);
    }
}

fn serves() {
    let store = Store::embedded().unwrap();
    store.create("here", 1).unwrap();
    say(store.dir().display());
    let _ = hear();
}

#[test]
fn a_killed_process_leaves_no_embedded_store() {
    let mut server = Actor::start_with("serves", |_| ());
    let dir = std::path::PathBuf::from(server.heard());
    assert!(dir.join("socket").exists());
    let stranger = Store::at(&dir);
    let admitted = rustix::process::geteuid().is_root() || stranger.is_ok();
    assert!(admitted, "its own user is admitted without a token: {stranger:?}");
    drop(stranger);
    server.kill();
    assert_eq!(Store::at(&dir).unwrap_err().errno(), ECONNREFUSED);
    // Who makes the next one clears what was left.
    let store = Store::embedded().unwrap();
    assert!(!dir.exists());
    assert!(store.dir().parent() == dir.parent());
}

#[test]
fn several_stores_are_several() {
    let (one, other) = (Store::embedded().unwrap(), Store::embedded().unwrap());
    assert_ne!(one.dir(), other.dir());
    one.create("x", 1).unwrap();
    assert_eq!(other.open_object("x").unwrap_err().errno(), ENOENT);
    let clone = one.clone();
    drop(one);
    clone.open_object("x").unwrap();
    let dir = clone.dir().to_owned();
    drop(clone);
    assert!(!dir.exists() && other.dir().exists());
    // Its client is used again.
    let third = Store::embedded().unwrap();
    assert_eq!(third.list().unwrap(), []);
    assert!(fs::metadata(third.dir()).is_ok());
}

#[test]
fn what_is_not_there_is_told_with_what_was_tried() {
    let error = Store::named("nobody-serves-this").unwrap_err();
    assert_eq!(error.errno(), ECONNREFUSED);
    assert!(error.what().starts_with("no store `nobody-serves-this` runs: tried "), "{error}");
    assert!(error.what().contains("hint: `shm daemon`"), "{error}");
    let error = Store::named("a b/..").unwrap_err();
    assert!(error.what().starts_with("the store does not run: tried /"), "{error}");
    assert_eq!(Store::named("").unwrap_err().errno(), 22, "EINVAL");
    let error = Store::options().size(4095).embedded().unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot make a store of 4095 bytes: it has at least one page, 4096 bytes (EINVAL)"
    );
}
