//! Stores that the program `shm` keeps: found, started, private.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use common::{Actor, hear, say, until};
use rustix::process::{Pid, Signal, geteuid, kill_process};
use shmfs::Store;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

const ECONNREFUSED: i32 = 111;
/// Somebody without any right (nobody, in most systems).
const STRANGER: u32 = 65534;

#[test]
fn child() {
    match common::role().as_deref() {
        None => {}
        Some("owner") => owner(),
        Some("guest") => guest(),
        Some("user") => user(),
        Some("without") => without(),
        Some(other) => panic!("there is no role {other}"),
    }
}

/// Makes a private store and tells the way to it.
fn owner() {
    let store = Store::options().size(1 << 20).private().unwrap();
    store.create("left", 4096).unwrap();
    let environment = store.environment();
    assert_eq!(environment.iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["SHMFS_STORE", "SHMFS_TOKEN"]);
    environment.iter().for_each(|(_, value)| say(value));
    assert_eq!(hear().as_deref(), Some("drop"));
    drop(store);
    say("dropped");
    let _ = hear();
}

/// Joins the store that its environment names.
fn guest() {
    let store = Store::open().unwrap();
    say(store.open_object("left").unwrap().len().unwrap());
    while hear().is_some() {
        say(store.usage().unwrap().clients);
    }
}

fn start_owner(shm: &Path) -> (Actor, PathBuf, String) {
    let mut owner = Actor::start_with("owner", |command| {
        command.env("SHMFS_PROGRAM", shm).env_remove("SHMFS_STORE");
    });
    let (dir, token) = (owner.heard(), owner.heard());
    (owner, PathBuf::from(dir), token)
}

fn start_guest(dir: &Path, token: &str) -> Actor {
    Actor::start_with("guest", |command| {
        command.env("SHMFS_STORE", dir).env("SHMFS_TOKEN", token);
    })
}

/// One test at a time: a program that is being copied cannot be run where another thread starts one meanwhile, which has
/// the copy open for writing until it is another program (`ETXTBSY`).
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

#[test]
fn a_private_store_ends_with_its_last_user() {
    let Some(shm) = common::shm() else { skip!("the program shm is not built") };
    let _turn = turn();
    let (mut owner, dir, token) = start_owner(&shm);
    let mut guest = start_guest(&dir, &token);
    assert_eq!(guest.heard(), "4096");
    assert_eq!(owner.ask("drop"), "dropped");
    until(|| guest.ask("how many are there") == "1");
    assert!(dir.exists(), "somebody is in it");
    guest.finish();
    until(|| !dir.exists());
    assert_eq!(Store::at(&dir).unwrap_err().errno(), ECONNREFUSED);
    owner.finish();
}

#[test]
fn a_killed_owner_and_guest_leave_no_store() {
    let Some(shm) = common::shm() else { skip!("the program shm is not built") };
    let _turn = turn();
    let (owner, dir, token) = start_owner(&shm);
    let mut guest = start_guest(&dir, &token);
    assert_eq!(guest.heard(), "4096");
    owner.kill();
    assert!(dir.exists());
    guest.kill();
    until(|| !dir.exists());
}

/// Joins the user's store, which may have to be started.
fn user() {
    assert_eq!(hear().as_deref(), Some("go"));
    let store = Store::user().unwrap();
    say(store.dir().display());
    store.open_or_create("met", 4096).unwrap();
    while hear().is_some() {
        say(store.usage().unwrap().calls("shm_open").unwrap());
    }
}

/// A place in which another user finds programs and a runtime directory.
fn place_of(uid: u32, shm: &Path) -> (tempfile::TempDir, PathBuf, PathBuf) {
    let place = tempfile::tempdir().unwrap();
    let runtime_dir = place.path().join("runtime");
    fs::create_dir(&runtime_dir).unwrap();
    fs::set_permissions(place.path(), Permissions::from_mode(0o755)).unwrap();
    if geteuid().is_root() {
        chown(&runtime_dir, Some(uid), Some(uid)).unwrap();
    }
    let program = place.path().join("shm");
    fs::copy(shm, &program).unwrap();
    (place, runtime_dir, program)
}

#[test]
fn the_users_store_is_started_once_and_the_others_join() {
    let Some(shm) = common::shm() else { skip!("the program shm is not built") };
    let _turn = turn();
    let uid = if geteuid().is_root() { STRANGER } else { geteuid().as_raw() };
    let (place, runtime_dir, program) = place_of(uid, &shm);
    let own = place.path().join("own");
    fs::copy(std::env::current_exe().unwrap(), &own).unwrap();
    let start = || {
        Actor::start_copy(&own, "user", |command| {
            command
                .env("SHMFS_PROGRAM", &program)
                .env("XDG_RUNTIME_DIR", &runtime_dir)
                .env_remove("SHMFS_STORE");
            command.current_dir("/");
            if geteuid().is_root() {
                command.uid(uid).gid(uid);
            }
        })
    };
    let mut users: Vec<Actor> = (0..4).map(|_| start()).collect();
    users.iter_mut().for_each(|user| user.tell("go"));
    let dirs: Vec<String> = users.iter_mut().map(Actor::heard).collect();
    let dir = runtime_dir.join("shmfs/user");
    assert!(dirs.iter().all(|found| Path::new(found) == dir), "{dirs:?}");
    // All four were served by one store.
    until(|| users[0].ask("how many calls") == "4");
    users.into_iter().for_each(Actor::finish);

    assert!(dir.exists(), "a user's store outlives its users");
    let keeper = fs::read_to_string(dir.join("pid")).unwrap();
    let keeper = Pid::from_raw(keeper.trim().parse().unwrap()).unwrap();
    kill_process(keeper, Signal::TERM).unwrap();
    until(|| !dir.exists());
}

fn without() {
    for made in [Store::user(), Store::private()] {
        say(made.unwrap_err());
    }
    Store::embedded().unwrap().create("works", 1).unwrap();
    say("embedded works");
}

#[test]
fn without_the_program_the_error_says_what_helps() {
    let _turn = turn();
    let runtime_dir = tempfile::tempdir().unwrap();
    if geteuid().is_root() {
        chown(runtime_dir.path(), Some(STRANGER), Some(STRANGER)).unwrap();
    }
    fs::set_permissions(runtime_dir.path(), Permissions::from_mode(0o755)).unwrap();
    let own = tempfile::tempdir().unwrap();
    fs::set_permissions(own.path(), Permissions::from_mode(0o755)).unwrap();
    let program = own.path().join("own");
    fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    let mut actor = Actor::start_copy(&program, "without", |command| {
        command
            .env_remove("SHMFS_PROGRAM")
            .env_remove("SHMFS_STORE")
            .env("PATH", "/nowhere")
            .current_dir("/");
        command.env("XDG_RUNTIME_DIR", runtime_dir.path());
        if geteuid().is_root() {
            command.uid(STRANGER).gid(STRANGER);
        }
    });
    let hint = "and the program `shm` was not found; hint: install it, name it by SHMFS_PROGRAM, or use Store::embedded() (ENOENT)";
    assert_eq!(actor.heard(), format!("no store runs {hint}"));
    assert_eq!(actor.heard(), format!("a private store is wanted {hint}"));
    assert_eq!(actor.heard(), "embedded works");
    actor.finish();
}
