//! What can go wrong with a broker as a whole, in words for a person.

use shmfs_abi::Errno;
use shmfs_journal::Broken;
use std::path::PathBuf;

/// A broker that could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The store's directory already has a living broker.
    #[error("the store at {dir} already runs, process {pid} keeps it")]
    Taken {
        /// The store's directory.
        dir: PathBuf,
        /// The process that keeps it.
        pid: u32,
    },
    /// The directory, the socket or another file could not be made.
    #[error("cannot make {path}: {source}")]
    Make {
        /// What was to be made.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The socket's path is longer than `sun_path` holds.
    #[error("the path {0} is too long for a socket (107 bytes at most)")]
    PathTooLong(PathBuf),
    /// The state directory of durable objects cannot be used.
    #[error("cannot keep durable objects in {dir}: {reason}")]
    State {
        /// The directory.
        dir: PathBuf,
        /// Why not.
        reason: String,
    },
    /// A facility of the kernel was refused.
    #[error("the kernel refuses {what}: {}", .errno.name())]
    Kernel {
        /// The facility.
        what: &'static str,
        /// Its errno.
        errno: Errno,
    },
    /// The journal cannot be read.
    #[error("the store cannot be taken over: {0}")]
    Journal(Broken),
    /// The journal's records do not belong together.
    #[error("the store cannot be taken over, its journal is damaged: {0}")]
    Damaged(&'static str),
    /// What was left to do could not be done.
    #[error("the store cannot be taken over: {0}")]
    Run(Box<RunError>),
}

/// A broker that had to stop.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Waiting for events failed.
    #[error("waiting for events failed: {0}")]
    Wait(std::io::Error),
    /// The journal could not grow.
    #[error("the journal cannot be written: {}", .0.name())]
    Journal(Errno),
}

impl StartError {
    pub(crate) fn kernel(what: &'static str) -> impl Fn(Errno) -> StartError {
        move |errno| StartError::Kernel { what, errno }
    }
}
