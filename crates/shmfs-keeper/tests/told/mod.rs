//! The example `told`, run: a keeper whose brokers do what they are told.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "used by tests only")]
#![allow(dead_code, reason = "each test program uses its part")]

use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs};

/// How long anything may take before the test fails. Nothing is measured by it.
pub const LIMIT: Duration = Duration::from_secs(60);

/// The example beside this test's own program.
pub fn program() -> PathBuf {
    let own = env::current_exe().unwrap();
    let told = own.ancestors().nth(2).unwrap().join("examples/told");
    assert!(told.is_file(), "there is no {}\nhint: cargo build -p shmfs-keeper --examples", told.display());
    told
}

/// A store's directory; everything in it, and whoever its files name, goes with this.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new(test: &str) -> Folder {
        let dir = env::temp_dir().join(format!("shmfs-told-{test}-{}", std::process::id()));
        drop(fs::remove_dir_all(&dir));
        Folder(dir)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The names of what is in it; nothing if it is gone.
    pub fn content(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).into_iter().flatten().flatten();
        let mut names: Vec<String> = entries.map(|entry| entry.file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// The process that the file names, 0 for none.
    pub fn process(&self, file: &str) -> i32 {
        fs::read_to_string(self.0.join(file)).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0)
    }

    pub fn command(&self, steps: &str) -> Command {
        let mut command = Command::new(program());
        command.env("TOLD_DIR", &self.0).env("TOLD_STEPS", steps);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        for name in ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS", "LISTEN_PID", "RUST_LOG"]
        {
            command.env_remove(name);
        }
        command
    }

    pub fn start(&self, steps: &str, settings: &[(&str, &str)]) -> Told {
        Told::start(self.command(steps).envs(settings.iter().copied()))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Stopped first, neither starts another.
        let both = ["pid", "broker"].map(|file| Pid::from_raw(self.process(file)));
        for signal in [Signal::STOP, Signal::KILL] {
            for process in both.into_iter().flatten() {
                let _ = kill_process(process, signal);
            }
        }
        drop(fs::remove_dir_all(&self.0));
    }
}

/// The running keeper, and what comes out of it and of those that follow it.
pub struct Told {
    pub child: Child,
    out: BufReader<ChildStdout>,
}

/// What it said.
pub struct Said {
    pub code: Option<i32>,
    pub lines: Vec<String>,
    pub log: Vec<String>,
}

impl Told {
    pub fn start(command: &mut Command) -> Told {
        let mut child = command.spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        Told { child, out }
    }

    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.out.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for the end of all that it was.
    pub fn finish(mut self) -> Said {
        let lines = (&mut self.out).lines().map(Result::unwrap).collect();
        let log = BufReader::new(self.child.stderr.take().unwrap()).lines().map(Result::unwrap).collect();
        Said { code: self.child.wait().unwrap().code(), lines, log }
    }
}

impl Said {
    /// Of each line of the log with `word` in it, what stands behind `name=`.
    pub fn logged(&self, word: &str, name: &str) -> Vec<String> {
        let lines = self.log.iter().filter(|line| line.contains(word));
        let field = |line: &String| {
            let (_, rest) = line.split_once(&format!(" {name}="))?;
            Some(rest.split(' ').next()?.to_owned())
        };
        lines.filter_map(field).collect()
    }

    /// Of each broker, what stands behind `name=`.
    pub fn found(&self, name: &str) -> Vec<String> {
        let brokers = self.lines.iter().filter(|line| line.starts_with("broker "));
        let field = |line: &String| {
            let (_, rest) = line.split_once(&format!(" {name}="))?;
            Some(rest.split(' ').next()?.to_owned())
        };
        brokers.filter_map(field).collect()
    }
}

/// Waits until `holds`.
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < LIMIT, "{what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Connects to the store; the numbers that the broker says, its own and its keeper's.
pub fn who_serves(folder: &Folder) -> (i32, i32) {
    let connection = shmfs_sys::socket::connect(folder.path().join("socket").as_os_str().as_encoded_bytes());
    let mut bytes = [0; 32];
    let said = shmfs_sys::socket::receive(connection.unwrap(), &mut bytes, true).unwrap();
    let text = std::str::from_utf8(&bytes[..said.len]).unwrap();
    let (broker, keeper) = text.split_once(' ').unwrap();
    (broker.parse().unwrap(), keeper.parse().unwrap())
}
