//! `cargo xtask fuzz`: libFuzzer on the targets in fuzz/, for a bounded time.

use crate::tools::{self, Outcome, output, root, succeeds, target};
use std::fs;
use std::process::Command;

/// How long each target runs when nothing is said.
pub(crate) const SECONDS: u32 = 60;

/// What cargo-fuzz passes to the compiler for coverage, without sanitizers: the code under test is safe Rust.
const COVERAGE: &str = "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares";

pub(crate) fn run(seconds: u32) -> Outcome {
    if !succeeds(Command::new("rustup").args(["run", "nightly", "rustc", "--version"])) {
        println!("SKIP: no nightly compiler, so no fuzzing; the corpus is replayed by the quick tests");
        return Ok(());
    }
    let host = host()?;
    let folder = root().join("fuzz");
    let target_dir = target().join("fuzz");
    // A target is named: without --target the flags would reach build scripts, which cannot link them.
    tools::run(
        tools::nightly_cargo()
            .args(["build", "--release", "--target", &host, "--manifest-path"])
            .arg(folder.join("Cargo.toml"))
            .arg("--target-dir")
            .arg(&target_dir)
            .env("RUSTFLAGS", COVERAGE),
    )?;
    for name in names()? {
        // Found inputs stay out of the committed corpus; whoever wants one there moves it.
        let found = target_dir.join("found").join(&name);
        fs::create_dir_all(&found).map_err(|error| format!("{}: {error}", found.display()))?;
        tools::run(
            Command::new(target_dir.join(&host).join("release").join(&name))
                .arg(&found)
                .arg(folder.join("corpus").join(&name))
                .arg(format!("-max_total_time={seconds}"))
                .arg(format!("-artifact_prefix={}/", target_dir.display()))
                .arg("-verbosity=0")
                .arg("-print_final_stats=1"),
        )?;
    }
    Ok(())
}

fn host() -> Outcome<String> {
    let text = output(Command::new("rustc").arg("-vV"))?;
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| "rustc -vV names no host".to_owned())
}

/// The targets, by their files.
fn names() -> Outcome<Vec<String>> {
    let folder = root().join("fuzz/fuzz_targets");
    let entries = fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let files = entries.flatten().map(|entry| entry.path());
    Ok(files.filter_map(|file| Some(file.file_stem()?.to_str()?.to_owned())).collect())
}
