//! System V keys from files, as the C library makes them.

use crate::{Error, Result};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// The key of a file and a project, as `ftok(3)`: programs that agree on both agree on the key (glibc, sysvipc/ftok.c:
/// 8 bits of the project, 8 of the device, 16 of the inode).
///
/// Two files may have the same key, since not all of their numbers fit.
///
/// ```
/// assert_eq!(shmfs::ftok("/", b'a')?, shmfs::ftok("/.", b'a')?);
/// assert_eq!(shmfs::ftok("/", b'a')? >> 24, i32::from(b'a'));
/// # Ok::<(), shmfs::Error>(())
/// ```
///
/// # Errors
/// As `stat(2)`.
pub fn ftok(path: impl AsRef<Path>, project: u8) -> Result<i32> {
    let path = path.as_ref();
    let file = fs::metadata(path).map_err(|error| {
        let errno = error.raw_os_error().unwrap_or_default();
        Error::new(errno, format!("cannot make a key of {}: {error}", path.display()))
    })?;
    let (ino, dev) = (file.ino() & 0xffff, file.dev() & 0xff);
    Ok((ino as i32) | (dev as i32) << 16 | i32::from(project) << 24)
}
