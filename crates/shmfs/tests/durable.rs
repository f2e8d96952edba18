//! Durable objects: what comes back, and what is rolled back.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use common::{Actor, hear, say, until};
use shmfs::{Kind, Lifetime, Store};
use std::path::Path;
use std::process::{Child, Command, Stdio};

const EINVAL: i32 = 22;
const EOPNOTSUPP: i32 = 95;

#[test]
fn child() {
    match common::role().as_deref() {
        None => {}
        Some("edits") => edits(),
        Some("waits") => waits(),
        Some(other) => panic!("there is no role {other}"),
    }
}

fn text(mapping: &shmfs::Mapping, offset: usize, len: usize) -> String {
    String::from_utf8(mapping.window(offset..offset + len).unwrap().to_vec().unwrap()).unwrap()
}

fn store(state: &Path) -> Store {
    Store::options().size(16 << 20).state(state).embedded().unwrap()
}

#[test]
fn durable_objects_come_back_with_their_name_mode_and_key() {
    let state = tempfile::tempdir().unwrap();
    let first = store(state.path());
    let ledger =
        first.object("ledger").unwrap().mode(0o640).lifetime(Lifetime::Durable).create(8192).unwrap();
    assert_eq!(ledger.lifetime(), Some(Lifetime::Durable));
    let mut edited = ledger.durable().unwrap();
    edited.write(4000, b"across two pages and more than".repeat(8).as_slice()).unwrap();
    assert_eq!(edited.persist().unwrap(), 1);
    edited.write(0, b"not persisted").unwrap();
    let segment = first.segment(0x5eed).len(100).mode(0o604).lifetime(Lifetime::Durable).create().unwrap();
    let mut of_segment = segment.durable().unwrap();
    of_segment.write(90, b"a segment.").unwrap();
    of_segment.persist().unwrap();
    first.create("passing", 1).unwrap();
    let before: Vec<_> = first.list().unwrap();
    drop((edited, ledger, of_segment, segment, first));

    let second = store(state.path());
    let after = second.list().unwrap();
    assert_eq!(after.len(), 2, "{after:?}");
    for (entry, was) in after.iter().zip(&before) {
        assert_eq!(
            (entry.kind, &entry.name, entry.key, entry.size),
            (was.kind, &was.name, was.key, was.size)
        );
        assert_eq!(
            (entry.mode, entry.uid, entry.gid, entry.created),
            (was.mode, was.uid, was.gid, was.created)
        );
        assert_eq!((entry.lifetime, entry.number), (Lifetime::Durable, was.number));
    }
    assert_eq!(
        (after[0].kind, after[0].mode & 0o777, after[1].mode),
        (Kind::Object, 0o640 & !umask(), 0o604)
    );
    let ledger = second.open_object("ledger").unwrap();
    let edited = ledger.durable().unwrap();
    assert_eq!(text(edited.mapping(), 4000, 240), "across two pages and more than".repeat(8));
    assert_eq!(text(edited.mapping(), 0, 13), "\0".repeat(13), "dropped without persist");
    let segment = second.segment(0x5eed).open().unwrap();
    assert_eq!(text(&segment.attach_read_only().unwrap(), 90, 10), "a segment.");

    ledger.unlink().unwrap();
    segment.remove().unwrap();
    drop((ledger, edited, segment));
    until(|| second.usage().unwrap().used == 0);
    drop(second);
    assert_eq!(store(state.path()).list().unwrap(), []);
}

/// As the kernel tells it of this thread.
fn umask() -> u32 {
    let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("Umask:")).unwrap();
    u32::from_str_radix(line.trim(), 8).unwrap()
}

/// Edits, persists if told to, and edits again.
fn edits() {
    let store = Store::open().unwrap();
    let mut object = store.open_object("shared").unwrap().durable().unwrap();
    while let Some(line) = hear() {
        match line.split_once(' ') {
            Some(("write", text)) => object.write(0, text.as_bytes()).unwrap(),
            Some(("at", offset)) => object.write(offset.parse().unwrap(), b"elsewhere").unwrap(),
            _ if line == "persist" => {
                say(object.persist().unwrap());
                continue;
            }
            _ => panic!("what is `{line}`"),
        }
        say("stored");
    }
}

#[test]
fn what_a_killed_editor_left_is_rolled_back_by_the_store() {
    let state = tempfile::tempdir().unwrap();
    let store = store(state.path());
    let object = store.object("shared").unwrap().lifetime(Lifetime::Durable).create(8192).unwrap();
    let mapping = object.map().unwrap();

    let mut editor = Actor::start("edits", &store);
    assert_eq!(editor.ask("write first"), "stored");
    assert_eq!(editor.ask("persist"), "1");
    assert_eq!(editor.ask("write SECOND"), "stored");
    assert_eq!(editor.ask("at 5000"), "stored");
    assert_eq!(text(&mapping, 0, 6), "SECOND", "an edit is seen when it is stored");
    editor.kill();
    // By the broker, whoever edits next or not.
    until(|| text(&mapping, 0, 6) == "first\0");
    assert_eq!(text(&mapping, 5000, 9), "\0".repeat(9));

    let mut next = object.durable().unwrap();
    next.write(100, b"third").unwrap();
    assert_eq!(text(&mapping, 0, 6), "first\0");
    assert_eq!(text(&mapping, 5000, 9), "\0".repeat(9));
    assert_eq!(text(&mapping, 100, 5), "third");
    assert_eq!(next.roll_back().unwrap(), 5);
    assert_eq!(text(&mapping, 100, 5), "\0".repeat(5));
}

#[test]
fn what_a_killed_editor_left_is_rolled_back_by_the_next_store() {
    let state = tempfile::tempdir().unwrap();
    let first = store(state.path());
    first.object("shared").unwrap().lifetime(Lifetime::Durable).create(8192).unwrap();
    let mut editor = Actor::start("edits", &first);
    editor.ask("write first");
    editor.ask("persist");
    editor.ask("write SECOND");
    editor.kill();
    drop(first);

    let second = store(state.path());
    assert_eq!(text(&second.open_object("shared").unwrap().map().unwrap(), 0, 6), "first\0");
}

/// Says when it may edit.
fn waits() {
    let store = Store::open().unwrap();
    let mut object = store.open_object("shared").unwrap().durable().unwrap();
    say("waits");
    let first = object.edit(0..5).unwrap().to_vec().unwrap();
    say(String::from_utf8(first).unwrap());
    object.write(0, b"later").unwrap();
    say(object.persist().unwrap());
    let _ = hear();
}

#[test]
fn one_edits_at_a_time() {
    let state = tempfile::tempdir().unwrap();
    let store = store(state.path());
    let object = store.object("shared").unwrap().lifetime(Lifetime::Durable).create(4096).unwrap();
    let mut ours = object.durable().unwrap();
    ours.write(0, b"early").unwrap();
    let mut other = Actor::start("waits", &store);
    assert_eq!(other.heard(), "waits");
    ours.write(0, b"EARLY").unwrap();
    assert_eq!(ours.persist().unwrap(), 1);
    assert_eq!(other.heard(), "EARLY", "it saw nothing before we persisted");
    assert_eq!(other.heard(), "2");
    assert_eq!(text(ours.mapping(), 0, 5), "later");
    assert_eq!(ours.epoch(), 1, "as far as is known here");
    ours.write(0, b"third").unwrap();
    assert_eq!(ours.persist().unwrap(), 3);
    other.finish();
}

#[test]
fn what_is_not_durable_is_refused() {
    let plain = Store::embedded().unwrap();
    let error = plain.object("x").unwrap().lifetime(Lifetime::Durable).create(1).unwrap_err();
    assert_eq!(error.errno(), EOPNOTSUPP);
    assert!(error.what().contains("`shm daemon --state DIR`"), "{error}");
    let object = plain.create("x", 1).unwrap();
    assert_eq!(object.durable().unwrap_err().errno(), EINVAL);
    assert_eq!(plain.private_segment(1).unwrap().durable().unwrap_err().errno(), EINVAL);
    let error = plain.segment(1).len(1).lifetime(Lifetime::LastUser).create().unwrap_err();
    assert!(error.what().contains("not LastUser"), "{error}");

    let state = tempfile::tempdir().unwrap();
    let store = store(state.path());
    let object = store.object("x").unwrap().lifetime(Lifetime::Durable).create(100).unwrap();
    let mut durable = object.durable().unwrap();
    assert_eq!(durable.edit(90..101).unwrap_err().errno(), EINVAL);
    assert_eq!(durable.write(usize::MAX, b"xx").unwrap_err().errno(), EINVAL);
    assert_eq!((durable.roll_back().unwrap(), durable.persist().unwrap()), (0, 0), "nothing was edited");
}

/// A daemon in the foreground; it ends when this is dropped.
struct Daemon(Child);

impl Daemon {
    fn start(shm: &Path, name: &str, state: &Path) -> (Daemon, Store) {
        let mut command = Command::new(shm);
        command.args(["daemon", "--store", name, "--size", "64M", "--state"]).arg(state);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).env_remove("SHMFS_STORE");
        let mut daemon = Daemon(command.spawn().unwrap());
        let mut joined = Store::named(name);
        while joined.is_err() {
            assert!(daemon.0.try_wait().unwrap().is_none(), "it has ended: {joined:?}");
            joined = Store::named(name);
        }
        (daemon, joined.unwrap())
    }

    /// As `kill`: it ends its store in order.
    fn end(mut self) {
        let pid = rustix::process::Pid::from_raw(self.0.id().cast_signed()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        assert!(self.0.wait().unwrap().success());
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_daemon_that_is_started_again_has_them() {
    let Some(shm) = common::shm() else { skip!("the program shm is not built") };
    let name = format!("durable-{}", std::process::id());
    let state = tempfile::tempdir().unwrap();
    let (daemon, store) = Daemon::start(&shm, &name, state.path());
    let object =
        store.object("ledger").unwrap().mode(0o600).lifetime(Lifetime::Durable).create(4096).unwrap();
    store.segment(77).len(10).lifetime(Lifetime::Durable).create().unwrap();
    let mut durable = object.durable().unwrap();
    durable.write(0, b"written").unwrap();
    durable.persist().unwrap();
    let before = store.list().unwrap();
    daemon.end();
    // Who has it mapped keeps it, and edits on; the log is the same.
    durable.write(7, b" after the store's end").unwrap();
    durable.persist().unwrap();
    drop((durable, object, store));

    let (daemon, store) = Daemon::start(&shm, &name, state.path());
    let after = store.list().unwrap();
    let facts = |entries: &[shmfs::Entry]| {
        let facts =
            entries.iter().map(|entry| (entry.number, entry.name.clone(), entry.key, entry.mode, entry.size));
        facts.collect::<Vec<_>>()
    };
    assert_eq!(facts(&after), facts(&before));
    let mapping = store.open_object("ledger").unwrap().map().unwrap();
    assert_eq!(text(&mapping, 0, 29), "written after the store's end");
    assert_eq!(store.segment(77).open().unwrap().len(), 10);
    daemon.end();
}
