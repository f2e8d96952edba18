//! `shm run` and `shm daemon` as processes: statuses, signals, what the program inherits, how stores begin and end.

#![allow(clippy::unwrap_used, reason = "functions that the tests share fail as tests do")]

mod daemon;

use daemon::{Daemon, SHM, run, shm, text};
use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

#[test]
fn the_status_is_the_programs() {
    for (line, expected) in
        [("exit 0", 0), ("exit 7", 7), ("exit 255", 255), ("kill -9 $$", 137), ("kill -TERM $$", 143)]
    {
        let output = run(&[], line);
        assert_eq!(output.status.code(), Some(expected), "{line}: {}", text(&output.stderr));
        assert!(output.stderr.is_empty(), "{line}: {}", text(&output.stderr));
    }
}

#[test]
fn the_program_finds_its_store_and_nothing_more_is_open() {
    let output = run(&[], "echo \"$SHMFS_STORE $SHMFS_TOKEN $LD_PRELOAD\"; ls /proc/self/fd");
    let said = text(&output.stdout);
    let (first, open) = said.split_once('\n').unwrap();
    let words: Vec<&str> = first.split(' ').collect();
    assert!(Path::new(words[0]).is_absolute() && words[0].contains("/run-"), "{first}");
    assert_eq!(words[1].len(), 32);
    assert!(words[2].contains("/libshmfs-"), "{first}");
    let outside = Command::new("sh").args(["-c", "ls /proc/self/fd"]).stdin(Stdio::null()).output().unwrap();
    assert_eq!(open, text(&outside.stdout), "descriptors of shm reached the program");
    assert!(!Path::new(words[0]).exists(), "the private store outlived its program");
}

#[test]
fn a_store_within_a_store_is_the_programs() {
    let inner = format!("{SHM} run -- sh -c 'echo $LD_PRELOAD; echo $SHMFS_STORE'");
    let output = run(&[], &format!("echo $SHMFS_STORE; {inner}"));
    let lines: Vec<&str> = text(&output.stdout).lines().collect();
    assert_eq!(lines.len(), 3, "{lines:?} {}", text(&output.stderr));
    assert!(!lines[1].contains(':'), "one preload is enough: {}", lines[1]);
    assert_ne!(lines[0], lines[2]);
}

#[test]
fn a_signal_to_shm_reaches_the_program() {
    let line = "trap 'exit 9' TERM; echo up; while :; do sleep 0.02; done";
    let mut child = shm(&["run", "--", "sh", "-c", line]).stdout(Stdio::piped()).spawn().unwrap();
    let mut up = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut up).unwrap();
    assert_eq!(up, "up\n");
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(9));
}

#[test]
fn what_was_ignored_stays_ignored() {
    // nohup: a hang-up reaches neither shm nor the program.
    let inner = format!("{SHM} run -- sh -c 'kill -HUP $PPID $$; echo alive'");
    let output = Command::new("sh").args(["-c", &format!("trap '' HUP; {inner}")]).output().unwrap();
    assert_eq!(text(&output.stdout), "alive\n", "{}", text(&output.stderr));
    assert!(output.status.success());
}

#[test]
fn a_store_is_seen_from_inside_and_reported() {
    let output = run(&["--report", "--size", "64M"], &format!("{SHM} ls --json && {SHM} df --json"));
    let said = text(&output.stdout);
    assert!(said.starts_with("[]\n"), "{said} {}", text(&output.stderr));
    assert!(said.contains("\"size_bytes\": 67108864"), "{said}");
    let report = text(&output.stderr);
    assert!(report.contains("shm: created  no segments, no objects, no semaphores\n"), "{report}");
    assert!(report.contains("of 64.0 MiB\n") && report.contains("shm: left     nothing\n"), "{report}");
}

#[test]
fn a_daemon_begins_is_joined_and_ends() {
    let daemon = Daemon::start("test", &[]);
    assert!(daemon.dir.ends_with(&daemon.name), "{:?}", daemon.dir);
    assert_eq!(daemon.process("pid"), daemon.keeper);
    let second = shm(&["daemon", "--store", &daemon.name]).output().unwrap();
    assert_eq!(second.status.code(), Some(1));
    let said = text(&second.stderr);
    assert!(said.contains(&format!("process {}", daemon.keeper)) && said.contains("hint: "), "{said}");

    daemon.end();
    let gone = shm(&["df", "--store", &daemon.name]).output().unwrap();
    assert_eq!(gone.status.code(), Some(3), "{}", text(&gone.stderr));
}

#[test]
fn a_dead_stores_directory_is_taken_over() {
    let first = Daemon::start("dead", &[]);
    first.kill();
    assert!(first.dir.exists());
    let gone = shm(&["ls", "--store", &first.name]).output().unwrap();
    assert_eq!(gone.status.code(), Some(3), "{}", text(&gone.stderr));
    let second = Daemon::start("dead", &[]);
    assert_eq!(second.dir, first.dir);
    second.end();
}
