//! `cargo xtask simulate`: many seeds of the simulation, in release, on every core.
//!
//! Each process runs a block of seeds and ends: brokers that are killed in it leave their memory behind.

use crate::tools::{self, Outcome, cargo, run_quietly, target};
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Seeds when nothing is said: what `cargo xtask test --full` runs.
pub(crate) const SEEDS: u64 = 1_000_000;

/// Seeds of one process.
const BLOCK: u64 = 20_000;

pub(crate) fn run(seeds: u64) -> Outcome {
    tools::run(cargo().args(["build", "--release", "--package", "shmfs-testkit", "--example", "sim"]))?;
    let program = target().join("release/examples/sim");
    let begun = Instant::now();
    let (next, done) = (AtomicU64::new(0), AtomicU64::new(0));
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get());
    let block = |first: u64| {
        let count = BLOCK.min(seeds - first);
        let ran = run_quietly(Command::new(&program).args([first.to_string(), count.to_string()]));
        let done = done.fetch_add(count, Ordering::Relaxed) + count;
        eprintln!("{done} of {seeds} seeds, {} s", begun.elapsed().as_secs());
        ran.map_err(|why| {
            format!("{why}\na seed is replayed by `SHMFS_SIM_SEED=N cargo test -p shmfs-testkit --test sim -- --nocapture`")
        })
    };
    std::thread::scope(|scope| {
        let worker = || {
            loop {
                let first = next.fetch_add(BLOCK, Ordering::Relaxed);
                if first >= seeds {
                    return Ok(());
                }
                block(first)?;
            }
        };
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(worker)).collect();
        let mut ends = workers.into_iter().map(|worker| worker.join());
        ends.try_for_each(|end| end.unwrap_or_else(|_| Err("a worker failed".to_owned())))
    })?;
    println!("{seeds} seeds: nothing found");
    Ok(())
}
