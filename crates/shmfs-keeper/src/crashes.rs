//! Crashes of the broker: whose making they are, on which request, and how long to wait before the next start.
//!
//! Owns: the counts. Leaves to others: what becomes of a request that crashed three brokers (the broker, which reads
//! the count in the journal).

use shmfs_sys::child::Ended;
use std::collections::VecDeque;
use std::time::Duration;

/// A request, by connection and sequence number.
pub(crate) type Request = (u64, u64);

/// Whose making a death is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Cause {
    /// Somebody sent a signal, or memory ran out.
    Outside,
    /// The broker's own.
    Own,
}

// What a fault in the program raises (signal(7)).
const SIGILL: i32 = 4;
const SIGTRAP: i32 = 5;
const SIGABRT: i32 = 6;
const SIGBUS: i32 = 7;
const SIGFPE: i32 = 8;
const SIGSEGV: i32 = 11;
const SIGSYS: i32 = 31;

/// Whose making this end is; `panicked` when the panic hook ran before it, `hung` when the keeper made the end.
pub(crate) fn cause(ended: Ended, panicked: bool, hung: bool) -> Cause {
    match ended {
        _ if panicked || hung => Cause::Own,
        Ended::Exit(_) | Ended::Signal(SIGILL | SIGTRAP | SIGABRT | SIGBUS | SIGFPE | SIGSEGV | SIGSYS) => {
            Cause::Own
        }
        Ended::Signal(_) => Cause::Outside,
    }
}

/// Requests whose crashes are remembered at the same time.
const REQUESTS: usize = 64;

const SHORTEST: Duration = Duration::from_millis(10);
const LONGEST: Duration = Duration::from_secs(1);

/// The crashes so far.
#[derive(Debug, Default)]
pub(crate) struct Crashes {
    /// The latest at the end. A request whose number comes again was not answered in between.
    counts: VecDeque<(Request, u64)>,
    /// Since a request was answered.
    in_a_row: u32,
    /// Requests answered by the last crash.
    answered: u64,
}

impl Crashes {
    /// What a keeper before this one has counted.
    pub(crate) fn resume(request: Request, count: u64) -> Crashes {
        let counts = if count == 0 { VecDeque::new() } else { VecDeque::from([(request, count)]) };
        Crashes { counts, ..Crashes::default() }
    }

    /// Counts a crash on `request`, if there was one; gives how many there were on it.
    pub(crate) fn count(&mut self, request: Request) -> Option<u64> {
        if request.0 == 0 {
            return None;
        }
        let known = self.counts.iter().position(|(known, _)| *known == request);
        let before = known.and_then(|at| self.counts.remove(at)).map_or(0, |(_, count)| count);
        if self.counts.len() == REQUESTS {
            self.counts.pop_front();
        }
        self.counts.push_back((request, before + 1));
        Some(before + 1)
    }

    /// How long to wait after a crash, given the number of requests answered so far: not at all at first, then 10 ms,
    /// twice as long each time, at most a second.
    pub(crate) fn pause(&mut self, answered: u64) -> Duration {
        if answered != self.answered {
            self.in_a_row = 0;
        }
        self.answered = answered;
        let doublings = self.in_a_row.saturating_sub(1).min(16);
        let pause = if self.in_a_row == 0 { Duration::ZERO } else { SHORTEST * (1 << doublings) };
        self.in_a_row = self.in_a_row.saturating_add(1);
        pause.min(LONGEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_from_outside_is_not_held_against_the_broker() {
        let check = |ended, panicked, hung, expected| {
            assert_eq!(cause(ended, panicked, hung), expected, "{ended:?} {panicked} {hung}");
        };
        for number in [1, 2, 9, 15] {
            check(Ended::Signal(number), false, false, Cause::Outside);
            check(Ended::Signal(number), true, false, Cause::Own);
            check(Ended::Signal(number), false, true, Cause::Own);
        }
        for number in [SIGILL, SIGABRT, SIGBUS, SIGFPE, SIGSEGV] {
            check(Ended::Signal(number), false, false, Cause::Own);
        }
        check(Ended::Exit(1), false, false, Cause::Own);
    }

    #[test]
    fn each_request_has_a_count_of_its_own() {
        let mut crashes = Crashes::default();
        assert_eq!(crashes.count((0, 5)), None);
        let counts = [(7, 1), (8, 1), (7, 1), (7, 2), (8, 1), (7, 1)].map(|request| crashes.count(request));
        assert_eq!(counts, [1, 1, 2, 1, 2, 3].map(Some));
        let mut resumed = Crashes::resume((7, 1), 2);
        assert_eq!(resumed.count((7, 1)), Some(3));
        assert_eq!(Crashes::resume((7, 1), 0).count((7, 1)), Some(1));
    }

    #[test]
    fn counts_are_bounded() {
        let mut crashes = Crashes::default();
        for connection in 1..=1000 {
            assert_eq!(crashes.count((connection, 1)), Some(1));
        }
        assert_eq!(crashes.counts.len(), REQUESTS);
        assert_eq!(crashes.count((1000, 1)), Some(2));
        assert_eq!(crashes.count((1, 1)), Some(1), "forgotten");
    }

    #[test]
    fn pauses_grow_until_a_request_is_answered() {
        let mut crashes = Crashes::default();
        let pauses: Vec<u128> = (0..10).map(|_| crashes.pause(0).as_millis()).collect();
        assert_eq!(pauses, [0, 10, 20, 40, 80, 160, 320, 640, 1000, 1000]);
        assert_eq!(crashes.pause(1), Duration::ZERO);
        assert_eq!(crashes.pause(1), SHORTEST);
        assert!((0..1000).all(|_| crashes.pause(1) <= LONGEST));
    }
}
