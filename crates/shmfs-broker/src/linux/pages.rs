//! The journal's pages: a memfd, mapped.

use rustix::fd::{AsRawFd, OwnedFd};
use shmfs_abi::{ByteLen, Errno};
use shmfs_journal::Pages;
use shmfs_sys::map::SharedMap;
use shmfs_sys::{fd, memfd};
use std::sync::atomic::Ordering::{Acquire, Release};

/// Bytes of a new journal.
const FIRST: usize = 1 << 20;

/// The pages of a journal in a memfd that keeper and broker share.
pub struct MappedPages {
    file: OwnedFd,
    pages: SharedMap,
}

impl MappedPages {
    /// A new, empty one.
    ///
    /// # Errors
    /// As `memfd_create(2)`, `ftruncate(2)` and `mmap(2)`.
    pub fn create() -> Result<MappedPages, Errno> {
        let file = memfd::create(c"shmfs-journal", false)?;
        fd::truncate(&file, ByteLen(FIRST as u64))?;
        MappedPages::of(file)
    }

    /// Maps the one that lies under this number of the table, by a number of its own: the store's stays where it is, even
    /// if what is in it cannot be read.
    ///
    /// # Errors
    /// `EBADF`; as `mmap(2)`.
    pub fn borrow(number: i32) -> Result<MappedPages, Errno> {
        MappedPages::of(fd::with_number(number, fd::duplicate)?)
    }

    /// Maps all of a file.
    ///
    /// # Errors
    /// As `mmap(2)`.
    pub(crate) fn of(file: OwnedFd) -> Result<MappedPages, Errno> {
        let len = usize::try_from(fd::facts(&file)?.size.0).map_err(|_| Errno::ENOMEM)?;
        let pages = SharedMap::new(&file, len)?;
        Ok(MappedPages { file, pages })
    }

    /// Its number in the table.
    pub fn number(&self) -> i32 {
        self.file.as_raw_fd()
    }
}

impl Pages for MappedPages {
    fn len(&self) -> usize {
        self.pages.len()
    }

    fn grow(&mut self, len: usize) -> Result<(), Errno> {
        if len > self.pages.len() {
            fd::truncate(&self.file, ByteLen(len as u64))?;
            self.pages = SharedMap::new(&self.file, len)?;
        }
        Ok(())
    }

    fn read(&self, at: usize, bytes: &mut [u8]) {
        self.pages.read_bytes(at, bytes);
    }

    fn write(&mut self, at: usize, bytes: &[u8]) {
        self.pages.write_bytes(at, bytes);
    }

    fn load(&self, at: usize) -> u64 {
        self.pages.atomic_u64(at).load(Acquire)
    }

    fn store(&mut self, at: usize, value: u64) {
        self.pages.atomic_u64(at).store(value, Release);
    }
}
