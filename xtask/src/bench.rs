//! `cargo xtask bench`: the same C program on the kernel and under shmfs, in turn, in one run.
//!
//! Times of one machine say little; the ratio of the medians is the result.

use crate::samples::{self, Samples};
use crate::tools::{self, Outcome, found, output, root, target};
use crate::{build, faults, library, mount, mount_scale};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// How often each side runs: many short turns, so that what disturbs the machine disturbs both.
const TURNS: usize = 24;

/// A program in benches/ and how it is started.
struct Bench {
    name: &'static str,
    source: &'static str,
    arguments: &'static [&'static str],
    measures: &'static str,
    /// The ratio that is not to be exceeded.
    bound: Option<f64>,
}

const BENCHES: [Bench; 6] = [
    Bench {
        name: "exec",
        source: "exec.c",
        arguments: &["100"],
        measures: "posix_spawn of /bin/true and its end",
        bound: Some(1.15),
    },
    Bench {
        name: "fork",
        source: "fork.c",
        arguments: &["100"],
        measures: "fork, _exit, wait in a process with one attach",
        bound: None,
    },
    Bench {
        name: "sysv",
        source: "sysv.c",
        arguments: &["250", "alone"],
        measures: "shmget + shmat + write + shmdt + IPC_RMID",
        bound: None,
    },
    Bench {
        name: "sysv-pair",
        source: "sysv.c",
        arguments: &["125", "pair"],
        measures: "the same, another process attaches and reads",
        bound: None,
    },
    Bench {
        name: "posix",
        source: "posix.c",
        arguments: &["250", "alone"],
        measures: "shm_open + ftruncate + mmap + write + munmap + unlink",
        bound: None,
    },
    Bench {
        name: "posix-pair",
        source: "posix.c",
        arguments: &["125", "pair"],
        measures: "the same, another process opens and reads",
        bound: None,
    },
];

pub(crate) fn run(only: Option<&str>) -> Outcome {
    if !found("cc") {
        return Err("no cc; the programs of the benchmarks are in C".to_owned());
    }
    match only {
        Some(PGBENCH) => return pgbench(),
        Some(RESTART) => return faults::bench_restart(),
        Some(LIBRARY) => return library::run(&compile("library.c")?),
        Some(DURABLE) => return library::durable(),
        Some(MOUNT) => return mount::run(),
        Some(MOUNT_SCALE) => return mount_scale::run(),
        _ => {}
    }
    let chosen: Vec<&Bench> =
        BENCHES.iter().filter(|bench| only.is_none_or(|name| name == bench.name)).collect();
    if chosen.is_empty() {
        let names: Vec<&str> = BENCHES.iter().map(|bench| bench.name).collect();
        let others = [LIBRARY, DURABLE, PGBENCH, RESTART, MOUNT, MOUNT_SCALE].join(", ");
        return Err(format!("no such benchmark; there are {}, {others}", names.join(", ")));
    }
    let shm = build::program()?;
    samples::heads();
    let mut over = Vec::new();
    for bench in chosen {
        let ratio = measure(bench, &shm)?;
        if bench.bound.is_some_and(|bound| ratio > bound) {
            over.push(format!("{} {ratio:.2}", bench.name));
        }
    }
    if only.is_none() {
        library::run(&compile("library.c")?)?;
    }
    if over.is_empty() { Ok(()) } else { Err(format!("over their bound: {}", over.join(", "))) }
}

/// The library beside the calls that it saves.
const LIBRARY: &str = "library";

/// A durable object after a restart, by name only: it writes a gibibyte, and needs root.
const DURABLE: &str = "durable";

/// PostgreSQL on both sides, by name only: it takes minutes.
const PGBENCH: &str = "pgbench";

/// The restart of a broker, by name only: there is nothing of the kernel's beside it.
const RESTART: &str = "restart";

/// A mounted store beside tmpfs and bindfs, by name only: it needs root, and takes minutes.
const MOUNT: &str = "mount";

/// A million files in one, likewise.
const MOUNT_SCALE: &str = "mount-scale";

fn pgbench() -> Outcome {
    let shm = build::program()?;
    tools::run(Command::new("sh").arg(root().join("benches/pgbench.sh")).arg(shm))
}

fn measure(bench: &Bench, shm: &Path) -> Outcome<f64> {
    let program = compile(bench.source)?;
    let (mut kernel, mut shmfs) = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        kernel.extend(Samples::parse(&output(Command::new(&program).args(bench.arguments))?));
        let mut served = Command::new(shm);
        served.args(["run", "--size", "256M", "--"]).arg(&program).args(bench.arguments);
        shmfs.extend(Samples::parse(&output(&mut served)?));
    }
    let (kernel, shmfs) = (Samples::new(kernel), Samples::new(shmfs));
    let measures = format!("{}: {}", bench.name, bench.measures);
    let ratio = samples::side_by_side(&measures, [("kernel", &kernel), ("shmfs", &shmfs)]);
    match bench.bound {
        Some(bound) => println!("  ratio of the medians {ratio:.2} (at most {bound:.2})"),
        None => println!("  ratio of the medians {ratio:.2}"),
    }
    Ok(ratio)
}

/// Compiles a program of benches/.
pub(crate) fn compile(source: &str) -> Outcome<PathBuf> {
    let folder = target().join("benches");
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let program = folder.join(source.trim_end_matches(".c"));
    let mut cc = Command::new("cc");
    cc.args(["-O2", "-Wall", "-Wextra", "-Werror", "-o"])
        .arg(&program)
        .arg(root().join("benches").join(source));
    tools::run_quietly(cc.arg("-lrt"))?;
    Ok(program)
}
