//! `stat` and its like, and `ftok`, which looks by it inside libc.
//!
//! Owns: the C signatures.
//! Leaves to others: what is shown in another way than the kernel shows it (`shown`).

use super::{look, shown};
use crate::{errno, raw};
use core::mem::MaybeUninit;
use libc::{c_char, c_int, c_uint, key_t, stat as Stat, stat64 as Stat64, statx as Statx};
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
    ftok: unsafe extern "C" fn(*const c_char, c_int) -> key_t;
    statx: unsafe extern "C" fn(c_int, *const c_char, c_int, c_uint, *mut Statx) -> c_int;
}

const _: () = assert!(size_of::<Stat>() == size_of::<Stat64>(), "one structure on 64 bits");

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
    errno::done(outcome.map(|_| {
        shown::file_behind(to);
        shown::as_dev_shm(to);
    }))
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
    errno::done(outcome.map(|_| {
        if flags & libc::AT_EMPTY_PATH != 0 {
            shown::file_behind_extended(flags, mask, to);
        }
        shown::as_dev_shm_extended(to);
    }))
}

/// `ftok(3)`: a key of the file's number and device (glibc, sysvipc/ftok.c).
#[unsafe(no_mangle)]
pub extern "C" fn ftok(path: *const c_char, project: c_int) -> key_t {
    let mut found = MaybeUninit::<Stat>::zeroed();
    if stat(path, found.as_mut_ptr()) < 0 {
        return -1;
    }
    // SAFETY: zeroed before, and integers only.
    let found = unsafe { found.assume_init() };
    let (file, device, project) = (found.st_ino & 0xffff, found.st_dev & 0xff, project as u32 & 0xff);
    (file as u32 | (device as u32) << 16 | project << 24) as key_t
}

/// `_STAT_VER_KERNEL` and `_STAT_VER_LINUX`, one structure on 64 bits (bits/xstatver.h, glibc 2.31).
fn versioned(version: c_int, call: impl Fn() -> c_int) -> c_int {
    if matches!(version, 0 | 1) { call() } else { errno::done(Err(Errno::EINVAL)) }
}

fn by_path(dir: c_int, path: *const c_char, to: *mut Stat, flags: c_int) -> Result<(), Errno> {
    look(dir, path, |dir, path| look_up(dir, path, to, flags))?;
    if flags & libc::AT_EMPTY_PATH != 0 {
        shown::file_behind(to);
    }
    shown::as_dev_shm(to);
    Ok(())
}

pub fn look_up(dir: c_int, path: *const c_char, to: *mut Stat, flags: c_int) -> Result<(), Errno> {
    let args = [dir as usize, path.expose_provenance(), to.expose_provenance(), flags as usize];
    // SAFETY: the kernel reads the path and writes the structure, and refuses where it cannot.
    unsafe { raw::call(libc::SYS_newfstatat, args) }.map(drop)
}
