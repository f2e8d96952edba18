//! Killing brokers and keepers: each by a pidfd of the process that the store's file names and that runs the store's
//! program.

use crate::dice::Dice;
use crate::store::{PATIENCE, Store};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::OwnedFd;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use shmfs_tests::wait_for;
use std::fs;
use std::time::{Duration, Instant};

/// A broker that lives, or a keeper.
pub(crate) struct Broker {
    pub(crate) pid: Pid,
    pidfd: OwnedFd,
}

impl Broker {
    /// The one that serves now, if it does.
    pub(crate) fn living(store: &Store) -> Option<Broker> {
        Broker::named(store, store.broker()?)
    }

    /// The process with this number, if it lives and is the store's.
    fn named(store: &Store, pid: Pid) -> Option<Broker> {
        let pidfd = pidfd_open(pid, PidfdFlags::empty()).ok()?;
        let broker = Broker { pid, pidfd };
        let exe = fs::read_link(format!("/proc/{}/exe", pid.as_raw_nonzero())).ok()?;
        (exe == store.shm() && !broker.has_ended(Duration::ZERO)).then_some(broker)
    }

    /// Waits for one.
    pub(crate) fn awaited(store: &Store) -> Result<Broker, String> {
        wait_for("a living broker", PATIENCE, || Broker::living(store))
    }

    fn has_ended(&self, patience: Duration) -> bool {
        let timeout =
            Timespec { tv_sec: patience.as_secs().cast_signed(), tv_nsec: patience.subsec_nanos().into() };
        poll(&mut [PollFd::new(&self.pidfd, PollFlags::IN)], Some(&timeout)) == Ok(1)
    }

    pub(crate) fn signal(&self, signal: Signal) -> Result<(), String> {
        pidfd_send_signal(&self.pidfd, signal)
            .map_err(|error| format!("a signal to process {}: {error}", self.pid.as_raw_nonzero()))
    }

    fn expect_end(&self) -> Result<(), String> {
        if self.has_ended(Duration::from_secs(10)) {
            Ok(())
        } else {
            Err(format!("process {} was killed and does not end", self.pid.as_raw_nonzero()))
        }
    }

    /// kill -9, and its end.
    pub(crate) fn kill(self) -> Result<(), String> {
        self.signal(Signal::KILL)?;
        self.expect_end()
    }
}

/// What comes before the next kill.
pub(crate) enum Next {
    Kill,
    Wait,
    End,
}

/// Kills so many brokers one after the other at random moments, as `next` says, and tells of each; so many keepers in
/// between, never both at once. Gives how many keepers these were.
pub(crate) fn kill_many(
    store: &Store,
    (wanted, keepers): (u64, u64),
    mut dice: Dice,
    killed: impl Fn(),
    next: impl Fn(u64) -> Next,
) -> Result<u64, String> {
    let mut keepers_killed = 0;
    for count in 1..=wanted {
        while let Next::Wait = next(count) {
            std::thread::sleep(Duration::from_millis(5));
        }
        let broker = Broker::awaited(store).map_err(|why| format!("after {} kills: {why}", count - 1))?;
        // Some in the middle of taking over.
        let pause = match dice.below(16) {
            0 => dice.microseconds(500),
            1..4 => dice.microseconds(5_000),
            _ => Duration::from_millis(3) + dice.microseconds(47_000),
        };
        std::thread::sleep(pause);
        if let Next::End = next(count) {
            break;
        }
        killed();
        broker.kill()?;
        if count * keepers / wanted > (count - 1) * keepers / wanted {
            kill_keeper(store).map_err(|why| format!("after {count} kills, and that of a keeper: {why}"))?;
            keepers_killed += 1;
        }
    }
    Ok(keepers_killed)
}

/// Kills the keeper, whose broker lives, and waits until another keeps the store with a broker of its own.
pub(crate) fn kill_keeper(store: &Store) -> Result<(), String> {
    let broker = Broker::awaited(store)?;
    let keeper = wait_for("a living keeper", PATIENCE, || Broker::named(store, store.keeper()?))?;
    keeper.kill()?;
    wait_for("another keeper with a broker", PATIENCE, || {
        let (keeper, next) = (Broker::named(store, store.keeper()?)?, Broker::living(store)?);
        (next.pid != broker.pid && parent(next.pid) == Some(keeper.pid)).then_some(())
    })
}

/// The parent of a process: field 4 of /proc/PID/stat (proc_pid_stat(5)).
fn parent(pid: Pid) -> Option<Pid> {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?;
    let number = stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()?;
    Pid::from_raw(number)
}

/// So many times from a kill to the answer to a fresh visitor's Usage, in nanoseconds.
pub(crate) fn respawns(store: &Store, wanted: u64) -> Result<Vec<u64>, String> {
    let mut samples = Vec::new();
    while (samples.len() as u64) < wanted {
        let broker = Broker::awaited(store)?;
        let begin = Instant::now();
        broker.signal(Signal::KILL)?;
        store.usage()?;
        let took = begin.elapsed().as_nanos() as u64;
        // Else the killed one has answered still.
        if broker.has_ended(Duration::ZERO) {
            samples.push(took);
        }
        broker.expect_end()?;
        std::thread::sleep(Duration::from_millis(2));
    }
    Ok(samples)
}

/// The median of so many.
pub(crate) fn median(mut samples: Vec<u64>) -> u64 {
    samples.sort_unstable();
    samples.get(samples.len() / 2).copied().unwrap_or(0)
}
