//! Mappings of objects and segments.

use crate::answer::{answer, value_or};
use crate::argument::{self, Growing, buffer, buffer_to_fill, place, place_for_pointer, structure};
use crate::handle::{Opaque, borrow, close, give};
use crate::lifetime::only;
use crate::object::Object;
use libc::{c_int, c_void};
use shmfs::{Advice, Error, MapOptions as Options, Result};
use std::mem::offset_of;
use std::ops::Range;
use std::ptr;

/// Pages of an object, a segment or a file, seen by this process at one address, until they are unmapped.
///
/// Threads: all functions of one handle may be called by several threads at the same time, but shmfs_mapping_unmap.
/// Forks: a child has it too.
pub struct Mapping {
    _opaque: [u8; 0],
}

impl Opaque for Mapping {
    type Inside = shmfs::Mapping;
    const WHAT: &'static str = "a mapping";
    const MARK: u64 = u64::from_ne_bytes(*b"shmfs Ma");
}

/// For reading only; the descriptor may be one for reading only. Who writes there meets SIGSEGV.
pub const SHMFS_MAP_READ_ONLY: u64 = 1;
/// What is written stays with this mapping (MAP_PRIVATE).
pub const SHMFS_MAP_PRIVATE: u64 = 2;
/// In huge pages, where the kernel has them (MADV_HUGEPAGE): a wish.
pub const SHMFS_MAP_HUGE: u64 = 4;
/// Every page is made before the call returns. That one cannot be had is an error then, and not a SIGBUS later.
pub const SHMFS_MAP_POPULATE: u64 = 8;
/// The pages are made and stay in memory (mlock(2)).
pub const SHMFS_MAP_LOCKED: u64 = 16;
/// The guard for SIGBUS knows it by name; it is installed if it is not.
pub const SHMFS_MAP_GUARDED: u64 = 32;

/// How something is to be mapped. Set `size` to its sizeof, and the rest to 0 but for what is chosen: zeros map all of it, for
/// reading and writing, shared, anywhere.
#[repr(C)]
pub struct MapOptions {
    /// sizeof(shmfs_map_options)
    pub size: usize,
    /// SHMFS_MAP_...
    pub flags: u64,
    /// Where in the object the mapping begins, in bytes: a multiple of the page.
    pub offset: u64,
    /// How many bytes are mapped; 0: all from the offset to the object's end. It may be more than the object has; who accesses
    /// a page beyond the end meets SIGBUS, until the object has grown there.
    pub length: usize,
    /// At this address, a multiple of the page, or not at all (MAP_FIXED_NOREPLACE); NULL: anywhere.
    pub address: *mut c_void,
}

// SAFETY: `repr(C)`, `size` comes first.
unsafe impl Growing for MapOptions {
    const FIRST_BYTES: usize = offset_of!(MapOptions, address) + size_of::<*mut c_void>();
    const WHAT: &'static str = "shmfs_map_options";
}

// SAFETY: integers and pointers are made of any bytes.
unsafe impl argument::Options for MapOptions {}

/// What C has chosen.
///
/// # Safety
/// Rule 5 of the header.
pub(crate) unsafe fn wanted(options: *const MapOptions) -> Result<Options> {
    type Choose = fn(Options) -> Options;
    const CHOICES: [(u64, Choose); 6] = [
        (SHMFS_MAP_READ_ONLY, Options::read_only),
        (SHMFS_MAP_PRIVATE, Options::private),
        (SHMFS_MAP_HUGE, Options::huge),
        (SHMFS_MAP_POPULATE, Options::populate),
        (SHMFS_MAP_LOCKED, Options::locked),
        (SHMFS_MAP_GUARDED, Options::guarded),
    ];
    // SAFETY: the caller's promise is the same.
    let given = unsafe { structure(options)? };
    only(CHOICES.iter().fold(0, |all, (flag, _)| all | flag), given.flags, MapOptions::WHAT)?;
    let mut wanted = Options::new().offset(given.offset).at(given.address.addr());
    if given.length > 0 {
        wanted = wanted.len(given.length);
    }
    let chosen = CHOICES.iter().filter(|(flag, _)| given.flags & flag != 0);
    Ok(chosen.fold(wanted, |wanted, (_, choose)| choose(wanted)))
}

/// The range of so many bytes.
pub(crate) fn range(offset: usize, length: usize) -> Result<Range<usize>> {
    let end = offset.checked_add(length);
    end.map(|end| offset..end).ok_or_else(|| {
        Error::new(libc::EINVAL, format!("{length} bytes from byte {offset} are more than memory can have"))
    })
}

/// Maps an object. `options` may be NULL.
///
/// Errors: -EINVAL for no bytes and for an offset that is no multiple of the page; -EACCES where the descriptor does not allow
/// it; -EPERM where a seal does not; -EEXIST where the address is taken; -ENOMEM.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shmfs_object_map(
    object: *const Object,
    options: *const MapOptions,
    mapping: *mut *mut Mapping,
) -> c_int {
    answer(|| {
        // SAFETY: rule 3.
        let place = unsafe { place_for_pointer(mapping)? };
        // SAFETY: rule 1.
        let inside = unsafe { borrow(object)? };
        // SAFETY: rule 5.
        let options = unsafe { wanted(options)? };
        give(inside.object.map_with(&options)?, place);
        Ok(())
    })
}

/// Unmaps it, for segments too: its addresses are not to be used any more. NULL is nothing to unmap.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shmfs_mapping_unmap(mapping: *mut Mapping) {
    // SAFETY: rule 1.
    answer(|| unsafe { close(mapping) });
}

/// The address of its first byte, until it is unmapped; NULL for no handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shmfs_mapping_address(mapping: *const Mapping) -> *mut c_void {
    // SAFETY: rule 1.
    value_or(ptr::null_mut(), || Ok(unsafe { borrow(mapping)? }.as_ptr().cast()))
}

/// Its length in bytes; 0 for no handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shmfs_mapping_length(mapping: *const Mapping) -> usize {
    // SAFETY: rule 1.
    value_or(0, || Ok(unsafe { borrow(mapping)? }.len()))
}

/// Copies bytes out, after a look whether they are there. Others may write meanwhile: a copy may be half old and half new.
///
/// Errors: -EINVAL where they are not all in the mapping; -ERANGE where they are beyond the object's end; with
/// shmfs_sigbus_guard, -EFAULT where a page cannot be had.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shmfs_mapping_read(
    mapping: *const Mapping,
    offset: usize,
    bytes: *mut c_void,
    length: usize,
) -> c_int {
    answer(|| {
        // SAFETY: rule 1.
        let mapping = unsafe { borrow(mapping)? };
        // SAFETY: rule 4.
        let bytes = unsafe { buffer_to_fill(bytes.cast(), length)? };
        mapping.read_at(offset, bytes)
    })
}

/// Copies bytes in, after a look whether they are there.
///
/// Errors: as shmfs_mapping_read; -EACCES where it is for reading only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shmfs_mapping_write(
    mapping: *const Mapping,
    offset: usize,
    bytes: *const c_void,
    length: usize,
) -> c_int {
    answer(|| {
        // SAFETY: rule 1.
        let mapping = unsafe { borrow(mapping)? };
        // SAFETY: rule 4.
        let bytes = unsafe { buffer(bytes.cast(), length)? };
        mapping.write_at(offset, bytes)
    })
}

/// Writes what was changed in a range to the file's medium, and returns when it is there (msync(2)). For memory without a medium
/// there is nothing to do.
///
/// Errors: -EINVAL for a range that is not inside; -EIO, -ENOSPC.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shmfs_mapping_flush(mapping: *const Mapping, offset: usize, length: usize) -> c_int {
    // SAFETY: rule 1.
    answer(|| unsafe { borrow(mapping)? }.flush(range(offset, length)?))
}

/// Says that a range is to be written to the medium, and does not wait.
///
/// Errors: as shmfs_mapping_flush.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shmfs_mapping_flush_async(
    mapping: *const Mapping,
    offset: usize,
    length: usize,
) -> c_int {
    // SAFETY: rule 1.
    answer(|| unsafe { borrow(mapping)? }.flush_async(range(offset, length)?))
}

/// Tells the kernel how a range will be used, which begins at a page: MADV_SEQUENTIAL and others of madvise(2) that change no
/// bytes but those of private mappings.
///
/// Errors: -EINVAL for a range that is not inside or begins at no page, and for other advice.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shmfs_mapping_advise(
    mapping: *const Mapping,
    offset: usize,
    length: usize,
    advice: c_int,
) -> c_int {
    // SAFETY: rule 1.
    answer(|| unsafe { borrow(mapping)? }.advise(range(offset, length)?, self::advice(advice)?))
}

/// Makes the pages of a range and keeps them in memory (mlock(2)).
///
/// Errors: -EINVAL for a range that is not inside; -ENOMEM or -EPERM beyond RLIMIT_MEMLOCK.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shmfs_mapping_lock(mapping: *const Mapping, offset: usize, length: usize) -> c_int {
    // SAFETY: rule 1.
    answer(|| unsafe { borrow(mapping)? }.lock(range(offset, length)?))
}

/// Lets the pages of a range leave memory again.
///
/// Errors: -EINVAL for a range that is not inside.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shmfs_mapping_unlock(
    mapping: *const Mapping,
    offset: usize,
    length: usize,
) -> c_int {
    // SAFETY: rule 1.
    answer(|| unsafe { borrow(mapping)? }.unlock(range(offset, length)?))
}

/// How many of its pages are in memory (mincore(2)).
///
/// Errors: -EAGAIN.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shmfs_mapping_resident(mapping: *const Mapping, pages: *mut usize) -> c_int {
    answer(|| {
        // SAFETY: rule 3.
        let place = unsafe { place(pages, "the place for the pages")? };
        // SAFETY: rule 1.
        place.put(unsafe { borrow(mapping)? }.resident()?);
        Ok(())
    })
}

/// The kernel's number as advice.
pub(crate) fn advice(number: c_int) -> Result<Advice> {
    Ok(match number {
        libc::MADV_NORMAL => Advice::Normal,
        libc::MADV_RANDOM => Advice::Random,
        libc::MADV_SEQUENTIAL => Advice::Sequential,
        libc::MADV_WILLNEED => Advice::WillNeed,
        libc::MADV_DONTNEED => Advice::DontNeed,
        libc::MADV_COLD => Advice::Cold,
        libc::MADV_PAGEOUT => Advice::PageOut,
        libc::MADV_HUGEPAGE => Advice::HugePage,
        libc::MADV_NOHUGEPAGE => Advice::NoHugePage,
        libc::MADV_POPULATE_READ => Advice::PopulateRead,
        libc::MADV_POPULATE_WRITE => Advice::PopulateWrite,
        libc::MADV_DONTDUMP => Advice::DontDump,
        libc::MADV_DODUMP => Advice::DoDump,
        other => {
            return Err(Error::new(libc::EINVAL, format!("{other} is no advice that can be given here")));
        }
    })
}
