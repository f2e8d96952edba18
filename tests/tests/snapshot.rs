//! `shm snapshot` and `shm restore` with real stores, writers that go on, and signals (`programs/snapshots.py`).

#![allow(clippy::expect_used, reason = "a test that cannot be set up fails, and says why")]

use serde_json::Value;
use shmfs_abi::{ByteLen, Gid, Kind, Lifetime, Name, Uid};
use shmfs_durable::{Undo, lock_editor};
use shmfs_snapshot::{Header, Hold, Verdict, Writer};
use shmfs_tests::{DevShm, LIMIT, Setting, eventually, is_root, need_program, run, setting, skip};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;

/// Plays scenes, each in a store of its own, on one stage: what one writes into the folder the next one finds.
fn play(setting: &Setting, scenes: &[&str]) {
    setting.copy("snapshots.py");
    for scene in scenes {
        let script = format!("/usr/bin/python3 \"$0/snapshots.py\" {scene} \"$0\"");
        let (outcome, _) = setting.serve(&[], &["--size", "3G"], &script);
        assert_eq!(outcome.expect_success(scene), format!("played {scene}\n"));
    }
}

macro_rules! play {
    ($($scene:literal),*) => {{
        need_program!("/usr/bin/python3", "python3");
        play(&setting!("snapshot", DevShm::Small), &[$($scene),*]);
    }};
}

/// A snapshot that no store has made: of an object called `name`, filled with `bytes`.
fn write_snapshot(setting: &Setting, name: &str, bytes: &[u8], more: impl FnOnce(&mut Header)) {
    let mut header = Header::new(Kind::Object, ByteLen(bytes.len() as u64));
    header.name = Name::new(name.as_bytes()).ok();
    header.hold = Hold::Alone;
    more(&mut header);
    let file = File::create(setting.scratch().join(&format!("{name}.snap"))).expect("a file");
    let mut writer = Writer::begin(file, &header).expect("a header");
    writer.frame(0, bytes).expect("a frame");
    writer.finish(Verdict::Consistent).expect("the end");
}

#[test]
fn objects_and_segments_come_back_in_another_store() {
    play!("save", "load");
}

#[test]
fn a_sparse_object_is_a_small_file() {
    play!("sparse");
}

#[test]
fn what_others_have_open_is_fuzzy_and_says_so() {
    play!("held");
}

#[test]
fn who_comes_and_goes_during_the_copy_is_noticed() {
    play!("came");
}

#[test]
fn what_is_cut_during_the_copy_is_noticed() {
    play!("shrank");
}

#[test]
fn a_bar_is_for_terminals() {
    play!("progress");
}

#[test]
fn the_copies_of_a_guarded_object_are_of_one_moment() {
    need_program!("/usr/bin/python3", "python3");
    let setting = setting!("guarded", DevShm::Small);
    write_snapshot(&setting, "guarded", &[0; 1 << 20], |header| header.guarded = true);
    play(&setting, &["guarded"]);
}

#[test]
fn an_interrupted_command_leaves_nothing() {
    need_program!("/usr/bin/python3", "python3");
    let setting = setting!("interrupted", DevShm::Small);
    write_snapshot(&setting, "guarded", &[0; 4096], |header| header.guarded = true);
    play(&setting, &["interrupted"]);
}

#[test]
fn strangers_copy_what_they_may_read_and_own_what_they_restore() {
    if !is_root() {
        skip!("becoming another user needs root");
    }
    need_program!("/usr/bin/python3", "python3");
    let setting = setting!("strangers", DevShm::Small);
    write_snapshot(&setting, "foreign", b"theirs", |header| {
        (header.uid, header.gid, header.mode) = (Uid(4321), Gid(4322), 0o640);
    });
    play(&setting, &["strangers"]);
}

/// Runs `shm` in the setting's world; what it said on both outputs.
fn shm(setting: &Setting, words: &[&str]) -> (String, String) {
    let mut command = setting.world().command(setting.shm());
    let outcome = run(command.args(words).current_dir(setting.scratch().path()), LIMIT);
    assert!(outcome.success(), "shm {words:?}: {outcome:?}");
    (outcome.stdout, outcome.stderr)
}

fn json(setting: &Setting, words: &[&str]) -> Value {
    serde_json::from_str(&shm(setting, &[words, &["--json"]].concat()).0).expect("JSON")
}

/// The editor is this test, and it edits the files of the state directory.
#[test]
fn a_durable_object_is_copied_as_it_was_committed() {
    let setting = setting!("durable", DevShm::Small);
    let old = [b'o'; 10_000];
    write_snapshot(&setting, "ledger", &old, |header| header.lifetime = Lifetime::Durable);
    let folder = setting.scratch().join("state");
    let folder_name = folder.to_str().expect("a name in UTF-8");
    let daemon = ["daemon", "--store", "durable", "--size", "64M", "--state", folder_name];
    let daemon = setting.world().start_program(setting.shm(), &daemon);
    eventually("the daemon listens", || setting.world().outside("/run/shmfs/durable/socket").exists());
    let at = |name: &str| setting.scratch().join(name).to_str().expect("a name in UTF-8").to_owned();
    let store = ["--store", "durable"];
    let take = |to: &str| {
        json(&setting, &[&["snapshot", "ledger", "-o", &at(to), "--wait", "0"][..], &store].concat())
    };
    let bring = |from: &str, name: &str| {
        let restored = json(&setting, &[&["restore", &at(from), "--name", name][..], &store].concat());
        assert_eq!(restored["lifetime"], "durable", "{restored}");
        let number = json(&setting, &[&["stat", name][..], &store].concat())["object"].clone();
        fs::read(folder.join(format!("{number}.pages"))).expect("pages")
    };
    assert_eq!(bring("ledger.snap", "ledger"), old);
    let number =
        json(&setting, &[&["stat", "ledger"][..], &store].concat())["object"].as_u64().expect("a number");
    let open = |end: &str| {
        let file = File::options().read(true).write(true).open(folder.join(format!("{number}.{end}")));
        file.expect("a file of the object")
    };

    let pages = open("pages");
    let mut undo = Undo::open(open("undo"), number).expect("an undo log");
    assert!(lock_editor(undo.medium(), false).expect("a lock"));
    undo.save(&pages, 0..100).expect("an edit");
    pages.write_all_at(&[b'n'; 100], 0).expect("a store");
    let busy = take("busy");
    assert_eq!((&busy["consistent"], &busy["held_by"]), (&false.into(), &"nothing".into()), "{busy}");
    assert!(busy["fuzzy"].as_str().is_some_and(|why| why.starts_with("a writer kept its lock")), "{busy}");

    let epoch = undo.commit(&pages).expect("a commit");
    shmfs_durable::unlock_editor(undo.medium()).expect("unlocking");
    let committed = take("committed");
    assert_eq!((&committed["held_by"], &committed["epoch"]), (&"epoch".into(), &epoch.into()), "{committed}");
    let new = [&[b'n'; 100][..], &old[100..]].concat();
    assert_eq!(bring("committed", "committed"), new);

    // The editor dies: the kernel gives its lock back, and nobody will finish its edit.
    assert!(lock_editor(undo.medium(), false).expect("a lock"));
    undo.save(&pages, 5000..6000).expect("an edit");
    pages.write_all_at(&[b'x'; 1000], 5000).expect("a store");
    drop((undo, pages));
    let rolled = at("rolled");
    let (_, said) =
        shm(&setting, &[&["snapshot", "ledger", "-o", &rolled, "--consistent"][..], &store].concat());
    assert!(said.contains("rolled back: 1000 bytes"), "{said}");
    assert_eq!(bring("rolled", "rolled"), new);

    // A durable object takes the name of another.
    shm(&setting, &[&["restore", &at("ledger.snap"), "--name", "rolled", "--replace"][..], &store].concat());
    let now = json(&setting, &[&["stat", "rolled"][..], &store].concat());
    assert_eq!(fs::read(folder.join(format!("{}.pages", now["object"]))).expect("pages"), old);
    daemon_ends(&setting, daemon);
}

fn daemon_ends(setting: &Setting, daemon: shmfs_tests::Running) {
    let script = "kill $(cat /run/shmfs/durable/pid)";
    setting.world().shell(script, &[OsStr::new("")]).expect_success("ending the daemon");
    daemon.finish(LIMIT);
}
