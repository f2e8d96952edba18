//! `stat` and its like. The files of the store show the device number of /dev/shm, by path and by descriptor.
//!
//! Owns: that number, the C signatures.
//! Leaves to others: everything else that is shown (the kernel).
//! Not done: a descriptor that came from a store shows its own device number in a process that has never
//! connected to one.

use super::look;
use crate::{CLIENT, errno, raw};
use core::{
    mem::MaybeUninit,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};
use libc::{c_char, c_int, c_uint, stat as Stat, stat64 as Stat64, statx as Statx};
use shmfs_abi::Errno;

crate::as_libc! {
    stat: unsafe extern "C" fn(*const c_char, *mut Stat) -> c_int;
    stat64: unsafe extern "C" fn(*const c_char, *mut Stat64) -> c_int;
    lstat: unsafe extern "C" fn(*const c_char, *mut Stat) -> c_int;
    lstat64: unsafe extern "C" fn(*const c_char, *mut Stat64) -> c_int;
    fstat: unsafe extern "C" fn(c_int, *mut Stat) -> c_int;
    fstat64: unsafe extern "C" fn(c_int, *mut Stat64) -> c_int;
    fstatat: unsafe extern "C" fn(c_int, *const c_char, *mut Stat, c_int) -> c_int;
    fstatat64: unsafe extern "C" fn(c_int, *const c_char, *mut Stat64, c_int) -> c_int;
    statx: unsafe extern "C" fn(c_int, *const c_char, c_int, c_uint, *mut Statx) -> c_int;
}

const _: () = assert!(size_of::<Stat>() == size_of::<Stat64>(), "one structure on 64 bits");

/// The device number of the kernel's /dev/shm, 0 until it was asked.
static DEV_SHM: AtomicU64 = AtomicU64::new(0);

/// `stat(2)`.
#[unsafe(no_mangle)]
pub extern "C" fn stat(path: *const c_char, to: *mut Stat) -> c_int {
    errno::done(by_path(libc::AT_FDCWD, path, to, 0))
}

/// `stat(2)`.
#[unsafe(no_mangle)]
pub extern "C" fn stat64(path: *const c_char, to: *mut Stat64) -> c_int {
    stat(path, to.cast())
}

/// `lstat(2)`.
#[unsafe(no_mangle)]
pub extern "C" fn lstat(path: *const c_char, to: *mut Stat) -> c_int {
    errno::done(by_path(libc::AT_FDCWD, path, to, libc::AT_SYMLINK_NOFOLLOW))
}

/// `lstat(2)`.
#[unsafe(no_mangle)]
pub extern "C" fn lstat64(path: *const c_char, to: *mut Stat64) -> c_int {
    lstat(path, to.cast())
}

/// `fstat(2)`.
#[unsafe(no_mangle)]
pub extern "C" fn fstat(fd: c_int, to: *mut Stat) -> c_int {
    let args = [fd as usize, to.expose_provenance(), 0, 0];
    // SAFETY: the kernel writes the structure, and refuses where it cannot.
    let outcome = unsafe { raw::call(libc::SYS_fstat, args) };
    errno::done(outcome.map(|_| disguise(to)))
}

/// `fstat(2)`.
#[unsafe(no_mangle)]
pub extern "C" fn fstat64(fd: c_int, to: *mut Stat64) -> c_int {
    fstat(fd, to.cast())
}

/// `fstatat(2)`.
#[unsafe(no_mangle)]
pub extern "C" fn fstatat(dir: c_int, path: *const c_char, to: *mut Stat, flags: c_int) -> c_int {
    errno::done(by_path(dir, path, to, flags))
}

/// `fstatat(2)`.
#[unsafe(no_mangle)]
pub extern "C" fn fstatat64(dir: c_int, path: *const c_char, to: *mut Stat64, flags: c_int) -> c_int {
    fstatat(dir, path, to.cast(), flags)
}

/// What `stat` is in programs that were built before glibc 2.33; no header declares these eight any more.
#[unsafe(no_mangle)]
pub extern "C" fn __xstat(version: c_int, path: *const c_char, to: *mut Stat) -> c_int {
    versioned(version, || stat(path, to))
}

/// As `__xstat`.
#[unsafe(no_mangle)]
pub extern "C" fn __xstat64(version: c_int, path: *const c_char, to: *mut Stat64) -> c_int {
    __xstat(version, path, to.cast())
}

/// As `__xstat`.
#[unsafe(no_mangle)]
pub extern "C" fn __lxstat(version: c_int, path: *const c_char, to: *mut Stat) -> c_int {
    versioned(version, || lstat(path, to))
}

/// As `__xstat`.
#[unsafe(no_mangle)]
pub extern "C" fn __lxstat64(version: c_int, path: *const c_char, to: *mut Stat64) -> c_int {
    __lxstat(version, path, to.cast())
}

/// As `__xstat`.
#[unsafe(no_mangle)]
pub extern "C" fn __fxstat(version: c_int, fd: c_int, to: *mut Stat) -> c_int {
    versioned(version, || fstat(fd, to))
}

/// As `__xstat`.
#[unsafe(no_mangle)]
pub extern "C" fn __fxstat64(version: c_int, fd: c_int, to: *mut Stat64) -> c_int {
    __fxstat(version, fd, to.cast())
}

/// As `__xstat`.
#[unsafe(no_mangle)]
pub extern "C" fn __fxstatat(
    version: c_int,
    dir: c_int,
    path: *const c_char,
    to: *mut Stat,
    flags: c_int,
) -> c_int {
    versioned(version, || fstatat(dir, path, to, flags))
}

/// As `__xstat`.
#[unsafe(no_mangle)]
pub extern "C" fn __fxstatat64(
    version: c_int,
    dir: c_int,
    path: *const c_char,
    to: *mut Stat64,
    flags: c_int,
) -> c_int {
    __fxstatat(version, dir, path, to.cast(), flags)
}

/// `statx(2)`.
#[unsafe(no_mangle)]
pub extern "C" fn statx(
    dir: c_int,
    path: *const c_char,
    flags: c_int,
    mask: c_uint,
    to: *mut Statx,
) -> c_int {
    let outcome = look(dir, path, |dir, path| {
        let place = path.expose_provenance();
        let args = [dir as usize, place, flags as usize, mask as usize, to.expose_provenance(), 0];
        // SAFETY: the kernel reads the path and writes the structure, and refuses where it cannot.
        unsafe { raw::call6(libc::SYS_statx, args) }
    });
    errno::done(outcome.map(|_| disguise_extended(to)))
}

/// `_STAT_VER_KERNEL` and `_STAT_VER_LINUX`, one structure on 64 bits (bits/xstatver.h, glibc 2.31).
fn versioned(version: c_int, call: impl Fn() -> c_int) -> c_int {
    if matches!(version, 0 | 1) { call() } else { errno::done(Err(Errno::EINVAL)) }
}

fn by_path(dir: c_int, path: *const c_char, to: *mut Stat, flags: c_int) -> Result<(), Errno> {
    look(dir, path, |dir, path| look_up(dir, path, to, flags)).map(|()| disguise(to))
}

fn look_up(dir: c_int, path: *const c_char, to: *mut Stat, flags: c_int) -> Result<(), Errno> {
    let args = [dir as usize, path.expose_provenance(), to.expose_provenance(), flags as usize];
    // SAFETY: the kernel reads the path and writes the structure, and refuses where it cannot.
    unsafe { raw::call(libc::SYS_newfstatat, args) }.map(drop)
}

/// Shows a file of the store as one of /dev/shm. The kernel has just written the structure.
fn disguise(shown: *mut Stat) {
    let Some(hidden) = CLIENT.hidden_dev() else { return };
    // SAFETY: the kernel has just written the structure there.
    let dev = unsafe { &raw mut (*shown).st_dev };
    // SAFETY: as above; a program's pointer may be unaligned.
    if unsafe { dev.read_unaligned() } == hidden {
        // SAFETY: as above.
        unsafe { dev.write_unaligned(dev_shm(hidden)) };
    }
}

/// As [`disguise`].
fn disguise_extended(shown: *mut Statx) {
    let Some(hidden) = CLIENT.hidden_dev() else { return };
    // SAFETY: the kernel has just written the structure there.
    let major = unsafe { &raw mut (*shown).stx_dev_major };
    // SAFETY: as above.
    let minor = unsafe { &raw mut (*shown).stx_dev_minor };
    // SAFETY: as above; a program's pointer may be unaligned.
    let found_major = unsafe { major.read_unaligned() };
    // SAFETY: as above.
    let found_minor = unsafe { minor.read_unaligned() };
    if (found_major, found_minor) == (libc::major(hidden), libc::minor(hidden)) {
        let dev = dev_shm(hidden);
        // SAFETY: as above.
        unsafe { major.write_unaligned(libc::major(dev)) };
        // SAFETY: as above.
        unsafe { minor.write_unaligned(libc::minor(dev)) };
    }
}

/// The device number of the kernel's /dev/shm, or the store's own where there is none.
fn dev_shm(hidden: u64) -> u64 {
    let known = DEV_SHM.load(Relaxed);
    if known != 0 {
        return known;
    }
    let mut found = MaybeUninit::<Stat>::zeroed();
    if look_up(libc::AT_FDCWD, c"/dev/shm".as_ptr(), found.as_mut_ptr(), 0).is_err() {
        return hidden;
    }
    // SAFETY: zeroed before, and integers only.
    let dev = unsafe { found.assume_init() }.st_dev;
    DEV_SHM.store(dev, Relaxed);
    dev
}
