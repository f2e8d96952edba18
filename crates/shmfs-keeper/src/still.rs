//! Whether a broker hangs: it serves a request, and neither finishes it nor turns.
//!
//! Looks are counted in place of seconds: a machine or a job that was stopped looks once when it goes on.
//!
//! Owns: what was last seen. Leaves to others: when to look, and what to do (`keeper`).
//! Not done: a broker that hangs while it serves nobody looks like one that sleeps.

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
#[derive(Debug, Default)]
pub(crate) struct Still {
    seen: Option<Doing>,
    looks: u32,
}

impl Still {
    /// Takes one more look into account; true if the broker hangs.
    pub(crate) fn look(&mut self, doing: Doing) -> bool {
        let (idle, known) = (doing.request.0 == 0 || doing.long, self.seen == Some(doing));
        self.looks = if known && !idle { self.looks + 1 } else { 0 };
        self.seen = Some(doing);
        self.looks >= LOOKS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(looks: &[(u64, u64, u64, bool)], expected: bool) {
        let mut still = Still::default();
        let hangs = looks.iter().map(|&(connection, sequence, turns, long)| {
            still.look(Doing { request: (connection, sequence), turns, long })
        });
        assert_eq!(hangs.last(), Some(expected), "{looks:?}");
    }

    #[test]
    fn only_who_serves_the_same_request_without_a_turn_hangs() {
        check(&[(1, 2, 3, false); 4], true);
        check(&[(1, 2, 3, false); 3], false);
        check(&[(0, 2, 3, false); 9], false);
        check(&[(1, 2, 3, true); 9], false);
        check(&[(1, 2, 3, false), (1, 2, 4, false), (1, 2, 4, false), (1, 2, 4, false)], false);
        check(&[(1, 2, 3, false), (1, 3, 3, false), (1, 3, 3, false), (2, 3, 3, false)], false);
        let paused = [(1, 2, 3, false), (1, 2, 3, true)];
        check(&[paused, paused, paused].concat(), false);
    }
}
