//! System V segments.

use crate::answer::{answer, number, value_or};
use crate::argument::{self, Growing, fill, path, place, place_for_pointer, place_if_any, structure};
use crate::handle::{Opaque, borrow, close, give};
use crate::lifetime::{Lifetime, chosen, only};
use crate::mapping::{Mapping, SHMFS_MAP_READ_ONLY};
use crate::store::Store;
use libc::c_int;
use shmfs::{Error, Result, SegmentOptions as Options};
use std::ffi::c_char;
use std::mem::{MaybeUninit, offset_of};
use std::time::SystemTime;

/// A System V segment: shared memory with a number, and with a key by which strangers find it. Its length never changes; it
/// stays until it is removed and nobody is attached.
///
/// Threads: all functions of one handle may be called by several threads at the same time, but shmfs_segment_close.
/// Forks: it works in a child. Closing: attaches live on.
pub struct Segment {
    _opaque: [u8; 0],
}

impl Opaque for Segment {
    type Inside = shmfs::Segment;
    const WHAT: &'static str = "a segment";
    const MARK: u64 = u64::from_ne_bytes(*b"shmfs Se");
}

/// How a segment is to be made. Set `size` to its sizeof, and the rest to 0 but for what is chosen.
#[repr(C)]
pub struct SegmentOptions {
    /// sizeof(shmfs_segment_options)
    pub size: usize,
    /// Permission bits; 0: 0600. The umask does not count.
    pub mode: u32,
    /// Until it is removed, or durable.
    pub lifetime: MaybeUninit<Lifetime>,
}

// SAFETY: `repr(C)`, `size` comes first.
unsafe impl Growing for SegmentOptions {
    const FIRST_BYTES: usize = offset_of!(SegmentOptions, lifetime) + size_of::<Lifetime>();
    const WHAT: &'static str = "shmfs_segment_options";
}

// SAFETY: integers are made of any bytes, and a `MaybeUninit` is.
unsafe impl argument::Options for SegmentOptions {}

/// The segment with this key as it is wanted.
///
/// # Safety
/// Rules 1 and 5 of the header.
unsafe fn wanted(
    store: *const Store,
    key: i32,
    length: u64,
    options: *const SegmentOptions,
) -> Result<Options> {
    // SAFETY: the caller's promise is the same.
    let inside = unsafe { borrow(store)? };
    // SAFETY: the caller's promise is the same.
    let options = unsafe { structure(options)? };
    let wanted = inside.store.segment(key).len(length).lifetime(chosen(options.lifetime)?);
    Ok(if options.mode == 0 { wanted } else { wanted.mode(options.mode) })
}

/// Makes a segment of `length` bytes, all zero. The key must be free; with 0, IPC_PRIVATE, only the number finds it. `options`
/// may be NULL.
///
/// Errors: -EEXIST where the key is taken; -EINVAL for no bytes, more than SHMMAX, and lifetimes that segments do not have;
/// -ENOSPC where the store is full; -EOPNOTSUPP for a durable one in a store without a state directory.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shmfs_segment_create(
    store: *const Store,
    key: i32,
    length: u64,
    options: *const SegmentOptions,
    segment: *mut *mut Segment,
) -> c_int {
    answer(|| {
        // SAFETY: rule 3.
        let place = unsafe { place_for_pointer(segment)? };
        // SAFETY: rules 1 and 5.
        let wanted = unsafe { wanted(store, key, length, options)? };
        give(wanted.create()?, place);
        Ok(())
    })
}

/// Finds a segment by its key, which has at least `length` bytes.
///
/// Errors: -ENOENT where no segment has the key; -EINVAL where it is shorter; -EACCES where its mode does not let this process
/// read.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shmfs_segment_open(
    store: *const Store,
    key: i32,
    length: u64,
    segment: *mut *mut Segment,
) -> c_int {
    answer(|| {
        // SAFETY: rule 3.
        let place = unsafe { place_for_pointer(segment)? };
        // SAFETY: rule 1.
        let inside = unsafe { borrow(store)? };
        give(inside.store.segment(key).len(length).open()?, place);
        Ok(())
    })
}

/// Finds a segment by its key, or makes it where no segment has the key; `created` says which, and may be NULL. Of several
/// processes that ask at the same time, one makes it. `options` may be NULL.
///
/// Errors: as shmfs_segment_create but for -EEXIST, and as shmfs_segment_open but for -ENOENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shmfs_segment_open_or_create(
    store: *const Store,
    key: i32,
    length: u64,
    options: *const SegmentOptions,
    created: *mut bool,
    segment: *mut *mut Segment,
) -> c_int {
    answer(|| {
        // SAFETY: rule 3.
        let place = unsafe { place_for_pointer(segment)? };
        // SAFETY: rule 3.
        let said = unsafe { place_if_any(created, "the place for `created`")? };
        // SAFETY: rules 1 and 5.
        let wanted = unsafe { wanted(store, key, length, options)? };
        let (found, is_new) = wanted.open_or_create()?;
        if let Some(said) = said {
            said.put(is_new);
        }
        give(found, place);
        Ok(())
    })
}

/// The segment with this number.
///
/// Errors: -EINVAL where there is none; -EIDRM where it was removed; -EACCES where its mode does not let this process read.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shmfs_segment_by_id(
    store: *const Store,
    id: c_int,
    segment: *mut *mut Segment,
) -> c_int {
    answer(|| {
        // SAFETY: rule 3.
        let place = unsafe { place_for_pointer(segment)? };
        // SAFETY: rule 1.
        give(unsafe { borrow(store)? }.store.segment_by_id(id)?, place);
        Ok(())
    })
}

/// Closes a handle. The segment stays, and so do attaches. NULL is nothing to close.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shmfs_segment_close(segment: *mut Segment) {
    // SAFETY: rule 1.
    answer(|| unsafe { close(segment) });
}

/// Its number (shmid), by which every process of the store finds it; a negative errno for no handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shmfs_segment_id(segment: *const Segment) -> c_int {
    // SAFETY: rule 1.
    number(|| Ok(unsafe { borrow(segment)? }.id()))
}

/// Its length in bytes; 0 for no handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shmfs_segment_length(segment: *const Segment) -> u64 {
    // SAFETY: rule 1.
    value_or(0, || Ok(unsafe { borrow(segment)? }.len()))
}

/// Maps all of it; unmapping detaches it. `flags` are 0 or SHMFS_MAP_READ_ONLY.
///
/// Errors: -EIDRM or -EINVAL where it is gone; -EACCES where its mode does not allow it; -ENOMEM, -EMFILE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shmfs_segment_attach(
    segment: *const Segment,
    flags: u64,
    mapping: *mut *mut Mapping,
) -> c_int {
    answer(|| {
        // SAFETY: rule 3.
        let place = unsafe { place_for_pointer(mapping)? };
        // SAFETY: rule 1.
        let segment = unsafe { borrow(segment)? };
        only(SHMFS_MAP_READ_ONLY, flags, "an attach")?;
        give(if flags == 0 { segment.attach()? } else { segment.attach_read_only()? }, place);
        Ok(())
    })
}

/// Removes it (IPC_RMID): no key finds it any more, and it goes when nobody is attached.
///
/// Errors: -EPERM where this process is neither its owner nor its creator; -EINVAL or -EIDRM where it is gone.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shmfs_segment_remove(segment: *const Segment) -> c_int {
    // SAFETY: rule 1.
    answer(|| unsafe { borrow(segment)? }.remove())
}

/// Gives it another owner, group and mode (IPC_SET).
///
/// Errors: as shmfs_segment_remove.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shmfs_segment_set(segment: *const Segment, uid: u32, gid: u32, mode: u32) -> c_int {
    // SAFETY: rule 1.
    answer(|| unsafe { borrow(segment)? }.set(uid, gid, mode))
}

/// The state of a segment, as shmctl(2) tells it. Set `size` to its sizeof before the call.
#[repr(C)]
pub struct SegmentState {
    /// sizeof(shmfs_segment_state)
    pub size: usize,
    /// Its length in bytes.
    pub length: u64,
    /// How often it is attached.
    pub attaches: u64,
    /// When it was attached last, in seconds since 1970; 0 for never.
    pub attached: i64,
    /// When it was detached last.
    pub detached: i64,
    /// When it was made, or its owner or mode changed.
    pub changed: i64,
    /// Its key; 0, IPC_PRIVATE, where it has none or is removed.
    pub key: i32,
    /// The process that made it.
    pub creator: i32,
    /// The process that attached or detached last; 0 for none.
    pub last: i32,
    /// Its owner.
    pub uid: u32,
    /// Its owner's group.
    pub gid: u32,
    /// Its permission bits.
    pub mode: u32,
    /// 1 if it is removed, and lives on for those who are attached; else 0.
    pub removed: u32,
    /// 0
    pub reserved: u32,
}

// SAFETY: `repr(C)`, `size` comes first.
unsafe impl Growing for SegmentState {
    const FIRST_BYTES: usize = offset_of!(SegmentState, reserved) + size_of::<u32>();
    const WHAT: &'static str = "shmfs_segment_state";
}

/// Looks at its state.
///
/// Errors: -EINVAL or -EIDRM where it is gone, and where `size` is not set; -EACCES where its mode does not let this process read.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shmfs_segment_stat(segment: *const Segment, stat: *mut SegmentState) -> c_int {
    answer(|| {
        // SAFETY: rule 1.
        let segment = unsafe { borrow(segment)? };
        let look = |size| {
            let found = segment.stat()?;
            Ok(SegmentState {
                size,
                length: found.len,
                attaches: found.attaches,
                attached: seconds(found.attached),
                detached: seconds(found.detached),
                changed: seconds(found.changed),
                key: found.key,
                creator: found.creator,
                last: found.last,
                uid: found.uid,
                gid: found.gid,
                mode: found.mode,
                removed: u32::from(found.removed),
                reserved: 0,
            })
        };
        // SAFETY: rule 5.
        unsafe { fill(stat, look) }
    })
}

/// A key made of a file and a number of 1 to 255, as ftok(3) makes it.
///
/// Errors: -EINVAL for another number; as stat(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shmfs_ftok(path: *const c_char, project: c_int, key: *mut i32) -> c_int {
    answer(|| {
        // SAFETY: rule 3.
        let place = unsafe { place(key, "the place for the key")? };
        // SAFETY: rule 2.
        let path = unsafe { self::path(path)? };
        let project = u8::try_from(project).ok().filter(|project| *project > 0);
        let project =
            project.ok_or_else(|| Error::new(libc::EINVAL, "the project of a key is one of 1 to 255"))?;
        place.put(shmfs::ftok(path, project)?);
        Ok(())
    })
}

fn seconds(time: Option<SystemTime>) -> i64 {
    let since = time.and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok());
    since.map_or(0, |since| since.as_secs().cast_signed())
}
