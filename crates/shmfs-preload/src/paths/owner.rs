//! Mode and owner of files: `chmod`, `chown` and their like. The kernel decides by the inode, which the broker looks
//! at before it decides itself.
//!
//! Owns: the C signatures.
//! Leaves to others: the rules (the kernel).

use super::change;
use crate::{errno, next::Next, raw};
use libc::{c_char, c_int, gid_t, mode_t, uid_t};
use shmfs_abi::Errno;

type Fchmodat = unsafe extern "C" fn(c_int, *const c_char, mode_t, c_int) -> c_int;

crate::as_libc! {
    chmod: unsafe extern "C" fn(*const c_char, mode_t) -> c_int;
    fchmodat: Fchmodat;
    chown: unsafe extern "C" fn(*const c_char, uid_t, gid_t) -> c_int;
    lchown: unsafe extern "C" fn(*const c_char, uid_t, gid_t) -> c_int;
    fchownat: unsafe extern "C" fn(c_int, *const c_char, uid_t, gid_t, c_int) -> c_int;
}

/// `chmod(2)`.
#[unsafe(no_mangle)]
pub extern "C" fn chmod(path: *const c_char, mode: mode_t) -> c_int {
    fchmodat(libc::AT_FDCWD, path, mode, 0)
}

/// `fchmodat(2)`.
#[unsafe(no_mangle)]
pub extern "C" fn fchmodat(dir: c_int, path: *const c_char, mode: mode_t, flags: c_int) -> c_int {
    static REAL: Next = Next::new();
    if flags != 0 && !matches!(super::asked(dir, path), Some(super::Place::Below(_))) {
        // glibc does by other means what the kernel's call does not know.
        // SAFETY: libc's function of that name has this type, see `as_libc` above.
        return match unsafe { REAL.function::<Fchmodat>(c"fchmodat") } {
            // SAFETY: the arguments are the program's own, for this very function.
            Some(real) => unsafe { real(dir, path, mode, flags) },
            None => errno::done(Err(Errno::ENOSYS)),
        };
    }
    if flags & !libc::AT_SYMLINK_NOFOLLOW != 0 {
        return errno::done(Err(Errno::EINVAL));
    }
    errno::done(change(dir, path, |dir, path| {
        let args = [dir as usize, path.expose_provenance(), mode as usize, 0];
        // SAFETY: the kernel reads the path, and refuses it where it cannot.
        unsafe { raw::call(libc::SYS_fchmodat, args) }.map(drop)
    }))
}

/// `chown(2)`.
#[unsafe(no_mangle)]
pub extern "C" fn chown(path: *const c_char, uid: uid_t, gid: gid_t) -> c_int {
    fchownat(libc::AT_FDCWD, path, uid, gid, 0)
}

/// `lchown(2)`.
#[unsafe(no_mangle)]
pub extern "C" fn lchown(path: *const c_char, uid: uid_t, gid: gid_t) -> c_int {
    fchownat(libc::AT_FDCWD, path, uid, gid, libc::AT_SYMLINK_NOFOLLOW)
}

/// `fchownat(2)`.
#[unsafe(no_mangle)]
pub extern "C" fn fchownat(dir: c_int, path: *const c_char, uid: uid_t, gid: gid_t, flags: c_int) -> c_int {
    errno::done(change(dir, path, |dir, path| {
        let args = [dir as usize, path.expose_provenance(), uid as usize, gid as usize, flags as usize, 0];
        // SAFETY: the kernel reads the path, and refuses it where it cannot.
        unsafe { raw::call6(libc::SYS_fchownat, args) }.map(drop)
    }))
}
