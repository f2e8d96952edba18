//! `cargo xtask test`: everything that can be tried on this machine.
//!
//! A test that cannot run here prints `SKIP: reason` and passes; the reasons are shown and counted at the end.

use crate::tools::{self, Outcome, cargo, root, succeeds, target};
use crate::{bindings, fuzz, miri, prepare, simulate};
use std::collections::BTreeMap;
use std::fs;
use std::process::{Command, Stdio};

/// How much is tried.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tier {
    /// At most five minutes, builds aside.
    Quick,
    /// Long programs, storms, a million simulations, fuzzing and miri too.
    Full,
}

/// What the runner counted.
#[derive(Default)]
struct Counts {
    passed: usize,
    failed: usize,
    /// Reasons, and how often each was given.
    skips: BTreeMap<String, usize>,
}

pub(crate) fn run(tier: Tier) -> Outcome {
    prepare::prepare(tier == Tier::Full);
    // Both runners build the program before the first test: a build of its own would be another one, since
    // cargo unifies features over what is built at once.
    let (counts, outcome) = if succeeds(cargo().args(["nextest", "--version"])) {
        with_nextest(tier)
    } else {
        with_cargo_test(tier)?
    };
    let concurrency = under_loom();
    let bound = bindings::test();
    let long = |act: fn() -> Outcome| if tier == Tier::Full { act() } else { Ok(()) };
    let simulated = long(|| simulate::run(simulate::SEEDS));
    let fuzzed = long(|| fuzz::run(fuzz::SECONDS));
    let interpreted = long(miri::run);
    // A test that skips passes; one test of many cases can give many reasons.
    let skipped: usize = counts.skips.values().sum();
    println!();
    for (reason, times) in &counts.skips {
        println!("SKIP: {reason} ({times} times)");
    }
    println!(
        "{} passed, {} failed, {skipped} skipped",
        counts.passed - skipped.min(counts.passed),
        counts.failed
    );
    outcome.and(concurrency).and(bound).and(simulated).and(fuzzed).and(interpreted)
}

/// Sets what the tests ask for: the program, and whether they may take long.
fn surround(command: &mut Command, tier: Tier) -> &mut Command {
    command.env("SHMFS_TEST_SHM", target().join("debug/shm"));
    if tier == Tier::Full {
        command.env("SHMFS_TEST_FULL", "1");
    }
    command
}

fn with_nextest(tier: Tier) -> (Counts, Outcome) {
    // nextest keeps its store there wherever builds go (`store.dir`).
    let report = root().join("target/nextest/default/junit.xml");
    // A report of an earlier run must not be counted.
    drop(fs::remove_file(&report));
    let mut nextest = cargo();
    nextest.args(["nextest", "run", "--config-file"]).arg(root().join("xtask/nextest.toml"));
    let outcome = tools::run(surround(&mut nextest, tier));
    let text = fs::read_to_string(&report).unwrap_or_default();
    (counts_of_report(&text), outcome)
}

/// nextest's report in JUnit's format: only what we count is read.
fn counts_of_report(text: &str) -> Counts {
    let passed_or_failed = text.matches("<testcase ").count();
    let failed = text.matches("<failure").count() + text.matches("<error").count();
    let unescaped = text
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&apos;", "'")
        .replace("&amp;", "&");
    Counts {
        passed: passed_or_failed.saturating_sub(failed),
        failed,
        skips: skips(unescaped.lines().map(|line| line.rsplit("<system-out>").next().unwrap_or(line))),
    }
}

fn with_cargo_test(tier: Tier) -> Outcome<(Counts, Outcome)> {
    let mut test = cargo();
    test.args(["test", "--no-fail-fast", "--", "--show-output"]).stdout(Stdio::piped());
    let output = surround(&mut test, tier).spawn().and_then(std::process::Child::wait_with_output);
    let output = output.map_err(|error| format!("cannot run cargo test: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    print!("{text}");
    let results =
        || text.lines().filter(|line| line.starts_with("test ") && !line.starts_with("test result"));
    let counts = Counts {
        passed: results().filter(|line| line.ends_with("... ok")).count(),
        failed: results().filter(|line| line.ends_with("... FAILED")).count(),
        skips: skips(text.lines()),
    };
    let outcome = if output.status.success() { Ok(()) } else { Err("tests failed".to_owned()) };
    Ok((counts, outcome))
}

fn skips<'a>(lines: impl Iterator<Item = &'a str>) -> BTreeMap<String, usize> {
    let mut skips = BTreeMap::new();
    for reason in lines.filter_map(|line| line.trim().strip_prefix("SKIP: ")) {
        *skips.entry(reason.to_owned()).or_default() += 1;
    }
    skips
}

/// The attach tables' protocol in every order of its steps. A target folder of its own: the flag is the whole build's.
fn under_loom() -> Outcome {
    let mut loom = cargo();
    loom.env("RUSTFLAGS", "--cfg loom").env_remove("CARGO_ENCODED_RUSTFLAGS");
    loom.args([
        "test",
        "--quiet",
        "--release",
        "--package",
        "shmfs-index",
        "--lib",
        "--tests",
        "--target-dir",
    ]);
    tools::run(loom.arg(target().join("loom")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_counted() {
        let report = "\
<testsuite><testcase name=\"a\" time=\"0\"><system-out>SKIP: no user 65534 &amp; no root
</system-out></testcase>
<testcase name=\"b\"><failure type=\"x\">why</failure></testcase>
<testcase name=\"c\"><system-out>running 1 test
SKIP: no user 65534 &amp; no root
</system-out></testcase></testsuite>";
        let counts = counts_of_report(report);
        assert_eq!((counts.passed, counts.failed), (2, 1));
        assert_eq!(counts.skips, BTreeMap::from([("no user 65534 & no root".to_owned(), 2)]));
    }
}
