//! Mapped files.

use crate::answer::{answer, number, value_or};
use crate::argument::{buffer, buffer_to_fill, path, place, place_for_pointer};
use crate::descriptor::duplicate;
use crate::handle::{Opaque, borrow, close, give};
use crate::mapping::{MapOptions, Mapping, advice, wanted};
use libc::{c_int, c_void};
use shmfs::{Error, MappedFile, Result};
use std::ffi::c_char;
use std::ops::Range;
use std::os::fd::{AsFd, AsRawFd};
use std::ptr;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// An ordinary file, mapped shared: what is written here is seen by read(2) at once, by every process that maps it, and the other
/// way round.
///
/// Threads: all functions of one handle may be called by several threads at the same time, but shmfs_file_close;
/// shmfs_file_grow and shmfs_file_refresh wait for the others. They may move the view: addresses got before are not to be used
/// after them. Forks: it works in a child.
pub struct File {
    _opaque: [u8; 0],
}

/// What is in the handle.
pub(crate) struct Inside {
    file: RwLock<MappedFile>,
}

impl Opaque for File {
    type Inside = Inside;
    const WHAT: &'static str = "a file";
    const MARK: u64 = u64::from_ne_bytes(*b"shmfs Fi");
}

impl From<MappedFile> for Inside {
    fn from(file: MappedFile) -> Inside {
        Inside { file: RwLock::new(file) }
    }
}

impl Inside {
    fn look(&self) -> RwLockReadGuard<'_, MappedFile> {
        // It is whole between any two steps.
        self.file.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self) -> RwLockWriteGuard<'_, MappedFile> {
        self.file.write().unwrap_or_else(PoisonError::into_inner)
    }
}

fn range(offset: u64, length: u64) -> Result<Range<u64>> {
    let end = offset.checked_add(length);
    end.map(|end| offset..end).ok_or_else(|| {
        Error::new(libc::ERANGE, format!("{length} bytes from byte {offset} are more than a file can have"))
    })
}

/// Opens and maps a file for reading and writing.
///
/// Errors: as open(2) and mmap(2); -ENODEV for what cannot be mapped.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shmfs_file_open(path: *const c_char, file: *mut *mut File) -> c_int {
    answer(|| {
        // SAFETY: rule 3.
        let place = unsafe { place_for_pointer(file)? };
        // SAFETY: rule 2.
        give(MappedFile::open(unsafe { self::path(path)? })?.into(), place);
        Ok(())
    })
}

/// Opens and maps a file for reading.
///
/// Errors: as shmfs_file_open.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shmfs_file_open_read_only(path: *const c_char, file: *mut *mut File) -> c_int {
    answer(|| {
        // SAFETY: rule 3.
        let place = unsafe { place_for_pointer(file)? };
        // SAFETY: rule 2.
        give(MappedFile::open_read_only(unsafe { self::path(path)? })?.into(), place);
        Ok(())
    })
}

/// Makes a file of `length` bytes, all zero, which must not exist, and maps it for reading and writing.
///
/// Errors: -EEXIST; as shmfs_file_open.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shmfs_file_create(path: *const c_char, length: u64, file: *mut *mut File) -> c_int {
    answer(|| {
        // SAFETY: rule 3.
        let place = unsafe { place_for_pointer(file)? };
        // SAFETY: rule 2.
        give(MappedFile::create(unsafe { self::path(path)? }, length)?.into(), place);
        Ok(())
    })
}

/// Maps a file that is open: for writing too, if it is open for that. The descriptor stays the caller's.
///
/// Errors: -EBADF for no descriptor; -EACCES for a file that is not open for reading; -EMFILE; as mmap(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shmfs_file_from_fd(fd: c_int, file: *mut *mut File) -> c_int {
    answer(|| {
        // SAFETY: rule 3.
        let place = unsafe { place_for_pointer(file)? };
        give(MappedFile::from_file(duplicate(fd, "a file")?.into())?.into(), place);
        Ok(())
    })
}

/// Unmaps the file and closes the handle. What was written reaches the disk as written files do. NULL is nothing to close.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shmfs_file_close(file: *mut File) {
    // SAFETY: rule 1.
    answer(|| unsafe { close(file) });
}

/// Its descriptor, which is the handle's: it is not to be closed. A negative errno for no handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shmfs_file_fd(file: *const File) -> c_int {
    // SAFETY: rule 1.
    number(|| Ok(unsafe { borrow(file)? }.look().as_fd().as_raw_fd()))
}

/// The file's length now, in bytes, whoever has changed it.
///
/// Errors: as fstat(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shmfs_file_length(file: *const File, length: *mut u64) -> c_int {
    answer(|| {
        // SAFETY: rule 3.
        let place = unsafe { place(length, "the place for the length")? };
        // SAFETY: rule 1.
        place.put(unsafe { borrow(file)? }.look().len()?);
        Ok(())
    })
}

/// The address of the view's first byte, until the next shmfs_file_grow or shmfs_file_refresh; NULL for an empty file, and for no
/// handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shmfs_file_address(file: *const File) -> *mut c_void {
    value_or(ptr::null_mut(), || {
        // SAFETY: rule 1.
        let view = unsafe { borrow(file)? }.look();
        Ok(view.mapping().map_or(ptr::null_mut(), |mapping| mapping.as_ptr().cast()))
    })
}

/// The view's length in bytes: that of the file when it was opened, grown or refreshed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shmfs_file_mapped_length(file: *const File) -> usize {
    // SAFETY: rule 1.
    value_or(0, || Ok(unsafe { borrow(file)? }.look().mapping().map_or(0, shmfs::Mapping::len)))
}

/// Copies bytes out, after a look whether the file has them now.
///
/// Errors: -ERANGE where they are not all in the file, or not all in the view; with shmfs_sigbus_guard, -EFAULT where a page
/// cannot be had.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shmfs_file_read(
    file: *const File,
    offset: u64,
    bytes: *mut c_void,
    length: usize,
) -> c_int {
    answer(|| {
        // SAFETY: rule 1.
        let inside = unsafe { borrow(file)? };
        // SAFETY: rule 4.
        let bytes = unsafe { buffer_to_fill(bytes.cast(), length)? };
        inside.look().read_at(offset, bytes)
    })
}

/// Copies bytes in, after a look whether the file has them now.
///
/// Errors: as shmfs_file_read; -EACCES where it is for reading only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shmfs_file_write(
    file: *const File,
    offset: u64,
    bytes: *const c_void,
    length: usize,
) -> c_int {
    answer(|| {
        // SAFETY: rule 1.
        let inside = unsafe { borrow(file)? };
        // SAFETY: rule 4.
        let bytes = unsafe { buffer(bytes.cast(), length)? };
        inside.look().write_at(offset, bytes)
    })
}

/// A mapping of its own of the file, as the options say, which may be NULL. It stays where it is when the file grows.
///
/// Errors: as shmfs_object_map.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shmfs_file_map(
    file: *const File,
    options: *const MapOptions,
    mapping: *mut *mut Mapping,
) -> c_int {
    answer(|| {
        // SAFETY: rule 3.
        let place = unsafe { place_for_pointer(mapping)? };
        // SAFETY: rule 1.
        let inside = unsafe { borrow(file)? };
        // SAFETY: rule 5.
        let options = unsafe { wanted(options)? };
        give(inside.look().map_with(&options)?, place);
        Ok(())
    })
}

/// Makes the file at least `length` bytes long, with disk space for what is added, and shows all of it. The view may move.
///
/// Errors: -ENOSPC, -EFBIG; -EBADF where it is for reading only; -ENOMEM.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shmfs_file_grow(file: *mut File, length: u64) -> c_int {
    // SAFETY: rule 1.
    answer(|| unsafe { borrow(file)? }.change().grow(length))
}

/// Shows all of the file as it is now, whoever has grown or cut it. The view may move.
///
/// Errors: -ENOMEM.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shmfs_file_refresh(file: *mut File) -> c_int {
    // SAFETY: rule 1.
    answer(|| unsafe { borrow(file)? }.change().refresh())
}

/// Writes what was changed in a range to the disk, and returns when it is there.
///
/// Errors: -ERANGE where the range is not all in the file and the view; -EIO, -ENOSPC.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shmfs_file_flush(file: *const File, offset: u64, length: u64) -> c_int {
    // SAFETY: rule 1.
    answer(|| unsafe { borrow(file)? }.look().flush(range(offset, length)?))
}

/// Says that a range is to be written to the disk, and does not wait.
///
/// Errors: as shmfs_file_flush.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shmfs_file_flush_async(file: *const File, offset: u64, length: u64) -> c_int {
    // SAFETY: rule 1.
    answer(|| unsafe { borrow(file)? }.look().flush_async(range(offset, length)?))
}

/// Tells the kernel how a range will be used, which begins at a page: as shmfs_mapping_advise.
///
/// Errors: as shmfs_file_flush; -EINVAL for other advice and for a range that begins at no page.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shmfs_file_advise(
    file: *const File,
    offset: u64,
    length: u64,
    advice: c_int,
) -> c_int {
    // SAFETY: rule 1.
    answer(|| unsafe { borrow(file)? }.look().advise(range(offset, length)?, self::advice(advice)?))
}

/// Gives the disk space of a range back; who reads there finds zeros. The length stays.
///
/// Errors: -EOPNOTSUPP where the file system has no holes; -EINVAL for no bytes; as fallocate(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shmfs_file_punch_hole(file: *const File, offset: u64, length: u64) -> c_int {
    // SAFETY: rule 1.
    answer(|| unsafe { borrow(file)? }.look().punch_hole(range(offset, length)?))
}
