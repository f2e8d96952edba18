//! Handles: what C has of the library's things, an address and nothing to look into.
//!
//! Owns: the mark by which a handle is known, making and closing it.
//! Leaves to others: what is in it.

use crate::argument::Place;
use shmfs::{Error, Result};
use std::marker::PhantomData;
use std::ptr;

/// A type that C knows by its name alone, and what really is at its address.
pub(crate) trait Opaque {
    /// Several threads may use one handle.
    type Inside: Send + Sync;
    /// What messages call it.
    const WHAT: &'static str;
    /// What is found at its address, and nowhere else but by chance.
    const MARK: u64;
}

/// What is at the address of a handle.
#[repr(C)]
struct Cell<T> {
    mark: u64,
    value: T,
}

/// The mark of what was closed.
const CLOSED: u64 = 0x5ca1_ab1e_dead_4a4d;

/// Hands a value to C.
pub(crate) fn give<H: Opaque>(value: H::Inside, place: Place<'_, *mut H>) {
    let cell = Box::new(Cell { mark: H::MARK, value });
    place.put(Box::into_raw(cell).cast());
}

/// A handle that C has given.
pub(crate) struct Given<H> {
    cell: *const u64,
    kind: PhantomData<H>,
}

impl<H: Opaque> Given<H> {
    /// Looks whether it is one.
    ///
    /// # Safety
    /// `handle` is NULL, or an address that [`give`] has put somewhere, of whichever kind, and that was not closed.
    unsafe fn new(handle: *const H) -> Result<Given<H>> {
        let cell = handle.cast::<u64>();
        let refuse =
            |errno, why| Err(Error::new(errno, format!("cannot use the handle of {}: {why}", H::WHAT)));
        if cell.is_null() {
            return refuse(libc::EFAULT, "it is NULL");
        }
        if !cell.is_aligned() {
            return refuse(libc::EBADF, "it is none of this library's");
        }
        // SAFETY: by the caller's promise a `Cell` is there, whatever its kind, which begins with a mark (`repr(C)`);
        // nobody writes it but `close`, which is not running. Of an address that breaks the promise this is a guess;
        // volatile, so that no guess is made by the compiler.
        match unsafe { cell.read_volatile() } {
            mark if mark == H::MARK => Ok(Given { cell, kind: PhantomData }),
            CLOSED => refuse(libc::EBADF, "it is closed"),
            _ => refuse(libc::EBADF, "it is another handle, or was closed"),
        }
    }
}

/// What is in a handle.
///
/// # Safety
/// `handle` is NULL, or was given by this library and is not closed as long as the answer is used: rule 1 of the header.
pub(crate) unsafe fn borrow<'h, H: Opaque>(handle: *const H) -> Result<&'h H::Inside>
where
    H::Inside: 'h,
{
    // SAFETY: the caller's promise is the same.
    let given = unsafe { Given::<H>::new(handle)? };
    let cell = given.cell.cast::<Cell<H::Inside>>();
    // SAFETY: `give` made it, of this kind as its mark says; it lives until it is closed, and is only ever shared.
    let cell = unsafe { &*cell };
    Ok(&cell.value)
}

/// Closes a handle; NULL is none, and is nothing to close.
///
/// # Safety
/// `handle` is NULL, or was given by this library, is not closed, and nobody uses it any more: rule 1 of the header.
pub(crate) unsafe fn close<H: Opaque>(handle: *mut H) -> Result<()> {
    if handle.is_null() {
        return Ok(());
    }
    // SAFETY: the caller's promise is the same.
    unsafe { Given::<H>::new(handle)? };
    let cell = handle.cast::<Cell<H::Inside>>();
    let mark: *mut u64 = cell.cast();
    // SAFETY: the mark of a cell that nobody else uses, by the caller's promise. Volatile, for a look after the end.
    unsafe { ptr::write_volatile(mark, CLOSED) };
    // SAFETY: `give` made it from a box of this kind, as its mark said, and it is taken back only here: it said so once.
    drop(unsafe { Box::from_raw(cell) });
    Ok(())
}
