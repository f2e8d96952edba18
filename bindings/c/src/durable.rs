//! Durable objects and segments, edited in epochs.

use crate::answer::{answer, value_or};
use crate::argument::{buffer, place, place_for_pointer, place_if_any};
use crate::handle::{Opaque, borrow, close, give};
use crate::mapping::range;
use crate::object::Object;
use crate::segment::Segment;
use libc::{c_int, c_void};
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A durable object or segment that this process may edit. What is edited becomes one epoch with all else that was edited since
/// the last shmfs_durable_persist: after any crash, of this process, of the store or of the machine, it is what it was at an
/// epoch's end. What is written without shmfs_durable_edit has no such promise.
///
/// Threads: functions of one handle may be called by several threads, which take turns; but shmfs_durable_close by one that is
/// the last. Forks: a child cannot use it (-EPERM), and opens the object again.
pub struct Durable {
    _opaque: [u8; 0],
}

/// What is in the handle.
pub(crate) struct Inside {
    durable: Mutex<shmfs::Durable>,
    address: AtomicPtr<u8>,
    length: usize,
}

impl Opaque for Durable {
    type Inside = Inside;
    const WHAT: &'static str = "a durable object";
    const MARK: u64 = u64::from_ne_bytes(*b"shmfs Du");
}

impl From<shmfs::Durable> for Inside {
    fn from(durable: shmfs::Durable) -> Inside {
        let (address, length) = (AtomicPtr::new(durable.mapping().as_ptr()), durable.mapping().len());
        Inside { durable: Mutex::new(durable), address, length }
    }
}

impl Inside {
    fn turn(&self) -> MutexGuard<'_, shmfs::Durable> {
        // A panic leaves what the next edit rolls back, as a crash does.
        self.durable.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes a durable object ready to be edited.
///
/// Errors: -EINVAL where its lifetime is another; -EACCES where it is open for reading only; -EIO where its undo log is damaged.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shmfs_object_durable(object: *const Object, durable: *mut *mut Durable) -> c_int {
    answer(|| {
        // SAFETY: rule 3.
        let place = unsafe { place_for_pointer(durable)? };
        // SAFETY: rule 1.
        give(unsafe { borrow(object)? }.object.durable()?.into(), place);
        Ok(())
    })
}

/// Makes a durable segment ready to be edited. It counts as attached until the handle is closed.
///
/// Errors: as shmfs_object_durable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shmfs_segment_durable(segment: *const Segment, durable: *mut *mut Durable) -> c_int {
    answer(|| {
        // SAFETY: rule 3.
        let place = unsafe { place_for_pointer(durable)? };
        // SAFETY: rule 1.
        give(unsafe { borrow(segment)? }.durable()?.into(), place);
        Ok(())
    })
}

/// Rolls back what was edited and not persisted, and closes the handle. NULL is nothing to close.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shmfs_durable_close(durable: *mut Durable) {
    // SAFETY: rule 1.
    answer(|| unsafe { close(durable) });
}

/// The address of its first byte, for reading, until the handle is closed; NULL for no handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shmfs_durable_address(durable: *const Durable) -> *const c_void {
    // SAFETY: rule 1.
    value_or(ptr::null(), || Ok(unsafe { borrow(durable)? }.address.load(Relaxed).cast_const().cast()))
}

/// Its length in bytes; 0 for no handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shmfs_durable_length(durable: *const Durable) -> usize {
    // SAFETY: rule 1.
    value_or(0, || Ok(unsafe { borrow(durable)? }.length))
}

/// Saves the old bytes of a range on the disk, and gives the address at which it may be written until it is persisted or rolled
/// back. The first edit of an epoch waits until nobody else edits, and rolls back what an editor that has died left half done.
///
/// Errors: -EINVAL for a range that is not inside; -ENOSPC where the disk has no room for the old bytes, -EFBIG where the epoch's
/// log has not: nothing is lost then, and shmfs_durable_persist makes room; -EPERM in a child made by fork; -EBUSY after a failed
/// shmfs_durable_persist that only shmfs_durable_roll_back can end.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shmfs_durable_edit(
    durable: *mut Durable,
    offset: usize,
    length: usize,
    address: *mut *mut c_void,
) -> c_int {
    answer(|| {
        // SAFETY: rule 3.
        let place = unsafe { place_for_pointer(address)? };
        // SAFETY: rule 1.
        let inside = unsafe { borrow(durable)? };
        inside.turn().edit(range(offset, length)?)?;
        // The range is inside of the mapping, as `edit` has found.
        place.put(inside.address.load(Relaxed).wrapping_add(offset).cast());
        Ok(())
    })
}

/// Edits a range and copies bytes in.
///
/// Errors: as shmfs_durable_edit.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shmfs_durable_write(
    durable: *mut Durable,
    offset: usize,
    bytes: *const c_void,
    length: usize,
) -> c_int {
    answer(|| {
        // SAFETY: rule 1.
        let inside = unsafe { borrow(durable)? };
        // SAFETY: rule 4.
        let bytes = unsafe { buffer(bytes.cast(), length)? };
        inside.turn().write(offset, bytes)
    })
}

/// Writes what was edited to the disk and commits it; others may edit then. `epoch` is the number of the epoch that has ended,
/// which rises, and may be NULL. Without an edit, what was stored is synced, and no epoch ends.
///
/// Errors: -EIO, -ENOSPC and the like, as the disk refuses: the epoch has not ended then; persist again, or roll back.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shmfs_durable_persist(durable: *mut Durable, epoch: *mut u64) -> c_int {
    answer(|| {
        // SAFETY: rule 3.
        let place = unsafe { place_if_any(epoch, "the place for the epoch")? };
        // SAFETY: rule 1.
        let ended = unsafe { borrow(durable)? }.turn().persist()?;
        if let Some(place) = place {
            place.put(ended);
        }
        Ok(())
    })
}

/// Makes it what it was when the last epoch ended. `restored` is how many bytes were written back, and may be NULL.
///
/// Errors: -EIO and the like, as the disk refuses. It can be called again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shmfs_durable_roll_back(durable: *mut Durable, restored: *mut u64) -> c_int {
    answer(|| {
        // SAFETY: rule 3.
        let place = unsafe { place_if_any(restored, "the place for the bytes restored")? };
        // SAFETY: rule 1.
        let bytes = unsafe { borrow(durable)? }.turn().roll_back()?;
        if let Some(place) = place {
            place.put(bytes);
        }
        Ok(())
    })
}

/// The last epoch that has ended, as far as is known here.
///
/// Errors: only those of the handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shmfs_durable_epoch(durable: *const Durable, epoch: *mut u64) -> c_int {
    answer(|| {
        // SAFETY: rule 3.
        let place = unsafe { place(epoch, "the place for the epoch")? };
        // SAFETY: rule 1.
        place.put(unsafe { borrow(durable)? }.turn().epoch());
        Ok(())
    })
}
