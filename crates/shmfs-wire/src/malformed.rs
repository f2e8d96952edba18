//! Bytes that are no message, and which rule they break.
//!
//! Owns: the words for the log. Leaves to others: what becomes of the sender (`shmfs-broker`).

use core::fmt;

/// Why bytes are no message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Malformed {
    /// Fewer bytes than a header.
    Short {
        /// How many there were.
        len: usize,
    },
    /// More bytes than a message may have.
    Long {
        /// How many there were.
        len: usize,
    },
    /// The first four bytes are not `SHMF`.
    Magic,
    /// Another version of the protocol.
    Version(u16),
    /// No operation has this number in this direction.
    Op(u16),
    /// The body is not as long as the header says, or as the operation demands.
    Length {
        /// The operation.
        op: u16,
        /// The bytes of its body.
        len: usize,
    },
    /// Bytes that must be zero are not.
    Padding(&'static str),
    /// A field holds a value that it cannot have.
    Field(&'static str),
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Malformed::Short { len } => write!(f, "a message of {len} bytes is shorter than its header"),
            Malformed::Long { len } => write!(f, "a message of {len} bytes is longer than one may be"),
            Malformed::Magic => f.write_str("the message does not begin with SHMF"),
            Malformed::Version(version) => write!(f, "protocol version {version} is not spoken here"),
            Malformed::Op(op) => write!(f, "operation {op} is unknown"),
            Malformed::Length { op, len } => write!(f, "a body of {len} bytes does not fit operation {op}"),
            Malformed::Padding(place) => write!(f, "bytes that must be zero are not, in {place}"),
            Malformed::Field(field) => write!(f, "an impossible value in {field}"),
        }
    }
}

impl core::error::Error for Malformed {}
