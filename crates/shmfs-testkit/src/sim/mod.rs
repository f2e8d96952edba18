//! A store in one thread, from one number: a broker, its clients, and a kernel in memory.
//!
//! The broker is the real one, on an operating system that is simulated ([`shmfs_broker::os::Os`]). A seed says what
//! programs do, when the broker is killed, which calls fail, and in which order everything happens. The same seed gives
//! the same run, always.
//!
//! Owns: [`run`]. Leaves to others: real processes (`tests/`).
//! Not done: limits below /proc that are written, `shm_rmid_forced`, `--reap`, huge pages, a broker without privilege,
//! replacement by another program; owners and modes that programs change by descriptor; a power cut.

mod actor;
mod driver;
mod handle;
mod kernel;
mod oracle;
mod os;
mod pages;
mod plan;
mod rng;
mod state;
mod table;
mod trace;
mod world;

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::sync::Once;

/// What happened in a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Stats {
    /// Calls of the brokers.
    pub steps: u64,
    /// Turns of their loops.
    pub turns: u64,
    /// Brokers that were begun.
    pub brokers: u64,
    /// Brokers that were killed.
    pub kills: u64,
    /// Planned failures of calls.
    pub failures: u64,
    /// Program images that lived.
    pub programs: u64,
    /// Answers that came to who had asked.
    pub answers: u64,
    /// Answers that were sent once more.
    pub repeated: u64,
    /// Times that everything rested and was compared.
    pub looks: u64,
    /// Everything that happened, as one number.
    pub digest: u64,
    /// What programs had still to begin when all rested.
    left: u64,
}

impl Stats {
    /// The sum of two runs.
    #[must_use]
    pub fn and(self, other: Stats) -> Stats {
        Stats {
            steps: self.steps + other.steps,
            turns: self.turns + other.turns,
            brokers: self.brokers + other.brokers,
            kills: self.kills + other.kills,
            failures: self.failures + other.failures,
            programs: self.programs + other.programs,
            answers: self.answers + other.answers,
            repeated: self.repeated + other.repeated,
            looks: self.looks + other.looks,
            digest: self.digest.rotate_left(1) ^ other.digest,
            left: 0,
        }
    }
}

impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Stats { steps, brokers, kills, failures, programs, answers, repeated, looks, .. } = self;
        write!(
            f,
            "{steps} steps, {brokers} brokers, {kills} killed, {failures} calls failed as planned, {programs} programs, \
             {answers} answers, {repeated} sent again, {looks} times all compared"
        )
    }
}

/// A run that went wrong.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failure {
    /// The number that gives this run again.
    pub seed: u64,
    /// What was not right.
    pub what: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {}: {}", self.seed, self.what)?;
        write!(
            f,
            "replay: SHMFS_SIM_SEED={} cargo test -p shmfs-testkit --test sim -- --nocapture",
            self.seed
        )
    }
}

impl std::error::Error for Failure {}

/// Runs what a seed determines.
///
/// # Errors
/// Something was not as it must be.
pub fn run(seed: u64) -> Result<Stats, Failure> {
    caught(seed, false).0
}

/// Runs it with a line for each step.
pub fn replay(seed: u64) -> (Result<Stats, Failure>, Vec<String>) {
    caught(seed, true)
}

thread_local! {
    static INSIDE: Cell<bool> = const { Cell::new(false) };
    static PLACE: RefCell<String> = const { RefCell::new(String::new()) };
}

static HOOK: Once = Once::new();

fn caught(seed: u64, keep: bool) -> (Result<Stats, Failure>, Vec<String>) {
    HOOK.call_once(keep_quiet);
    INSIDE.set(true);
    let outcome = std::panic::catch_unwind(|| driver::run(seed, keep));
    INSIDE.set(false);
    outcome.unwrap_or_else(|panic| {
        let what = format!("the simulation panics: {}", message_of(panic.as_ref()));
        (Err(Failure { seed, what }), Vec::new())
    })
}

/// Panics inside of a run are its own matter: a killed broker is one, and what else there is becomes its failure.
fn keep_quiet() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !INSIDE.get() {
            return usual(panic);
        }
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        PLACE.set(place);
    }));
}

/// What a panic says, and where.
fn message_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without a word");
    format!("{text}, at {}", PLACE.with_borrow(String::clone))
}
