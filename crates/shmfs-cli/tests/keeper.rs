//! Stores whose broker, keeper and program come and go.

#![allow(clippy::unwrap_used, reason = "functions that the tests share fail as tests do")]

mod daemon;

use daemon::{Daemon, SHM, eventually, number_in, send, shm, text};
use rustix::process::{Pid, Signal, kill_process};
use shmfs_abi::Call;
use shmfs_client::Visitor;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Makes a segment of its own, and tells by its number whether it is there.
const MAKE: &str = "ipcmk -M 12288 | sed 's/.*: //'";

fn is_there(daemon: &Daemon, id: &str) -> bool {
    let listed = shm(&["ls", "--json", "--store", &daemon.name]).output().unwrap();
    let rows: serde_json::Value = serde_json::from_slice(&listed.stdout).unwrap();
    let id: i64 = id.parse().unwrap();
    rows.as_array().unwrap().iter().any(|row| row["id"] == id && row["size_bytes"] == 12288)
}

#[test]
fn a_broker_that_is_killed_is_followed_and_nothing_is_lost() {
    let daemon = Daemon::start("broker", &[]);
    let id = daemon.ask(MAKE);
    for restarts in 1..=20 {
        let before = daemon.process("broker");
        send(Signal::KILL, before);
        assert!(is_there(&daemon, &id));
        let usage = daemon.df();
        assert_eq!(usage["restarts"], restarts);
        assert_eq!([&usage["keeper"], &usage["broker"]], [daemon.keeper, daemon.process("broker")]);
        assert_ne!(before, daemon.process("broker"));
    }
    daemon.end();
    let log = daemon.log();
    assert_eq!(log.matches("ended from outside").count(), 20, "{log}");
}

#[test]
fn a_keeper_that_is_killed_is_followed_and_nothing_is_lost() {
    let daemon = Daemon::start("orphan", &[]);
    let id = daemon.ask(MAKE);
    for _ in 0..5 {
        let before = daemon.process("pid");
        send(Signal::KILL, before);
        eventually("another keeper", || daemon.process("pid") != before);
        assert!(is_there(&daemon, &id));
        assert_eq!(daemon.df()["keeper"], daemon.process("pid"));
        // It keeps as the first one did.
        send(Signal::KILL, daemon.process("broker"));
        assert!(is_there(&daemon, &id));
    }
    daemon.end();
}

/// Another file with the same program, as after an upgrade.
fn other_program(daemon: &Daemon) -> PathBuf {
    let other = std::env::temp_dir().join(format!("shm-{}", daemon.name));
    // By a process of its own: a descriptor for writing that another test's child inherits would make it busy.
    assert!(Command::new("cp").arg(SHM).arg(&other).status().unwrap().success());
    other
}

#[test]
fn another_program_takes_a_living_store_over() {
    let daemon = Daemon::start("replace", &[]);
    // A program that is in the store all the time.
    let mut inside = shm(&["run", "--store", &daemon.name, "--", "sh"]);
    let mut inside = inside.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut answers = BufReader::new(inside.stdout.take().unwrap());
    let mut ask = |line: &str| {
        inside.stdin.as_mut().unwrap().write_all(format!("{line}\n").as_bytes()).unwrap();
        let mut answer = String::new();
        answers.read_line(&mut answer).unwrap();
        answer.trim().to_owned()
    };
    let id = ask(MAKE);
    let same = shm(&["daemon", "--replace", "--store", &daemon.name]).output().unwrap();
    assert!(same.status.success() && text(&same.stderr).contains("already"), "{}", text(&same.stderr));
    let other = other_program(&daemon);
    let replaced =
        Command::new(&other).args(["daemon", "--replace", "--store", &daemon.name]).output().unwrap();
    let said = text(&replaced.stderr);
    assert!(replaced.status.success(), "{said}");
    let keeper = daemon.process("pid");
    assert!(said.contains(&format!("kept by process {keeper} in place of {}", daemon.keeper)), "{said}");
    for process in ["pid", "broker"] {
        let runs = fs::read_link(format!("/proc/{}/exe", daemon.process(process))).unwrap();
        assert_eq!(runs, other);
    }
    assert_eq!(ask(&format!("ipcs -m -i {id} | grep -o bytes=[0-9]*")), "bytes=12288");
    assert!(is_there(&daemon, &id));
    drop(inside.stdin.take());
    assert!(inside.wait().unwrap().success());
    daemon.end();
    fs::remove_file(other).unwrap();
}

#[test]
fn a_program_that_is_none_does_not_take_the_store_over() {
    let daemon = Daemon::start("refuse", &[]);
    let id = daemon.ask(MAKE);
    let socket = daemon.dir.join("socket");
    for (program, words) in [("/bin/false", "exit status 1"), ("/etc/passwd", "EACCES")] {
        let mut visitor = Visitor::connect(socket.as_os_str().as_encoded_bytes(), None).unwrap();
        let program = fs::File::open(program).unwrap();
        let refused = visitor.call_with(Call::Replace, program.as_fd()).unwrap_err();
        assert!(refused.reason.as_str().contains(words), "{:?}", refused.reason.as_str());
        // The connection goes on, as does the store.
        assert!(visitor.call(Call::Usage).is_ok());
        assert_eq!(daemon.process("pid"), daemon.keeper);
        assert!(is_there(&daemon, &id));
    }
    let nothing = shm(&["daemon", "--replace", "--store", "no-such-store"]).output().unwrap();
    assert_eq!(nothing.status.code(), Some(3), "{}", text(&nothing.stderr));
    daemon.end();
}

#[test]
fn a_private_store_outlives_its_keeper_and_ends_with_its_program() {
    let line = "echo $SHMFS_STORE; read line; ipcmk -M 4096; read line";
    let mut command = shm(&["run", "--report", "--", "sh", "-c", line]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut running = command.spawn().unwrap();
    let mut said = BufReader::new(running.stdout.take().unwrap()).lines().map(Result::unwrap);
    let dir = PathBuf::from(said.next().unwrap());
    let first = number_in(&dir.join("pid"));
    send(Signal::KILL, first);
    eventually("another keeper", || number_in(&dir.join("pid")) != first);
    let mut go_on = || running.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
    go_on();
    assert_eq!(said.next().unwrap(), "Shared memory id: 0");
    go_on();
    let output = running.wait_with_output().unwrap();
    assert!(output.status.success());
    let report = text(&output.stderr);
    assert!(report.contains("created  1 segment,") && !report.contains("warning"), "{report}");
    assert!(!dir.exists(), "the end of the store was not awaited");
}

#[test]
fn a_private_store_that_is_gone_is_told_of() {
    let line = "echo $SHMFS_STORE; read line";
    let mut command = shm(&["run", "--", "sh", "-c", line]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut running = command.spawn().unwrap();
    let dir = BufReader::new(running.stdout.take().unwrap()).lines().next().unwrap().unwrap();
    let store = Daemon { name: String::new(), dir: PathBuf::from(dir), keeper: 0 };
    store.kill();
    running.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
    let output = running.wait_with_output().unwrap();
    assert!(output.status.success());
    let said = text(&output.stderr);
    assert!(said.contains("the store ended before the program did (signal: 9 (SIGKILL))"), "{said}");
}

#[test]
fn a_store_that_reaps_does_so_under_every_broker() {
    let daemon = Daemon::start("reap", &["--reap"]);
    let id = daemon.ask(MAKE);
    eventually("what its dead creator left is removed", || !is_there(&daemon, &id));
    send(Signal::KILL, daemon.process("broker"));
    let id = daemon.ask(MAKE);
    eventually("the next broker reaps as well", || !is_there(&daemon, &id));
    daemon.end();
}

/// What a supervisor of services does: a socket to be told by, and one that it listens on for the store.
#[test]
fn a_supervisor_listens_for_the_store_and_is_told_of_it() {
    let base = std::env::temp_dir().join(format!("shm-supervised-{}", std::process::id()));
    fs::create_dir_all(&base).unwrap();
    let dir = own_store(&base);
    fs::create_dir_all(&dir).unwrap();
    let path = dir.join("socket");
    let listener = listen(&path);
    let address = base.join("notify");
    let told = UnixDatagram::bind(&address).unwrap();
    let line =
        "exec 3<&0 </dev/null; LISTEN_FDS=1 LISTEN_PID=$$ exec \"$0\" daemon --size 64M --store \"$1\"";
    let mut command = shm(&[]);
    command.env("XDG_RUNTIME_DIR", &base).env("NOTIFY_SOCKET", &address).env("WATCHDOG_USEC", "20000");
    let mut daemon = Command::new("sh");
    daemon.args(["-c", line, SHM]).arg(dir.file_name().unwrap());
    daemon.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    daemon.stdin(Stdio::from(listener)).stderr(Stdio::piped());
    let mut daemon = daemon.spawn().unwrap();
    let hear = |word: &str| {
        let mut bytes = [0; 512];
        loop {
            let len = told.recv(&mut bytes).unwrap();
            let said = text(&bytes[..len]);
            if said.contains(word) {
                return said.to_owned();
            }
        }
    };
    hear("READY=1");
    assert!(Visitor::connect(path.as_os_str().as_encoded_bytes(), None).is_ok());
    send(Signal::KILL, number_in(&dir.join("pid")));
    let keeper = hear("MAINPID").trim_start_matches("MAINPID=").parse().unwrap();
    assert_eq!(daemon.wait().unwrap().code(), None);
    hear("WATCHDOG=1");
    assert_eq!(keeper, number_in(&dir.join("pid")));
    assert!(Visitor::connect(path.as_os_str().as_encoded_bytes(), None).is_ok());
    kill_process(Pid::from_raw(keeper).unwrap(), Signal::TERM).unwrap();
    hear("STOPPING=1");
    eventually("the store has ended", || !dir.join("pid").exists());
    assert!(path.exists(), "the supervisor's socket stays");
    fs::remove_dir_all(&base).unwrap();
    drop(fs::remove_dir_all(&dir));
}

/// Where `shm daemon` makes a store of this user.
fn own_store(base: &Path) -> PathBuf {
    let name = format!("supervised-{}", std::process::id());
    if rustix::process::geteuid().is_root() {
        Path::new("/run/shmfs").join(name)
    } else {
        base.join("shmfs").join(name)
    }
}

fn listen(path: &Path) -> std::os::fd::OwnedFd {
    use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, listen, socket_with};
    // Programs that other tests start at the same time must not have it.
    let made = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).unwrap();
    bind(&made, &SocketAddrUnix::new(path).unwrap()).unwrap();
    listen(&made, 8).unwrap();
    made
}
