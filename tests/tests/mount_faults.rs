//! A mounted store whose broker is killed under load, bounded: `cargo xtask faults --mount` runs the long ones.

#![allow(clippy::expect_used, reason = "a test that cannot be set up fails, and says why")]

use shmfs_tests::{Outcome, full, run, shm, skip};
use std::process::Command;
use std::time::Duration;

/// The load's exit status where nothing can be mounted.
const NO_WORLD: i32 = 77;
/// How long one may take.
const LIMIT: Duration = Duration::from_secs(280);

fn load(words: &[&str]) -> Outcome {
    let mut load = Command::new(env!("CARGO_BIN_EXE_mount_load"));
    run(load.arg("faults").args(words).env("SHMFS_TEST_SHM", shm()), LIMIT)
}

/// Passes, skips, or fails with what the load has printed.
macro_rules! loaded {
    ($($word:expr),*) => {{
        let outcome = load(&[$($word),*]);
        if outcome.code() == NO_WORLD {
            skip!("{}", outcome.stdout.trim());
        }
        println!("{}", outcome.expect_success("a load"));
    }};
}

#[test]
fn no_operation_fails_and_no_byte_is_wrong_while_brokers_die() {
    loaded!("--brokers", if full() { "100" } else { "8" }, "--seconds", if full() { "5" } else { "1" });
}

#[test]
fn the_same_load_on_the_kernels_tmpfs() {
    loaded!("--tmpfs", "1", "--seconds", if full() { "5" } else { "1" });
}
