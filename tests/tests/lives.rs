//! The life of `shm run` and of its store: statuses, signals, and when a store ends.

#![allow(clippy::expect_used, reason = "a test that cannot be set up fails, and says why")]

use rustix::process::{Pid, Signal, kill_process};
use shmfs_tests::{DevShm, LIMIT, Running, Scratch, Store, World, eventually, run, shm, skip};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;

/// A world and the program in reach of it, or a skip.
macro_rules! world {
    () => {
        match World::start(DevShm::Ample) {
            Ok(world) => world,
            Err(reason) => skip!("{reason}"),
        }
    };
}

macro_rules! store {
    ($($option:literal),*) => {
        match Store::start(&[$($option),*]) {
            Ok(started) => started,
            Err(reason) => skip!("{reason}"),
        }
    };
}

#[test]
fn the_programs_own_status_is_passed_on() {
    let world = world!();
    let scratch = Scratch::new("status");
    let shm = scratch.copy_of(&shm(), "shm");
    let no_program = scratch.join("text");
    fs::write(&no_program, "not a program\n").expect("a file");
    fs::set_permissions(&no_program, fs::Permissions::from_mode(0o644)).expect("a mode");
    let no_program = no_program.to_str().expect("a name in UTF-8");
    let cases: &[(&[&str], i32)] = &[
        (&["run", "--", "true"], 0),
        (&["run", "--", "sh", "-c", "exit 3"], 3),
        (&["run", "--", "sh", "-c", "exit 200"], 200),
        (&["run", "--", "sh", "-c", "kill -9 $$"], 128 + 9),
        (&["run", "--", "sh", "-c", "kill -15 $$"], 128 + 15),
        (&["run", "--", "/nonexistent/program"], 127),
        (&["run", "--", "no-such-program-in-the-path"], 127),
        (&["run", "--", no_program], 126),
        (&["run", "--", "/"], 126),
        (&["run", "--store", "no-such-store", "--", "true"], 125),
        (&["run", "--size", "many", "--", "true"], 2),
        (&["run"], 2),
        (&["ls", "--store", "no-such-store"], 3),
        (&["df"], 3),
    ];
    for (arguments, expected) in cases {
        // A PATH whose folders everybody may search: one that is closed makes it 126, as with execvp(3).
        let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
        let outcome = run(world.command(&shm).args(*arguments).env("PATH", path), LIMIT);
        assert_eq!(outcome.code(), *expected, "shm {arguments:?}: {outcome:?}");
        if *expected != 0 && arguments.len() < 4 {
            assert!(!outcome.stderr.is_empty(), "shm {arguments:?} says nothing");
        }
    }
}

#[test]
fn what_the_program_prints_and_reads_is_its_own() {
    let world = world!();
    let scratch = Scratch::new("pipes");
    let shm = scratch.copy_of(&shm(), "shm");
    let script = "printf 'one\\ntwo\\n' | \"$0\" run -- sort -r; \"$0\" run -- sh -c 'echo three >&2'";
    let outcome = world.shell(script, &[shm.as_os_str()]);
    assert_eq!((outcome.stdout.as_str(), outcome.stderr.as_str()), ("two\none\n", "three\n"));
}

#[test]
fn signals_reach_the_program() {
    let world = world!();
    let scratch = Scratch::new("signals");
    let shm = scratch.copy_of(&shm(), "shm");
    for (name, signal) in
        [("TERM", Signal::TERM), ("INT", Signal::INT), ("HUP", Signal::HUP), ("USR1", Signal::USR1)]
    {
        let ready = scratch.join(&format!("ready-{name}"));
        let script =
            format!("trap 'echo caught {name}; exit 7' {name}; : >\"$0\"; while :; do sleep 0.01; done");
        let ready_text = ready.to_str().expect("a name in UTF-8");
        let running = world.start_program(&shm, &["run", "--", "sh", "-c", &script, ready_text]);
        eventually("the program runs", || ready.exists());
        kill_process(shm_run(&world, &shm, running.id()), signal).expect("a signal");
        let outcome = running.finish(LIMIT);
        assert_eq!((outcome.stdout, outcome.status.code()), (format!("caught {name}\n"), Some(7)));
    }
}

/// `shm run` is the child of nsenter; the broker is its own session's.
fn shm_run(world: &World, shm: &std::path::Path, nsenter: u32) -> Pid {
    let children = fs::read_to_string(format!("/proc/{nsenter}/task/{nsenter}/children")).unwrap_or_default();
    let of_nsenter: Vec<u32> = children.split_whitespace().filter_map(|pid| pid.parse().ok()).collect();
    let found = world.processes(shm).into_iter().find(|pid| of_nsenter.contains(pid));
    let pid = found.and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
    pid.expect("shm run is a child of nsenter")
}

#[test]
fn the_store_ends_with_its_program() {
    let (mut store, mut first) = store!();
    let id = first.number("get 1 8192 01600");
    first.number(&format!("at {id}"));
    assert_eq!(first.ask("map /object 8192"), "1");
    first.tell("exit 4");
    assert_eq!(store.finish().code(), 4);
    store.expect_ended();
}

#[test]
fn the_store_ends_with_its_killed_program() {
    let (mut store, mut first) = store!();
    let id = first.number("get 1 8192 01600");
    first.number(&format!("at {id}"));
    first.kill();
    assert_eq!(store.finish().code(), 128 + 9);
    store.expect_ended();
}

#[test]
fn the_store_waits_for_its_last_client() {
    let (mut store, mut first) = store!();
    let id = first.number("get 1 8192 01600");
    first.number(&format!("at {id}"));
    first.ask("fork second");
    let mut second = store.arrival("second");
    first.ask("put 0 inherited");
    first.tell("exit 0");
    assert_eq!(store.finish().code(), 0);
    store.expect_nattch(&mut second, id, 1);
    assert_eq!(second.ask("see 0"), "inherited");
    assert_eq!(second.number("get 1 0 0"), id);
    second.kill();
    store.expect_ended();
}

#[test]
fn with_kill_the_store_ends_though_clients_are_left() {
    let (mut store, mut first) = store!("--kill");
    let id = first.number("get 1 8192 01600");
    first.ask("fork second");
    let mut second = store.arrival("second");
    second.number(&format!("at {id}"));
    second.ask("put 0 kept");
    first.tell("exit 0");
    assert_eq!(store.finish().code(), 0);
    store.expect_ended();
    // What is mapped stays; calls fail plainly.
    assert_eq!(second.ask("see 0"), "kept");
    assert_eq!(second.ask("get 2 4096 01600"), "ECONNREFUSED");
    assert_eq!(second.ask("nattch 0"), "ECONNREFUSED");
}

/// The process of a store that is called so: `shm-broker` or `shm-keeper`.
fn called(store: &Store, name: &str) -> Option<Pid> {
    let comm = |pid: &u32| fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    let found = store.world().processes(store.shm()).into_iter().find(|pid| comm(pid).trim() == name);
    found.and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?))
}

#[test]
fn calls_go_on_when_the_broker_or_its_keeper_is_killed() {
    let (mut store, mut first) = store!();
    let id = first.number("get 1 8192 01600");
    first.number(&format!("at {id}"));
    first.ask("put 0 kept");
    for name in ["shm-broker", "shm-broker", "shm-keeper", "shm-broker", "shm-keeper"] {
        let killed = called(&store, name).expect("a process of the store");
        kill_process(killed, Signal::KILL).expect("a process to kill");
        assert_eq!(first.ask(&format!("nattch {id}")), "1", "after {name} was killed");
        eventually("another is there", || called(&store, name).is_some_and(|pid| pid != killed));
        assert_eq!(first.ask("see 0"), "kept");
        let other = first.number("get 2 4096 01600");
        assert_eq!(first.ask(&format!("rm {other}")), "0", "after {name} was killed");
    }
    assert_eq!(store.df()["restarts"], 3);
    first.tell("exit 5");
    assert_eq!(store.finish().code(), 5);
    store.expect_ended();
}

#[test]
fn calls_fail_plainly_when_broker_and_keeper_are_killed() {
    let (mut store, mut first) = store!();
    let id = first.number("get 1 8192 01600");
    first.number(&format!("at {id}"));
    first.ask("put 0 kept");
    let (broker, keeper) = (called(&store, "shm-broker"), called(&store, "shm-keeper"));
    // The broker must not notice the keeper's death before its own.
    kill_process(broker.expect("a broker"), Signal::STOP).expect("a broker to stop");
    kill_process(keeper.expect("a keeper"), Signal::KILL).expect("a keeper to kill");
    kill_process(broker.expect("a broker"), Signal::KILL).expect("a broker to kill");
    eventually("calls fail", || first.ask(&format!("nattch {id}")) == "ECONNREFUSED");
    assert_eq!(first.ask("see 0"), "kept");
    assert_eq!(first.ask("get 2 4096 01600"), "ECONNREFUSED");
    assert_eq!(first.ask("dt 0"), "0");
    first.tell("exit 5");
    assert_eq!(store.finish().code(), 5);
}

#[test]
fn two_stores_do_not_see_each_other() {
    let ((a, mut in_a), (b, mut in_b)) = (store!(), store!());
    in_a.number("get 1 8192 01600");
    assert_eq!(in_b.ask("get 1 8192 0600"), "ENOENT");
    assert_eq!(in_a.ask("map /object 4096"), "0");
    assert_eq!((a.ls().len(), b.ls().len()), (2, 0));
}

#[test]
fn two_runs_share_one_store_and_a_daemon_ends_by_a_signal() {
    let world = world!();
    let scratch = Scratch::new("daemon");
    let shm = scratch.copy_of(&shm(), "shm");
    let daemon: Running = world.start_program(&shm, &["daemon", "--store", "shared"]);
    let folder = world.outside("/run/shmfs/shared");
    eventually("the daemon listens", || folder.join("socket").exists());
    let script =
        "\"$0\" run --store shared -- ipcmk -M 4096 && \"$0\" run --store shared -- ipcs -m | grep -c 4096";
    let said = world.shell(script, &[shm.as_os_str()]).expect_success("two runs in one store");
    assert!(said.ends_with("\n1\n"), "{said}");
    let ls = world.shell("\"$0\" ls --store shared --json", &[OsStr::new(&shm)]).expect_success("shm ls");
    assert!(ls.contains("\"segment\""), "{ls}");
    kill_process(shm_run(&world, &shm, daemon.id()), Signal::TERM).expect("a signal");
    daemon.finish(LIMIT);
    eventually("the store is gone", || !folder.exists() && world.processes(&shm).is_empty());
}

/// As the first process of a container, where it is every orphan's parent.
#[test]
fn as_the_first_process_it_leaves_no_zombie() {
    const SCRIPT: &str = "(sleep 0.05 &) ; (exec true &) ; sleep 0.3
        grep -l '^State:.Z' /proc/[0-9]*/status 2> /dev/null
        echo \"parent $PPID\"; exit 5";
    let world = world!();
    let scratch = Scratch::new("init");
    let shm = scratch.copy_of(&shm(), "shm");
    let mut command = world.command("unshare");
    command.args(["--pid", "--fork", "--kill-child", "--mount-proc"]).arg(&shm);
    let outcome = run(command.args(["run", "--", "sh", "-c", SCRIPT]), LIMIT);
    assert_eq!((outcome.stdout.as_str(), outcome.code()), ("parent 1\n", 5), "{outcome:?}");
}
