//! Sizes: `ftruncate`, `fallocate`, `posix_fallocate` and their 64 forms.
//!
//! The client asks the store before an object grows; the change itself is the kernel's, by the system call.
//!
//! Owns: the C signatures, which arguments make a file grow.
//! Leaves to others: whether the descriptor is a store's, and the refusal (the client).
//! Not done: `fallocate` is no cancellation point here, as it is in glibc.

use crate::{CLIENT, errno, next::Next, raw};
use core::{ffi::CStr, mem};
use libc::{c_int, c_void, off_t, off64_t};
use shmfs_abi::Errno;

type PosixFallocate = unsafe extern "C" fn(c_int, off_t, off_t) -> c_int;

crate::as_libc! {
    ftruncate: unsafe extern "C" fn(c_int, off_t) -> c_int;
    ftruncate64: unsafe extern "C" fn(c_int, off64_t) -> c_int;
    fallocate: unsafe extern "C" fn(c_int, c_int, off_t, off_t) -> c_int;
    fallocate64: unsafe extern "C" fn(c_int, c_int, off64_t, off64_t) -> c_int;
    posix_fallocate: PosixFallocate;
    posix_fallocate64: PosixFallocate;
}

/// `ftruncate(2)`.
#[unsafe(no_mangle)]
pub extern "C" fn ftruncate(fd: c_int, len: off_t) -> c_int {
    let act = || {
        // SAFETY: `ftruncate` touches no memory of this process.
        unsafe { raw::call(libc::SYS_ftruncate, [fd as usize, len as usize, 0, 0]) }.map(drop)
    };
    // A negative length is the kernel's to refuse.
    errno::done(if len < 0 { act() } else { CLIENT.resize(fd, len, &act) })
}

/// `ftruncate(2)`.
#[unsafe(no_mangle)]
pub extern "C" fn ftruncate64(fd: c_int, len: off64_t) -> c_int {
    ftruncate(fd, len)
}

/// `fallocate(2)`.
#[unsafe(no_mangle)]
pub extern "C" fn fallocate(fd: c_int, mode: c_int, offset: off_t, len: off_t) -> c_int {
    errno::done(allocate(fd, mode, offset, len))
}

/// `fallocate(2)`.
#[unsafe(no_mangle)]
pub extern "C" fn fallocate64(fd: c_int, mode: c_int, offset: off64_t, len: off64_t) -> c_int {
    errno::done(allocate(fd, mode, offset, len))
}

/// `posix_fallocate(3)`: returns the errno and does not set it.
#[unsafe(no_mangle)]
pub extern "C" fn posix_fallocate(fd: c_int, offset: off_t, len: off_t) -> c_int {
    static REAL: Next = Next::new();
    posix_allocate(&REAL, c"posix_fallocate", fd, offset, len)
}

/// As `posix_fallocate`.
#[unsafe(no_mangle)]
pub extern "C" fn posix_fallocate64(fd: c_int, offset: off64_t, len: off64_t) -> c_int {
    static REAL: Next = Next::new();
    posix_allocate(&REAL, c"posix_fallocate64", fd, offset, len)
}

fn allocate(fd: c_int, mode: c_int, offset: off_t, len: off_t) -> Result<(), Errno> {
    let args = [fd as usize, mode as usize, offset as usize, len as usize];
    // SAFETY: `fallocate` touches no memory of this process.
    let act = || unsafe { raw::call(libc::SYS_fallocate, args) }.map(drop);
    // The end lies beyond the size only where a file may grow to it; all else is the kernel's to judge.
    match offset.checked_add(len) {
        Some(end) if offset >= 0 && len > 0 && mode & libc::FALLOC_FL_KEEP_SIZE == 0 => {
            CLIENT.resize(fd, end, &act)
        }
        _ => act(),
    }
}

/// glibc makes the system call first, whose errnos are then `posix_fallocate`'s own, and writes by itself where
/// the file system cannot allocate (sysdeps/unix/sysv/linux/posix_fallocate64.c). That part is left to it.
fn posix_allocate(real: &Next, name: &CStr, fd: c_int, offset: off_t, len: off_t) -> c_int {
    let refused = match allocate(fd, 0, offset, len) {
        Ok(()) => return 0,
        Err(refused) => refused,
    };
    let found = if refused == Errno::EOPNOTSUPP { real.find(name) } else { core::ptr::null_mut() };
    if found.is_null() {
        return refused.0;
    }
    // SAFETY: libc's function of that name has this type, see `as_libc` above.
    let real = unsafe { mem::transmute::<*mut c_void, PosixFallocate>(found) };
    // SAFETY: the arguments are the program's own, for this very function.
    unsafe { real(fd, offset, len) }
}
