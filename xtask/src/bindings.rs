//! The tests of the bindings: Python's and C's are workspaces of their own, with dependencies of their own.
//!
//! Owns: how they are started from here. Leaves to others: the tests (bindings/), what they install for themselves.

use crate::tools::{self, Outcome, cargo, found, root, target};
use std::process::Command;

/// Runs both; the program `shm` is built by then.
pub(crate) fn test() -> Outcome {
    let outcome = python();
    c().and(outcome)
}

/// Builds the package, and runs its tests and CPython's own against it.
fn python() -> Outcome {
    if !found("python3") {
        println!("SKIP: no python3, so no test of the Python package");
        return Ok(());
    }
    let mut run = Command::new("python3");
    run.arg(root().join("bindings/python/tests/run.py")).arg("--debug");
    run.arg("--dir").arg(target().join("bindings/venv"));
    run.arg("--shm").arg(target().join("debug/shm"));
    tools::run(run.env("CARGO_TARGET_DIR", target().join("bindings")))
}

/// Compiles the header and the example with the C compiler, links them both ways, and runs them.
fn c() -> Outcome {
    let mut run = cargo();
    run.arg("test").arg("--manifest-path").arg(root().join("bindings/c/Cargo.toml"));
    run.args(["--no-fail-fast", "--", "--show-output"]).env("SHMFS_TEST_SHM", target().join("debug/shm"));
    tools::run(run.env("CARGO_TARGET_DIR", target().join("bindings")))
}
