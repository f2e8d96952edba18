//! `open` and its like: ordinary files are libc's, those below /dev/shm and some files of /proc the store's.
//!
//! What lies below /dev/shm is compared first: the kernel may have a file of that name, whose open would take the
//! lowest descriptor, or wait for the other end of a FIFO. It costs the question whether the path can be read,
//! some tenth of an open; a bad pointer stays `EFAULT`. For the files of /proc the real open comes first: when it
//! succeeds, or finds no such file, the kernel has read the path to its end, and it is compared at no further call.
//!
//! The real open is glibc's `__open64`, exported beside `open` and `open64` and the same function on 64 bits
//! (sysdeps/unix/sysv/linux/open64.c): thread cancellation and errno are glibc's own, and no `dlsym` runs in
//! a signal handler. No `O_LARGEFILE` is added: on 64 bits the kernel does so (fs/open.c, `force_o_largefile`).
//!
//! Owns: the C signatures.
//! Leaves to others: what is served (`proc`).
//! Not done: `openat` on a directory other than `AT_FDCWD` is a plain system call, and so no cancellation
//! point, since glibc has no second name for it. `openat2` has no function in glibc.

use crate::{
    errno,
    next::Next,
    paths,
    pointer::Text,
    proc::{self, PATH_BYTES},
    raw,
};
use core::{ffi::CStr, mem};
use libc::{c_char, c_int, c_void, mode_t};

type Checked = unsafe extern "C" fn(*const c_char, c_int) -> c_int;
type CheckedAt = unsafe extern "C" fn(c_int, *const c_char, c_int) -> c_int;

unsafe extern "C" {
    fn __open64(path: *const c_char, flags: c_int, ...) -> c_int;
}

crate::as_libc! {
    creat: unsafe extern "C" fn(*const c_char, mode_t) -> c_int;
    creat64: unsafe extern "C" fn(*const c_char, mode_t) -> c_int;
}

/// `open(2)`. Variadic in C, as are `open64`, `openat` and `openat64`: the mode is there only when the flags
/// need it, and what stands in its register otherwise is not looked at.
#[unsafe(no_mangle)]
pub extern "C" fn open(path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    opened(libc::AT_FDCWD, path, flags, mode)
}

/// `open(2)`.
#[unsafe(no_mangle)]
pub extern "C" fn open64(path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    opened(libc::AT_FDCWD, path, flags, mode)
}

/// `openat(2)`.
#[unsafe(no_mangle)]
pub extern "C" fn openat(dir: c_int, path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    opened(dir, path, flags, mode)
}

/// `openat(2)`.
#[unsafe(no_mangle)]
pub extern "C" fn openat64(dir: c_int, path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    opened(dir, path, flags, mode)
}

/// `creat(2)`.
#[unsafe(no_mangle)]
pub extern "C" fn creat(path: *const c_char, mode: mode_t) -> c_int {
    opened(libc::AT_FDCWD, path, libc::O_CREAT | libc::O_WRONLY | libc::O_TRUNC, mode)
}

/// `creat(2)`.
#[unsafe(no_mangle)]
pub extern "C" fn creat64(path: *const c_char, mode: mode_t) -> c_int {
    creat(path, mode)
}

/// What `open` is in programs built with `_FORTIFY_SOURCE` and no mode (glibc, io/open_2.c). No header declares
/// these four; libc aborts when the flags need a mode, and does so here too.
#[unsafe(no_mangle)]
pub extern "C" fn __open_2(path: *const c_char, flags: c_int) -> c_int {
    static REAL: Next = Next::new();
    checked(&REAL, c"__open_2", path, flags)
}

/// As `__open_2`.
#[unsafe(no_mangle)]
pub extern "C" fn __open64_2(path: *const c_char, flags: c_int) -> c_int {
    static REAL: Next = Next::new();
    checked(&REAL, c"__open64_2", path, flags)
}

/// As `__open_2`.
#[unsafe(no_mangle)]
pub extern "C" fn __openat_2(dir: c_int, path: *const c_char, flags: c_int) -> c_int {
    static REAL: Next = Next::new();
    checked_at(&REAL, c"__openat_2", dir, path, flags)
}

/// As `__open_2`.
#[unsafe(no_mangle)]
pub extern "C" fn __openat64_2(dir: c_int, path: *const c_char, flags: c_int) -> c_int {
    static REAL: Next = Next::new();
    checked_at(&REAL, c"__openat64_2", dir, path, flags)
}

fn checked(real: &Next, name: &CStr, path: *const c_char, flags: c_int) -> c_int {
    let found = if needs_mode(flags) { real.find(name) } else { core::ptr::null_mut() };
    if found.is_null() {
        return opened(libc::AT_FDCWD, path, flags, 0);
    }
    // SAFETY: libc's function of that name has this type (io/open_2.c).
    let real = unsafe { mem::transmute::<*mut c_void, Checked>(found) };
    // SAFETY: the arguments are the program's own, for this very function.
    unsafe { real(path, flags) }
}

fn checked_at(real: &Next, name: &CStr, dir: c_int, path: *const c_char, flags: c_int) -> c_int {
    let found = if needs_mode(flags) { real.find(name) } else { core::ptr::null_mut() };
    if found.is_null() {
        return opened(dir, path, flags, 0);
    }
    // SAFETY: libc's function of that name has this type (io/openat_2.c).
    let real = unsafe { mem::transmute::<*mut c_void, CheckedAt>(found) };
    // SAFETY: the arguments are the program's own, for this very function.
    unsafe { real(dir, path, flags) }
}

fn opened(dir: c_int, path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    if let Some(place) = paths::opened(dir, path)
        && let Some(served) = paths::open::serve(place, flags, mode)
    {
        return errno::number(served);
    }
    let before = errno::get();
    let mode = if needs_mode(flags) { mode } else { 0 };
    let fd = if dir == libc::AT_FDCWD {
        // SAFETY: the arguments are the program's own, for this very function.
        unsafe { __open64(path, flags, mode) }
    } else {
        let args = [dir as usize, path.expose_provenance(), flags as usize, mode as usize];
        // SAFETY: the kernel reads the path, and refuses it where it cannot.
        errno::number(unsafe { raw::call(libc::SYS_openat, args) }.map(|fd| fd as c_int))
    };
    let outcome = if fd < 0 { Err(errno::get()) } else { Ok(()) };
    if !paths::was_read(&outcome) {
        return fd;
    }
    // SAFETY: the kernel has just read the path up to its NUL.
    let text = unsafe { Text::<PATH_BYTES>::read_known(path) };
    let Some(file) = text.and_then(|text| proc::file(text.as_bytes())) else {
        return fd;
    };
    if fd >= 0 {
        raw::close(fd);
    }
    errno::set(before);
    errno::number(proc::serve(file, flags))
}

/// Whether a mode follows the flags: `__OPEN_NEEDS_MODE` (io/fcntl.h).
fn needs_mode(flags: c_int) -> bool {
    flags & libc::O_CREAT != 0 || flags & libc::O_TMPFILE == libc::O_TMPFILE
}
