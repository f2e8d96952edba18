//! Anonymous files in memory, and their seals.
//!
//! Every memfd made here comes as a description that was *opened*: the one that `memfd_create` returns is not
//! counted among the inode's writers (`alloc_file_pseudo`, fs/file_table.c), and would deceive `lease`.
//!
//! Owns: creation, seals.
//! Leaves to others: sizes, owners, modes (`fd`).

use crate::{Errno, Result, errno, fd};
use core::ffi::CStr;
use rustix::{
    fd::{AsFd, OwnedFd},
    fs::{self, MemfdFlags, SealFlags},
};
use shmfs_abi::OpenFlags;

/// Makes an empty memfd, read-write and close-on-exec. Without `sealable` nobody can ever seal it.
///
/// # Errors
/// As `memfd_create(2)`; `ENOENT` where /proc is not mounted.
pub fn create(name: &CStr, sealable: bool) -> Result<OwnedFd> {
    let made = make(name, sealable)?;
    fd::reopen(made.as_fd(), OpenFlags::RDWR)
}

/// Makes an empty, sealable memfd of huge pages; `log2` is the logarithm of their size.
///
/// # Errors
/// As `memfd_create(2)`: `EINVAL` or `ENODEV` for a size that the kernel does not have.
pub fn create_huge(name: &CStr, log2: u32) -> Result<OwnedFd> {
    const SIZE_SHIFT: u32 = 26;
    let size = MemfdFlags::from_bits_retain(log2 << SIZE_SHIFT);
    let flags = MemfdFlags::ALLOW_SEALING | MemfdFlags::CLOEXEC | MemfdFlags::HUGETLB | size;
    let made = fs::memfd_create(name, flags).map_err(errno)?;
    fd::reopen(made.as_fd(), OpenFlags::RDWR)
}

/// Linux 6.3 wants to be told whether it may be executable, older ones refuse to be told (`EINVAL`), and an
/// administrator may allow only those that are not (vm.memfd_noexec=2, `EACCES`).
fn make(name: &CStr, sealable: bool) -> Result<OwnedFd> {
    let flags = if sealable { MemfdFlags::ALLOW_SEALING } else { MemfdFlags::empty() } | MemfdFlags::CLOEXEC;
    match fs::memfd_create(name, flags | MemfdFlags::EXEC).map_err(errno) {
        Err(Errno::EINVAL) => fs::memfd_create(name, flags).map_err(errno),
        Err(Errno::EACCES) => {
            // NOEXEC_SEAL makes it sealable unasked (`memfd_create`, mm/memfd.c).
            let made = fs::memfd_create(name, flags | MemfdFlags::NOEXEC_SEAL).map_err(errno)?;
            if !sealable {
                seal(&made, SealFlags::SEAL)?;
            }
            Ok(made)
        }
        made => made,
    }
}

/// Fixes the size for ever: it can neither shrink nor grow, nor get other seals.
///
/// # Errors
/// As `fcntl(2)` with `F_ADD_SEALS`; `EPERM` if it is not sealable.
pub fn seal_size(fd: impl AsFd) -> Result<()> {
    seal(fd, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)
}

/// Fixes the content for ever. Nobody may have it mapped for writing.
///
/// # Errors
/// As `fcntl(2)` with `F_ADD_SEALS`; `EBUSY` while it is mapped for writing.
pub fn seal_text(fd: impl AsFd) -> Result<()> {
    seal(fd, SealFlags::WRITE | SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)
}

/// Makes a sealed memfd of these bytes, read-write by description and read-only by seal, positioned at its start.
///
/// # Errors
/// As [`create`]; `ENOMEM` or `ENOSPC` for the bytes.
pub fn of_text(name: &CStr, bytes: &[u8]) -> Result<OwnedFd> {
    let made = create(name, true)?;
    fd::write_all(&made, bytes)?;
    seal_text(&made)?;
    fd::rewind(&made)?;
    Ok(made)
}

/// Adds seals, as their bits (`F_SEAL_SHRINK` and others, fcntl(2)).
///
/// # Errors
/// As `fcntl(2)` with `F_ADD_SEALS`: `EPERM` if it is sealed against that or open for reading only, `EBUSY` for `F_SEAL_WRITE`
/// while it is mapped for writing, `EINVAL` if it is no memfd.
pub fn add_seals(fd: impl AsFd, seals: u32) -> Result<()> {
    seal(fd, SealFlags::from_bits_retain(seals))
}

/// The seals on it, as their bits.
///
/// # Errors
/// As `fcntl(2)` with `F_GET_SEALS`: `EINVAL` if it is no memfd.
pub fn seals(fd: impl AsFd) -> Result<u32> {
    fs::fcntl_get_seals(fd).map(|seals| seals.bits()).map_err(errno)
}

fn seal(fd: impl AsFd, seals: SealFlags) -> Result<()> {
    fs::fcntl_add_seals(fd, seals).map_err(errno)
}

#[cfg(test)]
mod tests {
    use super::*;
    use shmfs_abi::ByteLen;

    #[test]
    fn a_sealed_size_stays() {
        let made = create(c"sealed", true).unwrap();
        fd::truncate(&made, ByteLen(5000)).unwrap();
        seal_size(&made).unwrap();
        for size in [0, 4096, 8192] {
            assert_eq!(fd::truncate(&made, ByteLen(size)), Err(Errno::EPERM), "{size}");
        }
        assert_eq!(fd::facts(&made).unwrap().size, ByteLen(5000));
        fd::write_all(&made, b"content is free").unwrap();
    }

    #[test]
    fn what_is_not_sealable_is_never_sealed() {
        let made = create(c"plain", false).unwrap();
        assert_eq!(seal_size(&made), Err(Errno::EPERM));
        fd::truncate(&made, ByteLen(1)).unwrap();
    }

    #[test]
    fn a_text_can_be_read_and_not_written() {
        let text = of_text(c"text", b"0123").unwrap();
        assert_eq!(fd::write_all(&text, b"x"), Err(Errno::EPERM));
        let again = fd::reopen(text.as_fd(), OpenFlags::empty()).unwrap();
        let mut bytes = [0; 8];
        assert_eq!(rustix::io::read(&again, &mut bytes).unwrap(), 4);
        assert_eq!(&bytes[..4], b"0123");
    }
}
