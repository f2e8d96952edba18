//! Refusals of a store in words.
//!
//! Owns: the sentence. Leaves to others: the reason (the engine).

use crate::Error;
use shmfs_abi::Errno;
use shmfs_client::Refused;
use std::{fmt, io};

impl Error {
    /// The store's refusal of what was `tried`, with its words, and with the numbers of the limit that made it.
    #[cold]
    pub(crate) fn refused(refused: &Refused, tried: impl fmt::Display) -> Error {
        let why = match (refused.shortage, refused.reason.as_str()) {
            (Some(short), _) => format!(
                "{} bytes asked, {} free of this store's {}",
                short.asked_bytes, short.free_bytes, short.limit_bytes
            ),
            (None, "") => return Error::kernel(refused.errno, tried),
            (None, reason) => reason.to_owned(),
        };
        Error::because(refused.errno, format!("{tried}: {why}"))
    }

    /// The standard library's error about what was `tried`.
    #[cold]
    pub(crate) fn io(error: &io::Error, tried: impl fmt::Display) -> Error {
        match error.raw_os_error() {
            Some(errno) => Error::kernel(Errno(errno), tried),
            None => Error::because(Errno::EIO, format!("{tried}: {error}")),
        }
    }

    /// The store answered what no store answers to this.
    #[cold]
    pub(crate) fn nonsense(tried: impl fmt::Display) -> Error {
        Error::because(Errno::EPROTO, format!("{tried}: the store answered something else"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shmfs_abi::Shortage;

    #[test]
    fn numbers_come_before_words_and_words_before_the_kernels() {
        let check =
            |refused, expected| assert_eq!(Error::refused(&refused, "cannot x").to_string(), expected);
        let short = Shortage { asked_bytes: 8192, free_bytes: 4096, limit_bytes: 65536 };
        let full = Refused { shortage: Some(short), ..Refused::new(Errno::ENOSPC, "the store is full") };
        check(full, "cannot x: 8192 bytes asked, 4096 free of this store's 65536 (ENOSPC)");
        check(Refused::new(Errno::EEXIST, "the name is taken"), "cannot x: the name is taken (EEXIST)");
        check(Refused::new(Errno::ENOSPC, ""), "cannot x: no space left on device (ENOSPC)");
    }
}
