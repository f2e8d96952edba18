//! `opendir` and `scandir`: the list of /dev/shm is that of the store.
//!
//! Owns: the C signatures.
//! Leaves to others: the stream and its memory (libc).

use super::{Place, asked, kernel_open, open};
use crate::{CLIENT, errno, next::Next, raw};
use core::{ffi::CStr, ptr};
use libc::{DIR, c_char, c_int, c_void};
use shmfs_abi::Errno;

type Opendir = unsafe extern "C" fn(*const c_char) -> *mut DIR;
type Fdopendir = unsafe extern "C" fn(c_int) -> *mut DIR;
// The list, the filter and the order, whose types nothing here looks at.
type Scandir = unsafe extern "C" fn(*const c_char, *mut c_void, *mut c_void, *mut c_void) -> c_int;
type Scandirat = unsafe extern "C" fn(c_int, *const c_char, *mut c_void, *mut c_void, *mut c_void) -> c_int;

crate::as_libc! { opendir: Opendir; }

/// What libc's `opendir` opens with (sysdeps/unix/sysv/linux/opendir.c).
const FLAGS: c_int = libc::O_RDONLY | libc::O_NDELAY | libc::O_DIRECTORY | libc::O_CLOEXEC;

/// `opendir(3)`.
#[unsafe(no_mangle)]
pub extern "C" fn opendir(path: *const c_char) -> *mut DIR {
    static REAL: [Next; 2] = [Next::new(), Next::new()];
    let fd = match asked(libc::AT_FDCWD, path) {
        Some(Place::Root) => open::directory(FLAGS),
        Some(Place::Below(name)) => CLIENT.root().and_then(|root| kernel_open(root, name, FLAGS)),
        // SAFETY: libc's function of that name has this type, see `as_libc` above.
        None => match unsafe { REAL[0].function::<Opendir>(c"opendir") } {
            // SAFETY: the argument is the program's own, for this very function.
            Some(real) => return unsafe { real(path) },
            None => Err(Errno::ENOSYS),
        },
    };
    let fd = errno::number(fd);
    if fd < 0 {
        return ptr::null_mut();
    }
    // SAFETY: libc's function of that name has this type (dirent.h).
    let stream = match unsafe { REAL[1].function::<Fdopendir>(c"fdopendir") } {
        // SAFETY: `fd` is open and ours to give.
        Some(real) => unsafe { real(fd) },
        None => ptr::null_mut(),
    };
    if stream.is_null() {
        raw::close(fd);
    }
    stream
}

/// `scandir(3)`.
#[unsafe(no_mangle)]
pub extern "C" fn scandir(
    path: *const c_char,
    list: *mut c_void,
    filter: *mut c_void,
    order: *mut c_void,
) -> c_int {
    static REAL: [Next; 2] = [Next::new(), Next::new()];
    scanned(&REAL, [c"scandir", c"scandirat"], path, [list, filter, order])
}

/// `scandir(3)`.
#[unsafe(no_mangle)]
pub extern "C" fn scandir64(
    path: *const c_char,
    list: *mut c_void,
    filter: *mut c_void,
    order: *mut c_void,
) -> c_int {
    static REAL: [Next; 2] = [Next::new(), Next::new()];
    scanned(&REAL, [c"scandir64", c"scandirat64"], path, [list, filter, order])
}

fn scanned(
    real: &[Next; 2],
    names: [&CStr; 2],
    path: *const c_char,
    [list, filter, order]: [*mut c_void; 3],
) -> c_int {
    let (root, name) = match (asked(libc::AT_FDCWD, path), CLIENT.root()) {
        (Some(_), Err(refused)) => return errno::number(Err(refused)),
        (Some(Place::Root), Ok(root)) => (root, c".".as_ptr()),
        (Some(Place::Below(name)), Ok(root)) => (root, name),
        // SAFETY: libc's function of that name has this type (dirent.h).
        (None, _) => match unsafe { real[0].function::<Scandir>(names[0]) } {
            // SAFETY: the arguments are the program's own, for this very function.
            Some(real) => return unsafe { real(path, list, filter, order) },
            None => return errno::number(Err(Errno::ENOSYS)),
        },
    };
    // SAFETY: libc's function of that name has this type (dirent.h).
    match unsafe { real[1].function::<Scandirat>(names[1]) } {
        // SAFETY: the arguments are the program's own, but for the directory and the name within it.
        Some(real) => unsafe { real(root, name, list, filter, order) },
        None => errno::number(Err(Errno::ENOSYS)),
    }
}
