//! Why something durable cannot be done, in words for a person.
//!
//! Owns: the words, and the errno for each. Leaves to others: what is done then.

use crate::front::PAGE;
use crate::head::HEAD_BYTES;
use shmfs_abi::Errno;
use std::io;
use thiserror::Error;

/// What went wrong with a durable object. Unless it says otherwise nothing has changed.
#[derive(Debug, Error)]
pub enum DurableError {
    /// The kernel refused.
    #[error("cannot {what}: {source}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
    /// The kernel refused something about one file.
    #[error("cannot {what} {path}: {source}")]
    Path {
        /// What was tried.
        what: &'static str,
        /// With which file.
        path: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// The bytes are not all in the object.
    #[error("cannot edit bytes {start} to {end}: the object has {len}")]
    Range {
        /// The first.
        start: u64,
        /// The one after the last.
        end: u64,
        /// How many bytes the object has.
        len: u64,
    },
    /// One epoch cannot hold more.
    #[error("cannot save {needed} bytes of undo log: {free} are free in this epoch; persist more often")]
    LogFull {
        /// Bytes that the records would have.
        needed: u64,
        /// Bytes that are left.
        free: u64,
    },
    /// An edit was left half done, and has to be rolled back before anything else.
    #[error("{records} saved ranges wait to be rolled back: {why}")]
    MustRollBack {
        /// How many.
        records: usize,
        /// What happened.
        why: &'static str,
    },
    /// The commit slot could not be synced: a power cut decides whether this epoch is committed.
    #[error("it is not known whether epoch {epoch} is on the disk: persist again, or roll back")]
    InDoubt {
        /// Which.
        epoch: u64,
    },
    /// Epochs are used up.
    #[error("epoch {epoch} is the last one there can be")]
    LastEpoch {
        /// Which.
        epoch: u64,
    },
    /// An undo log is made in an empty file only.
    #[error("the undo log is not empty: it has {len} bytes")]
    LogNotEmpty {
        /// How many.
        len: u64,
    },
    /// Somebody cut the log.
    #[error("the undo log was cut: it has {len} bytes, and at least {} are needed", 2 * PAGE)]
    LogCut {
        /// How many bytes there are.
        len: u64,
    },
    /// Both commit slots are damaged, or this is another kind of file.
    #[error("the undo log has no whole commit slot")]
    NoSlot,
    /// Another version's.
    #[error("{what} has layout {found}, and this program reads layout {ours}", what = "the undo log")]
    Version {
        /// The layout that it has.
        found: u32,
        /// The layout of this program.
        ours: u32,
    },
    /// The file was put in the place of another.
    #[error("the undo log is that of object {found}, and not of object {expected}")]
    OtherObject {
        /// Whose it is.
        found: u64,
        /// Whose it should be.
        expected: u64,
    },
    /// The newest commit slot is damaged.
    #[error(
        "the undo log is damaged: its newest whole commit slot is of epoch {slot}, and it holds work of epoch {found}"
    )]
    SlotLost {
        /// The newest that is whole.
        slot: u64,
        /// The epoch that somebody worked on.
        found: u64,
    },
    /// Records that were on the disk are damaged. The pages are as the edit left them.
    #[error("the undo log is damaged: {synced} of its records were on the disk, and {found} are whole")]
    RecordsLost {
        /// How many there must be at least.
        synced: u32,
        /// How many there are.
        found: u64,
    },
    /// A record that was whole is not any more. Some ranges are rolled back; the log still has them all.
    #[error("record {sequence} of the undo log was whole and is not any more")]
    RecordChanged {
        /// Which.
        sequence: u32,
    },
    /// A process holds the editor's lock.
    #[error("object {object} is being edited")]
    BeingEdited {
        /// Which.
        object: u64,
    },
    /// The object's file is shorter than its head says. Nothing was rolled back.
    #[error("the pages of object {object} were cut: {len} bytes of {size}")]
    PagesCut {
        /// Which.
        object: u64,
        /// How many bytes there are.
        len: u64,
        /// How many there should be.
        size: u64,
    },
    /// The head is not one.
    #[error("the head of object {object} cannot be used: {what}")]
    Head {
        /// Whose it is.
        object: u64,
        /// What is wrong.
        what: &'static str,
    },
    /// A head of another version.
    #[error("the head of object {object} has layout {found}, and this program reads layout {ours}")]
    HeadVersion {
        /// Whose it is.
        object: u64,
        /// The layout that it has.
        found: u32,
        /// The layout of this program.
        ours: u32,
    },
    /// More bytes than a head can have.
    #[error("the head of object {object} has more than {HEAD_BYTES} bytes")]
    HeadTooLong {
        /// Whose it is.
        object: u64,
    },
    /// Another daemon has the directory.
    #[error("another daemon uses the state directory {path}")]
    Busy {
        /// Which.
        path: String,
    },
    /// A file of an object is missing, or not an ordinary file.
    #[error("{path} {what}")]
    File {
        /// Which.
        path: String,
        /// What is wrong with it.
        what: &'static str,
    },
    /// More files than all objects of a store have.
    #[error("the state directory {path} has more than {limit} files")]
    Crowded {
        /// Which.
        path: String,
        /// How many it may have.
        limit: usize,
    },
}

impl DurableError {
    pub(crate) fn io(what: &'static str, source: io::Error) -> DurableError {
        DurableError::Io { what, source }
    }

    /// The error number that a program sees.
    pub fn errno(&self) -> Errno {
        match self {
            DurableError::Io { source, .. } | DurableError::Path { source, .. } => {
                source.raw_os_error().map_or(Errno::EIO, Errno)
            }
            DurableError::Range { .. } => Errno::EINVAL,
            DurableError::LogFull { .. } => Errno::EFBIG,
            DurableError::MustRollBack { .. }
            | DurableError::BeingEdited { .. }
            | DurableError::Busy { .. } => Errno::EBUSY,
            DurableError::LastEpoch { .. } => Errno::EOVERFLOW,
            DurableError::LogNotEmpty { .. } => Errno::EEXIST,
            DurableError::Version { .. } | DurableError::HeadVersion { .. } => Errno::EOPNOTSUPP,
            DurableError::File { .. } => Errno::ENOENT,
            DurableError::Crowded { .. } => Errno::ENFILE,
            DurableError::InDoubt { .. }
            | DurableError::LogCut { .. }
            | DurableError::NoSlot
            | DurableError::OtherObject { .. }
            | DurableError::SlotLost { .. }
            | DurableError::RecordsLost { .. }
            | DurableError::RecordChanged { .. }
            | DurableError::PagesCut { .. }
            | DurableError::Head { .. }
            | DurableError::HeadTooLong { .. } => Errno::EIO,
        }
    }
}
