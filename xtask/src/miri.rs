//! `cargo xtask miri`: the tests that miri can run, those of code without the kernel in it, where a nightly compiler has it.
//!
//! Owns: which tests these are. Leaves to others: what they test.

use crate::tools::{self, Outcome, root, succeeds, target};
use std::process::Command;

/// Packages, and which of their tests: mappings, sockets and processes are beyond miri.
const TESTS: [(&str, &[&str]); 5] = [
    ("shmfs-core", &["--lib"]),
    ("shmfs-wire", &["--test", "versions"]),
    ("shmfs-durable", &["--lib"]),
    ("shmfs-sys", &["--lib", "--", "copy::", "span::", "text::", "grow::"]),
    ("shmfs", &["--lib", "--", "window", "error", "name"]),
];

pub(crate) fn run() -> Outcome {
    if !succeeds(Command::new("rustup").args(["run", "nightly", "cargo", "miri", "--version"])) {
        println!("SKIP: no nightly compiler with miri (`rustup +nightly component add miri`)");
        return Ok(());
    }
    for (package, tests) in TESTS {
        let mut miri = tools::nightly_cargo();
        miri.args(["miri", "test", "--quiet", "--package", package, "--target-dir"]);
        // Property tests look where they are, and a few cases of each are enough: miri is slow.
        miri.env("MIRIFLAGS", "-Zmiri-disable-isolation").env("PROPTEST_CASES", "4");
        miri.arg(target().join("miri")).args(tests).current_dir(root());
        tools::run(&mut miri)?;
    }
    Ok(())
}
