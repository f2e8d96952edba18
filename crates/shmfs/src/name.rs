//! Names of objects.

use crate::Error;
use shmfs_abi::{Errno, limits::OBJECT_NAME_BYTES};
use std::{borrow::Cow, fmt, sync::Arc};

/// The name of an object: 1 to 250 bytes, neither `/` nor NUL among them, and neither `.` nor `..`.
///
/// The slashes that POSIX wants in front of a name are taken off, as the C library does (glibc,
/// posix/shm-directory.c): `/frames` and `frames` are the same object.
///
/// ```
/// use shmfs::{Name, NameError};
/// assert_eq!(Name::new("/frames")?, Name::new("frames")?);
/// assert_eq!(Name::new("a/b"), Err(NameError::Slash { at: 1 }));
/// # Ok::<(), NameError>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Arc<[u8]>);

/// Why bytes are no [`Name`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NameError {
    /// There are none.
    #[error("a name has at least one byte")]
    Empty,
    /// There are too many.
    #[error("a name of {bytes} bytes is too long, {limit} at most")]
    TooLong {
        /// How many there are.
        bytes: usize,
        /// How many there may be.
        limit: usize,
    },
    /// A slash is among them.
    #[error("a name has no slash, and byte {at} is one")]
    Slash {
        /// Its place, from 0, slashes in front apart.
        at: usize,
    },
    /// A NUL is among them.
    #[error("a name has no NUL, and byte {at} is one")]
    Nul {
        /// Its place, from 0, slashes in front apart.
        at: usize,
    },
    /// They are `.` or `..`, which name directories.
    #[error("`.` and `..` are no names")]
    Dots,
}

impl Name {
    /// The bytes as a name.
    ///
    /// # Errors
    /// [`NameError`] says which rule they break.
    pub fn new(name: impl AsRef<[u8]>) -> Result<Name, NameError> {
        let bytes = name.as_ref();
        let slashes = bytes.iter().take_while(|byte| **byte == b'/').count();
        let bytes = bytes.get(slashes..).unwrap_or_default();
        let place = |wanted: u8| bytes.iter().position(|byte| *byte == wanted);
        match bytes {
            [] => Err(NameError::Empty),
            b"." | b".." => Err(NameError::Dots),
            _ if bytes.len() > OBJECT_NAME_BYTES => {
                Err(NameError::TooLong { bytes: bytes.len(), limit: OBJECT_NAME_BYTES })
            }
            _ => match (place(b'/'), place(0)) {
                (Some(at), _) => Err(NameError::Slash { at }),
                (_, Some(at)) => Err(NameError::Nul { at }),
                _ => Ok(Name(bytes.into())),
            },
        }
    }

    /// Its bytes, without a slash in front.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Its text; what is not UTF-8 is replaced.
    pub fn to_string_lossy(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.0)
    }
}

impl AsRef<[u8]> for Name {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_string_lossy())
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}

impl NameError {
    /// The number that `shm_open(3)` has for it.
    pub const fn errno(self) -> i32 {
        match self {
            NameError::TooLong { .. } => Errno::ENAMETOOLONG.0,
            _ => Errno::EINVAL.0,
        }
    }
}

impl From<NameError> for Error {
    fn from(error: NameError) -> Error {
        Error::new(error.errno(), error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_of_names() {
        let long = "x".repeat(OBJECT_NAME_BYTES + 1);
        let cases: [(&str, Result<&str, NameError>); 11] = [
            ("frames", Ok("frames")),
            ("///frames", Ok("frames")),
            ("...", Ok("...")),
            ("ünï", Ok("ünï")),
            ("", Err(NameError::Empty)),
            ("/", Err(NameError::Empty)),
            (".", Err(NameError::Dots)),
            ("/..", Err(NameError::Dots)),
            ("a/", Err(NameError::Slash { at: 1 })),
            ("/a\0b", Err(NameError::Nul { at: 1 })),
            (&long, Err(NameError::TooLong { bytes: 251, limit: 250 })),
        ];
        for (given, expected) in cases {
            assert_eq!(Name::new(given).map(|name| name.to_string()), expected.map(str::to_owned), "{given}");
        }
        assert_eq!(Name::new(&long[1..]).map(|name| name.as_bytes().len()), Ok(250));
        assert_eq!(Error::from(NameError::Dots).errno(), 22);
    }
}
