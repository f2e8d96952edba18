//! `fopen`, `freopen` and their 64 forms: ordinary files are libc's, those below /dev/shm and some files of /proc are
//! the store's.
//!
//! Owns: the C signatures, what the mode's letters mean for a file of the store.
//! Leaves to others: what is served (`proc`), the stream itself (libc's `fdopen`).
//! Not done: a character set in the mode (`,ccs=`), which `fdopen` passes over.

use crate::{
    errno,
    next::Next,
    paths::{self, FdPath, Place},
    pointer::Text,
    proc::{self, PATH_BYTES},
    raw,
};
use core::{ffi::CStr, mem, ptr};
use libc::{FILE, c_char, c_int, c_void};
use shmfs_abi::Errno;

type Fopen = unsafe extern "C" fn(*const c_char, *const c_char) -> *mut FILE;
type Freopen = unsafe extern "C" fn(*const c_char, *const c_char, *mut FILE) -> *mut FILE;

/// The mode of a file that a stream creates (libio/fileops.c).
const CREATED: libc::mode_t = 0o666;

/// Bytes of a mode that are looked at, with the NUL: glibc looks at seven (libio/fileops.c).
const MODE_BYTES: usize = 64;

crate::as_libc! {
    fopen: Fopen;
    fopen64: Fopen;
    freopen: Freopen;
    freopen64: Freopen;
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

/// `freopen(3)`.
#[unsafe(no_mangle)]
pub extern "C" fn freopen(path: *const c_char, mode: *const c_char, stream: *mut FILE) -> *mut FILE {
    static REAL: Next = Next::new();
    reopened(&REAL, c"freopen", path, mode, stream)
}

/// `freopen(3)`.
#[unsafe(no_mangle)]
pub extern "C" fn freopen64(path: *const c_char, mode: *const c_char, stream: *mut FILE) -> *mut FILE {
    static REAL: Next = Next::new();
    reopened(&REAL, c"freopen64", path, mode, stream)
}

/// The stream's own function opens the file once more, by its descriptor's path: only libc can change a stream.
fn reopened(
    real: &Next,
    name: &CStr,
    path: *const c_char,
    mode: *const c_char,
    stream: *mut FILE,
) -> *mut FILE {
    // SAFETY: libc's function of that name has this type, see `as_libc` above.
    let Some(real) = (unsafe { real.function::<Freopen>(name) }) else {
        return on_descriptor(Err(Errno::ENOSYS), mode);
    };
    let Some(place) = paths::opened(libc::AT_FDCWD, path) else {
        // SAFETY: the arguments are the program's own, for this very function.
        return unsafe { real(path, mode, stream) };
    };
    // SAFETY: the stream is the program's own.
    let number = unsafe { libc::fileno(stream) };
    let fd = match served(place, mode) {
        Ok(fd) => fd,
        Err(refused) => {
            // SAFETY: the stream is the program's own, and closed by `freopen` when it fails.
            unsafe { libc::fclose(stream) };
            errno::set(refused);
            return ptr::null_mut();
        }
    };
    // `x` has had its effect: the file is there now.
    let mut letters = Text::<MODE_BYTES>::read_start(mode).map_or([0; MODE_BYTES], |text| text.padded());
    letters.iter_mut().filter(|letter| **letter == b'x').for_each(|letter| *letter = b'b');
    // SAFETY: both strings end in NUL; the stream is the program's own.
    let stream = unsafe { real(FdPath::new(fd).as_ptr(), letters.as_ptr().cast(), stream) };
    // A stream whose number was closed has it again by now.
    if fd != number {
        raw::close(fd);
    }
    stream
}

/// A descriptor of a file of the store, opened as the mode says.
fn served(place: Place, mode: *const c_char) -> Result<c_int, Errno> {
    let letters = Text::<MODE_BYTES>::read_start(mode)?;
    let flags = flags(letters.as_bytes())?;
    // The kernel's directory would say the same of itself.
    paths::open::serve(place, flags, CREATED).unwrap_or(Err(Errno::EISDIR))
}

fn stream(real: &Next, name: &CStr, path: *const c_char, mode: *const c_char) -> *mut FILE {
    // A path that cannot be read, or is too long to be one of the four, is libc's to judge.
    if let Some(place) = paths::opened(libc::AT_FDCWD, path) {
        return on_descriptor(served(place, mode), mode);
    }
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
    let creates = match letters {
        [b'w', ..] => libc::O_CREAT | libc::O_TRUNC,
        [b'a', ..] => libc::O_CREAT | libc::O_APPEND,
        _ => 0,
    };
    let has = |letter: u8, flag: c_int| if letters.contains(&letter) { flag } else { 0 };
    Ok(access | creates | has(b'e', libc::O_CLOEXEC) | has(b'x', libc::O_EXCL))
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
