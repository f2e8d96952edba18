//! Whether a broker hangs: it serves a request, and neither finishes it nor turns.
//!
//! Looks are counted in place of seconds: a machine or a job that was stopped looks once when it goes on.
//!
//! Owns: what was last seen. Leaves to others: when to look, and what to do (`keeper`).
//! Not done: a broker that hangs while it serves nobody looks like one that sleeps, and one that hangs before its first
//! turn like one that has much to take over.

use crate::words::Words;
use shmfs_journal::state::Word;

/// Looks in a row at the same request after the first, until it counts as hanging.
pub(crate) const LOOKS: u32 = 3;

/// What a broker is doing: connection and sequence number of the request, turns of its loop.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Doing {
    request: (u64, u64),
    turns: u64,
    long: bool,
}

impl Doing {
    /// As the journal says.
    pub(crate) fn of(words: &Words) -> Doing {
        let (turns, long) = (words.get(Word::Turns), words.get(Word::Long) != 0);
        Doing { request: words.busy(), turns, long }
    }
}

/// The looks at one broker.
#[derive(Debug)]
pub(crate) struct Still {
    /// What it found when it began: the one before it was over that, not this one.
    found: Doing,
    seen: Doing,
    looks: u32,
}

impl Still {
    /// For a broker that begins with this.
    pub(crate) fn new(found: Doing) -> Still {
        Still { found, seen: found, looks: 0 }
    }

    /// Takes one more look into account; true if the broker hangs.
    pub(crate) fn look(&mut self, doing: Doing) -> bool {
        let idle = doing.request.0 == 0 || doing.long || doing == self.found;
        self.looks = if doing == self.seen && !idle { self.looks + 1 } else { 0 };
        self.seen = doing;
        self.looks >= LOOKS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(looks: &[(u64, u64, u64, bool)], expected: bool) {
        let doing = |&(connection, sequence, turns, long): &(u64, u64, u64, bool)| Doing {
            request: (connection, sequence),
            turns,
            long,
        };
        let mut still = Still::new(doing(&(7, 8, 9, false)));
        let hangs = looks.iter().map(|look| still.look(doing(look)));
        assert_eq!(hangs.last(), Some(expected), "{looks:?}");
    }

    #[test]
    fn only_who_serves_the_same_request_without_a_turn_hangs() {
        check(&[(1, 2, 3, false); 4], true);
        check(&[(1, 2, 3, false); 3], false);
        check(&[(0, 2, 3, false); 9], false);
        check(&[(7, 8, 9, false); 9], false);
        check(&[(7, 8, 10, false); 4], true);
        check(&[(1, 2, 3, true); 9], false);
        check(&[(1, 2, 3, false), (1, 2, 4, false), (1, 2, 4, false), (1, 2, 4, false)], false);
        check(&[(1, 2, 3, false), (1, 3, 3, false), (1, 3, 3, false), (2, 3, 3, false)], false);
        let paused = [(1, 2, 3, false), (1, 2, 3, true)];
        check(&[paused, paused, paused].concat(), false);
    }
}
