//! The bytes that an undo log, or an object's pages, lie in.
//!
//! A medium is what a file is between two kinds of death. When the process is killed, everything that was written
//! stays, the last write perhaps in part. When the machine stops, only what was written before the last
//! [`Medium::sync`] is certain: of later writes any part may be there, in any order, torn at any byte.
//!
//! Owns: the words; files and bytes in memory as media.
//! Leaves to others: what is written in which order (`undo`).

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

/// Bytes with a length, some of them on a disk. Offsets and lengths are in bytes.
///
/// Errors are the kernel's. After one from [`Medium::sync`] it is not known which writes since the one before are
/// on the disk, and only writing them again can make it certain: Linux marks the pages clean (`fsync(2)`, EIO).
#[allow(clippy::len_without_is_empty, reason = "as std::fs::Metadata; nobody asks whether it is empty")]
pub trait Medium {
    /// How many bytes there are.
    fn len(&self) -> io::Result<u64>;
    /// Reads some of the bytes from `at` on; how many, 0 at the end (`pread(2)`).
    fn read_at(&self, bytes: &mut [u8], at: u64) -> io::Result<usize>;
    /// Writes all of them from `at` on; what is between the end and there becomes zero (`pwrite(2)`).
    fn write_all_at(&self, bytes: &[u8], at: u64) -> io::Result<()>;
    /// Cuts it, or makes it longer with zeros (`ftruncate(2)`).
    fn set_len(&self, len: u64) -> io::Result<()>;
    /// Everything that was written is on the disk when it returns, and what is needed to read it (`fdatasync(2)`).
    /// So is what was stored in a shared mapping of the same file.
    fn sync(&self) -> io::Result<()>;
}

impl Medium for File {
    fn len(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read_at(&self, bytes: &mut [u8], at: u64) -> io::Result<usize> {
        FileExt::read_at(self, bytes, at)
    }

    fn write_all_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        FileExt::write_all_at(self, bytes, at)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        File::set_len(self, len)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }
}

macro_rules! through_a_pointer {
    ($pointer:ty) => {
        impl<M: Medium + ?Sized> Medium for $pointer {
            fn len(&self) -> io::Result<u64> {
                (**self).len()
            }

            fn read_at(&self, bytes: &mut [u8], at: u64) -> io::Result<usize> {
                (**self).read_at(bytes, at)
            }

            fn write_all_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
                (**self).write_all_at(bytes, at)
            }

            fn set_len(&self, len: u64) -> io::Result<()> {
                (**self).set_len(len)
            }

            fn sync(&self) -> io::Result<()> {
                (**self).sync()
            }
        }
    };
}

through_a_pointer!(&M);
through_a_pointer!(Arc<M>);

/// Bytes in memory that nobody else has: for tests, and for looking at a copy.
///
/// ```
/// use shmfs_durable::{Medium, VecMedium};
///
/// let medium = VecMedium::new(vec![1, 2]);
/// medium.write_all_at(&[9], 3).unwrap();
/// assert_eq!(medium.bytes(), [1, 2, 0, 9]);
/// ```
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct VecMedium(RefCell<Vec<u8>>);

impl VecMedium {
    /// These bytes.
    pub fn new(bytes: Vec<u8>) -> VecMedium {
        VecMedium(RefCell::new(bytes))
    }

    /// A copy of them.
    pub fn bytes(&self) -> Vec<u8> {
        self.0.borrow().clone()
    }
}

/// A place in memory; `EFBIG` where there is none.
fn place(at: u64) -> io::Result<usize> {
    usize::try_from(at).map_err(|_| io::Error::from(ErrorKind::FileTooLarge))
}

impl Medium for VecMedium {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.borrow().len() as u64)
    }

    fn read_at(&self, bytes: &mut [u8], at: u64) -> io::Result<usize> {
        let all = self.0.borrow();
        let rest = all.get(place(at)?..).unwrap_or_default();
        let count = rest.len().min(bytes.len());
        bytes[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    fn write_all_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        let start = place(at)?;
        let end = start.checked_add(bytes.len()).ok_or(ErrorKind::FileTooLarge)?;
        let mut all = self.0.borrow_mut();
        if all.len() < end {
            all.resize(end, 0);
        }
        all[start..end].copy_from_slice(bytes);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.borrow_mut().resize(place(len)?, 0);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}

/// Reads until `bytes` is full or the medium ends; how many there were.
pub(crate) fn read_full(medium: &impl Medium, bytes: &mut [u8], at: u64) -> io::Result<usize> {
    let mut done = 0;
    while done < bytes.len() {
        match medium.read_at(&mut bytes[done..], at + done as u64) {
            Ok(0) => break,
            Ok(count) => done = bytes.len().min(done + count),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}
