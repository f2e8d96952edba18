//! What C passes besides handles: strings, buffers, structures, places for results.
//!
//! Owns: the checks of all of them, the rule by which structures grow.
//! Leaves to others: what the values mean.

use shmfs::{Error, Result};
use std::ffi::{CStr, OsStr, c_char};
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::{ptr, slice};

/// Where C wants a result.
pub(crate) struct Place<'p, T>(&'p mut MaybeUninit<T>);

impl<T> Place<'_, T> {
    pub(crate) fn put(self, value: T) {
        self.0.write(value);
    }
}

/// The place for a result.
///
/// # Safety
/// `place` is NULL, or can be written as long as the answer is used, by nobody else: rule 3 of the header.
pub(crate) unsafe fn place<'p, T>(place: *mut T, what: &str) -> Result<Place<'p, T>> {
    check(place, what)?;
    let place = place.cast::<MaybeUninit<T>>();
    // SAFETY: it is aligned and not NULL, as was checked; it can be written, by the caller's promise. What is there
    // is not looked at.
    Ok(Place(unsafe { &mut *place }))
}

/// The place for a handle or an address, which is NULL until there is one.
///
/// # Safety
/// As [`place`].
pub(crate) unsafe fn place_for_pointer<'p, H>(place: *mut *mut H) -> Result<Place<'p, *mut H>> {
    // SAFETY: the caller's promise is the same.
    let place = unsafe { self::place(place, "the place for the result")? };
    place.0.write(ptr::null_mut());
    Ok(place)
}

/// The place for a result that need not be wanted.
///
/// # Safety
/// As [`place`].
pub(crate) unsafe fn place_if_any<'p, T>(place: *mut T, what: &str) -> Result<Option<Place<'p, T>>> {
    if place.is_null() {
        return Ok(None);
    }
    // SAFETY: the caller's promise is the same.
    unsafe { self::place(place, what) }.map(Some)
}

/// A string without its NUL.
///
/// # Safety
/// `string` is NULL, or ends with a NUL and stays as it is while the answer is used: rule 2 of the header.
pub(crate) unsafe fn bytes_of<'s>(string: *const c_char, what: &str) -> Result<&'s [u8]> {
    check(string, what)?;
    // SAFETY: it is not NULL, as was checked; it ends with a NUL and stays as it is, by the caller's promise.
    Ok(unsafe { CStr::from_ptr(string) }.to_bytes())
}

/// A string that is text.
///
/// # Safety
/// As [`bytes_of`].
pub(crate) unsafe fn text<'s>(string: *const c_char, what: &str) -> Result<&'s str> {
    // SAFETY: the caller's promise is the same.
    let bytes = unsafe { bytes_of(string, what)? };
    str::from_utf8(bytes).map_err(|error| Error::new(libc::EINVAL, format!("{what} is no UTF-8: {error}")))
}

/// A string that is a path.
///
/// # Safety
/// As [`bytes_of`].
pub(crate) unsafe fn path<'s>(string: *const c_char) -> Result<&'s Path> {
    // SAFETY: the caller's promise is the same.
    let bytes = unsafe { bytes_of(string, "the path")? };
    Ok(Path::new(OsStr::from_bytes(bytes)))
}

/// The bytes of a buffer.
///
/// # Safety
/// `buffer` has so many bytes, which nobody writes while the answer is used: rule 4 of the header. It may be NULL if
/// there are none.
pub(crate) unsafe fn buffer<'b>(buffer: *const u8, length: usize) -> Result<&'b [u8]> {
    if check_buffer(buffer, length)? {
        return Ok(&[]);
    }
    // SAFETY: it is not NULL and no longer than memory can be, as was checked; it has so many bytes, which nobody
    // writes, by the caller's promise. Bytes have no alignment, and all are values.
    Ok(unsafe { slice::from_raw_parts(buffer, length) })
}

/// The bytes of a buffer that is to be filled.
///
/// # Safety
/// `buffer` has so many bytes, which nobody else reads or writes while the answer is used: rule 4 of the header. It may
/// be NULL if there are none.
pub(crate) unsafe fn buffer_to_fill<'b>(buffer: *mut u8, length: usize) -> Result<&'b mut [u8]> {
    if check_buffer(buffer, length)? {
        return Ok(&mut []);
    }
    // SAFETY: it is not NULL and no longer than memory can be, as was checked; it has so many bytes, which are this
    // call's alone, by the caller's promise. What C has in them are bytes of some value, and all are values.
    Ok(unsafe { slice::from_raw_parts_mut(buffer, length) })
}

/// Whether it has no bytes.
fn check_buffer(buffer: *const u8, length: usize) -> Result<bool> {
    if length > isize::MAX as usize {
        return Err(Error::new(
            libc::EINVAL,
            format!("a buffer of {length} bytes is longer than memory can be"),
        ));
    }
    if length > 0 {
        check(buffer, "the buffer")?;
    }
    Ok(length == 0)
}

/// A structure of C that begins with its size, and that later versions may make longer.
///
/// # Safety
/// It is `repr(C)`, and its first field is `size: usize`.
pub(crate) unsafe trait Growing: Sized {
    /// Its length in the first version.
    const FIRST_BYTES: usize;
    /// What messages call it.
    const WHAT: &'static str;
}

/// One that C fills. All zeros are the default.
///
/// # Safety
/// Any initialized bytes are a value of it.
pub(crate) unsafe trait Options: Growing {}

/// Bytes of a structure of a future version; the kernel's bound for such structures (`copy_struct_from_user`,
/// include/linux/uaccess.h) is a page too.
const MOST_BYTES: usize = 4096;

/// A structure that C has filled, or its default for NULL.
///
/// What an older header did not have yet is zero; what this library does not know yet must be zero: as the kernel does it
/// in `copy_struct_from_user`.
///
/// # Safety
/// `given` is NULL, or can be read for as many bytes as its first field says: rule 5 of the header.
pub(crate) unsafe fn structure<T: Options>(given: *const T) -> Result<T> {
    let mut ours = MaybeUninit::<T>::zeroed();
    if !given.is_null() {
        // SAFETY: the caller's promise is the same.
        let size = unsafe { size_of_given(given)? };
        let known = size.min(size_of::<T>());
        // SAFETY: bytes `known..size` of the structure can be read, by the caller's promise.
        let rest = unsafe { slice::from_raw_parts(given.cast::<u8>().wrapping_add(known), size - known) };
        if rest.iter().any(|byte| *byte != 0) {
            let why = format!("{} of {size} bytes asks for more than this library of version", T::WHAT);
            return Err(Error::new(libc::E2BIG, format!("{why} {} knows", env!("CARGO_PKG_VERSION"))));
        }
        // SAFETY: `known` bytes can be read there, by the caller's promise, and written here, where a whole `T` is; ours
        // is nobody else's.
        unsafe { ptr::copy_nonoverlapping(given.cast::<u8>(), ours.as_mut_ptr().cast(), known) };
    }
    // SAFETY: each byte is 0 or one of C's, and any are a value of `T` (`Options`).
    Ok(unsafe { ours.assume_init() })
}

/// Fills a structure of C's, as far as it has room; what this library does not know yet becomes zero.
///
/// # Safety
/// `place` is NULL, or can be read and written for as many bytes as its first field says: rule 5 of the header.
pub(crate) unsafe fn fill<T: Growing>(place: *mut T, value: impl FnOnce(usize) -> Result<T>) -> Result<()> {
    check(place, T::WHAT)?;
    // SAFETY: the caller's promise is the same.
    let size = unsafe { size_of_given(place)? };
    let value = value(size)?;
    let known = size.min(size_of::<T>());
    // SAFETY: `known` bytes can be read of `value`, and written there, by the caller's promise; ours is nobody else's.
    unsafe { ptr::copy_nonoverlapping((&raw const value).cast::<u8>(), place.cast(), known) };
    // SAFETY: bytes `known..size` can be written, by the caller's promise.
    unsafe { ptr::write_bytes(place.cast::<u8>().wrapping_add(known), 0, size - known) };
    Ok(())
}

/// The size that a structure says it has.
///
/// # Safety
/// `given` is not NULL, and its first field can be read.
unsafe fn size_of_given<T: Growing>(given: *const T) -> Result<usize> {
    check(given, T::WHAT)?;
    // SAFETY: it is aligned, as was checked; its first field is its size (`Growing`), and can be read, by the caller's
    // promise.
    let size = unsafe { given.cast::<usize>().read() };
    if (T::FIRST_BYTES..=MOST_BYTES).contains(&size) {
        return Ok(size);
    }
    let why = format!("the size of {} is {size}: set its field `size` to its sizeof, the rest to 0", T::WHAT);
    Err(Error::new(if size > MOST_BYTES { libc::E2BIG } else { libc::EINVAL }, why))
}

fn check<T>(pointer: *const T, what: &str) -> Result<()> {
    let why = match pointer {
        pointer if pointer.is_null() => "NULL",
        pointer if !pointer.is_aligned() => "no address that such a thing can have",
        _ => return Ok(()),
    };
    Err(Error::new(libc::EFAULT, format!("{what} is {why}")))
}
