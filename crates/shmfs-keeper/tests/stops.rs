//! Signals that end a store, and what a supervisor is told.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "this is a test")]

mod told;

use rustix::process::Signal;
use std::os::unix::net::UnixDatagram;
use std::process::Stdio;
use told::{Folder, eventually, who_serves};

#[test]
fn a_signal_ends_the_store_in_order() {
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        let folder = Folder::new("signal");
        let told = folder.start("serve+exit:0", &[]);
        eventually("the store is served", || folder.process("broker") != 0);
        let (broker, keeper) = who_serves(&folder);
        assert_eq!((broker, keeper), (folder.process("broker"), folder.process("pid")));
        told.signal(signal);
        let said = told.finish();
        assert_eq!((said.code, said.found("restarts").len()), (Some(0), 1), "{:?}", said.log);
        assert!(!folder.path().exists());
    }
}

#[test]
fn what_was_ignored_at_the_start_does_not_end_the_store() {
    let folder = Folder::new("ignored");
    let mut command = std::process::Command::new("sh");
    let inner = folder.command("serve+exit:0");
    command.arg("-c").arg("trap '' HUP; exec \"$0\"").arg(inner.get_program());
    command.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let told = told::Told::start(command.stdout(Stdio::piped()).stderr(Stdio::piped()));
    eventually("the store is served", || folder.process("broker") != 0);
    told.signal(Signal::HUP);
    let (broker, _) = who_serves(&folder);
    assert_eq!(broker, folder.process("broker"));
    told.signal(Signal::TERM);
    let said = told.finish();
    assert_eq!(said.logged("is to end", "signal"), ["15"]);
}

#[test]
fn a_broker_that_does_not_end_is_killed_and_its_directory_goes() {
    let folder = Folder::new("deaf");
    let mut told = folder.start("hang", &[("TOLD_END", "50")]);
    told.line();
    told.signal(Signal::TERM);
    let said = told.finish();
    assert_eq!((said.code, said.found("restarts").len()), (Some(0), 0), "{:?}", said.log);
    assert_eq!(said.lines, ["outcome Ended"]);
    assert!(!folder.path().exists());
}

#[test]
fn a_second_signal_ends_a_broker_that_does_not() {
    let folder = Folder::new("insist");
    let mut told = folder.start("hang", &[("TOLD_INSIST", "0")]);
    told.line();
    told.signal(Signal::TERM);
    // Two that wait together are one (signal(7)).
    let pid = rustix::process::Pid::from_child(&told.child);
    let running = || {
        rustix::process::waitid(
            rustix::process::WaitId::Pid(pid),
            rustix::process::WaitIdOptions::EXITED
                | rustix::process::WaitIdOptions::NOHANG
                | rustix::process::WaitIdOptions::NOWAIT,
        )
        .unwrap()
        .is_none()
    };
    eventually("it ends", || {
        if running() {
            told.signal(Signal::TERM);
        }
        !running()
    });
    let said = told.finish();
    assert_eq!(said.lines, ["outcome Ended"]);
    assert!(!folder.path().exists());
}

#[test]
fn a_crash_while_the_store_ends_is_its_end() {
    let folder = Folder::new("crash-at-end");
    let told = folder.start("serve+abort", &[]);
    eventually("the store is served", || folder.process("broker") != 0);
    told.signal(Signal::TERM);
    let said = told.finish();
    assert_eq!((said.code, said.found("restarts").len()), (Some(0), 1), "{:?}", said.log);
    assert!(!folder.path().exists());
}

#[test]
fn the_supervisor_is_told() {
    let folder = Folder::new("supervisor");
    let address = std::env::temp_dir().join(format!("shmfs-told-notify-{}", std::process::id()));
    let socket = UnixDatagram::bind(&address).unwrap();
    let settings = [("NOTIFY_SOCKET", address.to_str().unwrap()), ("WATCHDOG_USEC", "20000")];
    let told = folder.start("busy:1:1+abort serve+exit:0", &settings);
    let mut heard = Vec::new();
    let mut hear = |word: &str| {
        let mut bytes = [0; 512];
        loop {
            let len = socket.recv(&mut bytes).unwrap();
            let text = String::from_utf8(bytes[..len].to_vec()).unwrap();
            heard.push(text.clone());
            if text.contains(word) {
                return text;
            }
        }
    };
    assert_eq!(hear("MAINPID"), format!("MAINPID={}", told.child.id()));
    assert!(hear("READY").contains("started anew 0 times"));
    assert!(hear("crashed").starts_with("STATUS="));
    let ready = hear("READY");
    assert!(ready.contains("started anew 1 times"), "{ready}");
    for _ in 0..3 {
        assert_eq!(hear("WATCHDOG"), "WATCHDOG=1");
    }
    told.signal(Signal::TERM);
    hear("STOPPING=1");
    assert_eq!(told.finish().code, Some(0));
    std::fs::remove_file(address).unwrap();
}

#[test]
fn the_socket_of_a_supervisor_is_served_and_stays() {
    let folder = Folder::new("activated");
    std::fs::create_dir_all(folder.path()).unwrap();
    let path = folder.path().join("socket");
    let listener = shmfs_sys::socket::listen(path.as_os_str().as_encoded_bytes(), 8).unwrap();
    // The shell gives it the number that supervisors use, and its own process number.
    let mut command = std::process::Command::new("sh");
    let inner = folder.command("serve+exit:0");
    let line = "exec 3<&0 </dev/null; LISTEN_FDS=1 LISTEN_PID=$$ exec \"$0\"";
    command.arg("-c").arg(line).arg(inner.get_program()).stdin(Stdio::from(listener));
    command.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let told = told::Told::start(command.stdout(Stdio::piped()).stderr(Stdio::piped()));
    let (broker, keeper) = who_serves(&folder);
    assert_eq!((broker, keeper), (folder.process("broker"), told.child.id() as i32));
    told.signal(Signal::TERM);
    assert_eq!(told.finish().code, Some(0));
    assert_eq!(folder.content(), ["socket"]);
}
