//! Storms of kills, bounded: `cargo xtask faults` runs the long ones.

#![allow(clippy::expect_used, reason = "a test that cannot be set up fails, and says why")]

use shmfs_tests::{DevShm, Outcome, compile, full, run, setting, shm, skip};
use std::process::Command;
use std::time::Duration;

/// A storm's exit status where no world can be made.
const NO_WORLD: i32 = 77;
/// How long one may take.
const LIMIT: Duration = Duration::from_secs(240);

fn storm(words: &[&str]) -> Outcome {
    let mut storm = Command::new(env!("CARGO_BIN_EXE_storm"));
    run(storm.args(words).env("SHMFS_TEST_SHM", shm()), LIMIT)
}

/// Passes, skips, or fails with what the storm has printed.
macro_rules! weather {
    ($($word:expr),*) => {{
        let outcome = storm(&[$($word),*]);
        if outcome.code() == NO_WORLD {
            skip!("{}", outcome.stdout.trim());
        }
        println!("{}", outcome.expect_success("a storm"));
    }};
}

#[test]
fn clients_and_brokers_killed_at_random_moments() {
    let (clients, brokers) = if full() { ("10000", "1000") } else { ("2000", "200") };
    weather!(
        "faults",
        "--clients",
        clients,
        "--brokers",
        brokers,
        "--seconds",
        if full() { "200" } else { "25" }
    );
}

#[test]
fn exclusive_creation_and_removal_repeated_across_a_brokers_death_are_done_once() {
    weather!("retry", "--brokers", if full() { "1000" } else { "100" });
}

#[test]
fn three_threads_forking_under_a_storm_of_signals() {
    let setting = setting!("forks", DevShm::Ample);
    compile("storm/forks.c", setting.scratch().path(), &[]);
    let (outcome, usage) = setting.serve(&[], &[], "\"$0/forks\" 4");
    println!("{}", outcome.expect_success("the forks"));
    setting.prove(&usage, &["fork", "shmat", "shmctl", "shmget"]);
    assert_eq!(usage["used_bytes"], 0, "{usage}");
}
