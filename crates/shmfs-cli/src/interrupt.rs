//! Ctrl-C in commands that would leave something half done: it is noted, and acted upon where nothing is.
//!
//! The first signal is noted; whatever waits for long wakes up. A second one ends the process at once.
//!
//! Owns: which signals, the words, the exit status. Leaves to others: putting things in order.

use crate::failure::Failure;
use crate::signals;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fd::BorrowedFd;
use signal_hook::consts::signal::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::{flag, low_level::pipe};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// A signal that has come, or has not.
pub(crate) struct Interrupt {
    /// Its number, or 0.
    noted: Arc<AtomicUsize>,
    /// Readable when one has come.
    awake: Option<UnixStream>,
}

impl Interrupt {
    /// Signals end the process, as they do without anybody's help.
    pub(crate) fn at_once() -> Interrupt {
        Interrupt { noted: Arc::default(), awake: None }
    }

    /// Signals are noted from now on; those that are ignored stay so.
    pub(crate) fn noted() -> Result<Interrupt, Failure> {
        let begun = || -> io::Result<Interrupt> {
            let (awake, wake) = UnixStream::pair()?;
            let (noted, again) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
            for signal in [SIGINT, SIGTERM, SIGHUP].into_iter().filter(|signal| !signals::is_ignored(*signal))
            {
                // They act in this order.
                flag::register_conditional_default(signal, again.clone())?;
                flag::register_usize(signal, noted.clone(), usize::try_from(signal).unwrap_or_default())?;
                flag::register(signal, again.clone())?;
                pipe::register(signal, wake.try_clone()?)?;
            }
            Ok(Interrupt { noted, awake: Some(awake) })
        };
        begun().map_err(|error| Failure::new(format!("cannot note signals: {error}")))
    }

    /// Whether none has come.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        match self.noted.load(Ordering::Relaxed) {
            0 => Ok(()),
            // As a shell tells it.
            signal => Err(Failure::new("interrupted, and nothing is left of it").status(128 + signal as u8)),
        }
    }

    /// Waits until `fd` can be read, or a signal has come, which is an error.
    pub(crate) fn wait_for(&self, fd: BorrowedFd<'_>) -> io::Result<()> {
        let Some(awake) = &self.awake else { return Ok(()) };
        loop {
            let mut fds = [
                PollFd::from_borrowed_fd(fd, PollFlags::IN),
                PollFd::from_borrowed_fd(awake.as_fd(), PollFlags::IN),
            ];
            match poll(&mut fds, None) {
                Ok(_) if !fds[1].revents().is_empty() => return Err(io::Error::other("interrupted")),
                Ok(_) => return Ok(()),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}
