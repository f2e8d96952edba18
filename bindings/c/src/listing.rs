//! What is in a store, and what it uses.

use crate::answer::{answer, value_or};
use crate::argument::{Growing, fill, place_for_pointer};
use crate::handle::{Opaque, borrow, close, give};
use crate::lifetime::Lifetime;
use crate::store::Store;
use libc::c_int;
use shmfs::Error;
use std::ffi::{CString, c_char};
use std::mem::offset_of;
use std::ptr;
use std::time::SystemTime;

/// What a store uses. Set `size` to its sizeof before the call.
#[repr(C)]
pub struct Usage {
    /// sizeof(shmfs_usage)
    pub size: usize,
    /// The limit, in bytes.
    pub limit: u64,
    /// Charged against the limit, in bytes; lengths are charged in whole pages.
    pub used: u64,
    /// The most that was ever charged, in bytes.
    pub peak: u64,
    /// In memory, in bytes.
    pub allocated: u64,
    /// System V segments.
    pub segments: u64,
    /// Named objects and semaphores.
    pub objects: u64,
    /// Anonymous objects.
    pub anonymous: u64,
    /// Objects without a name that processes still hold.
    pub unnamed: u64,
    /// Processes in the store.
    pub clients: u64,
    /// How often its broker was started anew.
    pub restarts: u64,
    /// The broker's process.
    pub broker: i64,
}

// SAFETY: `repr(C)`, `size` comes first.
unsafe impl Growing for Usage {
    const FIRST_BYTES: usize = offset_of!(Usage, broker) + size_of::<i64>();
    const WHAT: &'static str = "shmfs_usage";
}

/// Measures a store.
///
/// Errors: -ECONNREFUSED where it is gone; -EINVAL where `size` is not set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shmfs_store_usage(store: *const Store, usage: *mut Usage) -> c_int {
    answer(|| {
        // SAFETY: rule 1.
        let inside = unsafe { borrow(store)? };
        let measure = |size| {
            let found = inside.store.usage()?;
            Ok(Usage {
                size,
                limit: found.size,
                used: found.used,
                peak: found.peak,
                allocated: found.allocated,
                segments: found.segments,
                objects: found.objects,
                anonymous: found.anonymous,
                unnamed: found.unnamed,
                clients: found.clients,
                restarts: found.restarts,
                broker: i64::from(found.broker),
            })
        };
        // SAFETY: rule 5.
        unsafe { fill(usage, measure) }
    })
}

/// What was in a store at one moment. Threads: it never changes, and any may look.
pub struct List {
    _opaque: [u8; 0],
}

/// An entry, and its name as C has it.
type Row = (shmfs::Entry, Option<CString>);

impl Opaque for List {
    type Inside = Vec<Row>;
    const WHAT: &'static str = "a list";
    const MARK: u64 = u64::from_ne_bytes(*b"shmfs Li");
}

/// What an object of a store is.
#[repr(u32)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// None that this version knows.
    Other = 0,
    /// A System V segment.
    Segment = 1,
    /// A named object, as shm_open(3) makes it too.
    Object = 2,
    /// A named semaphore of sem_open(3).
    Semaphore = 3,
    /// An anonymous object that the store charges.
    Anonymous = 4,
}

/// One object of a store. Set `size` to its sizeof before the call.
#[repr(C)]
pub struct Entry {
    /// sizeof(shmfs_entry)
    pub size: usize,
    /// Its number in the store, which no other object ever has there.
    pub number: u64,
    /// Its name, while it has one, or the label of an anonymous object; else NULL. It is the list's.
    pub name: *const c_char,
    /// Its length, in bytes.
    pub length: u64,
    /// What of it is in memory, in bytes.
    pub allocated: u64,
    /// How often it is attached; segments only.
    pub attaches: u64,
    /// When it was created, in seconds since 1970.
    pub created: i64,
    /// What it is.
    pub kind: Kind,
    /// How long it lives.
    pub lifetime: Lifetime,
    /// Permission bits.
    pub mode: u32,
    /// Its owner.
    pub uid: u32,
    /// Its owner's group.
    pub gid: u32,
    /// The process that created it.
    pub creator: i32,
    /// Segments: its id; else -1.
    pub shmid: i32,
    /// Segments: its key; 0 is IPC_PRIVATE.
    pub key: i32,
    /// 1 if it was unlinked or removed, and lives on because somebody uses it; else 0.
    pub removed: u32,
    /// 1 if its writers take its guard; else 0.
    pub guarded: u32,
}

// SAFETY: `repr(C)`, `size` comes first.
unsafe impl Growing for Entry {
    const FIRST_BYTES: usize = offset_of!(Entry, guarded) + size_of::<u32>();
    const WHAT: &'static str = "shmfs_entry";
}

/// Looks at everything that is in a store, in the order in which it was created.
///
/// Errors: -ECONNREFUSED where the store is gone.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shmfs_store_list(store: *const Store, list: *mut *mut List) -> c_int {
    answer(|| {
        // SAFETY: rule 3.
        let place = unsafe { place_for_pointer(list)? };
        // SAFETY: rule 1.
        let inside = unsafe { borrow(store)? };
        let named = |mut entry: shmfs::Entry| {
            let name = entry.name.take().and_then(|name| CString::new(name).ok());
            (entry, name)
        };
        give(inside.store.list()?.into_iter().map(named).collect(), place);
        Ok(())
    })
}

/// How many entries a list has; 0 for no handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shmfs_list_length(list: *const List) -> usize {
    // SAFETY: rule 1.
    value_or(0, || Ok(unsafe { borrow(list)? }.len()))
}

/// One entry of a list, from 0.
///
/// Errors: -ERANGE for an index that it does not have; -EINVAL where `size` is not set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shmfs_list_entry(list: *const List, index: usize, entry: *mut Entry) -> c_int {
    answer(|| {
        // SAFETY: rule 1.
        let rows = unsafe { borrow(list)? };
        let row = rows.get(index).ok_or_else(|| {
            Error::new(libc::ERANGE, format!("there is no entry {index} in a list of {}", rows.len()))
        })?;
        // SAFETY: rule 5.
        unsafe { fill(entry, |size| Ok(of_row(size, row))) }
    })
}

/// Closes a handle. NULL is nothing to close.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shmfs_list_close(list: *mut List) {
    // SAFETY: rule 1.
    answer(|| unsafe { close(list) });
}

fn of_row(size: usize, (row, name): &Row) -> Entry {
    let created = row.created.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    Entry {
        size,
        number: row.number,
        name: name.as_ref().map_or(ptr::null(), |name| name.as_ptr()),
        length: row.size,
        allocated: row.allocated,
        attaches: row.attaches.unwrap_or(0),
        created: created.cast_signed(),
        kind: match row.kind {
            shmfs::Kind::Segment => Kind::Segment,
            shmfs::Kind::Object => Kind::Object,
            shmfs::Kind::Semaphore => Kind::Semaphore,
            shmfs::Kind::Anonymous => Kind::Anonymous,
            _ => Kind::Other,
        },
        lifetime: row.lifetime.into(),
        mode: row.mode,
        uid: row.uid,
        gid: row.gid,
        creator: row.creator,
        shmid: row.shmid.unwrap_or(-1),
        key: row.key.unwrap_or(0),
        removed: u32::from(row.removed),
        guarded: u32::from(row.guarded),
    }
}
