//! The simulation: broker, clients and a kernel in memory, from one number for each run.

use shmfs_testkit::sim;

/// Runs of the quick tier.
const SEEDS: u64 = 2000;

#[test]
fn nothing_is_lost_whoever_is_killed() {
    if let Some(seed) = std::env::var("SHMFS_SIM_SEED").ok().and_then(|text| text.parse().ok()) {
        let (outcome, lines) = sim::replay(seed);
        lines.iter().for_each(|line| println!("{line}"));
        match outcome {
            Ok(stats) => println!("{stats}"),
            Err(failure) => panic!("{failure}"),
        }
        return;
    }
    let mut sum = sim::Stats::default();
    for seed in 0..SEEDS {
        match sim::run(seed) {
            Ok(stats) => sum = sum.and(stats),
            Err(failure) => panic!("{failure}"),
        }
    }
    println!("{SEEDS} seeds: {sum}");
}
