//! Waiting for a lock that a program may keep for as long as it likes.

use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::output;
use std::fs::File;
use std::io;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

/// How often somebody looks whether a signal has come.
const PERIOD: Duration = Duration::from_millis(50);

/// How one kind of lock is taken and given back.
#[derive(Clone, Copy)]
pub(crate) struct Lock {
    /// Takes it, waiting or not; whether it was taken.
    pub(crate) take: fn(&File, wait: bool) -> io::Result<bool>,
    /// Gives it back.
    pub(crate) give: fn(&File) -> io::Result<()>,
}

/// How long somebody waits, and who is told.
pub(crate) struct Patience<'a> {
    pub(crate) limit: Duration,
    pub(crate) interrupt: &'a Interrupt,
    pub(crate) quiet: bool,
}

impl Patience<'_> {
    /// Takes the lock of this description, which is given back with it; whether it was taken in time.
    ///
    /// Another thread waits in the kernel: looking again and again would miss a writer that locks anew at once.
    pub(crate) fn lock(&self, file: &File, lock: Lock) -> io::Result<Result<bool, Failure>> {
        if (lock.take)(file, false)? {
            return Ok(Ok(true));
        }
        if self.limit.is_zero() {
            return Ok(Ok(false));
        }
        if !self.quiet {
            output::complain(&format!("a writer has it locked; waiting {} s at most", self.limit.as_secs()));
        }
        let (tell, told) = mpsc::sync_channel(1);
        let same = file.try_clone()?;
        thread::spawn(move || {
            let taken = loop {
                match (lock.take)(&same, true) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    taken => break taken,
                }
            };
            if tell.send(taken).is_err() {
                // Nobody waits any more. There is nobody to tell either.
                drop((lock.give)(&same));
            }
        });
        let end = Instant::now() + self.limit;
        loop {
            if let Err(failure) = self.interrupt.check() {
                return Ok(Err(failure));
            }
            match told.recv_timeout(PERIOD.min(end.saturating_duration_since(Instant::now()))) {
                Ok(taken) => return taken.map(Ok),
                Err(RecvTimeoutError::Timeout) if Instant::now() < end => {}
                Err(_) => return Ok(Ok(false)),
            }
        }
    }
}
