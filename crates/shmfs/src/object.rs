//! Objects: shared memory that is open in this process.

use crate::{Error, MapOptions, Mapping, Name, Result, home::Home, source::Source};
use shmfs_abi::ByteLen;
use shmfs_sys::{AsFd, BorrowedFd, OwnedFd, fd, memfd};
use std::sync::Arc;

/// Shared memory that is open in this process: some bytes that live as long as somebody has them open or mapped, or
/// longer, if they have a name in a store. It owns one descriptor.
///
/// ```
/// use shmfs::Object;
/// let object = Object::anonymous(1 << 20)?;
/// assert_eq!(object.len()?, 1 << 20);
/// let mapping = object.map()?;
/// drop(object);
/// mapping.write_at(0, b"a mapping does not need the object")?;
/// # Ok::<(), shmfs::Error>(())
/// ```
#[derive(Debug)]
pub struct Object {
    source: Arc<Source>,
    name: Option<Name>,
    /// Where a store keeps it.
    home: Option<Home>,
}

impl Object {
    /// Makes an object of `len` bytes, all zero, that has no name and belongs to no store: a memfd. Children inherit it
    /// over fork, other processes get it by [`send_to`](Object::send_to). It can be sealed.
    ///
    /// # Errors
    /// As `memfd_create(2)` and `ftruncate(2)`: `EMFILE`, `EFBIG`.
    pub fn anonymous(len: u64) -> Result<Object> {
        let made = memfd::create(c"shmfs", true);
        let made = made.map_err(|errno| Error::kernel(errno, "cannot make an anonymous object"))?;
        let object = Object { source: Arc::new(Source::new(made, ANONYMOUS)), name: None, home: None };
        object.resize(len)?;
        Ok(object)
    }

    /// Makes an object as [`anonymous`](Object::anonymous) does, of huge pages of 2^`log2` bytes each: 21 for 2 MiB, 30 for
    /// 1 GiB. Its length is a multiple of them.
    ///
    /// The kernel has as many huge pages as an administrator has put aside (`/proc/sys/vm/nr_hugepages`); they are taken
    /// when the object is mapped.
    ///
    /// # Errors
    /// `ENODEV` or `EINVAL` for pages that the kernel does not have, `EINVAL` for a length that is no multiple.
    pub fn anonymous_huge(len: u64, log2: u32) -> Result<Object> {
        let refused =
            |errno| Error::kernel(errno, format_args!("cannot make an object of pages of 2^{log2} bytes"));
        let made = memfd::create_huge(c"shmfs", log2).map_err(refused)?;
        let source = Source::with_any_pages(made, ANONYMOUS)?;
        let object = Object { source: Arc::new(source), name: None, home: None };
        object.resize(len)?;
        Ok(object)
    }

    /// Takes over a descriptor of shared memory, or of any file that can be mapped.
    ///
    /// # Errors
    /// `ENODEV` for what is no regular file.
    pub fn from_fd(fd: OwnedFd) -> Result<Object> {
        let regular = fd::facts(&fd).map(|facts| facts.is_regular());
        let regular = regular.map_err(|errno| Error::kernel(errno, "cannot examine the descriptor"))?;
        if !regular {
            let why = "cannot take the descriptor for an object: it is no regular file and no shared memory";
            return Err(Error::because(shmfs_abi::Errno::ENODEV, why));
        }
        Ok(Object { source: Arc::new(Source::with_any_pages(fd, GIVEN)?), name: None, home: None })
    }

    /// Its name, if it has one.
    pub fn name(&self) -> Option<&Name> {
        self.name.as_ref()
    }

    /// Its length now, in bytes.
    ///
    /// # Errors
    /// As `fstat(2)`.
    #[allow(clippy::len_without_is_empty, reason = "it asks the kernel each time")]
    pub fn len(&self) -> Result<u64> {
        self.source.len()
    }

    /// Gives it another length. What is added is zeros; what is cut off is gone, for every mapping of it: who accesses it
    /// there meets SIGBUS, or an error with the [`guard`](crate::guard). A store that keeps it charges the growth first.
    ///
    /// # Errors
    /// `EPERM` where a seal forbids it; `EFBIG`; `EINVAL` for huge pages, and for a descriptor that is for reading only;
    /// `ENOSPC` where the store is full, with the numbers.
    pub fn resize(&self, len: u64) -> Result<()> {
        let resize = || {
            let resized = fd::truncate(self, ByteLen(len));
            resized.map_err(|errno| self.source.refused(errno, &format!("give {len} bytes to")))
        };
        match &self.home {
            Some(home) => home.resize(self, len, resize),
            None => resize(),
        }
    }

    /// Maps all of it, for reading and writing, shared.
    ///
    /// # Errors
    /// As [`map_with`](Object::map_with).
    pub fn map(&self) -> Result<Mapping> {
        self.map_with(&MapOptions::new())
    }

    /// Maps it as the options say.
    ///
    /// # Errors
    /// As `mmap(2)`: `EINVAL` for a length of 0 and for an offset that is no multiple of the page, `EACCES` where the
    /// descriptor does not allow it, `EPERM` where a seal does not, `EEXIST` where the address is taken, `ENOMEM`.
    pub fn map_with(&self, options: &MapOptions) -> Result<Mapping> {
        Mapping::new(&self.source, self.len()?, options)
    }

    /// Gives the memory of a range back to the system; who reads there finds zeros (`FALLOC_FL_PUNCH_HOLE`). The length
    /// stays. Parts of pages are set to zero, whole pages go.
    ///
    /// # Errors
    /// `EPERM` where a seal forbids it, `EINVAL` for no bytes; as `fallocate(2)`.
    pub fn punch_hole(&self, offset: u64, len: u64) -> Result<()> {
        let punched = fd::punch(self, ByteLen(offset), ByteLen(len));
        punched.map_err(|errno| self.source.refused(errno, &format!("free {len} bytes at {offset} of")))
    }

    pub(crate) fn source(&self) -> &Arc<Source> {
        &self.source
    }

    /// An object that a store keeps.
    pub(crate) fn at_home(source: Source, name: Option<Name>, home: Home) -> Object {
        Object { source: Arc::new(source), name, home: Some(home) }
    }

    pub(crate) fn home(&self) -> Option<&Home> {
        self.home.as_ref()
    }
}

/// What messages call an object without a name.
const ANONYMOUS: &str = "the anonymous object";
/// What messages call an object whose name is not known.
const GIVEN: &str = "the object behind the descriptor";

impl AsFd for Object {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.source.as_fd()
    }
}
