//! One run's world: the kernel, the programs, and what is known to be right.
//!
//! Every call of the broker is a step here: time passes, programs go on, the call may be refused, and the broker may be
//! killed before it.
//!
//! Owns: what happens at a step.
//! Leaves to others: what calls do (`kernel`), what programs do (`actor`), what is right (`oracle`).

use super::actor::Actor;
use super::kernel::{EndId, Kernel};
use super::oracle::Oracle;
use super::plan::Plan;
use super::rng::Rng;
use super::trace::Trace;
use shmfs_abi::Errno;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

/// The world, as the broker's descriptors, tables and pages share it.
pub(crate) type Shared = Rc<RefCell<World>>;

/// What becomes of a step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fate {
    Go,
    /// The broker is killed before it.
    Die,
}

/// What a broker waited for last.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Idle {
    /// Something was there.
    No,
    /// Nothing was there, and it asks again.
    ForNow,
    /// Nothing was there, and it waits until something is.
    Forever,
}

/// Steps after which a run has gone astray.
const MOST_STEPS: u64 = 400_000;

/// Calls before the one of the kind that is aimed at, at most.
const AIMED_LIFE: u64 = 8;

/// Calls that a disk which has failed refuses at most.
const BAD_DISK: u64 = 8;

/// Nanoseconds of one step at most, and of a rare one.
const STEP: u64 = 30_000;
const LONG_STEP: u64 = 4_000_000_000;

/// One run's world.
pub(crate) struct World {
    pub(crate) kernel: Kernel,
    pub(crate) plan: Plan,
    pub(crate) dice: Rng,
    pub(crate) trace: Trace,
    pub(crate) oracle: Oracle,
    pub(crate) actors: Vec<Actor>,
    /// Whose end of a connection it is.
    pub(crate) sessions: BTreeMap<EndId, usize>,
    /// What programs may still begin.
    pub(crate) actions: u64,
    /// Whether programs move in the middle of the broker's turns.
    pub(crate) crowded: bool,
    /// Whether calls may be refused.
    pub(crate) failing: bool,
    pub(crate) steps: u64,
    /// Writes to the journal since the broker looked at a message.
    pub(crate) written: u64,
    /// Which broker lives.
    pub(crate) instance: u32,
    pub(crate) is_killed: bool,
    /// Steps until the broker is killed.
    pub(crate) kill_in: Option<u64>,
    /// Whether the broker has something to do.
    pub(crate) idle: Idle,
    /// Failures that were planned: at which step, and which, as programs are told.
    pub(crate) refused: Vec<(u64, Errno)>,
    /// How many further calls the disk refuses, and how.
    bad_disk: Option<(u64, Errno)>,
    /// The first thing that is not right.
    pub(crate) wrong: Option<String>,
    stamps: u64,
}

impl World {
    pub(crate) fn new(seed: u64, trace: Trace) -> World {
        let mut dice = Rng::new(seed);
        let plan = Plan::draw(&mut dice);
        let mut kernel = Kernel::new(Rng::new(dice.next()));
        kernel.linger = plan.linger;
        let oracle = Oracle::new(plan.pages);
        World {
            kernel,
            actions: plan.actions,
            plan,
            dice,
            trace,
            oracle,
            actors: Vec::new(),
            sessions: BTreeMap::new(),
            crowded: true,
            failing: true,
            steps: 0,
            written: 0,
            instance: 0,
            is_killed: false,
            kill_in: None,
            idle: Idle::No,
            refused: Vec::new(),
            bad_disk: None,
            wrong: None,
            stamps: 0,
        }
    }

    /// Something is not right. The first such thing counts.
    pub(crate) fn complain(&mut self, what: String) {
        self.trace.say(|| format!("WRONG: {what}"));
        self.trace.say(|| self.kernel.holders());
        self.wrong.get_or_insert(what);
    }

    /// A content that nobody has written before.
    pub(crate) fn new_stamp(&mut self) -> u64 {
        self.stamps += 1;
        self.stamps
    }

    /// The broker is about to do something.
    pub(crate) fn step(&mut self, what: &'static str, number: i64) -> Fate {
        self.steps += 1;
        assert!(self.steps < MOST_STEPS, "the run does not end");
        self.trace.count(what, number as u64);
        let nanos = if self.dice.once_in(500) { LONG_STEP } else { STEP };
        let nanos = self.dice.below(nanos);
        self.kernel.pass(nanos);
        if self.crowded && self.dice.percent(self.plan.crowding) {
            self.move_somebody();
        }
        if self.plan.overflows && self.dice.once_in(100) {
            self.kernel.overflow();
        }
        let aimed = self.plan.aim.is_none_or(|aim| aim == what);
        if let Some(left) = self.kill_in.as_mut().filter(|_| aimed) {
            if *left == 0 {
                self.trace.say(|| format!("{:>6} KILLED before {what} {number}", self.steps));
                return Fate::Die;
            }
            *left -= 1;
        }
        self.trace.say(|| format!("{:>6} {what} {number}", self.steps));
        Fate::Go
    }

    /// Refuses a call now and then, as Linux could.
    pub(crate) fn refuse(&mut self, what: &'static str, errnos: &[Errno]) -> Result<(), Errno> {
        let times = self.plan.failures;
        if times == 0 || errnos.is_empty() || !self.may_refuse() || !self.dice.once_in(times) {
            return Ok(());
        }
        let errno = self.dice.pick(errnos);
        self.fail(what, errno)
    }

    /// Refuses a call to the disk: one that is full stays so for some calls.
    pub(crate) fn refuse_disk(&mut self, what: &'static str, errnos: &[Errno]) -> Result<(), Errno> {
        if let Some((left, errno)) = self.bad_disk.filter(|_| self.may_refuse()) {
            self.bad_disk = left.checked_sub(1).map(|left| (left, errno));
            return self.fail(what, errno);
        }
        let times = self.plan.disk_failures;
        if times == 0 || !self.may_refuse() || !self.dice.once_in(times) {
            return Ok(());
        }
        let errno = self.dice.pick(errnos);
        self.bad_disk = Some((self.dice.below(BAD_DISK), errno));
        self.fail(what, errno)
    }

    fn may_refuse(&self) -> bool {
        // What a dead program's request had still to do: nobody would ever say that it has failed.
        let unheard = self.oracle.is_open() && self.actors.iter().any(|actor| !actor.runs());
        self.failing && !unheard
    }

    fn fail(&mut self, what: &'static str, errno: Errno) -> Result<(), Errno> {
        self.trace.say(|| format!("       {what} fails: {}", errno.name()));
        self.trace.count(what, errno.0 as u64);
        // The broker's full table is one of the system's to who is told.
        let told = if errno == Errno::EMFILE { Errno::ENFILE } else { errno };
        self.refused.push((self.steps, told));
        Err(errno)
    }

    /// Draws when the broker that now begins is killed.
    pub(crate) fn draw_end(&mut self, kills: u64) {
        let life = if self.plan.aim.is_some() { AIMED_LIFE } else { self.plan.life };
        self.kill_in = (kills > 0).then(|| self.dice.below(life));
    }
}
