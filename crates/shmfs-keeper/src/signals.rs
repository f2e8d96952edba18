//! The signals that a keeper waits for: its child's end, and those that ask for the store's.
//!
//! Owns: the descriptor that tells of them; the mask, which brokers inherit.
//! Leaves to others: what is done then (`keeper`, `stop`).

use crate::KeepError;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::{AsFd, AsRawFd, RawFd};
use rustix::process::Signal;
use shmfs_sys::signals::{Arrived, SignalFd, SignalSet, block, default_action};
use std::fs;
use std::time::{Duration, Instant};

pub(crate) const CHILD: i32 = Signal::CHILD.as_raw();
const TERM: i32 = Signal::TERM.as_raw();

/// Noted from now on.
#[derive(Debug)]
pub(crate) struct Signals(SignalFd);

impl Signals {
    /// Blocks the signals. What the process was started to ignore stays ignored: `nohup shm daemon` is not ended by
    /// its terminal.
    pub(crate) fn begin() -> Result<Signals, KeepError> {
        let refused = KeepError::kernel("a descriptor for signals");
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let asking = [Signal::INT.as_raw(), Signal::HUP.as_raw()].into_iter();
        let asking = asking.filter(|&number| !is_ignored(&status, number));
        let numbers: Vec<i32> = [CHILD, TERM].into_iter().chain(asking).collect();
        default_action(CHILD).map_err(&refused)?;
        let set = SignalSet::of(&numbers);
        let _ = block(set);
        SignalFd::new(set).map(Signals).map_err(refused)
    }

    pub(crate) fn number(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }

    /// The next signal, at once or until `deadline`; nothing if none came.
    pub(crate) fn next(&self, deadline: Option<Instant>) -> Option<Arrived> {
        loop {
            match self.0.read() {
                Ok(Some(arrived)) => return Some(arrived),
                Ok(None) => {}
                Err(errno) => {
                    // Without signals there is still the look at the child, ten times a second.
                    tracing::error!(errno = errno.name(), "signals cannot be read");
                    std::thread::sleep(Duration::from_millis(100));
                    return None;
                }
            }
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if left == Some(Duration::ZERO) {
                return None;
            }
            let left = left.map(|left| Timespec {
                tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
                tv_nsec: i64::from(left.subsec_nanos()),
            });
            // Interrupted or not: the next look tells.
            let _ = poll(&mut [PollFd::new(&self.0, PollFlags::IN)], left.as_ref());
        }
    }
}

/// Whether /proc/self/status, proc_pid_status(5), says that the signal is ignored.
fn is_ignored(status: &str, number: i32) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .is_some_and(|mask| mask & 1 << (number - 1) != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mask_of_ignored_signals_is_read() {
        let status = "SigBlk:\tffffffffffffffff\nSigIgn:\t0000000000001001\nSigCgt:\t0000000000000002\n";
        assert!(is_ignored(status, 1) && is_ignored(status, 13) && !is_ignored(status, 2));
        assert!(!is_ignored("", 1));
    }
}
