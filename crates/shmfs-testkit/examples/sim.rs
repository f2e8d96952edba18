//! Many runs of the simulation: `sim FIRST COUNT`, in release. Prints the first seeds that fail, and goes on. `sim SEED`
//! runs one with a line for each step.

use shmfs_testkit::sim;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse::<u64>());
    let (first, count) = match (arguments.next(), arguments.next()) {
        (Some(Ok(first)), Some(Ok(count))) => (first, count),
        (Some(Ok(seed)), None) => return replay(seed),
        _ => {
            eprintln!("usage: sim FIRST COUNT, or sim SEED");
            return ExitCode::from(2);
        }
    };
    let mut failed = 0;
    let mut kinds = std::collections::BTreeMap::<String, (u64, u64)>::new();
    let mut sum = sim::Stats::default();
    for seed in first..first + count {
        match sim::run(seed) {
            Ok(stats) => sum = sum.and(stats),
            Err(failure) => {
                failed += 1;
                let kind: String = failure.what.chars().filter(|c| !c.is_ascii_digit()).take(70).collect();
                kinds.entry(kind).or_insert((0, seed)).0 += 1;
                if failed <= 5 {
                    println!("{failure}");
                }
            }
        }
    }
    println!("{count} seeds: {sum}; {failed} failed");
    for (kind, (times, seed)) in kinds {
        println!("{times:>6} first {seed}: {kind}");
    }
    ExitCode::from(u8::from(failed > 0))
}

fn replay(seed: u64) -> ExitCode {
    let (outcome, lines) = sim::replay(seed);
    lines.iter().for_each(|line| println!("{line}"));
    match outcome {
        Ok(stats) => {
            println!("{stats}");
            ExitCode::SUCCESS
        }
        Err(failure) => {
            println!("{failure}");
            ExitCode::FAILURE
        }
    }
}
