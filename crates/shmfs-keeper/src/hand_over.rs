//! Handing a living store to another keeper: the broker's part.
//!
//! The broker starts the other program as a copy of itself that becomes it, with every number that the journal names.
//! That process looks at the journal and says `ready`, or why not. One store of its number as the journal's keeper
//! hands the store over; until then nothing has changed, and the process is killed if anything goes wrong.
//!
//! Owns: that process until it has the store. Leaves to others: ending the old broker afterwards (its caller), what
//! the other process does (`successor`).

use crate::HandOverError;
use crate::becoming::Becoming;
use crate::words::Words;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd, RawFd};
use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Signal, pidfd_send_signal};
use shmfs_abi::{Errno, Pid};
use shmfs_journal::state::Word;
use shmfs_sys::child::{self, Ended};
use shmfs_sys::process;
use shmfs_sys::table::Cloned;
use std::ffi::OsStr;
use std::time::{Duration, Instant};

/// How long the other process may take until it is ready.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Bytes of what it may say.
const SAID_BYTES: usize = 4096;

/// The word that it says when it is ready.
pub(crate) const READY: &[u8] = b"ready\n";

/// Hands the store with this journal to the program behind `binary`, or without one to this process's own program
/// since the keeper has died. To be called by the broker between two requests; when it returns well, the broker must
/// end with [`HANDED_OVER`](crate::HANDED_OVER) and touch nothing.
///
/// `known` are the numbers that the journal names. The program is run as
/// `shm broker --resume JOURNAL --ready NUMBER --before NUMBER`, followed by `arguments`, and may take `patience`, as a
/// rule [`PATIENCE`].
///
/// # Errors
/// The program cannot be run, or says why it does not take the store, or does not say it in time. The store is this
/// broker's then as before.
pub fn hand_over(
    binary: Option<BorrowedFd<'_>>,
    journal: RawFd,
    known: &[RawFd],
    arguments: &[&OsStr],
    patience: Duration,
) -> Result<(), HandOverError> {
    let deadline = Instant::now() + patience;
    let mut words = Words::of(journal)?;
    if binary.is_none() {
        // Who is started by this broker may go on even if this one dies now.
        words.set_process(Word::Keeper, Pid(0));
    }
    let own = match binary {
        Some(_) => None,
        None => Some(own_program()?),
    };
    let Some(program) = binary.or(own.as_ref().map(AsFd::as_fd)) else { return Ok(()) };
    let (said, say) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK).map_err(refused("a pipe"))?;
    let before =
        process::pidfd(process::pid()).map_err(HandOverError::kernel("a descriptor of this process"))?;
    let becoming = Becoming::new(program, journal, &say, &before, arguments);
    let successor = match child::fork().map_err(HandOverError::kernel("a process"))? {
        Cloned::Child => becoming.become_it(known),
        Cloned::Parent(successor) => successor,
    };
    drop(say);
    tracing::info!(successor = successor.0, "another process is to take the store over");
    match hear(&said, deadline) {
        Heard::Ready => {
            words.set_process(Word::Keeper, successor);
            Ok(())
        }
        Heard::Words(why) => {
            end(successor, Instant::now());
            Err(HandOverError::Refused(why))
        }
        Heard::Nothing => Err(HandOverError::Ended(end(successor, deadline))),
        Heard::Silence => {
            end(successor, Instant::now());
            Err(HandOverError::Slow(patience))
        }
    }
}

fn own_program() -> Result<OwnedFd, HandOverError> {
    openat(CWD, "/proc/self/exe", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
        .map_err(refused("this process's program"))
}

fn refused(what: &'static str) -> impl Fn(rustix::io::Errno) -> HandOverError {
    move |error| HandOverError::kernel(what)(Errno(error.raw_os_error()))
}

/// What came through the pipe.
enum Heard {
    Ready,
    /// Why not.
    Words(String),
    /// Its end, without a word.
    Nothing,
    /// Neither a word nor its end.
    Silence,
}

/// Listens until the process is ready, or has said everything, or the time is over.
fn hear(said: &OwnedFd, deadline: Instant) -> Heard {
    let mut words = Vec::new();
    let mut bytes = [0; 512];
    loop {
        match rustix::io::read(said, &mut bytes) {
            Ok(0) if words.is_empty() => return Heard::Nothing,
            Ok(0) => return Heard::Words(text(&words)),
            Ok(len) => words.extend_from_slice(bytes.get(..len).unwrap_or_default()),
            Err(rustix::io::Errno::AGAIN) if !await_input(said, deadline) => {
                return if words.is_empty() { Heard::Silence } else { Heard::Words(text(&words)) };
            }
            Err(_) => {}
        }
        if words.starts_with(READY) {
            return Heard::Ready;
        }
        if words.len() > SAID_BYTES {
            return Heard::Words(text(&words));
        }
    }
}

fn text(words: &[u8]) -> String {
    let words = words.get(..SAID_BYTES).unwrap_or(words);
    String::from_utf8_lossy(words).trim_end().to_owned()
}

/// Waits until there is something to read, or an end to see; false when the time is over.
fn await_input(fd: impl AsFd, deadline: Instant) -> bool {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let left = Timespec {
            tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(left.subsec_nanos()),
        };
        match poll(&mut [PollFd::new(&fd, PollFlags::IN)], Some(&left)) {
            Ok(0) => return false,
            Err(rustix::io::Errno::INTR) => {}
            _ => return true,
        }
    }
}

/// Waits for the end of a child that is not wanted any more, and makes it end at `deadline`.
fn end(successor: Pid, deadline: Instant) -> Ended {
    if let Ok(pidfd) = process::pidfd(successor)
        && !await_input(&pidfd, deadline)
    {
        let _ = pidfd_send_signal(&pidfd, Signal::KILL);
    }
    child::wait(successor).unwrap_or(Ended::Signal(Signal::KILL.as_raw()))
}
