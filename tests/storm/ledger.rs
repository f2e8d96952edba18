//! The ledger as the driver reads it: the layout is ledger.h's.

use rustix::time::{ClockId, clock_gettime};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Rows of objects that all look at.
pub(crate) const TREASURES: u64 = 40;
/// Load clients.
pub(crate) const LOADS: u64 = 8;
/// The keys of rows begin there.
const FIRST_KEY: u32 = 0x5300_0000;
const FIRST_VICTIM_ROW: u64 = 1024;
const VICTIM_ROWS: u64 = 8;

const PAGE: u64 = 4096;
const ROW_BYTES: usize = 64;
const POSTS: u64 = 16;
const POST_BYTES: u64 = 16;

/// The calls with a clock around them, in their order.
pub(crate) const CALLS: [&str; 13] = [
    "shmget",
    "shmat",
    "shmdt",
    "IPC_STAT",
    "IPC_SET",
    "IPC_RMID",
    "shm_open",
    "ftruncate",
    "shm_unlink",
    "rename",
    "sem_open",
    "sem_unlink",
    "fork",
];

/// What is counted, in the order of the ledger.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(dead_code, reason = "every name keeps its place in the ledger")]
pub(crate) enum Count {
    Killed,
    Victims,
    Batches,
    Forked,
    Vforked,
    Spawned,
    Cloned,
    Daemons,
    Bare,
    Execs,
    Threaded,
    Closed,
    Orphaned,
    Unseen,
    Stopped,
    Made,
    MidCreate,
    MidCreateDone,
    MidRemove,
    MidRemoveDone,
    Late,
    Checked,
}
const COUNTS: u64 = Count::Checked as u64 + 1;

const CALLS_AT: u64 = 16;
const LONGEST_AT: u64 = CALLS_AT + 8 * CALLS.len() as u64;
const BEGAN_AT: u64 = LONGEST_AT + 8 * CALLS.len() as u64;
const COUNTS_AT: u64 = BEGAN_AT + 8 * CALLS.len() as u64;
const POSTS_AT: u64 = COUNTS_AT + 8 * COUNTS;

const WAITS: u64 = 48;
const WAITS_AT: u64 = POSTS_AT + POSTS * POST_BYTES;

/// What load clients do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(dead_code, reason = "every name keeps its place in the ledger")]
pub(crate) enum Phase {
    Storm,
    Pause,
    Finish,
}

/// What a row tells of its object while nobody is in a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    Gone,
    There,
    /// A call of a killed process: nobody knows.
    Either,
}

/// The kinds, as `shm ls --json` calls them.
const KINDS: [&str; 4] = ["", "segment", "object", "semaphore"];
const SIZED: u32 = 2;
const SIZING: u32 = 1;

/// One object.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Row {
    pub(crate) number: u32,
    pub(crate) state: State,
    pub(crate) kind: &'static str,
    pub(crate) id: i32,
    /// The size, unless a killed process was about to set it.
    pub(crate) size: Option<u64>,
    pub(crate) attaches: u32,
}

impl Row {
    /// Its key or name, as `shm ls --json` shows it.
    pub(crate) fn shown(&self) -> String {
        match self.kind {
            "segment" => format!("key {}", FIRST_KEY + self.number),
            "object" => format!("storm.{}", self.number),
            _ => format!("sem.storm.{}", self.number),
        }
    }
}

/// A wait for an answer; longer ones are greater.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Debug)]
pub(crate) struct Wait {
    pub(crate) nanoseconds: u64,
    /// In nanoseconds of CLOCK_MONOTONIC.
    pub(crate) began: u64,
    pub(crate) call: &'static str,
}

/// CLOCK_MONOTONIC in nanoseconds.
pub(crate) fn monotonic() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec.cast_unsigned() * 1_000_000_000 + now.tv_nsec.cast_unsigned()
}

/// What a process that is never killed waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Post {
    /// Nanoseconds of CLOCK_MONOTONIC; 0 outside of calls.
    pub(crate) since: u64,
    pub(crate) call: usize,
    pub(crate) rests: bool,
}

/// The file.
pub(crate) struct Ledger {
    file: File,
    rows: u64,
}

impl Ledger {
    /// Makes one for so many victims, or rows of others.
    pub(crate) fn create(path: &Path, victims: u64) -> io::Result<Ledger> {
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(path)?;
        let rows = FIRST_VICTIM_ROW + victims * VICTIM_ROWS;
        file.set_len(PAGE + rows * ROW_BYTES as u64)?;
        Ok(Ledger { file, rows })
    }

    fn word(&self, at: u64) -> u64 {
        let mut bytes = [0; 8];
        self.file.read_exact_at(&mut bytes, at).expect("the ledger");
        u64::from_ne_bytes(bytes)
    }

    fn set(&self, at: u64, value: u32) {
        self.file.write_all_at(&value.to_ne_bytes(), at).expect("the ledger");
    }

    /// Tells load clients what to do.
    pub(crate) fn set_phase(&self, phase: Phase) {
        self.set(0, phase as u32);
    }

    /// Complaints.
    pub(crate) fn bad(&self) -> u32 {
        (self.word(0) >> 32) as u32
    }

    /// Tells the nursery that there have been enough.
    pub(crate) fn set_enough(&self) {
        self.set(8, 1);
    }

    pub(crate) fn count(&self, what: Count) -> u64 {
        self.word(COUNTS_AT + 8 * what as u64)
    }

    /// Calls that were answered.
    pub(crate) fn answered(&self) -> u64 {
        (0..CALLS.len() as u64).map(|call| self.word(CALLS_AT + 8 * call)).sum()
    }

    /// The longest wait of all.
    pub(crate) fn longest(&self) -> Wait {
        let waits = (0..).step_by(8).zip(CALLS).map(|(at, call)| Wait {
            nanoseconds: self.word(LONGEST_AT + at),
            began: self.word(BEGAN_AT + at),
            call,
        });
        waits.max().unwrap_or_default()
    }

    /// What so many of a thousand waits do not exceed, in nanoseconds, rounded up to a power of two.
    pub(crate) fn wait_of(&self, per_mille: u64) -> u64 {
        let counts: Vec<u64> = (0..WAITS).map(|at| self.word(WAITS_AT + 8 * at)).collect();
        let rank = (counts.iter().sum::<u64>() * per_mille).div_ceil(1000);
        let mut seen = 0;
        let at = counts.iter().take_while(|count| {
            seen += **count;
            seen < rank
        });
        2 << at.count()
    }

    pub(crate) fn post(&self, which: u64) -> Post {
        let at = POSTS_AT + which * POST_BYTES;
        let (since, rest) = (self.word(at), self.word(at + 8));
        Post { since, call: rest as u32 as usize, rests: rest >> 32 != 0 }
    }

    pub(crate) fn posts(&self) -> impl Iterator<Item = Post> {
        (0..POSTS).map(|which| self.post(which))
    }

    /// Every row that was ever used.
    pub(crate) fn rows(&self) -> Vec<Row> {
        self.first_rows(self.rows)
    }

    /// Those of them among the first `count`.
    pub(crate) fn first_rows(&self, count: u64) -> Vec<Row> {
        let mut bytes = vec![0; count as usize * ROW_BYTES];
        self.file.read_exact_at(&mut bytes, PAGE).expect("the ledger");
        bytes.chunks_exact(ROW_BYTES).enumerate().filter_map(|(number, bytes)| row(number, bytes)).collect()
    }
}

fn row(number: usize, bytes: &[u8]) -> Option<Row> {
    let word = |at: usize| u32::from_ne_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
    let state = match word(0) {
        0 => return None,
        2 => State::There,
        4 => State::Gone,
        _ => State::Either,
    };
    let (kind, flags) = (KINDS[word(4) as usize], word(8));
    let size = u64::from(word(16)) | u64::from(word(20)) << 32;
    let size = match kind {
        "semaphore" => Some(32),
        "segment" => Some(size),
        _ if flags & SIZED != 0 => Some(size),
        _ if flags & SIZING != 0 => None,
        _ => Some(0),
    };
    let number = number as u32;
    Some(Row { number, state, kind, id: word(12).cast_signed(), size, attaches: word(32) })
}
