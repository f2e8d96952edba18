//! Killing brokers: each by a pidfd of the process that the store's file names and that runs the store's program.

use crate::mounted::Mounted;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use shmfs_tests::wait_for;
use std::time::Duration;

/// How long anything that must come may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Random numbers that a seed gives again (splitmix64).
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    /// A number below `bound`, which is not 0.
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((x ^ (x >> 31)) >> 16) % bound
    }

    /// How long the next broker lives: some die in the middle of taking over.
    pub(crate) fn life(&mut self) -> Duration {
        Duration::from_micros(match self.below(16) {
            0 => self.below(500),
            1..4 => self.below(5_000),
            _ => 3_000 + self.below(120_000),
        })
    }
}

/// kill -9 of the broker that lives, after `life`, and its end; how long another took to be there.
pub(crate) fn kill_one(mounted: &Mounted, life: Duration) -> Result<(), String> {
    let (pid, pidfd) = wait_for("a living broker", PATIENCE, || {
        let pid = Pid::from_raw(mounted.broker()?)?;
        let pidfd = pidfd_open(pid, PidfdFlags::empty()).ok()?;
        let exe = std::fs::read_link(format!("/proc/{}/exe", pid.as_raw_nonzero())).ok()?;
        (exe == mounted.shm() && !ended(&pidfd, Duration::ZERO)).then_some((pid, pidfd))
    })?;
    std::thread::sleep(life);
    pidfd_send_signal(&pidfd, Signal::KILL).map_err(|error| format!("killing {pid:?}: {error}"))?;
    if ended(&pidfd, PATIENCE) { Ok(()) } else { Err(format!("process {pid:?} was killed and does not end")) }
}

fn ended(pidfd: &rustix::fd::OwnedFd, patience: Duration) -> bool {
    let timeout =
        Timespec { tv_sec: patience.as_secs().cast_signed(), tv_nsec: patience.subsec_nanos().into() };
    poll(&mut [PollFd::new(pidfd, PollFlags::IN)], Some(&timeout)) == Ok(1)
}
