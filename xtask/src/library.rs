//! `cargo xtask bench library` and `bench durable`: what the library costs beside the calls that it saves.
//!
//! Owns: the bounds, the turns. Leaves to others: the work of each side (benches/library.c, tests/cost).

use crate::build::{self, tests_program};
use crate::samples::{self, Samples};
use crate::tools::{Outcome, output, succeeds, target};
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// How often each side runs: many short turns, so that what disturbs the machine disturbs both.
const TURNS: usize = 24;

/// A thing that is done by the kernel's calls and by the library.
struct Pair {
    arguments: &'static [&'static str],
    measures: &'static str,
    bound: Option<Bound>,
}

enum Bound {
    /// The library takes at most so many times as long.
    Times(f64),
    /// The library is at least so fast.
    Speed(f64),
}

const PAIRS: [Pair; 10] = [
    Pair {
        arguments: &["open", "250"],
        measures: "open + map + unmap + close of an object that the process has met",
        bound: Some(Bound::Times(1.5)),
    },
    Pair { arguments: &["first"], measures: "the same at first sight, the store not met yet", bound: None },
    Pair { arguments: &["in", "64", "500"], measures: "64 bytes in", bound: None },
    Pair { arguments: &["out", "64", "500"], measures: "64 bytes out", bound: None },
    Pair { arguments: &["in", "4096", "500"], measures: "4 KiB in", bound: Some(Bound::Speed(0.9)) },
    Pair { arguments: &["out", "4096", "500"], measures: "4 KiB out", bound: Some(Bound::Speed(0.9)) },
    Pair { arguments: &["in", "1048576", "50"], measures: "1 MiB in", bound: Some(Bound::Speed(0.9)) },
    Pair { arguments: &["out", "1048576", "50"], measures: "1 MiB out", bound: Some(Bound::Speed(0.9)) },
    Pair { arguments: &["in", "67108864", "3"], measures: "64 MiB in", bound: Some(Bound::Speed(0.9)) },
    Pair { arguments: &["out", "67108864", "3"], measures: "64 MiB out", bound: Some(Bound::Speed(0.9)) },
];

/// `raw` is benches/library.c, compiled.
pub(crate) fn run(raw: &Path) -> Outcome {
    let shm = build::program()?;
    let cost = tests_program("cost")?;
    samples::heads();
    let mut over = Vec::new();
    for pair in PAIRS {
        let (mut kernel, mut library) = (Vec::new(), Vec::new());
        for _ in 0..TURNS {
            kernel.extend(Samples::parse(&output(Command::new(raw).args(pair.arguments))?));
            let mut served = Command::new(&cost);
            library.extend(Samples::parse(&output(served.env("SHMFS_PROGRAM", &shm).args(pair.arguments))?));
        }
        let (kernel, library) = (Samples::new(kernel), Samples::new(library));
        let sides = [("kernel", &kernel), ("library", &library)];
        let ratio = samples::side_by_side(pair.measures, sides);
        let (words, held) = match pair.bound {
            Some(Bound::Times(bound)) => (format!("{ratio:.2} (at most {bound:.2})"), ratio <= bound),
            Some(Bound::Speed(bound)) => {
                let speed = 1.0 / ratio;
                (format!("{ratio:.2}, {speed:.2} of memcpy's speed (at least {bound:.2})"), speed >= bound)
            }
            None => (format!("{ratio:.2}"), true),
        };
        println!("  ratio of the medians {words}");
        if !held {
            over.push(format!("{} {ratio:.2}", pair.measures));
        }
    }
    if over.is_empty() { Ok(()) } else { Err(format!("over their bound: {}", over.join(", "))) }
}

/// Bytes of the durable object.
const LARGE: u64 = 1 << 30;
/// The first byte takes at most so much of the time of all.
const FIRST_BYTE: f64 = 0.02;
/// Restarts with a cold page cache.
const RESTARTS: usize = 3;

pub(crate) fn durable() -> Outcome {
    let shm = build::program()?;
    let cost = tests_program("cost")?;
    let room = Room::new()?;
    let (mut first, mut whole) = (Vec::new(), Vec::new());
    {
        let _daemon = Daemon::start(&shm, &room)?;
        output(Command::new(&cost).arg("fill").arg(&room.store).arg(LARGE.to_string()))?;
    }
    for _ in 0..RESTARTS {
        if !succeeds(Command::new("sh").args(["-c", "sync && echo 3 > /proc/sys/vm/drop_caches"])) {
            return Err("only root can empty the page cache".to_owned());
        }
        let _daemon = Daemon::start(&shm, &room)?;
        let said = Samples::parse(&output(Command::new(&cost).arg("usable").arg(&room.store))?);
        let [byte, all] = said.as_slice() else { return Err(format!("`cost usable` said {said:?}")) };
        first.push(*byte);
        whole.push(*all);
    }
    let (first, whole) = (Samples::new(first), Samples::new(whole));
    samples::heads();
    let measures =
        "durable: an object of 1 GiB after a restart of its store, nothing of it in the page cache";
    let ratio = samples::side_by_side(measures, [("reading all of it", &whole), ("its first byte", &first)]);
    println!("  ratio of the medians {ratio:.4} (at most {FIRST_BYTE:.2})");
    if ratio > FIRST_BYTE { Err(format!("over its bound: durable {ratio:.4}")) } else { Ok(()) }
}

/// A folder on a disk, gone at the end.
struct Room {
    folder: PathBuf,
    store: PathBuf,
}

impl Room {
    fn new() -> Outcome<Room> {
        let folder = target().join("benches/durable");
        drop(fs::remove_dir_all(&folder));
        fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        // A socket's path is short.
        let store = PathBuf::from(format!("/tmp/shmfs-bench-{}", std::process::id()));
        Ok(Room { folder, store })
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.folder));
    }
}

/// A store with durable objects; ends with this.
struct Daemon(Child);

impl Daemon {
    fn start(shm: &Path, room: &Room) -> Outcome<Daemon> {
        let mut command = Command::new(shm);
        command.args(["broker", "--size", &(LARGE * 2).to_string(), "--hold", "--dir"]).arg(&room.store);
        command.arg("--state").arg(room.folder.join("state"));
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(|error| format!("cannot start the store: {error}"))?;
        let mut line = String::new();
        let said = child.stdout.take().map(|said| BufReader::new(said).read_line(&mut line));
        match said {
            Some(Ok(_)) if line.trim() == "ready" => Ok(Daemon(child)),
            _ => Err(format!("the store is not ready: {line}")),
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Its hold ends, and no client is left.
        drop(self.0.stdin.take());
        drop(self.0.wait());
    }
}
