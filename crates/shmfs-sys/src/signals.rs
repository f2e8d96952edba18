//! Signals as messages: blocked, and read from a descriptor.
//!
//! Owns: the descriptor that tells of them.
//! Leaves to others: what a signal asks for. The mask is the calling thread's, and a child's after any clone.

use crate::{
    Errno, Result,
    raw::{self, number},
    retry,
    signal::{self, Mask},
};
use rustix::{
    fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd},
    io,
};
use shmfs_abi::Pid;

/// Some signals, by number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SignalSet(u64);

impl SignalSet {
    /// Those of `numbers`; each must be one of 1 to 64.
    pub const fn of(numbers: &[i32]) -> SignalSet {
        let mut set = 0;
        let mut at = 0;
        while at < numbers.len() {
            assert!(1 <= numbers[at] && numbers[at] <= 64, "a signal has a number from 1 to 64");
            set |= 1 << (numbers[at] - 1);
            at += 1;
        }
        SignalSet(set)
    }
}

/// What was blocked before [`block`].
#[derive(Clone, Copy)]
pub struct Unblocked(Mask);

/// Blocks the signals of `set` besides those that are blocked: they wait.
#[must_use = "the mask as it was can be restored"]
pub fn block(set: SignalSet) -> Unblocked {
    Unblocked(signal::block(Mask(set.0)))
}

/// Sets the mask that [`block`] returned; what has waited arrives.
pub fn restore(before: Unblocked) {
    signal::restore(before.0);
}

/// Gives a signal its default action: a program can be started with it ignored, and with SIGCHLD ignored no child
/// can be waited for.
///
/// # Errors
/// `EINVAL` for a number that is none.
pub fn default_action(number: i32) -> Result<()> {
    // The kernel's `struct sigaction`: SIG_DFL, no flags, no restorer, no mask.
    let action = [0usize; 4];
    let (number, at) = (number as usize, &raw const action as usize);
    // SAFETY: the kernel reads the action, which is there; with the default action no code of the program is run.
    raw::check(unsafe { raw::syscall6(number::RT_SIGACTION, number, at, 0, size_of::<u64>(), 0, 0) })
        .map(drop)
}

/// A signal that has arrived.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Arrived {
    /// Which.
    pub number: i32,
    /// Who sent it; the child, for SIGCHLD; 0 for the kernel, and for somebody outside of the own pid namespace.
    pub sender: Pid,
}

/// Readable when a signal of its set waits for the process that reads; never blocks, close-on-exec.
#[derive(Debug)]
pub struct SignalFd(OwnedFd);

/// `struct signalfd_siginfo` (signalfd(2)), of which the first words are the number, two others, and the sender.
const RECORD: usize = 128;

impl SignalFd {
    /// For the signals of `set`, which must be blocked, or they do what they do without it.
    ///
    /// # Errors
    /// As `signalfd(2)`: `EMFILE`.
    pub fn new(set: SignalSet) -> Result<SignalFd> {
        const NONBLOCK_CLOEXEC: usize = 0o2_004_000;
        let at = &raw const set.0 as usize;
        // SAFETY: the kernel reads eight bytes, which are there; -1 asks for a descriptor of its own.
        let made = unsafe {
            raw::syscall6(number::SIGNALFD4, usize::MAX, at, size_of::<u64>(), NONBLOCK_CLOEXEC, 0, 0)
        };
        let made = raw::check(made)?;
        // SAFETY: the kernel has just made this descriptor for the caller, and nobody else knows it.
        Ok(SignalFd(unsafe { OwnedFd::from_raw_fd(made as i32) }))
    }

    /// The next signal; nothing where none waits.
    ///
    /// # Errors
    /// As `read(2)`.
    pub fn read(&self) -> Result<Option<Arrived>> {
        let mut record = [0u8; RECORD];
        match retry(|| io::read(&self.0, &mut record)) {
            Ok(RECORD) => {
                let (words, _) = record.as_chunks::<4>();
                let word = |index: usize| words.get(index).map_or(0, |word| u32::from_ne_bytes(*word));
                Ok(Some(Arrived { number: word(0) as i32, sender: Pid(word(3) as i32) }))
            }
            Ok(_) => Err(Errno::EINVAL),
            Err(Errno::EAGAIN) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl AsFd for SignalFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
