//! The end that a signal asks for: the broker is told by a descriptor that becomes readable and stays so, for every
//! broker that comes after it too.
//!
//! Owns: that descriptor, and the patience with a broker that was told. Leaves to others: its end (`keeper`).

use crate::KeepError;
use crate::keeper::Timing;
use rustix::event::{EventfdFlags, eventfd};
use rustix::fd::{AsRawFd, OwnedFd, RawFd};
use shmfs_abi::Errno;
use shmfs_sys::signals::Arrived;
use std::time::Instant;

/// Whether the store is to end.
#[derive(Debug)]
pub(crate) struct Stop {
    told: OwnedFd,
    since: Option<Instant>,
    /// Who asked insists.
    insists: bool,
}

impl Stop {
    pub(crate) fn new() -> Result<Stop, KeepError> {
        let told = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)
            .map_err(|error| KeepError::kernel("an eventfd")(Errno(error.raw_os_error())))?;
        Ok(Stop { told, since: None, insists: false })
    }

    pub(crate) fn number(&self) -> RawFd {
        self.told.as_raw_fd()
    }

    /// A signal asks for the store's end; true at the first one.
    pub(crate) fn ask(&mut self, signal: Arrived, now: Instant, timing: &Timing) -> bool {
        let (number, sender) = (signal.number, signal.sender.0);
        let Some(since) = self.since else {
            tracing::info!(signal = number, sender, "the store is to end");
            self.since = Some(now);
            if let Err(error) = rustix::io::write(&self.told, &1u64.to_ne_bytes()) {
                tracing::error!(%error, "the broker cannot be told to end; it will be killed");
                self.insists = true;
            }
            return true;
        };
        if now.saturating_duration_since(since) >= timing.insist {
            tracing::warn!(signal = number, sender, "asked a second time: the broker is ended as it is");
            self.insists = true;
        }
        false
    }

    pub(crate) fn is_asked(&self) -> bool {
        self.since.is_some()
    }

    /// When a broker that was told is killed.
    pub(crate) fn deadline(&self, timing: &Timing) -> Option<Instant> {
        self.since.map(|since| if self.insists { since } else { since + timing.end })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use shmfs_abi::Pid;
    use std::time::Duration;

    #[test]
    fn the_first_signal_tells_and_a_late_second_one_insists() {
        let timing = Timing::default();
        let mut stop = Stop::new().unwrap();
        let is_told = |stop: &Stop| {
            let now = Timespec { tv_sec: 0, tv_nsec: 0 };
            poll(&mut [PollFd::new(&stop.told, PollFlags::IN)], Some(&now)).unwrap() == 1
        };
        let signal = Arrived { number: 15, sender: Pid(1) };
        let start = Instant::now();
        assert!(!is_told(&stop) && stop.deadline(&timing).is_none());
        assert!(stop.ask(signal, start, &timing));
        assert!(is_told(&stop) && stop.deadline(&timing) == Some(start + timing.end));
        assert!(!stop.ask(signal, start + timing.insist - Duration::from_millis(1), &timing));
        assert_eq!(stop.deadline(&timing), Some(start + timing.end), "impatience");
        assert!(!stop.ask(signal, start + timing.insist, &timing));
        assert_eq!(stop.deadline(&timing), Some(start));
    }
}
