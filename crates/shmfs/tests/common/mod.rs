//! A second process: this test's own program again, in a role.
//!
//! It hears lines on its standard input and answers on standard error, since the test harness writes to standard output.

#![allow(dead_code, reason = "each test uses some of it")]

use shmfs::Store;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};

const ROLE: &str = "SHMFS_TEST_ROLE";

/// The role that this process was started in, if it is a second process.
pub fn role() -> Option<String> {
    std::env::var(ROLE).ok()
}

/// In a role: the next line that the test says; nothing when it has gone.
pub fn hear() -> Option<String> {
    let mut line = String::new();
    match std::io::stdin().read_line(&mut line) {
        Ok(0) | Err(_) => None,
        Ok(_) => Some(line.trim_end().to_owned()),
    }
}

/// In a role: answers one line.
pub fn say(line: impl std::fmt::Display) {
    eprintln!("{line}");
}

/// A process in a role. It is killed when this is dropped.
pub struct Actor {
    child: Child,
    said: BufReader<ChildStderr>,
}

impl Actor {
    /// Starts one whose `#[test] fn child` plays `role`, in `store`.
    pub fn start(role: &str, store: &Store) -> Actor {
        Actor::start_with(role, |command| {
            command.envs(store.environment());
        })
    }

    /// Starts one with an environment of its own.
    pub fn start_with(role: &str, surround: impl FnOnce(&mut Command)) -> Actor {
        Actor::start_copy(&std::env::current_exe().unwrap(), role, surround)
    }

    /// Starts one from a copy of this program.
    pub fn start_copy(program: &Path, role: &str, surround: impl FnOnce(&mut Command)) -> Actor {
        let mut command = Command::new(program);
        command.args(["--exact", "child", "--nocapture", "--test-threads=1"]).env(ROLE, role);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        surround(&mut command);
        let mut child = command.spawn().unwrap();
        let said = BufReader::new(child.stderr.take().unwrap());
        Actor { child, said }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Says a line and waits for the answer.
    #[track_caller]
    pub fn ask(&mut self, line: &str) -> String {
        self.tell(line);
        self.heard()
    }

    /// Says a line.
    pub fn tell(&mut self, line: &str) {
        writeln!(self.child.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    /// Waits for the next line that it says.
    #[track_caller]
    pub fn heard(&mut self) -> String {
        let mut line = String::new();
        if self.said.read_line(&mut line).unwrap() == 0 {
            panic!("the other process ended without an answer: {}", self.child.wait().unwrap());
        }
        if line.trim_end().is_empty() {
            // A panic begins with an empty line.
            let rest: Vec<String> = (&mut self.said).lines().map_while(Result::ok).collect();
            panic!("the other process says: {}", rest.join("\n"));
        }
        line.trim_end().to_owned()
    }

    /// Lets it end: its input ends.
    pub fn finish(mut self) {
        drop(self.child.stdin.take());
        let rest: Vec<String> = (&mut self.said).lines().map_while(Result::ok).collect();
        assert!(self.child.wait().unwrap().success(), "it said: {rest:?}");
    }

    /// Kills it, and waits for its end.
    pub fn kill(mut self) -> ExitStatus {
        self.child.kill().unwrap();
        self.child.wait().unwrap()
    }
}

impl Drop for Actor {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Asks again until it is so. Tests wait for what is certain to come, and hang where it does not.
pub fn until(mut is_so: impl FnMut() -> bool) {
    while !is_so() {
        std::thread::yield_now();
    }
}

/// The program `shm` of this build: SHMFS_TEST_SHM, or beside this test's own folder.
pub fn shm() -> Option<PathBuf> {
    let named = std::env::var_os("SHMFS_TEST_SHM").map(PathBuf::from);
    let shm = named.or_else(|| Some(std::env::current_exe().ok()?.ancestors().nth(2)?.join("shm")));
    shm.filter(|shm| shm.is_file())
}

/// Ends a test that cannot run here, with the reason.
#[macro_export]
macro_rules! skip {
    ($($reason:tt)*) => {{
        println!("SKIP: {}", format_args!($($reason)*));
        return;
    }};
}
