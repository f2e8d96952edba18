//! Few descriptors, or none.
//!
//! The broker holds one descriptor for each object and segment, and three for each process: its socket, its attach table,
//! its pidfd. Without one nobody can be served, and nothing be removed. So objects leave a [`reserve`] to the processes
//! that may come, which can look and remove; and processes leave [`SPARE`] to the answers of those that are there, to
//! visitors, and to a broker that begins in this one's place.
//!
//! When none is left all the same, nobody can be accepted, and the listener stays ready: the loop would turn without end.
//! It looks away from the listener until a descriptor was given back, or for a pause. Who connects meanwhile waits in the
//! listener's queue.
//!
//! Owns: who may take how many, that pause, and how often the log hears of it.
//! Leaves to others: how many descriptors there may be (the broker's starter, by RLIMIT_NOFILE).
//! Not done: files of a mounted store that are asked for by name become objects beyond the reserve, as far as [`SPARE`].

use crate::broker::Broker;
use crate::connection::Connection;
use crate::os::Os;
use crate::source::Source;
use shmfs_abi::{Errno, Refusal, Time, limits};
use shmfs_journal::Role;

/// Descriptors of one process: a socket, an attach table, a pidfd.
const PROCESS: u64 = 3;

/// The smallest reserve, for about twenty processes; where the limit allows it.
const LEAST_RESERVE: u64 = 64;

/// What processes leave. An answer opens two at most, a broker that begins opens four.
const SPARE: u64 = 16;

/// What a call is told for which the broker has no descriptor. The table that is full is not the caller's: to it the
/// limit is one of the system's, `ENFILE`.
pub(crate) const NO_DESCRIPTOR: &str =
    "the store's broker has no descriptor left: remove objects, or start the store with a higher `ulimit -n`";

/// What an object is refused with that would take from the reserve.
pub(crate) const RESERVED: &str = "the store's broker holds as many objects as its limit of open files allows: remove some, or start the store with a higher `ulimit -n`";

/// What objects leave of so many descriptors: an eighth, and never more than all processes could need.
fn reserve(limit: u64) -> u64 {
    (limit / 8).clamp(LEAST_RESERVE, PROCESS * limits::CLIENTS as u64).min(limit / 2)
}

/// What the errno of a failure is to the caller.
pub(crate) fn seen_outside(errno: Errno) -> Errno {
    if errno == Errno::EMFILE { Errno::ENFILE } else { errno }
}

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
    at_objects: Warnings,
    at_processes: Warnings,
    /// How many objects may come before the descriptors are counted again.
    uncounted: u64,
    /// Whether an object of the call that is served would have taken from the reserve.
    refused: bool,
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
        if self.crowd.at_accept.begin(now) {
            self.warn(errno, "nobody can connect until a descriptor is given back");
        }
    }

    /// How many descriptors can still be opened.
    fn descriptors_left(&self) -> u64 {
        let open = self.os.open_descriptors().unwrap_or_else(|| {
            // A process has two besides its connection. The broker's own are about as many as are spare.
            (self.held_descriptors() + self.clients.len()) as u64 + SPARE
        });
        self.os.descriptor_limit().saturating_sub(open)
    }

    /// How many of them objects may take.
    pub(crate) fn room_for_objects(&self) -> u64 {
        self.descriptors_left().saturating_sub(reserve(self.os.descriptor_limit()))
    }

    /// Whether one more object may take a descriptor.
    pub(crate) fn admit_object(&mut self) -> Result<(), Errno> {
        if self.crowd.uncounted > 0 {
            self.crowd.uncounted -= 1;
            return Ok(());
        }
        let room = self.room_for_objects();
        if room > 0 {
            // Counting is a part of the call's cost. What a process takes meanwhile is counted at once.
            self.crowd.uncounted = room / 8;
            self.crowd.at_objects.end();
            return Ok(());
        }
        self.crowd.refused = true;
        if self.crowd.at_objects.begin(self.os.now().as_nanos()) {
            self.warn(Errno::ENOSPC, "objects are refused: the descriptors that are left are for processes");
        }
        // As at SHMMNI, and as a tmpfs without a free inode (`shmem_reserve_inode`, mm/shmem.c).
        Err(Errno::ENOSPC)
    }

    /// Whether one more process may take its descriptors.
    pub(crate) fn admit_process(&mut self) -> Result<(), Errno> {
        self.crowd.uncounted = 0;
        if self.has_spare(PROCESS) {
            self.crowd.at_processes.end();
            return Ok(());
        }
        if self.crowd.at_processes.begin(self.os.now().as_nanos()) {
            self.warn(Errno::ENFILE, "processes are refused: no descriptors are left for them");
        }
        Err(Errno::ENFILE)
    }

    /// Whether so many can be taken without touching what is spare.
    pub(crate) fn has_spare(&self, wanted: u64) -> bool {
        let spare = SPARE.min(self.os.descriptor_limit() / 4);
        self.descriptors_left() >= wanted.saturating_add(spare)
    }

    /// Why an effect of the call that is served has failed.
    pub(crate) fn failure(&mut self, errno: Errno) -> Refusal {
        let reason = match (std::mem::take(&mut self.crowd.refused), errno) {
            (true, Errno::ENOSPC) => RESERVED,
            (_, Errno::EMFILE) => NO_DESCRIPTOR,
            _ => "the kernel refused what the call needs",
        };
        Refusal { errno: seen_outside(errno), reason, shortage: None }
    }

    fn warn(&self, errno: Errno, what: &str) {
        tracing::warn!(
            errno = errno.name(),
            limit = self.os.descriptor_limit(),
            objects = self.backings.len(),
            processes = self.clients.len(),
            connections = self.connections.len(),
            "{what}: remove objects, or start the store with a higher `ulimit -n` (in a unit LimitNOFILE=)"
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
    fn the_reserve_is_an_eighth_within_bounds() {
        for (limit, left) in
            [(0, 0), (64, 32), (256, 64), (1024, 128), (4096, 512), (1 << 20, 24576), (u64::MAX, 24576)]
        {
            assert_eq!(reserve(limit), left, "of {limit}");
        }
    }

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
