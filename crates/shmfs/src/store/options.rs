//! How a store is to be made.

use super::{Store, embedded, private};
use crate::{Error, Result};
use rustix::system::sysinfo;
use shmfs_abi::{Errno, PAGE_SIZE};
use std::path::{Path, PathBuf};

/// How a store is to be made: by default half of the machine's memory, and without durable objects.
///
/// ```
/// use shmfs::Store;
/// let store = Store::options().size(1 << 20).embedded()?;
/// assert_eq!(store.usage()?.size, 1 << 20);
/// assert_eq!(store.create("too-much", 2 << 20).unwrap_err().errno(), 28); // ENOSPC
/// # Ok::<(), shmfs::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "options do nothing until a store is made with them"]
pub struct StoreOptions {
    size: Option<u64>,
    state: Option<PathBuf>,
}

impl StoreOptions {
    /// How much shared memory may be in it, in bytes; at least one page.
    pub fn size(mut self, bytes: u64) -> StoreOptions {
        self.size = Some(bytes);
        self
    }

    /// The directory of durable objects. It is made where it is missing, and one store has it at a time.
    pub fn state(mut self, dir: impl AsRef<Path>) -> StoreOptions {
        self.state = Some(dir.as_ref().to_owned());
        self
    }

    /// A store that a process of its own keeps: [`Store::private`].
    ///
    /// # Errors
    /// As [`Store::private`].
    pub fn private(self) -> Result<Store> {
        let order = self.order()?;
        private::start(&order)
    }

    /// A store that a thread of this process keeps: [`Store::embedded`].
    ///
    /// # Errors
    /// As [`Store::embedded`].
    pub fn embedded(self) -> Result<Store> {
        let order = self.order()?;
        embedded::start(order)
    }

    fn order(self) -> Result<Order> {
        let size = self.size.unwrap_or_else(half_of_ram);
        if size < PAGE_SIZE {
            let why =
                format!("cannot make a store of {size} bytes: it has at least one page, {PAGE_SIZE} bytes");
            return Err(Error::because(Errno::EINVAL, why));
        }
        // The broker stands elsewhere.
        let state = self.state.map(|dir| std::path::absolute(&dir).unwrap_or(dir));
        Ok(Order { size, state })
    }
}

/// What is to be made.
pub(super) struct Order {
    pub(super) size: u64,
    pub(super) state: Option<PathBuf>,
}

/// In whole pages, as tmpfs has it (`shmem_default_max_blocks`, mm/shmem.c).
fn half_of_ram() -> u64 {
    let told = sysinfo();
    #[allow(clippy::unnecessary_cast, reason = "the types differ by architecture")]
    let bytes = (told.totalram as u64).saturating_mul(u64::from(told.mem_unit));
    (bytes / 2 / PAGE_SIZE * PAGE_SIZE).max(PAGE_SIZE)
}
