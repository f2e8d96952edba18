//! Times of files: `utimensat` and its older forms. The kernel decides by the inode.
//!
//! Owns: the C signatures, the units of the older forms.
//! Leaves to others: the rules (the kernel).

use super::change;
use crate::{
    errno,
    pointer::{self, Plain},
    raw,
};
use core::ptr;
use libc::{c_char, c_int, timespec, timeval, utimbuf};
use shmfs_abi::Errno;

crate::as_libc! {
    utimensat: unsafe extern "C" fn(c_int, *const c_char, *const timespec, c_int) -> c_int;
    utime: unsafe extern "C" fn(*const c_char, *const utimbuf) -> c_int;
    utimes: unsafe extern "C" fn(*const c_char, *const timeval) -> c_int;
    lutimes: unsafe extern "C" fn(*const c_char, *const timeval) -> c_int;
}

const NANOSECONDS_OF_A_MICROSECOND: i64 = 1000;

/// Access and change.
type Pair = [timeval; 2];

// SAFETY: two integers of eight bytes.
unsafe impl Plain for utimbuf {}
// SAFETY: four integers of eight bytes.
unsafe impl Plain for Pair {}

/// `utimensat(2)`. Without a path it is `futimens`, to the kernel; glibc refuses that (sysdeps/unix/sysv/linux/utimensat.c).
#[unsafe(no_mangle)]
pub extern "C" fn utimensat(dir: c_int, path: *const c_char, times: *const timespec, flags: c_int) -> c_int {
    errno::done(if path.is_null() { Err(Errno::EINVAL) } else { changed(dir, path, times, flags) })
}

/// `utime(2)`: seconds.
#[unsafe(no_mangle)]
pub extern "C" fn utime(path: *const c_char, times: *const utimbuf) -> c_int {
    if times.is_null() {
        return errno::done(changed(libc::AT_FDCWD, path, ptr::null(), 0));
    }
    errno::done(pointer::copy_in(times).and_then(|times| {
        let times = [times.actime, times.modtime].map(|tv_sec| timespec { tv_sec, tv_nsec: 0 });
        changed(libc::AT_FDCWD, path, times.as_ptr(), 0)
    }))
}

/// `utimes(2)`: microseconds.
#[unsafe(no_mangle)]
pub extern "C" fn utimes(path: *const c_char, times: *const timeval) -> c_int {
    errno::done(finer(libc::AT_FDCWD, path, times, 0))
}

/// `lutimes(3)`: microseconds.
#[unsafe(no_mangle)]
pub extern "C" fn lutimes(path: *const c_char, times: *const timeval) -> c_int {
    errno::done(finer(libc::AT_FDCWD, path, times, libc::AT_SYMLINK_NOFOLLOW))
}

/// `futimesat(2)`: microseconds. The libc crate does not declare it.
#[unsafe(no_mangle)]
pub extern "C" fn futimesat(dir: c_int, path: *const c_char, times: *const timeval) -> c_int {
    errno::done(finer(dir, path, times, 0))
}

/// Two times in microseconds as the kernel takes them. What is no time of a second stays none.
fn finer(dir: c_int, path: *const c_char, times: *const timeval, flags: c_int) -> Result<(), Errno> {
    if times.is_null() {
        return changed(dir, path, ptr::null(), flags);
    }
    let times = pointer::copy_in(times.cast::<Pair>())?.map(|time| timespec {
        tv_sec: time.tv_sec,
        tv_nsec: time.tv_usec.saturating_mul(NANOSECONDS_OF_A_MICROSECOND),
    });
    changed(dir, path, times.as_ptr(), flags)
}

fn changed(dir: c_int, path: *const c_char, times: *const timespec, flags: c_int) -> Result<(), Errno> {
    change(dir, path, |dir, path| {
        let args = [dir as usize, path.expose_provenance(), times.expose_provenance(), flags as usize];
        // SAFETY: the kernel reads the path and the times, and refuses them where it cannot.
        unsafe { raw::call(libc::SYS_utimensat, args) }.map(drop)
    })
}
