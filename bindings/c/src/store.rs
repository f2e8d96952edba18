//! Stores.

use crate::answer::{answer, value_or};
use crate::argument::{self, Growing, bytes_of, path, place_for_pointer, structure, text};
use crate::handle::{Opaque, borrow, close, give};
use libc::c_int;
use shmfs::{Result, StoreOptions as Options};
use std::ffi::{CString, OsStr, c_char};
use std::mem::offset_of;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr;
use std::sync::atomic::AtomicPtr;

/// A store: objects with names, segments with keys, one limit for them all, and a broker that keeps them.
///
/// Threads: all functions of one handle may be called by several threads at the same time, but shmfs_store_close.
/// Forks: it works in a child, which is a user of its own there.
/// Closing: objects and segments that were opened by it may be used after it is closed. When the last of them is closed as well,
/// this process has left the store.
pub struct Store {
    _opaque: [u8; 0],
}

/// What is in the handle of a store.
pub(crate) struct Inside {
    pub(crate) store: shmfs::Store,
    dir: CString,
    /// As execve(2) wants it. The strings are never changed, by us or by C.
    variables: Vec<AtomicPtr<c_char>>,
    /// What `variables` points into.
    _strings: Vec<CString>,
}

impl Opaque for Store {
    type Inside = Inside;
    const WHAT: &'static str = "a store";
    const MARK: u64 = u64::from_ne_bytes(*b"shmfs St");
}

/// How a store is to be made. Set `size` to its sizeof, and the rest to 0 but for what is chosen.
#[repr(C)]
pub struct StoreOptions {
    /// sizeof(shmfs_store_options)
    pub size: usize,
    /// How much shared memory may be in it, in bytes; 0: half of the machine's memory.
    pub limit: u64,
    /// The directory of durable objects, made where it is missing; NULL: it has none.
    pub state: *const c_char,
}

// SAFETY: `repr(C)`, `size` comes first.
unsafe impl Growing for StoreOptions {
    const FIRST_BYTES: usize = offset_of!(StoreOptions, state) + size_of::<*const c_char>();
    const WHAT: &'static str = "shmfs_store_options";
}

// SAFETY: integers and pointers are made of any bytes.
unsafe impl argument::Options for StoreOptions {}

impl From<shmfs::Store> for Inside {
    fn from(store: shmfs::Store) -> Inside {
        let dir = CString::new(store.dir().as_os_str().as_bytes()).unwrap_or_default();
        let pairs = store.environment().into_iter();
        let strings: Vec<CString> =
            pairs.filter_map(|(name, value)| CString::new(format!("{name}={value}")).ok()).collect();
        let starts = strings.iter().map(|string| AtomicPtr::new(string.as_ptr().cast_mut()));
        let variables = starts.chain([AtomicPtr::new(ptr::null_mut())]).collect();
        Inside { store, dir, variables, _strings: strings }
    }
}

/// Gives C the store that `find` finds.
///
/// # Safety
/// Rule 3 of the header, for `place`.
unsafe fn found(place: *mut *mut Store, find: impl FnOnce() -> Result<shmfs::Store>) -> Result<()> {
    // SAFETY: the caller's promise is the same.
    let place = unsafe { place_for_pointer(place)? };
    give(find()?.into(), place);
    Ok(())
}

/// Joins the store that applies here: the one that SHMFS_STORE names, or else the user's, or else the system's. Where none
/// runs, the user's is started; of several processes that find none, one starts it and the others join.
///
/// Errors: -ENOENT where none runs and the program `shm` is not found (SHMFS_PROGRAM is its path, or else it is looked for in
/// PATH); -ECONNREFUSED where SHMFS_STORE names one that does not run; -EACCES where it does not admit this user.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shmfs_store_open(store: *mut *mut Store) -> c_int {
    // SAFETY: rule 3.
    answer(|| unsafe { found(store, shmfs::Store::open) })
}

/// Joins the running store of this name, the user's or the system's; or the one in the directory `name`, if a slash is in it.
///
/// Errors: -ECONNREFUSED where none runs; -EINVAL for what is no name; -EACCES.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shmfs_store_named(name: *const c_char, store: *mut *mut Store) -> c_int {
    answer(|| {
        // SAFETY: rule 2.
        let name = unsafe { text(name, "the store's name")? };
        // SAFETY: rule 3.
        unsafe { found(store, || shmfs::Store::named(name)) }
    })
}

/// Joins the running store in this directory.
///
/// Errors: -ECONNREFUSED where none runs there; -EACCES; -ENAMETOOLONG beyond 100 bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shmfs_store_at(directory: *const c_char, store: *mut *mut Store) -> c_int {
    answer(|| {
        // SAFETY: rule 2.
        let directory = unsafe { path(directory)? };
        // SAFETY: rule 3.
        unsafe { found(store, || shmfs::Store::at(directory)) }
    })
}

/// Joins the user's own store, for root the system's; it is started where it does not run.
///
/// Errors: as shmfs_store_open.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shmfs_store_user(store: *mut *mut Store) -> c_int {
    // SAFETY: rule 3.
    answer(|| unsafe { found(store, shmfs::Store::user) })
}

/// Joins the system's store, which root's `shm daemon` serves to everyone.
///
/// Errors: -ECONNREFUSED where it does not run.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shmfs_store_system(store: *mut *mut Store) -> c_int {
    // SAFETY: rule 3.
    answer(|| unsafe { found(store, shmfs::Store::system) })
}

/// Makes a store that a process of its own keeps: the program `shm`, found as shmfs_store_open finds it. Others join it by
/// its environment. It ends when this process has left it, its children made by fork have ended, and nobody else is in it. That
/// process is a child of this one, which wait(2) for any child may return. `options` may be NULL.
///
/// Errors: -ENOENT where the program is not found; -EINVAL for a limit of less than a page; else what it says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shmfs_store_private(options: *const StoreOptions, store: *mut *mut Store) -> c_int {
    // SAFETY: rules 3 and 5.
    answer(|| unsafe { made(options, store, Options::private) })
}

/// Makes a store that a thread of this process keeps; nothing needs to be installed. Others join it by its environment. It ends
/// when this process has left it, whoever is in it then. `options` may be NULL.
///
/// Errors: -EINVAL for a limit of less than a page; -EMFILE, -ENOMEM.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shmfs_store_embedded(options: *const StoreOptions, store: *mut *mut Store) -> c_int {
    // SAFETY: rules 3 and 5.
    answer(|| unsafe { made(options, store, Options::embedded) })
}

/// # Safety
/// Rules 3 and 5 of the header.
unsafe fn made(
    options: *const StoreOptions,
    place: *mut *mut Store,
    make: impl FnOnce(Options) -> Result<shmfs::Store>,
) -> Result<()> {
    // SAFETY: the caller's promise is the same.
    let options = unsafe { structure(options)? };
    let mut chosen = shmfs::Store::options();
    if options.limit > 0 {
        chosen = chosen.size(options.limit);
    }
    if !options.state.is_null() {
        // SAFETY: rule 5: strings in structures are strings.
        let state = unsafe { bytes_of(options.state, "the state directory")? };
        chosen = chosen.state(Path::new(OsStr::from_bytes(state)));
    }
    // SAFETY: the caller's promise is the same.
    unsafe { found(place, || make(chosen)) }
}

/// Closes a handle. NULL is nothing to close.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shmfs_store_close(store: *mut Store) {
    // SAFETY: rule 1.
    answer(|| unsafe { close(store) });
}

/// The store's directory, as long as the handle is open; NULL for no handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shmfs_store_directory(store: *const Store) -> *const c_char {
    // SAFETY: rule 1.
    value_or(ptr::null(), || Ok(unsafe { borrow(store)? }.dir.as_ptr()))
}

/// What leads a child to this store: strings "NAME=value", and NULL after the last, as execve(2) and putenv(3) have them. A child
/// whose environment has them joins by shmfs_store_open. One of them is a secret that admits to the store. They stay as long as
/// the handle is open, and are not to be changed. NULL for no handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shmfs_store_environment(store: *const Store) -> *const *mut c_char {
    // SAFETY: rule 1. An `AtomicPtr` is as long and as aligned as the pointer in it.
    value_or(ptr::null(), || Ok(unsafe { borrow(store)? }.variables.as_ptr().cast()))
}

/// Takes an object's name away. The object lives on for those who have it open or mapped.
///
/// Errors: -ENOENT where no object has it; -EPERM where it is another user's; -EINVAL, -ENAMETOOLONG for what is no name.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shmfs_store_unlink(store: *const Store, name: *const c_char) -> c_int {
    answer(|| {
        // SAFETY: rule 1.
        let inside = unsafe { borrow(store)? };
        // SAFETY: rule 2.
        let name = unsafe { bytes_of(name, "the name")? };
        inside.store.unlink(name)
    })
}
