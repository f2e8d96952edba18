//! `fopen` and `fopen64`: ordinary files are libc's, four files of /proc are the store's.
//!
//! Owns: the C signatures, what the mode's letters mean for a file of the store.
//! Leaves to others: what is served (`proc`), the stream itself (libc's `fdopen`).

use crate::{
    errno,
    next::Next,
    pointer::Text,
    proc::{self, PATH_BYTES},
    raw,
};
use core::{ffi::CStr, mem, ptr};
use libc::{FILE, c_char, c_int, c_void};
use shmfs_abi::Errno;

type Fopen = unsafe extern "C" fn(*const c_char, *const c_char) -> *mut FILE;

/// Bytes of a mode that are looked at, with the NUL: glibc looks at seven (libio/fileops.c).
const MODE_BYTES: usize = 64;

crate::as_libc! {
    fopen: Fopen;
    fopen64: Fopen;
}

/// `fopen(3)`.
#[unsafe(no_mangle)]
pub extern "C" fn fopen(path: *const c_char, mode: *const c_char) -> *mut FILE {
    static REAL: Next = Next::new();
    stream(&REAL, c"fopen", path, mode)
}

/// `fopen(3)`.
#[unsafe(no_mangle)]
pub extern "C" fn fopen64(path: *const c_char, mode: *const c_char) -> *mut FILE {
    static REAL: Next = Next::new();
    stream(&REAL, c"fopen64", path, mode)
}

fn stream(real: &Next, name: &CStr, path: *const c_char, mode: *const c_char) -> *mut FILE {
    // A path that cannot be read, or is too long to be one of the four, is libc's to judge.
    let file = Text::<PATH_BYTES>::read_start(path).ok().and_then(|text| proc::file(text.as_bytes()));
    let found = match file {
        Some(file) => {
            let fd = Text::<MODE_BYTES>::read_start(mode)
                .and_then(|letters| flags(letters.as_bytes()))
                .and_then(|flags| proc::serve(file, flags));
            return on_descriptor(fd, mode);
        }
        None => real.find(name),
    };
    if found.is_null() {
        return on_descriptor(Err(Errno::ENOSYS), mode);
    }
    // SAFETY: libc's function of that name has this type, see `as_libc` above.
    let real = unsafe { mem::transmute::<*mut c_void, Fopen>(found) };
    // SAFETY: the arguments are the program's own, for this very function.
    unsafe { real(path, mode) }
}

/// The flags of open for the letters of a mode (`_IO_new_file_fopen`, libio/fileops.c).
fn flags(letters: &[u8]) -> Result<c_int, Errno> {
    let access = match letters {
        [b'r' | b'w' | b'a', rest @ ..] if rest.contains(&b'+') => libc::O_RDWR,
        [b'r', ..] => libc::O_RDONLY,
        [b'w' | b'a', ..] => libc::O_WRONLY,
        _ => return Err(Errno::EINVAL),
    };
    Ok(access | if letters.contains(&b'e') { libc::O_CLOEXEC } else { 0 })
}

fn on_descriptor(fd: Result<c_int, Errno>, mode: *const c_char) -> *mut FILE {
    let fd = errno::number(fd);
    if fd < 0 {
        return ptr::null_mut();
    }
    // SAFETY: `fd` is open and ours to give; the mode was read to its end before the descriptor was made.
    let stream = unsafe { libc::fdopen(fd, mode) };
    if stream.is_null() {
        raw::close(fd);
    }
    stream
}
