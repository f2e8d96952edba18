//! `cargo xtask build`: the program as people get it.

use crate::tools::{self, Outcome, cargo, target};
use std::path::PathBuf;

/// Builds, and says where the program lies and how large it is.
pub(crate) fn program() -> Outcome<PathBuf> {
    tools::run(cargo().args(["build", "--release", "--package", "shmfs-cli"]))?;
    let program = target().join("release/shm");
    let size = std::fs::metadata(&program).map_err(|error| format!("{}: {error}", program.display()))?.len();
    println!("{}: {:.1} MiB, the preload included", program.display(), size as f64 / f64::from(1 << 20));
    Ok(program)
}

/// A program of the tests' package, at full speed.
pub(crate) fn tests_program(name: &str) -> Outcome<PathBuf> {
    let what = ["build", "--quiet", "--release", "-p", "shmfs-tests", "--bin", name];
    tools::run_quietly(cargo().args(what))?;
    Ok(target().join("release").join(name))
}

pub(crate) fn run() -> Outcome {
    program().map(drop)
}
