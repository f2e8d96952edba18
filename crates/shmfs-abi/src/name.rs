//! Names of objects: one component of a path, as bytes.

use crate::{Errno, limits::NAME_BYTES};

/// A name in a directory: 1 to 255 bytes without `/` and NUL, and neither `.` nor `..`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name {
    len: u8,
    bytes: [u8; NAME_BYTES],
}

/// Why bytes are not a [`Name`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NameError {
    /// No bytes, a `/` or a NUL among them: `EINVAL` from `shm_open` (glibc, shm-directory.c).
    Malformed,
    /// More than 255 bytes: `ENAMETOOLONG`.
    TooLong,
    /// `.` or `..`: the directory itself, `EISDIR` from open, `EINVAL` from `shm_open`.
    Directory,
}

impl NameError {
    /// The errno of `shm_open` for it.
    pub const fn errno(self) -> Errno {
        match self {
            NameError::Malformed | NameError::Directory => Errno::EINVAL,
            NameError::TooLong => Errno::ENAMETOOLONG,
        }
    }
}

impl Name {
    /// The bytes as a name.
    ///
    /// # Errors
    /// [`NameError`] says which rule they break.
    pub fn new(bytes: &[u8]) -> Result<Name, NameError> {
        if bytes.is_empty() || bytes.contains(&b'/') || bytes.contains(&0) {
            return Err(NameError::Malformed);
        }
        if bytes == b"." || bytes == b".." {
            return Err(NameError::Directory);
        }
        if bytes.len() > NAME_BYTES {
            return Err(NameError::TooLong);
        }
        let mut name = Name { len: bytes.len() as u8, bytes: [0; NAME_BYTES] };
        name.bytes[..bytes.len()].copy_from_slice(bytes);
        Ok(name)
    }

    /// The name's bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

impl core::fmt::Debug for Name {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "\"{}\"", self.as_bytes().escape_ascii())
    }
}
