//! Sleeping on a word and waking those who sleep on it.
//!
//! Owns: nothing. Leaves to others: what the word means.

use crate::{Errno, Result, errno};
use core::sync::atomic::AtomicU32;
use rustix::thread::futex;

/// Who sleeps and wakes on the word.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reach {
    /// Threads of one process.
    Private,
    /// Processes that share the page.
    Shared,
}

impl Reach {
    const fn flags(self) -> futex::Flags {
        match self {
            Reach::Private => futex::Flags::PRIVATE,
            Reach::Shared => futex::Flags::empty(),
        }
    }
}

/// Sleeps while the word is `expected`. May return without a reason: look at the word again.
///
/// # Errors
/// As `futex(2)`; `EAGAIN` and `EINTR` are no errors here.
pub fn wait(word: &AtomicU32, expected: u32, reach: Reach) -> Result<()> {
    match futex::wait(word, reach.flags(), expected, None).map_err(errno) {
        Err(Errno::EAGAIN | Errno::EINTR) => Ok(()),
        slept => slept,
    }
}

/// Wakes at most `count` sleepers; returns how many there were.
///
/// # Errors
/// As `futex(2)`.
pub fn wake(word: &AtomicU32, count: u32, reach: Reach) -> Result<usize> {
    futex::wake(word, reach.flags(), count).map_err(errno)
}
