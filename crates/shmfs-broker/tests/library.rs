//! What only programs of the library ask for: sizes from the first moment, lifetimes, anonymous memory, parts.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{Store, name};
use rustix::fd::OwnedFd;
use shmfs_abi::{
    Access, ByteLen, Call, Door, Errno, Kind, Lifetime, ObjectId, OpenFlags, Part, Reply, Row, Usage, Wanted,
};
use shmfs_client::{Client, Settings, Visitor};
use shmfs_sys::fd;
use std::io::{BufRead, BufReader};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Command, Stdio};

fn wanted(text: &str, size: u64, lifetime: Lifetime) -> Wanted {
    let flags = OpenFlags::CREAT | OpenFlags::EXCL | OpenFlags::RDWR;
    Wanted { name: name(text), flags, mode: 0o600, size: ByteLen(size), lifetime, guarded: false }
}

fn call(peer: &Client, call: Call) -> Result<(Reply, Option<OwnedFd>), Errno> {
    peer.call(call, None).map_err(|refused| refused.errno)
}

fn want(peer: &Client, wanted: Wanted) -> Result<(ObjectId, bool, OwnedFd), Errno> {
    let (reply, file) = call(peer, Call::Want(wanted))?;
    let Reply::Wanted { object, created, .. } = reply else { panic!("{reply:?}") };
    Ok((object, created, file.unwrap()))
}

fn rows(peer: &Client) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    let mut after = ObjectId(0);
    while let (Reply::Row(row), _) = call(peer, Call::Next { after }).unwrap() {
        after = row.object;
        rows.push(row);
    }
    rows
}

fn usage(peer: &Client) -> Usage {
    let (Reply::Usage(usage), _) = call(peer, Call::Usage).unwrap() else { panic!() };
    usage
}

/// Waits until the store says what is expected: a death takes a moment to be noticed.
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..10_000 {
        if holds() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    panic!("never: {what}");
}

#[test]
fn an_object_has_its_size_when_it_is_found_and_one_creator() {
    let store = Store::start(1 << 20);
    let peer = store.program();
    let plain = wanted("frames", 10_000, Lifetime::UntilRemoved);
    let (object, created, file) = want(&peer, plain).unwrap();
    assert!(created);
    assert_eq!(fd::facts(&file).unwrap().size, ByteLen(10_000));
    assert_eq!(want(&peer, plain).unwrap_err(), Errno::EEXIST);
    let open = Wanted { flags: OpenFlags::CREAT | OpenFlags::RDWR, size: ByteLen(5), ..plain };
    let (found, created, other) = want(&peer, open).unwrap();
    assert_eq!((found, created), (object, false));
    assert_eq!(fd::facts(&other).unwrap().size, ByteLen(10_000));
    assert_eq!(usage(&peer).used, ByteLen(3 * 4096));
    let large = wanted("large", 2 << 20, Lifetime::UntilRemoved);
    assert_eq!(want(&peer, large).unwrap_err(), Errno::ENOSPC);
    let durable = wanted("durable", 1, Lifetime::Durable);
    assert_eq!(want(&peer, durable).unwrap_err(), Errno::EOPNOTSUPP);
}

#[test]
fn a_name_goes_with_the_last_who_holds_the_object() {
    let store = Store::start(1 << 20);
    let peer = store.program();
    let (_, _, first) = want(&peer, wanted("shared", 4096, Lifetime::LastUser)).unwrap();
    let open = Wanted { flags: OpenFlags::RDWR, ..wanted("shared", 0, Lifetime::UntilRemoved) };
    let (_, _, second) = want(&peer, open).unwrap();
    drop(first);
    // The broker looks when something is closed; the second holds it through that look.
    assert_eq!(rows(&peer).len(), 1);
    let row = rows(&peer)[0];
    assert_eq!((row.lifetime, row.removed), (Lifetime::LastUser, false));
    drop(second);
    until("it goes", || rows(&peer).is_empty());
    assert_eq!(usage(&peer).used, ByteLen(0));
    want(&peer, wanted("shared", 4096, Lifetime::LastUser)).unwrap();
}

#[test]
fn anonymous_memory_is_listed_while_somebody_holds_it() {
    let store = Store::start(1 << 20);
    let peer = store.program();
    let batch = Call::Anonymous { label: name("batch"), size: ByteLen(8192) };
    let (Reply::Opened { object }, file) = call(&peer, batch).unwrap() else { panic!() };
    let row = rows(&peer)[0];
    assert_eq!((row.object, row.door, row.kind), (object, Door::Anon, Kind::Anonymous));
    assert_eq!((row.name, row.size, row.removed), (Some(name("batch")), ByteLen(8192), false));
    let counted = usage(&peer);
    assert_eq!((counted.anon, counted.created.anonymous, counted.used), (1, 1, ByteLen(8192)));
    drop(file);
    until("it goes", || rows(&peer).is_empty());
    assert_eq!(usage(&peer).used, ByteLen(0));
    let large = Call::Anonymous { label: name("large"), size: ByteLen(2 << 20) };
    assert_eq!(call(&peer, large).unwrap_err(), Errno::ENOSPC);
}

#[test]
fn parts_are_fetched_by_number() {
    let store = Store::start(1 << 20);
    let peer = store.program();
    let (object, _, file) = want(&peer, wanted("frames", 4096, Lifetime::UntilRemoved)).unwrap();
    let fetch = |part| call(&peer, Call::Fetch { object, part });
    let (reply, fetched) = fetch(Part::Read).unwrap();
    assert_eq!(reply, Reply::Fetched { size: ByteLen(4096), held: true });
    assert_eq!(fd::access(fetched.as_ref().unwrap()).unwrap().access(), Access::Read);
    drop((fetched, file));
    until("nobody holds it", || matches!(fetch(Part::Write), Ok((Reply::Fetched { held: false, .. }, _))));
    assert_eq!(fetch(Part::Undo).unwrap_err(), Errno::EINVAL);
    let none = Call::Fetch { object: ObjectId(99), part: Part::Read };
    assert_eq!(call(&peer, none).unwrap_err(), Errno::ENOENT);
}

/// In a process of its own: has objects that live differently long, and never comes to an end.
#[test]
#[ignore = "another test runs it, and kills it"]
fn creator() {
    let dir = std::env::var_os("SHMFS_TEST_STORE").unwrap();
    let peer = Client::idle();
    peer.join(Settings::new(Path::new(&dir).as_os_str().as_bytes(), None).unwrap()).unwrap();
    let made = [("mine", Lifetime::Process), ("ours", Lifetime::LastUser), ("left", Lifetime::LastUser)]
        .map(|(text, lifetime)| want(&peer, wanted(text, 4096, lifetime)).unwrap());
    let (_, _, kept) = want(&peer, wanted("kept", 4096, Lifetime::UntilRemoved)).unwrap();
    let batch = call(&peer, Call::Anonymous { label: name("batch"), size: ByteLen(4096) }).unwrap();
    println!("\nmade");
    std::thread::park();
    drop((made, kept, batch));
}

#[test]
fn with_a_process_goes_what_it_alone_has() {
    let store = Store::start(1 << 20);
    let peer = store.program();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["creator", "--exact", "--ignored", "--nocapture"])
        .env("SHMFS_TEST_STORE", store.dir())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
    let made = output.by_ref().map_while(Result::ok).any(|line| line == "made");
    let names = || rows(&peer).iter().map(|row| row.name).collect::<Vec<_>>();
    let before = names().len();
    let open = Wanted { flags: OpenFlags::RDWR, ..wanted("ours", 0, Lifetime::UntilRemoved) };
    let ours = want(&peer, open);
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(made && before == 5, "the creator has failed");
    until("it goes", || names() == [Some(name("ours")), Some(name("kept"))]);
    drop(ours.unwrap());
    until("nobody holds it", || names() == [Some(name("kept"))]);
    assert_eq!(usage(&peer).used, ByteLen(4096));
}

#[test]
fn a_visitor_has_no_end_that_anything_could_go_with() {
    let store = Store::start(1 << 20);
    let socket = store.dir().join("socket");
    let mut visitor = Visitor::connect(socket.as_os_str().as_bytes(), None).unwrap();
    let refused = visitor.call(Call::Want(wanted("a", 1, Lifetime::Process))).unwrap_err();
    assert_eq!(refused.errno, Errno::EPERM);
    visitor.call(Call::Want(wanted("a", 1, Lifetime::UntilRemoved))).unwrap();
}
