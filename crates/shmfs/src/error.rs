//! The one error of this library: a number of Linux, and what happened in words.

use shmfs_abi::Errno;
use std::{fmt, io};

/// Why something could not be done: what was tried, the reason with its numbers, and Linux's error number.
///
/// ```
/// let error = shmfs::Error::new(2, "cannot open `frames`: no object has this name");
/// assert_eq!(error.to_string(), "cannot open `frames`: no object has this name (ENOENT)");
/// assert_eq!(error.errno(), 2);
///
/// let error = std::io::Error::from(error);
/// assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Error {
    errno: i32,
    what: String,
}

/// The result of this library.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error of this number; `what` says in words what was tried and why it failed.
    pub fn new(errno: i32, what: impl Into<String>) -> Error {
        Error { errno, what: what.into() }
    }

    /// Linux's number (`errno(3)`).
    pub const fn errno(&self) -> i32 {
        self.errno
    }

    /// What was tried and why it failed, without the number's name.
    pub fn what(&self) -> &str {
        &self.what
    }

    /// An error of ours, for a reason of ours.
    #[cold]
    pub(crate) fn because(errno: Errno, what: impl Into<String>) -> Error {
        Error { errno: errno.0, what: what.into() }
    }

    /// The kernel's refusal of what was tried, in its own words.
    #[cold]
    pub(crate) fn kernel(errno: Errno, tried: impl fmt::Display) -> Error {
        let words = io::Error::from_raw_os_error(errno.0).to_string();
        let words = words.split(" (os error").next().unwrap_or_default().to_lowercase();
        Error { errno: errno.0, what: format!("{tried}: {words}") }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Errno(self.errno).name() {
            "E?" => write!(f, "{} (errno {})", self.what, self.errno),
            name => write!(f, "{} ({name})", self.what),
        }
    }
}

/// As [`Display`](fmt::Display): a failed `unwrap` shows a sentence.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Error {}

/// Of the kind that the number has; the [`Error`] is what [`get_ref`](io::Error::get_ref) finds.
impl From<Error> for io::Error {
    fn from(error: Error) -> io::Error {
        io::Error::new(io::Error::from_raw_os_error(error.errno).kind(), error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_words_have_no_number_in_them() {
        let error = Error::kernel(Errno::ENOSPC, "cannot grow `frames` to 8192 bytes");
        assert_eq!(error.to_string(), "cannot grow `frames` to 8192 bytes: no space left on device (ENOSPC)");
        assert_eq!(Error::new(524, "x").to_string(), "x (errno 524)");
    }

    #[test]
    fn an_io_error_keeps_it() {
        let kept = io::Error::from(Error::new(13, "no"));
        assert_eq!(kept.kind(), io::ErrorKind::PermissionDenied);
        let inner = kept.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
        assert_eq!(inner.map(Error::errno), Some(13));
    }
}
