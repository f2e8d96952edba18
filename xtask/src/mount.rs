//! `cargo xtask bench mount`: the kernel's tmpfs, a mounted store, bindfs on a tmpfs, and a store that is attached, in
//! turn, in one run.
//!
//! Owns: the lines, their bounds, the table. Leaves to others: the work of each line (benches/mount.c), the file
//! systems (`mount_sides`).

use crate::mount_sides::{Side, world};
use crate::samples::{self, Samples};
use crate::tools::{self, Outcome, output, target};
use crate::{bench, build};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// How often each side does each line.
const TURNS: usize = 8;
/// How often each side unpacks the archive.
const UNPACKINGS: usize = 4;
/// Files in the archive, and in each of its folders.
const PACKED: usize = 20_000;
const PACKED_EACH: usize = 100;

/// One thing that is measured.
struct Line {
    what: &'static str,
    /// Samples in each turn.
    count: &'static str,
    measures: &'static str,
    /// The speed, as a part of tmpfs's, that is reached at least.
    bound: Option<f64>,
}

const fn line(what: &'static str, count: &'static str, bound: Option<f64>, measures: &'static str) -> Line {
    Line { what, count, measures, bound }
}

const LINES: [Line; 15] = [
    line("rewrite", "60", Some(0.85), "1 MiB write, bytes that are there"),
    line("write", "80", Some(0.85), "1 MiB write, to a fresh file"),
    line("recycled", "40", None, "the same, the file before just gone"),
    line("whole", "40", None, "1 MiB write with its open and close"),
    line("read", "60", Some(0.75), "1 MiB read"),
    line("random-read", "100", Some(0.7), "4 KiB read, random, of 64 MiB"),
    line("random-write", "100", Some(0.7), "4 KiB write, random, of 64 MiB"),
    line("touch", "6", Some(0.9), "mmap touch of 16 MiB, fresh file"),
    line("create", "200", Some(0.10), "create + close + unlink"),
    line("open", "300", None, "open + close"),
    line("stat", "600", Some(0.8), "stat of a cached name"),
    line("uncached", "1000", None, "stat of an uncached name"),
    line("list", "20", None, "readdir of 1,000 names"),
    line("folder", "200", None, "mkdir + rmdir"),
    line("rename", "100", None, "rename"),
];

pub(crate) fn run() -> Outcome {
    world(&["bench", "mount"], || {
        let shm = build::program()?;
        let program = bench::compile("mount.c")?;
        let (sides, kept) = sides(&shm)?;
        samples::heads();
        let mut rows = Vec::new();
        for line in &LINES {
            let mut times: Vec<Vec<u64>> = sides.iter().map(|_| Vec::new()).collect();
            for turn in 0..TURNS {
                for at in in_turn(turn, sides.len()) {
                    times[at].extend(Samples::parse(&sides[at].output(
                        &program,
                        line.what,
                        &[line.count],
                    )?));
                }
            }
            rows.push(Row::new(line.measures, line.bound, &sides, times));
        }
        rows.extend(unpack(&program, &sides)?);
        let missed = table(&sides, &rows);
        for side in sides.into_iter().chain(kept) {
            side.end()?;
        }
        if missed.is_empty() { Ok(()) } else { Err(format!("below their bound: {}", missed.join(", "))) }
    })
}

/// Each turn begins with another side: who comes behind whom matters, for the pages that one has freed are the next one's.
fn in_turn(turn: usize, sides: usize) -> impl Iterator<Item = usize> {
    (0..sides).map(move |at| (turn + at) % sides)
}

/// The sides in their order, tmpfs first and ours second; then what is only to be unmounted after them.
fn sides(shm: &Path) -> Outcome<(Vec<Side>, Vec<Side>)> {
    let mut sides = vec![Side::tmpfs()?, Side::shmfs(shm)?];
    let mut kept = Vec::new();
    match Side::bindfs() {
        Ok([side, below]) => {
            sides.push(side);
            kept.push(below);
        }
        Err(why) => println!("SKIP: no column of bindfs: {why}"),
    }
    match Side::attached(shm) {
        Ok(side) => sides.push(side),
        Err(why) => println!("SKIP: no column of an attached store: {why}"),
    }
    Ok((sides, kept))
}

/// What one line came to.
struct Row {
    measures: &'static str,
    bound: Option<f64>,
    /// tmpfs's median divided by each side's.
    speeds: Vec<f64>,
}

impl Row {
    /// Prints the samples.
    fn new(measures: &'static str, bound: Option<f64>, sides: &[Side], times: Vec<Vec<u64>>) -> Row {
        println!("{measures}");
        let mut medians = Vec::new();
        for (side, times) in sides.iter().zip(times) {
            let samples = Samples::new(times);
            println!("  {:<32}{}", side.name, samples.words());
            medians.push(samples.percentile(50).max(1) as f64);
        }
        let tmpfs = medians.first().copied().unwrap_or(1.0);
        Row { measures, bound, speeds: medians.iter().map(|median| tmpfs / median).collect() }
    }
}

/// Prints the speeds of all lines beside their bounds; gives the lines that miss theirs.
fn table(sides: &[Side], rows: &[Row]) -> Vec<String> {
    print!("\n{:<36}", "speed, tmpfs = 1");
    let others = || sides.iter().map(|side| side.name).skip(1);
    others().for_each(|name| print!("{name:>10}"));
    println!("     bound of shmfs");
    let mut missed = Vec::new();
    for row in rows {
        print!("{:<36}", row.measures);
        row.speeds.iter().skip(1).for_each(|speed| print!("{speed:>10.2}"));
        let ours = row.speeds.get(1).copied().unwrap_or(0.0);
        match row.bound {
            Some(bound) if ours >= bound => println!("     at least {bound:.2}: holds"),
            Some(bound) => {
                println!("     at least {bound:.2}: MISSED");
                missed.push(format!("{} {ours:.2}", row.measures));
            }
            None => println!(),
        }
    }
    missed
}

/// `tar x` of many small files, and `rm -r` of them.
fn unpack(program: &Path, sides: &[Side]) -> Outcome<[Row; 2]> {
    let archive = archive()?;
    let archive = archive.to_string_lossy();
    let mut tar: Vec<Vec<u64>> = sides.iter().map(|_| Vec::new()).collect();
    let mut rm = tar.clone();
    for turn in 0..UNPACKINGS {
        for at in in_turn(turn, sides.len()) {
            let said = sides[at].output(program, "unpack", &["1", &archive])?;
            tar[at].extend(of("tar ", &said));
            rm[at].extend(of("rm ", &said));
        }
    }
    let row = |measures, times| Row::new(measures, None, sides, times);
    Ok([row("tar x of 20,000 small files", tar), row("rm -r of them", rm)])
}

/// The samples of the lines that begin with `word`.
fn of(word: &str, said: &str) -> Vec<u64> {
    said.lines().filter_map(|line| line.strip_prefix(word)).flat_map(Samples::parse).collect()
}

/// Packs files of 0 to 4 KiB.
fn archive() -> Outcome<PathBuf> {
    let folder = target().join("benches/packed");
    let told = |path: &Path, error: std::io::Error| format!("{}: {error}", path.display());
    drop(fs::remove_dir_all(&folder));
    for number in 0..PACKED {
        let path = folder.join(format!("tree/folder{}/file{number}", number / PACKED_EACH));
        if number % PACKED_EACH == 0
            && let Some(parent) = path.parent()
        {
            fs::create_dir_all(parent).map_err(|error| told(parent, error))?;
        }
        fs::write(&path, vec![b'x'; number * 37 % 4096]).map_err(|error| told(&path, error))?;
    }
    let archive = target().join("benches/packed.tar");
    output(Command::new("tar").arg("-cf").arg(&archive).arg("-C").arg(&folder).arg("tree"))?;
    fs::remove_dir_all(&folder).map_err(|error| told(&folder, error))?;
    // The world has a /run of its own, and no more: the folder of build results is the same in it.
    tools::run_quietly(Command::new("sync").arg(&archive))?;
    Ok(archive)
}
