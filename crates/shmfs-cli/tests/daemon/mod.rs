//! `shm daemon` as a process of a test.
#![allow(clippy::unwrap_used, reason = "used by tests only")]
#![allow(dead_code, reason = "each test program uses its part")]

use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

pub const SHM: &str = env!("CARGO_BIN_EXE_shm");

pub fn shm(args: &[&str]) -> Command {
    let mut shm = Command::new(SHM);
    shm.args(args).stdin(Stdio::null());
    for name in [
        "SHMFS_STORE",
        "SHMFS_TOKEN",
        "SHMFS_LOG",
        "LD_PRELOAD",
        "NOTIFY_SOCKET",
        "LISTEN_FDS",
        "WATCHDOG_USEC",
    ] {
        shm.env_remove(name);
    }
    shm
}

/// Runs a line of shell under `shm run`.
pub fn run(options: &[&str], line: &str) -> Output {
    let mut shm = shm(&["run"]);
    shm.args(options).args(["--", "sh", "-c", line]).output().unwrap()
}

pub fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

pub fn send(signal: Signal, to: i32) {
    kill_process(Pid::from_raw(to).unwrap(), signal).unwrap();
}

/// Waits until `holds`; nothing is measured by it.
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// A store in the background; ended when this goes.
pub struct Daemon {
    pub name: String,
    pub dir: PathBuf,
    pub keeper: i32,
}

impl Daemon {
    pub fn start(test: &str, options: &[&str]) -> Daemon {
        let name = format!("{test}-{}", std::process::id());
        let mut start = shm(&["daemon", "--background", "--size", "64M", "--store", &name]);
        let started = start.args(options).output().unwrap();
        let said = text(&started.stderr);
        assert!(started.status.success(), "{said}");
        let keeper = said.rsplit("kill ").next().unwrap().trim_end_matches(['`', '\n']).parse().unwrap();
        let joined = run(&["--store", &name], "echo $SHMFS_STORE");
        Daemon { name, dir: text(&joined.stdout).trim().into(), keeper }
    }

    /// The process that the file of the store names; 0 for none.
    pub fn process(&self, file: &str) -> i32 {
        number_in(&self.dir.join(file))
    }

    /// Kills keeper and broker so that neither can start another.
    pub fn kill(&self) {
        eventually("the store is served", || self.process("broker") != 0);
        let both = [self.process("pid"), self.process("broker")];
        for signal in [Signal::STOP, Signal::KILL] {
            both.iter().for_each(|&process| send(signal, process));
        }
        eventually("both have ended", || both.iter().all(|process| !is_alive(*process)));
    }

    /// Ends the store in order.
    pub fn end(&self) {
        send(Signal::TERM, self.process("pid"));
        eventually("the store has ended", || !self.dir.exists());
    }

    /// Runs a line of shell in the store; what it prints.
    pub fn ask(&self, line: &str) -> String {
        let output = run(&["--store", &self.name], line);
        assert!(output.status.success(), "{line}: {}", text(&output.stderr));
        text(&output.stdout).trim().to_owned()
    }

    pub fn df(&self) -> serde_json::Value {
        let output = shm(&["df", "--json", "--store", &self.name]).output().unwrap();
        serde_json::from_slice(&output.stdout).unwrap()
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.dir.with_added_extension("log")).unwrap()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It has ended where the test went well.
        for process in ["pid", "broker"].map(|file| self.process(file)).into_iter().filter_map(Pid::from_raw)
        {
            let _ = kill_process(process, Signal::KILL);
        }
        drop(fs::remove_dir_all(&self.dir));
        drop(fs::remove_file(self.dir.with_added_extension("log")));
    }
}

pub fn number_in(file: &Path) -> i32 {
    fs::read_to_string(file).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0)
}

/// Whether the process exists and is not a zombie that nobody waits for.
fn is_alive(process: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}
