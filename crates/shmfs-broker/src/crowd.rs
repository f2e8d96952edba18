//! Who comes when no descriptor is left.
//!
//! The broker holds one descriptor for each object and segment, and about three for each process: its socket, its attach
//! table, its pidfd. When none is left nobody can be accepted, and the listener stays ready: the loop would turn
//! without end. So it looks away from the listener until a descriptor was given back, or for a pause. Who connects
//! meanwhile waits in the listener's queue.
//!
//! Owns: that pause, and how often the log hears of it.
//! Leaves to others: how many descriptors there may be (the broker's starter, by RLIMIT_NOFILE).

use crate::broker::Broker;
use crate::connection::Connection;
use crate::os::Os;
use crate::source::Source;
use shmfs_abi::{Errno, Time};
use shmfs_journal::Role;

/// Between two tries to accept, in milliseconds.
const PAUSE: u32 = 100;

/// Between two warnings, in seconds: descriptors may come and go many times.
const WARNINGS_APART: u64 = 10;

const MILLISECOND: u64 = 1_000_000;
const SECOND: u64 = 1000 * MILLISECOND;

/// Whether the listener is looked at, and what was said of it.
#[derive(Default)]
pub(crate) struct Crowd {
    deaf: Option<Deaf>,
    at_accept: Warnings,
}

/// The listener is looked away from.
struct Deaf {
    since: u64,
    /// What was held then.
    held: usize,
}

/// One warning for each time that something is short, and no more than one in some seconds.
#[derive(Default)]
struct Warnings {
    short: bool,
    last: Option<u64>,
}

impl Warnings {
    /// It is short; whether that is to be said.
    fn begin(&mut self, now: u64) -> bool {
        let lately = self.last.is_some_and(|last| last <= now && now - last < WARNINGS_APART * SECOND);
        if self.short || lately {
            self.short = true;
            return false;
        }
        (self.short, self.last) = (true, Some(now));
        true
    }

    fn end(&mut self) {
        self.short = false;
    }
}

impl Crowd {
    /// How long the loop may wait at most, in milliseconds.
    pub(crate) fn patience(&self, now: Time) -> Option<u32> {
        let deaf = self.deaf.as_ref()?;
        let left = (deaf.since + u64::from(PAUSE) * MILLISECOND).saturating_sub(now.as_nanos());
        Some(left.div_ceil(MILLISECOND).min(PAUSE.into()) as u32)
    }
}

impl Deaf {
    /// Whether the pause is over, or something was given back. A clock that was set back ends it.
    fn is_over(&self, now: u64, held: usize) -> bool {
        let pause = u64::from(PAUSE) * MILLISECOND;
        held < self.held || now < self.since || now - self.since >= pause
    }
}

impl<O: Os> Broker<O> {
    /// Takes one waiting connection.
    pub(crate) fn accept(&mut self) {
        match self.os.accept(&self.listener) {
            Ok(socket) => {
                self.crowd.at_accept.end();
                self.connect(Connection::new(socket, Role::Stranger, None));
            }
            Err(Errno::EAGAIN | Errno::EINTR) => {}
            // The connection waits on, and the listener is ready again at once.
            Err(errno) => self.look_away(errno),
        }
    }

    fn look_away(&mut self, errno: Errno) {
        let now = self.os.now().as_nanos();
        self.os.ignore(&self.listener);
        self.crowd.deaf = Some(Deaf { since: now, held: self.held_descriptors() });
        if !self.crowd.at_accept.begin(now) {
            return;
        }
        tracing::warn!(
            errno = errno.name(),
            limit = self.os.descriptor_limit(),
            objects = self.backings.len(),
            processes = self.clients.len(),
            connections = self.connections.len(),
            "nobody can connect until a descriptor is given back: remove objects, or start the store with a higher \
             `ulimit -n` (in a unit LimitNOFILE=)"
        );
    }

    /// Looks at the listener again, once that may help.
    pub(crate) fn look_back(&mut self) {
        let (now, held) = (self.os.now().as_nanos(), self.held_descriptors());
        if !self.crowd.deaf.as_ref().is_some_and(|deaf| deaf.is_over(now, held)) {
            return;
        }
        self.crowd.deaf = match self.os.listen_to(&self.listener, Source::Listener) {
            Ok(()) => None,
            Err(_) => Some(Deaf { since: now, held }),
        };
    }

    /// What grows and shrinks with the descriptors that the broker holds.
    fn held_descriptors(&self) -> usize {
        self.backings.len() + self.clients.len() + self.connections.len() + self.leaving.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_ends_with_time_or_what_was_given_back() {
        let deaf = Deaf { since: SECOND, held: 7 };
        assert!(!deaf.is_over(SECOND, 7));
        assert!(deaf.is_over(SECOND, 6));
        assert!(deaf.is_over(SECOND + SECOND / 10, 7));
        assert!(deaf.is_over(0, 7));
    }

    #[test]
    fn a_time_of_need_is_told_of_once_and_not_too_often() {
        let mut warnings = Warnings::default();
        assert!(warnings.begin(0));
        assert!(!warnings.begin(60 * SECOND));
        warnings.end();
        assert!(warnings.begin(60 * SECOND));
        warnings.end();
        assert!(!warnings.begin(61 * SECOND));
    }
}
