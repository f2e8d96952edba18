//! Keeps idle cores awake while requests come one upon another, where waking a core is dear.
//!
//! A core of a virtual machine that has nothing to do is given back to the host. Whoever sleeps there until the broker
//! has answered is woken through the host, which takes several times as long as an answer. Linux has an idle governor for
//! such machines, `haltpoll`: an idle core looks for work for a moment first, by default for 200 us. Where its parameter
//! says that it never does, a program can still ask for it while it matters, by /dev/cpu_dma_latency
//! (Documentation/power/pm_qos_interface.rst and drivers/cpuidle/governors/haltpoll.c of Linux 6.18). Only root may.
//!
//! Owns: the request of the kernel, and when it stands. It ends with the descriptor. Leaves to others: the waiting (`events`).

use rustix::fd::{AsRawFd, OwnedFd};
use rustix::fs::{self, Mode, OFlags};
use std::thread::available_parallelism;

const REQUEST: &str = "/dev/cpu_dma_latency";
const GOVERNOR: &str = "/sys/devices/system/cpu/cpuidle/current_governor";
const HALT_POLL: &str = "/sys/module/haltpoll/parameters/guest_halt_poll_ns";

/// Microseconds that waking a core may take: no time, or as many as it takes (`PM_QOS_CPU_LATENCY_DEFAULT_VALUE`).
const NO_TIME: i32 = 0;
const ANY_TIME: i32 = 2_000_000_000;

/// Turns of the loop, with no long wait between them, that make a burst.
const BURST: u32 = 32;
/// Milliseconds without a request that end one.
pub(super) const LINGER: u32 = 2;

/// All idle cores look for work while the request stands; of more than this too many would, for the sake of one.
const CORES: usize = 8;

/// What keeps cores awake.
#[derive(Default)]
pub(super) struct Cores {
    /// Nothing where it is of no use, or not allowed.
    request: Option<OwnedFd>,
    /// Turns since the last long wait.
    turns: u32,
}

impl Cores {
    /// Cores of this machine, which are kept awake if that is of use.
    pub(super) fn of_this_machine() -> Cores {
        let says = |path, word: &str| std::fs::read_to_string(path).is_ok_and(|text| text.trim() == word);
        let few = available_parallelism().is_ok_and(|cores| (2..=CORES).contains(&cores.get()));
        if !few || !says(GOVERNOR, "haltpoll") || !says(HALT_POLL, "0") {
            return Cores::default();
        }
        let opened = fs::open(REQUEST, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty());
        if let Err(error) = &opened {
            tracing::debug!(%error, "cores fall asleep between requests");
        }
        Cores { request: opened.ok(), turns: 0 }
    }

    /// The number of the request's descriptor.
    pub(super) fn number(&self) -> Option<i32> {
        self.request.as_ref().map(AsRawFd::as_raw_fd)
    }

    /// Whether the next wait is to be short at first, so that the end of a burst is seen.
    pub(super) fn in_burst(&self) -> bool {
        self.request.is_some() && self.turns > 0
    }

    /// A turn of the loop has something to do.
    pub(super) fn turn(&mut self) {
        self.turns = self.turns.saturating_add(1);
        if self.turns == BURST {
            self.ask(NO_TIME);
        }
    }

    /// Nothing came for [`LINGER`].
    pub(super) fn rest(&mut self) {
        if self.turns >= BURST {
            self.ask(ANY_TIME);
        }
        self.turns = 0;
    }

    fn ask(&self, microseconds: i32) {
        let Some(request) = &self.request else { return };
        match rustix::io::write(request, &microseconds.to_ne_bytes()) {
            Ok(_) => tracing::debug!(microseconds, "that is what waking a core may take"),
            Err(error) => tracing::debug!(%error, microseconds, "the kernel does not take the request"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::pipe::{PipeFlags, pipe_with};

    #[test]
    fn a_burst_is_asked_for_once_and_taken_back_once() {
        let (reader, writer) = pipe_with(PipeFlags::NONBLOCK).unwrap();
        let asked = || {
            let mut bytes = [0; 16];
            let len = rustix::io::read(&reader, &mut bytes).unwrap_or(0);
            let words = bytes[..len].chunks(4);
            words.map(|word| i32::from_ne_bytes(word.try_into().unwrap())).collect::<Vec<_>>()
        };
        let mut cores = Cores { request: Some(writer), turns: 0 };
        assert!(!cores.in_burst());
        for _ in 1..BURST {
            cores.turn();
            assert!(cores.in_burst());
        }
        cores.rest();
        assert!(!cores.in_burst());
        assert_eq!(asked(), [], "it was too short to be one");
        for _ in 0..3 * BURST {
            cores.turn();
        }
        assert_eq!(asked(), [NO_TIME]);
        cores.rest();
        cores.rest();
        assert_eq!(asked(), [ANY_TIME]);
    }

    #[test]
    fn without_a_request_no_wait_is_shortened() {
        let mut cores = Cores::default();
        cores.turn();
        assert!(!cores.in_burst());
    }
}
