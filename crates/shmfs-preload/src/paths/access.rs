//! `access`, `faccessat`, `euidaccess`, `eaccess`, `readlink`, `readlinkat`.
//!
//! Owns: the C signatures.
//! Leaves to others: the answer (the kernel).
//! Not done: the checked forms of `readlink` in programs built with `_FORTIFY_SOURCE`; no file of the store is a link.

use super::look;
use crate::{errno, next::Next, raw};
use libc::{c_char, c_int, size_t, ssize_t};
use shmfs_abi::Errno;

type Faccessat = unsafe extern "C" fn(c_int, *const c_char, c_int, c_int) -> c_int;

crate::as_libc! {
    access: unsafe extern "C" fn(*const c_char, c_int) -> c_int;
    faccessat: Faccessat;
    euidaccess: unsafe extern "C" fn(*const c_char, c_int) -> c_int;
    eaccess: unsafe extern "C" fn(*const c_char, c_int) -> c_int;
    readlink: unsafe extern "C" fn(*const c_char, *mut c_char, size_t) -> ssize_t;
    readlinkat: unsafe extern "C" fn(c_int, *const c_char, *mut c_char, size_t) -> ssize_t;
}

/// `access(2)`.
#[unsafe(no_mangle)]
pub extern "C" fn access(path: *const c_char, mode: c_int) -> c_int {
    faccessat(libc::AT_FDCWD, path, mode, 0)
}

/// `euidaccess(3)`.
#[unsafe(no_mangle)]
pub extern "C" fn euidaccess(path: *const c_char, mode: c_int) -> c_int {
    faccessat(libc::AT_FDCWD, path, mode, libc::AT_EACCESS)
}

/// `euidaccess(3)`.
#[unsafe(no_mangle)]
pub extern "C" fn eaccess(path: *const c_char, mode: c_int) -> c_int {
    euidaccess(path, mode)
}

/// `faccessat(2)`.
#[unsafe(no_mangle)]
pub extern "C" fn faccessat(dir: c_int, path: *const c_char, mode: c_int, flags: c_int) -> c_int {
    let outcome = look(dir, path, |dir, path| {
        let args = [dir as usize, path.expose_provenance(), mode as usize, flags as usize];
        let number = if flags == 0 { libc::SYS_faccessat } else { libc::SYS_faccessat2 };
        // SAFETY: the kernel reads the path, and refuses it where it cannot.
        unsafe { raw::call(number, args) }.map(drop)
    });
    if outcome == Err(Errno::ENOSYS) && flags != 0 {
        return emulated(dir, path, mode, flags);
    }
    errno::done(outcome)
}

/// glibc knows what to do where the kernel, or a filter, does not know `faccessat2`.
fn emulated(dir: c_int, path: *const c_char, mode: c_int, flags: c_int) -> c_int {
    static REAL: Next = Next::new();
    // SAFETY: libc's function of that name has this type, see `as_libc` above.
    match unsafe { REAL.function::<Faccessat>(c"faccessat") } {
        // SAFETY: the arguments are the program's own, for this very function.
        Some(real) => unsafe { real(dir, path, mode, flags) },
        None => errno::done(Err(Errno::ENOSYS)),
    }
}

/// `readlink(2)`.
#[unsafe(no_mangle)]
pub extern "C" fn readlink(path: *const c_char, to: *mut c_char, size: size_t) -> ssize_t {
    readlinkat(libc::AT_FDCWD, path, to, size)
}

/// `readlinkat(2)`.
#[unsafe(no_mangle)]
pub extern "C" fn readlinkat(dir: c_int, path: *const c_char, to: *mut c_char, size: size_t) -> ssize_t {
    let outcome = look(dir, path, |dir, path| {
        let args = [dir as usize, path.expose_provenance(), to.expose_provenance(), size];
        // SAFETY: the kernel reads the path and writes the target, and refuses where it cannot.
        unsafe { raw::call(libc::SYS_readlinkat, args) }
    });
    match outcome {
        Ok(len) => len as ssize_t,
        Err(refused) => {
            errno::set(refused);
            -1
        }
    }
}
