//! `cargo xtask bench mount-scale`: a great many files in a mounted store and in the kernel's tmpfs.
//!
//! Owns: the counts, what memory is looked at. Leaves to others: creations and lookups (benches/mount.c).
//! Not done: bounds; the numbers are stated.

use crate::mount_sides::{STORE, Side, world};
use crate::samples::{self, Samples};
use crate::tools::Outcome;
use crate::{bench, build};
use std::fs;
use std::path::Path;

/// Lookups at each count.
const LOOKUPS: &str = "2000";
/// Creations in one sample of benches/mount.c.
const SAMPLE: usize = 1000;

/// How many files there are at each step, and how many lie in one folder.
struct Shape {
    measures: &'static str,
    counts: &'static [usize],
    each: usize,
}

const SHAPES: [Shape; 2] = [
    Shape { measures: "100,000 files in one folder", counts: &[1_000, 10_000, 100_000], each: 100_000 },
    Shape {
        measures: "1,000,000 files in 1,000 folders",
        counts: &[1_000, 10_000, 100_000, 1_000_000],
        each: 1_000,
    },
];

pub(crate) fn run() -> Outcome {
    world(&["bench", "mount-scale"], || {
        let shm = build::program()?;
        let program = bench::compile("mount.c")?;
        for shape in &SHAPES {
            // Each begins with nothing.
            for side in [Side::tmpfs()?, Side::shmfs(&shm)?] {
                println!("\n{}: {}", side.name, shape.measures);
                samples::heads();
                measure(shape, &side, &program)?;
                side.end()?;
            }
        }
        Ok(())
    })
}

fn measure(shape: &Shape, side: &Side, program: &Path) -> Outcome {
    let each = shape.each.to_string();
    drop_names()?;
    let before = Memory::now(side)?;
    let mut creations = Vec::new();
    let mut there = 0;
    for count in shape.counts {
        let more = (count - there).to_string();
        let said = side.output(program, "fill", &[&more, &there.to_string(), &each])?;
        creations.extend(Samples::parse(&said));
        there = *count;
        let look_up = || side.output(program, "look-up", &[LOOKUPS, &count.to_string(), &each]);
        drop_names()?;
        for temperature in ["cold", "warm"] {
            let times = Samples::new(Samples::parse(&look_up()?));
            println!("  {:<32}{}", format!("stat, {temperature}, of {count}"), times.words());
        }
    }
    // A tenth of the creations, without the first sample, which warms up.
    let tenth = (there / SAMPLE / 10).max(1);
    let (first, last) = (creations.get(1..=tenth), creations.get(creations.len().saturating_sub(tenth)..));
    for (which, samples) in [("the first tenth", first), ("the last tenth", last)] {
        let times = Samples::new(samples.unwrap_or_default().to_vec());
        println!("  {:<32}{}", format!("create + close, {which}"), times.words());
    }
    // Lookups of the last round are still remembered; the rest was dropped before it.
    let kept = Memory::now(side)?;
    let said = side.output(program, "list-all", &["1", &there.to_string(), &each])?;
    if Samples::parse(&said).len() != 1 {
        return Err(format!("not all of {there} names are listed"));
    }
    let warm = Memory::now(side)?;
    drop_names()?;
    let cold = Memory::now(side)?;
    for (when, memory) in [("after lookups", &kept), ("all names cached", &warm), ("caches dropped", &cold)] {
        println!("  bytes per inode, {when}: {}", memory.since(&before, there));
    }
    Ok(())
}

/// What the kernel remembers of names and inodes; tmpfs's stay, they are all there is.
fn drop_names() -> Outcome {
    fs::write("/proc/sys/vm/drop_caches", "2").map_err(|error| format!("drop_caches: {error}"))
}

/// Bytes in use.
struct Memory {
    slab: u64,
    /// The broker's own, where there is one.
    broker: Option<u64>,
}

impl Memory {
    fn now(side: &Side) -> Outcome<Memory> {
        let meminfo = fs::read_to_string("/proc/meminfo").map_err(|error| error.to_string())?;
        let slab = bytes(&meminfo, "SReclaimable:") + bytes(&meminfo, "SUnreclaim:");
        let broker = match side.name {
            "shmfs" => {
                let file = format!("/run/shmfs/{STORE}/broker");
                let pid = fs::read_to_string(&file).map_err(|error| format!("{file}: {error}"))?;
                let file = format!("/proc/{}/status", pid.trim());
                let status = fs::read_to_string(&file).map_err(|error| format!("{file}: {error}"))?;
                Some(bytes(&status, "VmRSS:"))
            }
            _ => None,
        };
        Ok(Memory { slab, broker })
    }

    fn since(&self, before: &Memory, inodes: usize) -> String {
        let each = |now: u64, then: u64| (now as f64 - then as f64) / inodes as f64;
        let mut words = format!("the kernel's slab {:.0}", each(self.slab, before.slab));
        if let (Some(now), Some(then)) = (self.broker, before.broker) {
            words += &format!(", broker {:.1} (it has {} KiB)", each(now, then), now >> 10);
        }
        words
    }
}

/// A line such as `Name:  123 kB`.
fn bytes(text: &str, name: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
    line.split_whitespace().next().and_then(|number| number.parse::<u64>().ok()).unwrap_or(0) << 10
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kibibytes_of_a_line() {
        let text = "MemFree:  12 kB\nSlab:     3 kB\n";
        assert_eq!([bytes(text, "Slab:"), bytes(text, "None:")], [3072, 0]);
    }
}
