//! Whether /dev/shm is the store's own: its tmpfs (`shm run --mount /dev/shm`) or its mount by FUSE (`shm mount /dev/shm`).
//! There the kernel answers, as it answers programs without this library, and does what a store alone does not:
//! directories, links, FIFOs, sockets.
//!
//! The sign of the tmpfs is its device number. The mount by FUSE has another; its root shows the number and the birth
//! of the tmpfs' root, to the nanosecond.
//!
//! Owns: the sign, looked at once in a process.
//! Leaves to others: names that change without a call (the broker).
//! Not done: what is mounted or unmounted at /dev/shm after that look.

use super::{Place, Room};
use crate::{CLIENT, raw};
use core::{
    ffi::CStr,
    mem::MaybeUninit,
    sync::atomic::{AtomicU8, Ordering::Relaxed},
};
use libc::{c_char, c_int, stat as Stat, statfs as Statfs, statx as Statx};
use shmfs_abi::Errno;

const DIRECTORY: &CStr = c"/dev/shm";

const UNKNOWN: u8 = 0;
const NO: u8 = 1;
const YES: u8 = 2;

/// What the look has shown. Copies of the process have the same.
static MOUNTED: AtomicU8 = AtomicU8::new(UNKNOWN);

/// Whether /dev/shm is the store's own.
pub fn is_mounted() -> bool {
    match MOUNTED.load(Relaxed) {
        UNKNOWN => looked(),
        known => known == YES,
    }
}

fn looked() -> bool {
    // A process that has no store now may have one later.
    let Ok(root) = CLIENT.root().and_then(|root| born(root, c".".as_ptr())) else { return false };
    let mounted = born(libc::AT_FDCWD, DIRECTORY.as_ptr()).is_ok_and(|shown| {
        let same_birth = birth(&root).is_some() && birth(&root) == birth(&shown);
        device(&shown) == device(&root) || (same_birth && is_fuse(DIRECTORY))
    });
    MOUNTED.store(if mounted { YES } else { NO }, Relaxed);
    mounted
}

const fn device(shown: &Statx) -> (u32, u32) {
    (shown.stx_dev_major, shown.stx_dev_minor)
}

/// The inode's number and when it was made, where the file system tells.
fn birth(shown: &Statx) -> Option<(u64, i64, u32)> {
    let told = shown.stx_mask & libc::STATX_BTIME != 0;
    told.then_some((shown.stx_ino, shown.stx_btime.tv_sec, shown.stx_btime.tv_nsec))
}

fn born(dir: c_int, path: *const c_char) -> Result<Statx, Errno> {
    let mut found = MaybeUninit::<Statx>::zeroed();
    let to = found.as_mut_ptr().expose_provenance();
    let mask = libc::STATX_INO | libc::STATX_BTIME;
    let args = [dir as usize, path.expose_provenance(), 0, mask as usize, to, 0];
    // SAFETY: the kernel reads the path, and writes this frame's own structure.
    unsafe { raw::call6(libc::SYS_statx, args) }?;
    // SAFETY: zeroed before, and integers only.
    Ok(unsafe { found.assume_init() })
}

fn is_fuse(path: &CStr) -> bool {
    let mut found = MaybeUninit::<Statfs>::zeroed();
    let to = found.as_mut_ptr().expose_provenance();
    // SAFETY: the kernel reads the path, and writes this frame's own structure.
    if unsafe { raw::call(libc::SYS_statfs, [path.as_ptr().expose_provenance(), to, 0, 0]) }.is_err() {
        return false;
    }
    // SAFETY: zeroed before, and integers only.
    unsafe { found.assume_init() }.f_type == libc::FUSE_SUPER_MAGIC
}

/// Whether a place of the mounted tmpfs is a file, or may become one: nothing else is opened by way of the store.
/// Its room for a name must not lie on the stack of each open.
#[inline(never)]
pub fn is_file(place: Place) -> bool {
    let Place::Below(name) = place else { return false };
    if super::component(name, &mut Room::new()).is_err() {
        return false;
    }
    match CLIENT.root().and_then(|root| look_up(root, name)) {
        Ok(shown) => shown.st_mode & libc::S_IFMT == libc::S_IFREG,
        Err(errno) => errno == Errno::ENOENT,
    }
}

fn look_up(dir: c_int, path: *const c_char) -> Result<Stat, Errno> {
    let mut found = MaybeUninit::<Stat>::zeroed();
    let to = found.as_mut_ptr().expose_provenance();
    let args = [dir as usize, path.expose_provenance(), to, libc::AT_SYMLINK_NOFOLLOW as usize];
    // SAFETY: the kernel reads the path, and writes this frame's own structure.
    unsafe { raw::call(libc::SYS_newfstatat, args) }?;
    // SAFETY: zeroed before, and integers only.
    Ok(unsafe { found.assume_init() })
}
