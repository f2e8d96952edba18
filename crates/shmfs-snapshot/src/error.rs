//! Why bytes are no snapshot, or one cannot be written, in words for a person.

use crate::frame::FRAME_BYTES;
use crate::header::VERSION;
use std::io;
use thiserror::Error;

/// What went wrong. The words continue a sentence that names the file.
#[derive(Debug, Error)]
pub enum SnapshotError {
    /// The kernel refused.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// It does not begin as one.
    #[error("it is no snapshot")]
    NoSnapshot,
    /// Another version's.
    #[error("it has layout {found}, and this program reads layout {VERSION}")]
    Version {
        /// The layout that it has.
        found: u32,
    },
    /// It ends before its end.
    #[error("it was cut after {at} bytes")]
    Cut {
        /// Its length in bytes.
        at: u64,
    },
    /// Some of it is not what was written.
    #[error("it is damaged at byte {at}: {what}")]
    Damaged {
        /// Where the part begins that is damaged.
        at: u64,
        /// What is wrong with it.
        what: &'static str,
    },
    /// Something follows its end.
    #[error("it goes on after its end, from byte {at} on")]
    Trailing {
        /// Where it should end.
        at: u64,
    },
    /// No object can be so: nothing was written.
    #[error("no snapshot can be of this: {what}")]
    Header {
        /// What cannot be.
        what: &'static str,
    },
    /// Frames are written in order, within the object, and with at most [`FRAME_BYTES`].
    #[error(
        "a frame of {len} bytes at {offset} does not fit after {end} of {size}, or is longer than {FRAME_BYTES}"
    )]
    Frame {
        /// Where in the object.
        offset: u64,
        /// How many bytes.
        len: u64,
        /// Where the frame before it ends.
        end: u64,
        /// The object's size in bytes.
        size: u64,
    },
    /// [`Hold::Nothing`](crate::Hold::Nothing) makes nothing consistent.
    #[error("nothing kept the object from changing, so its snapshot is not consistent")]
    Verdict,
}
