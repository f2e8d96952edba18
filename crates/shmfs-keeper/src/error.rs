//! What can go wrong with a keeper, in words for a person.

use rustix::fd::RawFd;
use shmfs_abi::Errno;
use shmfs_sys::child::Ended;
use std::path::PathBuf;
use std::time::Duration;

/// A store that cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum KeepError {
    /// A facility of the kernel was refused.
    #[error("the kernel refuses {what}: {}", .errno.name())]
    Kernel {
        /// The facility.
        what: &'static str,
        /// Its errno.
        errno: Errno,
    },
    /// The journal is none, or another program's.
    #[error(transparent)]
    Journal(#[from] shmfs_journal::Broken),
    /// This process has several threads, of which a clone would copy one.
    #[error("a keeper has one thread, and this process has several")]
    Threads,
    /// A number that another process was to leave is not open.
    #[error("descriptor {number}, {what}, did not come along")]
    Missing {
        /// The number.
        number: RawFd,
        /// What was expected there.
        what: &'static str,
    },
}

impl KeepError {
    pub(crate) fn kernel(what: &'static str) -> impl Fn(Errno) -> KeepError {
        move |errno| KeepError::Kernel { what, errno }
    }
}

/// Why a program does not take a living store over.
#[derive(Debug, thiserror::Error)]
pub enum SuccessorError {
    /// The journal is none, or damaged, or of a layout that this program does not read.
    #[error(transparent)]
    Journal(#[from] shmfs_journal::Broken),
    /// What it holds does not belong together.
    #[error("the journal's objects do not belong together: {0}")]
    Damaged(&'static str),
    /// The process cannot keep a store.
    #[error(transparent)]
    Keep(#[from] KeepError),
}

/// A store that stays with the broker that it has.
#[derive(Debug, thiserror::Error)]
pub enum HandOverError {
    /// The other process could not be made.
    #[error("the kernel refuses {what}: {}", .errno.name())]
    Kernel {
        /// The facility.
        what: &'static str,
        /// Its errno.
        errno: Errno,
    },
    /// The program said why it does not take the store.
    #[error("{0}")]
    Refused(String),
    /// The program ended without a word.
    #[error("the program ended before it took the store over ({})", ended(*.0))]
    Ended(Ended),
    /// It said nothing for too long.
    #[error("the program has not taken the store over within {} s", .0.as_secs())]
    Slow(Duration),
    /// The journal is none.
    #[error(transparent)]
    Journal(#[from] KeepError),
}

impl HandOverError {
    pub(crate) fn kernel(what: &'static str) -> impl Fn(Errno) -> HandOverError {
        move |errno| HandOverError::Kernel { what, errno }
    }
}

/// How a process has ended, in words.
pub(crate) fn ended(ended: Ended) -> String {
    match ended {
        Ended::Exit(code) => format!("exit status {code}"),
        Ended::Signal(number) => format!("signal {number}"),
    }
}

/// A supervisor that passed no socket for a store.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// More than one.
    #[error("the supervisor passed {0} sockets, and a store has one")]
    Several(i32),
    /// Of another kind, or it does not listen.
    #[error("the supervisor's descriptor {0} is no listening socket of type AF_UNIX, SOCK_SEQPACKET")]
    Kind(RawFd),
    /// Where no client would look.
    #[error("the supervisor's socket is at {found}, and the store's is {wanted}")]
    Elsewhere {
        /// Where it is.
        found: PathBuf,
        /// Where clients look.
        wanted: PathBuf,
    },
}
