//! The keeper's loop: clone a broker, wait for its end, clone another.
//!
//! Owns: the broker's process, from clone to wait. Leaves to others: what an end means (`crashes`), hanging (`still`), asking for the end
//! (`stop`).

use crate::KeepError;
use crate::crashes::{Cause, Crashes, cause};
use crate::error::ended;
use crate::files;
use crate::notify::Supervisor;
use crate::processes::{AbortOnUnwind, is_gone, name_process, reap, send};
use crate::signals::{CHILD, Signals};
use crate::still::{Doing, LOOKS, Still};
use crate::stop::Stop;
use crate::surroundings::{Surroundings, note_panics};
use crate::words::Words;
use rustix::fd::{AsRawFd, OwnedFd, RawFd};
use rustix::process::Signal;
use shmfs_abi::store::{BROKER_FILE, PID_FILE};
use shmfs_abi::{Errno, Pid};
use shmfs_journal::state::Word;
use shmfs_sys::child::{self, Ended};
use shmfs_sys::process;
use shmfs_sys::table::{Cloned, clone_sharing};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// The exit code of a broker whose store another keeper has taken over.
pub const HANDED_OVER: i32 = 75;

/// The keeper's patience.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Timing {
    /// A broker that serves one request for so long without a turn hangs, unless it says that it does something long.
    pub hang: Duration,
    /// A second signal counts so long after the first.
    pub insist: Duration,
    /// A broker that was told to end has so much time.
    pub end: Duration,
}

impl Default for Timing {
    fn default() -> Timing {
        let [hang, insist, end] = [30, 10, 30].map(Duration::from_secs);
        Timing { hang, insist, end }
    }
}

/// What is kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Store {
    /// Its directory.
    pub dir: PathBuf,
    /// Its journal's number.
    pub journal: RawFd,
    /// Whether its socket is the supervisor's, and stays when the store ends.
    pub activated: bool,
}

/// How keeping ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// The store has ended.
    Ended,
    /// Another keeper has the store.
    HandedOver,
}

/// A process that is about to keep a store.
#[derive(Debug)]
pub struct Keeper {
    signals: Signals,
    stop: Stop,
    supervisor: Supervisor,
    timing: Timing,
    /// This process, by its pidfd.
    own_end: OwnedFd,
}

/// How a broker has ended.
struct Death {
    ended: Ended,
    hung: bool,
}

/// A store that is being kept.
struct Keeping<S> {
    keeper: Keeper,
    store: Store,
    words: Words,
    serve: S,
    me: Pid,
    crashes: Crashes,
}

impl Keeper {
    /// From here on signals are noted. To be called before the store is founded, in a process of one thread.
    ///
    /// # Errors
    /// The kernel refuses a facility.
    pub fn new(timing: Timing) -> Result<Keeper, KeepError> {
        Ok(Keeper {
            signals: Signals::begin()?,
            stop: Stop::new()?,
            supervisor: Supervisor::of_environment(false),
            timing,
            own_end: process::pidfd(process::pid())
                .map_err(KeepError::kernel("a descriptor of this process"))?,
        })
    }

    pub(crate) fn succeed(&mut self) {
        self.supervisor = Supervisor::of_environment(true);
    }

    /// Keeps the store until it has ended or another keeper has it. `serve` is the broker: it runs in a child, and
    /// what it returns is that process's exit code, 0 when the store has ended or [`HANDED_OVER`]. `ready` is called once
    /// there is a first broker, which outlives this process if need be.
    ///
    /// # Errors
    /// The journal cannot be used, or the first broker cannot be made.
    pub fn keep(
        self,
        store: Store,
        ready: impl FnOnce(),
        serve: impl Fn(Surroundings) -> i32,
    ) -> Result<Outcome, KeepError> {
        let words = Words::of(store.journal)?;
        let request = (words.get(Word::CrashConnection), words.get(Word::CrashSequence));
        let crashes = Crashes::resume(request, words.get(Word::Crashes));
        let mut keeping = Keeping { keeper: self, store, words, serve, me: process::pid(), crashes };
        keeping.begin();
        let outcome = keeping.run(ready)?;
        match outcome {
            Outcome::Ended => files::remove(&keeping.store.dir, keeping.me, keeping.store.activated),
            Outcome::HandedOver => keeping.leave(),
        }
        Ok(outcome)
    }
}

impl<S: Fn(Surroundings) -> i32> Keeping<S> {
    fn begin(&mut self) {
        name_process(c"shm-keeper");
        self.words.set_process(Word::Keeper, self.me);
        files::name(&self.store.dir, PID_FILE, self.me);
        self.keeper.supervisor.main_process(self.me);
    }

    fn run(&mut self, ready: impl FnOnce()) -> Result<Outcome, KeepError> {
        let (mut broker, mut still) = self.start().map_err(|errno| match errno {
            Errno::EINVAL => KeepError::Threads,
            errno => KeepError::kernel("a process for the broker")(errno),
        })?;
        ready();
        loop {
            let death = self.wait(broker, still);
            if let Some(outcome) = self.outcome(&death) {
                return Ok(outcome);
            }
            let mut pause = self.judge(&death);
            (broker, still) = loop {
                if !self.pause(pause) {
                    return Ok(Outcome::Ended);
                }
                self.words.set(Word::Restarts, self.words.get(Word::Restarts).wrapping_add(1));
                match self.start() {
                    Ok(started) => break started,
                    Err(errno) => {
                        pause = self.crashes.pause(self.words.get(Word::Answered));
                        tracing::error!(
                            errno = errno.name(),
                            ?pause,
                            "no process can be made for the broker"
                        );
                    }
                }
            };
        }
    }

    /// Clones a broker; with what it begins.
    fn start(&mut self) -> Result<(Pid, Still), Errno> {
        // What the broker before left there is judged. Which request it was over, the next one still has to know.
        for word in [Word::Panicked, Word::Long] {
            self.words.set(word, 0);
        }
        let still = Still::new(Doing::of(&self.words));
        match clone_sharing()? {
            Cloned::Child => self.be_the_broker(),
            Cloned::Parent(broker) => {
                self.keeper.supervisor.serving(broker, self.words.get(Word::Restarts));
                Ok((broker, still))
            }
        }
    }

    fn be_the_broker(&mut self) -> ! {
        let _not_the_keeper = AbortOnUnwind;
        name_process(c"shm-broker");
        let own = process::pid();
        self.words.set_process(Word::Broker, own);
        files::name(&self.store.dir, BROKER_FILE, own);
        match self.surroundings() {
            Ok(surroundings) => child::exit((self.serve)(surroundings)),
            Err(error) => {
                tracing::error!(%error, "the broker cannot begin");
                child::exit(1)
            }
        }
    }

    fn surroundings(&self) -> Result<Surroundings, KeepError> {
        let Keeper { signals, stop, supervisor, own_end, .. } = &self.keeper;
        let (stop, own_end) = (stop.number(), own_end.as_raw_fd());
        let numbers = [signals.number(), stop, own_end].into_iter().chain(supervisor.number());
        note_panics(Words::of(self.store.journal)?);
        Surroundings::new(self.store.journal, (self.me, own_end), stop, numbers)
            .map_err(KeepError::kernel("descriptors for the broker"))
    }

    /// Waits for the broker's end, and makes it end if it hangs.
    fn wait(&mut self, broker: Pid, mut still: Still) -> Death {
        let timing = self.keeper.timing;
        let mut hung = false;
        let mut look = Instant::now();
        loop {
            if let Some(ended) = reap(broker) {
                return Death { ended, hung };
            }
            let now = Instant::now();
            if now >= look {
                look = now + timing.hang / LOOKS;
                if still.look(Doing::of(&self.words)) && !hung {
                    hung = true;
                    self.kill(broker, "the broker hangs and is killed");
                }
            }
            let end = self.keeper.stop.deadline(&timing);
            if end.is_some_and(|end| now >= end) && !hung {
                hung = true;
                self.kill(broker, "the broker does not end and is killed");
            }
            let life = self.keeper.supervisor.sign_of_life(now);
            let wake = [Some(look), life, end.filter(|_| !hung)].into_iter().flatten().min();
            if let Some(signal) = self.keeper.signals.next(wake)
                && signal.number != CHILD
                && self.keeper.stop.ask(signal, Instant::now(), &timing)
            {
                self.keeper.supervisor.stopping();
            }
        }
    }

    fn kill(&self, broker: Pid, why: &str) {
        let (connection, sequence) = self.words.busy();
        tracing::error!(broker = broker.0, connection, sequence, "{why}");
        // It has not been waited for, so the number is its own.
        send(broker, Signal::KILL);
    }

    /// Nothing if the broker is to be started anew.
    fn outcome(&self, death: &Death) -> Option<Outcome> {
        let keeper = self.words.process(Word::Keeper);
        if death.ended == Ended::Exit(HANDED_OVER) || keeper != self.me {
            tracing::info!(keeper = keeper.0, "another keeper has the store");
            return Some(Outcome::HandedOver);
        }
        if death.ended == Ended::Exit(0) {
            tracing::info!("the store has ended");
            return Some(Outcome::Ended);
        }
        if self.keeper.stop.is_asked() {
            tracing::warn!(end = ended(death.ended), "the broker ended badly when it was to end");
            return Some(Outcome::Ended);
        }
        None
    }

    /// Counts the death and logs it; how long to wait before the next start.
    fn judge(&mut self, death: &Death) -> Duration {
        let panicked = self.words.get(Word::Panicked) != 0;
        let (connection, sequence) = self.words.busy();
        let answered = self.words.get(Word::Answered);
        let restarts = self.words.get(Word::Restarts);
        let end = ended(death.ended);
        match cause(death.ended, panicked, death.hung) {
            Cause::Outside => {
                tracing::warn!(
                    end,
                    restarts,
                    answered,
                    "the broker was ended from outside; another is started"
                );
                Duration::ZERO
            }
            Cause::Own => {
                let crashes = self.crashes.count((connection, sequence));
                if let Some(crashes) = crashes {
                    self.words.set(Word::CrashConnection, connection);
                    self.words.set(Word::CrashSequence, sequence);
                    self.words.set(Word::Crashes, crashes);
                }
                let pause = self.crashes.pause(answered);
                let crashes = crashes.unwrap_or(0);
                tracing::error!(
                    end,
                    panicked,
                    hung = death.hung,
                    connection,
                    sequence,
                    crashes,
                    restarts,
                    answered,
                    ?pause,
                    "the broker crashed; another is started"
                );
                self.keeper.supervisor.status(&format!("the broker crashed ({end}); another is started"));
                pause
            }
        }
    }

    /// Waits before the next start; false if the store is to end in place of it.
    fn pause(&mut self, pause: Duration) -> bool {
        let until = Instant::now() + pause;
        loop {
            let life = self.keeper.supervisor.sign_of_life(Instant::now());
            let wake = life.map_or(until, |life| life.min(until));
            match self.keeper.signals.next(Some(wake)) {
                Some(signal) if signal.number != CHILD => {
                    self.keeper.stop.ask(signal, Instant::now(), &self.keeper.timing);
                    self.keeper.supervisor.stopping();
                    return false;
                }
                None if Instant::now() >= until => return true,
                _ => {}
            }
        }
    }

    /// Another keeper has the store: what was asked of this one is asked of that one.
    fn leave(&mut self) {
        let keeper = self.words.process(Word::Keeper);
        if keeper == self.me || keeper.0 == 0 {
            return;
        }
        self.keeper.supervisor.main_process(keeper);
        if self.keeper.stop.is_asked() {
            send(keeper, Signal::TERM);
        }
        if self.me == Pid(1) {
            self.stay(keeper);
        }
    }

    /// The end of process 1 is the end of all: it stays until the other keeper, its orphan, has ended.
    fn stay(&self, keeper: Pid) {
        while !is_gone(keeper) {
            if self.keeper.signals.next(None).is_some_and(|signal| signal.number != CHILD) {
                send(keeper, Signal::TERM);
            }
        }
    }
}
