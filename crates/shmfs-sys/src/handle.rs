//! File handles: the number of an inode of a tmpfs, by which it is opened without a name.
//!
//! A tmpfs' handle is the inode's number and its generation, a random number (`shmem_encode_fh`, mm/shmem.c). It stays
//! good while the inode has a name or somebody holds it.
//!
//! Owns: the layout of those handles. Leaves to others: who may open what (a process needs `CAP_DAC_READ_SEARCH`).

use crate::{
    Errno, Result,
    raw::{self, number},
};
use core::ffi::CStr;
use rustix::{
    fd::{AsFd, AsRawFd, FromRawFd, OwnedFd},
    fs::OFlags,
};

/// Bytes of a tmpfs' handle.
const HANDLE_BYTES: u32 = 12;

/// `FILEID_INO32_GEN` (include/linux/exportfs.h).
const HANDLE_TYPE: u32 = 1;

/// linux/fcntl.h
const AT_EMPTY_PATH: usize = 0x1000;

/// An inode of a tmpfs.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Handle {
    /// `st_ino`.
    pub ino: u64,
    /// A random number that tells it from one that had its number before.
    pub generation: u32,
}

/// `struct file_handle` (include/linux/fs.h) with room for a tmpfs' handle.
#[repr(C)]
struct CFileHandle {
    handle_bytes: u32,
    handle_type: u32,
    words: [u32; 3],
}

impl Handle {
    /// The handle of the file with this name in a directory of a tmpfs; with an empty name, of `dir` itself, whatever
    /// it is. Symbolic links are not followed.
    ///
    /// # Errors
    /// As `name_to_handle_at(2)`; `EOPNOTSUPP` for a file system with other handles.
    pub fn of(dir: impl AsFd, name: &CStr) -> Result<Handle> {
        let mut handle = CFileHandle { handle_bytes: HANDLE_BYTES, handle_type: 0, words: [0; 3] };
        let mut mount = 0i32;
        let (dir, flags) =
            (dir.as_fd().as_raw_fd() as usize, if name.is_empty() { AT_EMPTY_PATH } else { 0 });
        let (name, into, mount) =
            (name.as_ptr() as usize, (&raw mut handle) as usize, (&raw mut mount) as usize);
        // SAFETY: the name ends with a NUL; the kernel writes at most `handle_bytes` bytes behind the head of
        // `handle`, which has room for them, and one int into `mount`; both live until it returns.
        raw::check(unsafe { raw::syscall6(number::NAME_TO_HANDLE_AT, dir, name, into, mount, flags, 0) })?;
        if (handle.handle_bytes, handle.handle_type) != (HANDLE_BYTES, HANDLE_TYPE) {
            return Err(Errno::EOPNOTSUPP);
        }
        let [generation, low, high] = handle.words;
        Ok(Handle { ino: u64::from(high) << 32 | u64::from(low), generation })
    }

    /// Opens the inode. `anchor` is any directory of its tmpfs, open for reading.
    ///
    /// # Errors
    /// As `open_by_handle_at(2)`: `ESTALE` when the inode is gone.
    pub fn open(self, anchor: impl AsFd, flags: OFlags) -> Result<OwnedFd> {
        let words = [self.generation, self.ino as u32, (self.ino >> 32) as u32];
        let handle = CFileHandle { handle_bytes: HANDLE_BYTES, handle_type: HANDLE_TYPE, words };
        let flags = (flags | OFlags::CLOEXEC).bits() as usize;
        let (anchor, handle) = (anchor.as_fd().as_raw_fd() as usize, (&raw const handle) as usize);
        let opened =
            // SAFETY: the kernel reads `handle_bytes` bytes behind the head of `handle`, which has them.
            raw::check(unsafe { raw::syscall6(number::OPEN_BY_HANDLE_AT, anchor, handle, flags, 0, 0, 0) })?;
        // SAFETY: the kernel has just opened this number, and nobody else knows it.
        Ok(unsafe { OwnedFd::from_raw_fd(opened as i32) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tmpfs::Hidden;
    use rustix::fs::{self, AtFlags, Mode};

    #[test]
    fn an_inode_is_opened_without_its_name_for_as_long_as_somebody_holds_it() {
        let Ok(hidden) = Hidden::make(1 << 20, 16) else {
            return eprintln!("skipped: no tmpfs can be made here");
        };
        let anchor =
            fs::openat(&hidden, c".", OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).expect("the root");
        let file = hidden.create(b"a", 0o600).expect("a file");
        let handle = Handle::of(&hidden, c"a").expect("its handle");
        assert_eq!(handle, Handle::of(&file, c"").expect("its handle by descriptor"));
        assert_eq!(Handle::of(&hidden, c"b"), Err(Errno::ENOENT));
        if handle.open(&anchor, OFlags::PATH).err() == Some(Errno::EPERM) {
            return eprintln!("skipped: opening by handle needs CAP_DAC_READ_SEARCH");
        }
        fs::unlinkat(&hidden, c"a", AtFlags::empty()).expect("unlinked");
        let again = handle.open(&anchor, OFlags::RDWR).expect("opened while it is held");
        let ino = |fd: &OwnedFd| crate::fd::facts(fd).expect("its facts").identity.ino;
        assert_eq!((ino(&again), ino(&file)), (handle.ino, handle.ino));
        drop((again, file));
        assert_eq!(handle.open(&anchor, OFlags::RDWR).map(drop), Err(Errno::ESTALE));
    }
}
