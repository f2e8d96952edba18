//! Processes that storm one directory: `mount_storm WHAT DIR SEED AMOUNT`.
//!
//! - `plans`: AMOUNT random plans one after another, each in a directory of its own below DIR, beside the model.
//! - `own`: four processes at once, each with AMOUNT plans on names of its own in directories that all use, each beside
//!   its model; in the end the whole tree is what the four models say together.
//! - `shared`: four processes at once, each with AMOUNT steps on the same names; in the end the tree is what their
//!   answers allow. `replacing` does the same with renames that replace.
//!
//! Owns: the processes, what they do. Leaves to others: where DIR is (`tests/mount_storm.rs`), the model (the testkit).

#![allow(clippy::expect_used, reason = "a storm that cannot go on fails, and says why")]

mod dice;
mod laws;
mod own;
mod plans;
mod shared;

use rustix::fd::OwnedFd;
use rustix::fs::{CWD, Mode, OFlags, openat};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// Processes at once.
const PROCESSES: u8 = 4;

/// What is wanted.
struct Storm {
    what: String,
    dir: PathBuf,
    seed: u64,
    amount: u64,
    /// Which of the processes this is; none is the one that starts them.
    me: Option<u8>,
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let Some(storm) = parse(&words) else {
        eprintln!("usage: mount_storm plans|own|shared|replacing DIR SEED AMOUNT");
        return ExitCode::from(2);
    };
    match (storm.what.as_str(), storm.me) {
        ("plans", _) => plans::run(&storm),
        ("own", Some(me)) => own::run(&storm, me),
        ("own", None) => own::storm(&storm),
        (_, Some(me)) => shared::run(&storm, me),
        (_, None) => shared::storm(&storm),
    }
    ExitCode::SUCCESS
}

fn parse(words: &[String]) -> Option<Storm> {
    let [what, dir, seed, amount, me @ ..] = words else { return None };
    let known = ["plans", "own", "shared", "replacing"].contains(&what.as_str());
    let me = me.first().and_then(|me| me.parse().ok());
    let (seed, amount) = (seed.parse().ok()?, amount.parse().ok()?);
    known.then(|| Storm { what: what.clone(), dir: dir.into(), seed, amount, me })
}

impl Storm {
    fn open(&self) -> OwnedFd {
        open(&self.dir)
    }

    /// Starts all processes and waits for them; gives what they printed.
    fn start_all(&self) -> Vec<String> {
        let start = |me: u8| {
            let mut command = Command::new(std::env::current_exe().expect("our own path"));
            let numbers = [self.seed, self.amount, u64::from(me)].map(|number| number.to_string());
            command.arg(&self.what).arg(&self.dir).args(numbers).stdout(std::process::Stdio::piped());
            command.spawn().expect("a process")
        };
        let running: Vec<_> = (0..PROCESSES).map(start).collect();
        let ended: Vec<_> =
            running.into_iter().map(|child| child.wait_with_output().expect("its end")).collect();
        assert!(
            ended.iter().all(|output| output.status.success()),
            "a process has failed, seed {}",
            self.seed
        );
        ended.into_iter().map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).collect()
    }
}

fn open(dir: &Path) -> OwnedFd {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    openat(CWD, dir, flags, Mode::empty()).unwrap_or_else(|error| panic!("{}: {error}", dir.display()))
}
