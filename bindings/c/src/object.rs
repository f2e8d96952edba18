//! Objects: how they are made, found and changed.
//!
//! Leaves to others: mapping them (`mapping`), sealing, sending and locking them (`guard`, `sharing`).

use crate::answer::{answer, number, value_or};
use crate::argument::{self, Growing, bytes_of, place, place_for_pointer, place_if_any, structure, text};
use crate::handle::{Opaque, borrow, close, give};
use crate::lifetime::{Lifetime, chosen, only};
use crate::store::Store;
use libc::c_int;
use shmfs::{ObjectOptions as Options, Result};
use std::ffi::{CString, c_char};
use std::mem::{MaybeUninit, offset_of};
use std::os::fd::{AsFd, AsRawFd};
use std::ptr;
use std::sync::Arc;

/// Shared memory that is open in this process. A handle owns one descriptor.
///
/// Threads: all functions of one handle may be called by several threads at the same time, but shmfs_object_close.
/// Forks: it works in a child.
/// Closing: mappings, guards and durable handles that were made of it live on.
pub struct Object {
    _opaque: [u8; 0],
}

/// What is in the handle of an object.
pub(crate) struct Inside {
    /// Shared with those who hold its guard.
    pub(crate) object: Arc<shmfs::Object>,
    name: Option<CString>,
}

impl Opaque for Object {
    type Inside = Inside;
    const WHAT: &'static str = "an object";
    const MARK: u64 = u64::from_ne_bytes(*b"shmfs Ob");
}

impl From<shmfs::Object> for Inside {
    fn from(object: shmfs::Object) -> Inside {
        let name = object.name().and_then(|name| CString::new(name.as_bytes()).ok());
        Inside { object: Arc::new(object), name }
    }
}

/// For reading only, if it is opened. An object that is made is open for writing too.
pub const SHMFS_OBJECT_READ_ONLY: u64 = 1;
/// If it is made: whoever writes to it takes its guard, which `shm snapshot` waits for.
pub const SHMFS_OBJECT_GUARDED: u64 = 2;

/// How an object is to be made or opened. Set `size` to its sizeof, and the rest to 0 but for what is chosen.
#[repr(C)]
pub struct ObjectOptions {
    /// sizeof(shmfs_object_options)
    pub size: usize,
    /// SHMFS_OBJECT_...
    pub flags: u64,
    /// Permission bits if it is made, less those of the umask; 0: 0600.
    pub mode: u32,
    /// How long it lives if it is made. One that exists keeps its own.
    pub lifetime: MaybeUninit<Lifetime>,
}

// SAFETY: `repr(C)`, `size` comes first.
unsafe impl Growing for ObjectOptions {
    const FIRST_BYTES: usize = offset_of!(ObjectOptions, lifetime) + size_of::<Lifetime>();
    const WHAT: &'static str = "shmfs_object_options";
}

// SAFETY: integers are made of any bytes, and a `MaybeUninit` is.
unsafe impl argument::Options for ObjectOptions {}

/// The object of this name as it is wanted.
///
/// # Safety
/// Rules 1, 2 and 5 of the header.
unsafe fn wanted(store: *const Store, name: *const c_char, options: *const ObjectOptions) -> Result<Options> {
    // SAFETY: the caller's promise is the same.
    let inside = unsafe { borrow(store)? };
    // SAFETY: the caller's promise is the same.
    let name = unsafe { bytes_of(name, "the name")? };
    // SAFETY: the caller's promise is the same.
    let options = unsafe { structure(options)? };
    only(SHMFS_OBJECT_READ_ONLY | SHMFS_OBJECT_GUARDED, options.flags, ObjectOptions::WHAT)?;
    let mut wanted = inside.store.object(name)?.lifetime(chosen(options.lifetime)?);
    if options.mode != 0 {
        wanted = wanted.mode(options.mode);
    }
    if options.flags & SHMFS_OBJECT_READ_ONLY != 0 {
        wanted = wanted.read_only();
    }
    if options.flags & SHMFS_OBJECT_GUARDED != 0 {
        wanted = wanted.guarded();
    }
    Ok(wanted)
}

/// Makes an object of `length` bytes, all zero, which must be absent. Nobody sees it before it has that length. `options` may
/// be NULL. A name has 1 to 250 bytes, without slashes but in front, where they are taken off.
///
/// Errors: -EEXIST where the name is taken; -ENOSPC where the store is full; -EINVAL, -ENAMETOOLONG for what is no name;
/// -EOPNOTSUPP for a durable one in a store without a state directory.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shmfs_object_create(
    store: *const Store,
    name: *const c_char,
    length: u64,
    options: *const ObjectOptions,
    object: *mut *mut Object,
) -> c_int {
    answer(|| {
        // SAFETY: rule 3.
        let place = unsafe { place_for_pointer(object)? };
        // SAFETY: rules 1, 2 and 5.
        let wanted = unsafe { wanted(store, name, options)? };
        give(wanted.create(length)?.into(), place);
        Ok(())
    })
}

/// Opens an object, for reading and writing if the options do not say otherwise. `options` may be NULL.
///
/// Errors: -ENOENT where no object has the name; -EACCES where its mode does not allow it; -EINVAL, -ENAMETOOLONG.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shmfs_object_open(
    store: *const Store,
    name: *const c_char,
    options: *const ObjectOptions,
    object: *mut *mut Object,
) -> c_int {
    answer(|| {
        // SAFETY: rule 3.
        let place = unsafe { place_for_pointer(object)? };
        // SAFETY: rules 1, 2 and 5.
        let wanted = unsafe { wanted(store, name, options)? };
        give(wanted.open()?.into(), place);
        Ok(())
    })
}

/// Opens an object, or makes it with `length` bytes where it is absent; `created` says which, and may be NULL. Of several
/// processes that ask at the same time, one makes it, and nobody sees it without its length. `options` may be NULL.
///
/// Errors: as shmfs_object_create but for -EEXIST, and as shmfs_object_open but for -ENOENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shmfs_object_open_or_create(
    store: *const Store,
    name: *const c_char,
    length: u64,
    options: *const ObjectOptions,
    created: *mut bool,
    object: *mut *mut Object,
) -> c_int {
    answer(|| {
        // SAFETY: rule 3.
        let place = unsafe { place_for_pointer(object)? };
        // SAFETY: rule 3.
        let said = unsafe { place_if_any(created, "the place for `created`")? };
        // SAFETY: rules 1, 2 and 5.
        let wanted = unsafe { wanted(store, name, options)? };
        let (found, is_new) = wanted.open_or_create(length)?;
        if let Some(said) = said {
            said.put(is_new);
        }
        give(found.into(), place);
        Ok(())
    })
}

/// Makes an object of `length` bytes, all zero, without a name. Children inherit it by fork, other processes get it by
/// shmfs_object_send. The store charges it, and lists it by `label`, for as long as anybody has it open or mapped. Where `store`
/// is NULL it is the kernel's alone (memfd_create(2)), and `label` may be NULL. It can be sealed.
///
/// Errors: -ENOSPC where the store is full; -EINVAL, -ENAMETOOLONG for a label that could be no name; -EMFILE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shmfs_object_anonymous(
    store: *const Store,
    label: *const c_char,
    length: u64,
    object: *mut *mut Object,
) -> c_int {
    answer(|| {
        // SAFETY: rule 3.
        let place = unsafe { place_for_pointer(object)? };
        let made = if store.is_null() {
            shmfs::Object::anonymous(length)?
        } else {
            // SAFETY: rule 1.
            let inside = unsafe { borrow(store)? };
            // SAFETY: rule 2.
            let label = unsafe { text(label, "the label")? };
            inside.store.anonymous(label, length)?
        };
        give(made.into(), place);
        Ok(())
    })
}

/// Makes an object without a name or a store, of huge pages of 2^`log2` bytes each: 21 for 2 MiB, 30 for 1 GiB.
///
/// Errors: -ENODEV or -EINVAL for pages that the kernel does not have; -EINVAL for a length that is no multiple of them.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shmfs_object_anonymous_huge(
    length: u64,
    log2: u32,
    object: *mut *mut Object,
) -> c_int {
    answer(|| {
        // SAFETY: rule 3.
        let place = unsafe { place_for_pointer(object)? };
        give(shmfs::Object::anonymous_huge(length, log2)?.into(), place);
        Ok(())
    })
}

/// Closes a handle. NULL is nothing to close.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shmfs_object_close(object: *mut Object) {
    // SAFETY: rule 1.
    answer(|| unsafe { close(object) });
}

/// Its name, as long as the handle is open; NULL where it has none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shmfs_object_name(object: *const Object) -> *const c_char {
    value_or(ptr::null(), || {
        // SAFETY: rule 1.
        let inside = unsafe { borrow(object)? };
        Ok(inside.name.as_ref().map_or(ptr::null(), |name| name.as_ptr()))
    })
}

/// Its descriptor, which is the handle's: it is not to be closed. A negative errno for no handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shmfs_object_fd(object: *const Object) -> c_int {
    // SAFETY: rule 1.
    number(|| Ok(unsafe { borrow(object)? }.object.as_fd().as_raw_fd()))
}

/// Its length now, in bytes.
///
/// Errors: as fstat(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shmfs_object_length(object: *const Object, length: *mut u64) -> c_int {
    answer(|| {
        // SAFETY: rule 3.
        let place = unsafe { place(length, "the place for the length")? };
        // SAFETY: rule 1.
        place.put(unsafe { borrow(object)? }.object.len()?);
        Ok(())
    })
}

/// Gives it another length. What is added is zeros; what is cut off is gone, for every mapping of it.
///
/// Errors: -ENOSPC where the store is full; -EPERM where a seal forbids it; -EFBIG; -EINVAL where it is open for reading only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shmfs_object_resize(object: *const Object, length: u64) -> c_int {
    // SAFETY: rule 1.
    answer(|| unsafe { borrow(object)? }.object.resize(length))
}

/// Gives the memory of a range back to the system; who reads there finds zeros (FALLOC_FL_PUNCH_HOLE). The length stays.
///
/// Errors: -EPERM where a seal forbids it; -EINVAL for no bytes; as fallocate(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shmfs_object_punch_hole(object: *const Object, offset: u64, length: u64) -> c_int {
    // SAFETY: rule 1.
    answer(|| unsafe { borrow(object)? }.object.punch_hole(offset, length))
}

/// Takes its name away; whoever has it open or mapped keeps it. What has the name by now goes, whether it is this object or
/// another that has taken its place.
///
/// Errors: -EINVAL for an object without a name; -ENOENT where no object has it; -EPERM.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shmfs_object_unlink(object: *const Object) -> c_int {
    // SAFETY: rule 1.
    answer(|| unsafe { borrow(object)? }.object.unlink())
}
