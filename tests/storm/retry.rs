//! Kills of brokers between request and answer: the broker is stopped while a client is inside a call, it is made
//! sure that the client still waits, and the stopped broker is killed. What the client asks for is exclusive creation
//! and removal of its own; it complains of any refusal.

use crate::brokers::Broker;
use crate::dice::Dice;
use crate::ledger::{Ledger, Phase, Post};
use crate::options::Options;
use crate::rest;
use crate::store::{PATIENCE, Store};
use rustix::process::Signal;
use shmfs_tests::Running;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// Within this time after its begin a call is met: most take less.
const SPAN_MICROSECONDS: u64 = 120;

/// Runs it in `folder`; an error says what was wrong.
pub(crate) fn run(folder: &Path, options: &Options) -> Result<(), String> {
    println!("storm: seed {}", options.seed);
    let store = Store::start(folder)?;
    let idle = store.idle_descriptors()?;
    let ledger = Ledger::create(&store.ledger(), 0).map_err(|error| format!("the ledger: {error}"))?;
    let client = store.start_role(options.seed, &["retry"]);
    let mut storm = Retries { store: &store, ledger: &ledger, client, dice: Dice::new(options.seed) };
    let outcome = storm.kill(options.brokers);
    let (begun, served) = match outcome.and_then(|counts| storm.end().map(|()| counts)) {
        Ok(counts) => counts,
        Err(why) => return Err(format!("{why}\n{}", store.complaints())),
    };
    store.play_role(options.seed, &["sweep"])?;
    let empty = rest::expect_empty(&store, idle).and_then(|()| store.expect_no_errors());
    empty.map_err(|why| format!("{why}\n{}", store.complaints()))?;
    store.stop()?;
    println!("  brokers killed between request and answer {}", begun + served);
    println!("  of these stopped after the call had begun   {served}");
    println!("  calls, none refused                       {}", ledger.answered());
    Ok(())
}

struct Retries<'a> {
    store: &'a Store,
    ledger: &'a Ledger,
    client: Running,
    dice: Dice,
}

impl Retries<'_> {
    /// So many kills; gives how many brokers were stopped before the call began, and after.
    fn kill(&mut self, wanted: u64) -> Result<(u64, u64), String> {
        let (mut begun, mut served) = (0, 0);
        while begun + served < wanted {
            let broker = Broker::awaited(self.store)?;
            let met = self.beginning()?;
            let pause = self.dice.microseconds(SPAN_MICROSECONDS);
            let since = Instant::now();
            while since.elapsed() < pause {}
            broker.signal(Signal::STOP)?;
            // The next call waits as well, when this one was answered before the broker stopped.
            let waits = self.waiting(&broker)?;
            if waits.since == met.since {
                served += 1
            } else {
                begun += 1
            }
            broker.kill()?;
            // Some answers come before the next kill.
            std::thread::sleep(self.dice.microseconds(3_000));
        }
        Ok((begun, served))
    }

    /// The moment in which a call begins.
    fn beginning(&mut self) -> Result<Post, String> {
        let (before, end) = (self.ledger.post(0), Instant::now() + PATIENCE);
        loop {
            let post = self.ledger.post(0);
            if post.since != 0 && post.since != before.since {
                return Ok(post);
            }
            self.check(end)?;
        }
    }

    /// Waits until the broker has stopped and the client sleeps in a call.
    fn waiting(&mut self, broker: &Broker) -> Result<Post, String> {
        let end = Instant::now() + PATIENCE;
        let client = self.client_pid()?;
        let mut seen = (0, 0);
        loop {
            let stopped = state(broker.pid.as_raw_nonzero().get()) == Some('T');
            let post = self.ledger.post(0);
            let sleeps = stopped && post.since != 0 && state(client) == Some('S');
            seen = if sleeps && seen.0 == post.since { (post.since, seen.1 + 1) } else { (post.since, 0) };
            if seen.1 == 3 {
                return Ok(post);
            }
            self.check(end)?;
            std::thread::sleep(Duration::from_micros(50));
        }
    }

    /// The process that calls: the child of `shm run`.
    fn client_pid(&self) -> Result<i32, String> {
        let run = self.client.id();
        let children = fs::read_to_string(format!("/proc/{run}/task/{run}/children")).unwrap_or_default();
        let first = children.split_whitespace().next().and_then(|pid| pid.parse().ok());
        first.ok_or_else(|| "the client has ended".to_owned())
    }

    fn check(&mut self, end: Instant) -> Result<(), String> {
        if self.ledger.bad() > 0 || !self.client.runs() {
            return Err("complaints".to_owned());
        }
        if Instant::now() > end {
            return Err(format!("a call is not answered for {PATIENCE:?}"));
        }
        Ok(())
    }

    fn end(self) -> Result<(), String> {
        self.ledger.set_phase(Phase::Pause);
        let outcome = self.client.finish(PATIENCE);
        if outcome.success() { Ok(()) } else { Err(format!("the client ended with {}", outcome.code())) }
    }
}

/// The state of a process: field 3 of /proc/PID/stat (proc_pid_stat(5)).
fn state(pid: i32) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}
