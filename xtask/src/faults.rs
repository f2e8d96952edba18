//! `cargo xtask faults`: storms of kills with real processes (tests/storm), and what a restart takes.

use crate::build;
use crate::samples::{self, Samples};
use crate::tools::{self, Outcome, output};
use std::path::Path;
use std::process::Command;

/// Kills between request and answer, besides those of the storm.
const RETRIES: &str = "1000";
/// What a restart may take, as a multiple of opening and asking as many descriptors.
const RESTART_BOUND: f64 = 5.0;

/// Clients, brokers and keepers killed under load, then brokers between request and answer. `options` are the storm's:
/// `--clients N`, `--brokers N`, `--keepers N`, `--seconds N`, `--seed S`.
pub(crate) fn run(options: &[&str]) -> Outcome {
    let shm = build::program()?;
    let mut storm = storm(&shm)?;
    tools::run(storm.arg("faults").args(options))?;
    // The same seed again, where one was given.
    let seed = options.iter().position(|option| *option == "--seed");
    let seed = seed.and_then(|at| options.get(at..at + 2)).unwrap_or_default();
    tools::run(self::storm(&shm)?.args(["retry", "--brokers", RETRIES]).args(seed))
}

/// A load on a mounted store whose broker is killed (tests/mount_load): `--brokers N`, `--seconds N`, `--seed S`.
pub(crate) fn mount(options: &[&str]) -> Outcome {
    let shm = build::program()?;
    let mut load = Command::new(build::tests_program("mount_load")?);
    tools::run(load.env("SHMFS_TEST_SHM", shm).arg("faults").args(options))
}

/// From the kill of the broker of a store with 10,000 objects to its next answer, beside opening as many descriptors.
pub(crate) fn bench_restart() -> Outcome {
    let shm = build::program()?;
    let said = output(storm(&shm)?.arg("restart"))?;
    let of = |word: &str| {
        let lines = said.lines().filter_map(|line| line.strip_prefix(word));
        Samples::new(lines.flat_map(Samples::parse).collect())
    };
    let (open, restart) = (of("open "), of("restart "));
    samples::heads();
    let measures = "restart: from kill -9 of the broker of 10,000 objects to its next answer";
    let sides = [("open and fstat 10,000 descriptors", &open), ("restart", &restart)];
    let ratio = samples::side_by_side(measures, sides);
    println!("  ratio of the medians {ratio:.2} (at most {RESTART_BOUND:.2})");
    if ratio > RESTART_BOUND { Err(format!("over its bound: restart {ratio:.2}")) } else { Ok(()) }
}

/// The program that storms, built; to be run on the program at `shm`.
fn storm(shm: &Path) -> Outcome<Command> {
    let mut storm = Command::new(build::tests_program("storm")?);
    storm.env("SHMFS_TEST_SHM", shm);
    Ok(storm)
}
