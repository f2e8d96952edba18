//! Stores that go from one keeper to another, and stay when they cannot.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "this is a test")]

mod told;

use rustix::process::{Pid, Signal, kill_process};
use std::os::unix::net::UnixDatagram;
use std::process::Command;
use told::{Folder, Told, eventually, who_serves};

fn send(signal: Signal, to: i32) {
    kill_process(Pid::from_raw(to).unwrap(), signal).unwrap();
}

/// Ends the store by the keeper that it has.
fn end(folder: &Folder) {
    send(Signal::TERM, folder.process("pid"));
    eventually("the store has ended", || !folder.path().exists());
}

#[test]
fn another_keeper_takes_the_store_over_and_the_first_one_ends() {
    let folder = Folder::new("replace");
    let mut told = folder.start("kill:9 replace closing+replace closing+serve+exit:0", &[]);
    let mut lines = Vec::new();
    // A keeper that leaves speaks when it likes.
    while lines.iter().filter(|line: &&String| line.starts_with("broker")).count() < 4 {
        lines.push(told.line());
    }
    let brokers: Vec<&String> = lines.iter().filter(|line| line.starts_with("broker")).collect();
    for (broker, restarts) in brokers.into_iter().zip([0, 1, 1, 1]) {
        let expected = format!("broker restarts={restarts} crashes=0 on=0:0 panicked=0 keeper=true");
        assert_eq!(*broker, expected, "{lines:?}");
    }
    assert_eq!(told.child.wait().unwrap().code(), Some(0));
    let (broker, keeper) = who_serves(&folder);
    assert_eq!((broker, keeper), (folder.process("broker"), folder.process("pid")));
    assert_ne!(keeper, told.child.id() as i32);
    end(&folder);
    lines.extend(told.finish().lines);
    let outcomes = lines.iter().map(String::as_str).filter(|line| line.starts_with("outcome"));
    let mut outcomes: Vec<&str> = outcomes.collect();
    outcomes.sort_unstable();
    assert_eq!(outcomes, ["outcome Ended", "outcome HandedOver", "outcome HandedOver"]);
}

#[test]
fn a_program_that_cannot_take_the_store_leaves_it_where_it_is() {
    let folder = Folder::new("stays");
    let deeds = [
        "replace:/etc/passwd",
        "replace:/bin/false",
        "replace:/proc/self/exe:--slow",
        "spoil+replace+mend",
        "closing+serve+exit:0",
    ];
    let mut told = folder.start(&deeds.join("+"), &[]);
    let lines: Vec<String> = (0..5).map(|_| told.line()).collect();
    let expected = [
        "stays: the program cannot be run: EACCES",
        "stays: the program ended before it took the store over (exit status 1)",
        "stays: the program has not taken the store over within 0 s",
        "stays: the journal has layout 4, and this program reads layout 3: it takes one that reads 4",
    ];
    let stays: Vec<&String> = lines.iter().filter(|line| line.starts_with("stays")).collect();
    let refused = stays.iter().zip(expected);
    assert!(
        refused.clone().count() == 4 && refused.clone().all(|(said, expected)| *said == expected),
        "{lines:?}"
    );
    let (broker, keeper) = who_serves(&folder);
    assert_eq!((broker, keeper), (folder.process("broker"), told.child.id() as i32));
    assert!(children(broker).is_empty(), "a process was left behind");
    told.signal(Signal::TERM);
    assert_eq!(told.finish().code, Some(0));
    assert!(!folder.path().exists());
}

/// The children of a process, those included that nobody waited for.
fn children(process: i32) -> String {
    std::fs::read_to_string(format!("/proc/{process}/task/{process}/children")).unwrap()
}

#[test]
fn a_keeper_that_is_killed_is_followed() {
    let folder = Folder::new("orphan");
    let mut told = folder.start("closing+orphan closing+serve+exit:0", &[]);
    told.line();
    let first = folder.process("broker");
    told.signal(Signal::KILL);
    assert_eq!(told.child.wait().unwrap().code(), None);
    // Who connects in between waits.
    let (broker, keeper) = who_serves(&folder);
    assert_ne!((broker, keeper), (first, told.child.id() as i32));
    assert_eq!((broker, keeper), (folder.process("broker"), folder.process("pid")));
    end(&folder);
    assert_eq!(told.finish().lines.last().map(String::as_str), Some("outcome Ended"));
}

#[test]
fn a_broker_that_is_killed_once_it_has_given_the_store_away_is_not_followed() {
    let folder = Folder::new("given");
    let mut told = folder.start("give serve+exit:0", &[]);
    assert_eq!(told.child.wait().unwrap().code(), Some(0));
    let (_, keeper) = who_serves(&folder);
    assert_ne!(keeper, told.child.id() as i32);
    end(&folder);
    let said = told.finish();
    assert_eq!(said.found("restarts"), ["0", "0"], "{:?}", said.log);
}

#[test]
fn a_signal_that_the_first_keeper_got_ends_the_store_of_the_second() {
    let folder = Folder::new("forwarded");
    // The broker looks at nothing while the signal comes, and hands the store over.
    let mut told = folder.start("sleep:200+replace serve+exit:0", &[]);
    told.line();
    told.signal(Signal::TERM);
    let said = told.finish();
    assert_eq!(said.code, Some(0));
    assert_eq!(said.logged("is to end", "signal"), ["15", "15"], "{:?}", said.log);
    assert!(!folder.path().exists());
}

#[test]
fn the_supervisor_learns_the_process_that_ends_the_store() {
    let folder = Folder::new("main-process");
    let address = std::env::temp_dir().join(format!("shmfs-told-main-{}", std::process::id()));
    let socket = UnixDatagram::bind(&address).unwrap();
    let mut told = folder.start("replace serve+exit:0", &[("NOTIFY_SOCKET", address.to_str().unwrap())]);
    told.line();
    let mut told_of = Vec::new();
    let (_, keeper) = who_serves(&folder);
    while told_of.iter().filter(|text| *text == &format!("MAINPID={keeper}")).count() < 2 {
        let mut bytes = [0; 512];
        let len = socket.recv(&mut bytes).unwrap();
        told_of.push(String::from_utf8(bytes[..len].to_vec()).unwrap());
    }
    assert_eq!(told_of[0], format!("MAINPID={}", told.child.id()));
    end(&folder);
    assert_eq!(told.finish().code, Some(0));
    std::fs::remove_file(address).unwrap();
}

#[test]
fn process_1_stays_until_the_store_has_ended() {
    let folder = Folder::new("process-1");
    let inner = folder.command("replace serve+exit:0");
    let mut command = Command::new("unshare");
    command.args(["--pid", "--fork", "--mount-proc", "--kill-child"]).arg(inner.get_program());
    command.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let piped = || std::process::Stdio::piped();
    let mut told = Told::start(command.stdout(piped()).stderr(piped()));
    if !told.line().starts_with("broker ") {
        return println!("SKIP: no process namespaces here: {:?}", told.finish().log);
    }
    told.line();
    let (_, keeper) = who_serves(&folder);
    assert_ne!(keeper, 1);
    // The numbers in the store's files are those of the namespace. Process 1 passes on what it is sent.
    let unshare = told.child.id() as i32;
    let first = children(unshare).trim().parse().unwrap();
    send(Signal::TERM, first);
    let said = told.finish();
    assert_eq!(said.code, Some(0));
    assert!(!folder.path().exists());
    assert!(said.lines.contains(&"outcome Ended".to_owned()), "{:?}", said.lines);
}
