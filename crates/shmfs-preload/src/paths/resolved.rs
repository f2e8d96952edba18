//! `realpath`, `canonicalize_file_name`, `pathconf`: libc looks paths up inside itself, so those of the store are
//! answered here.
//!
//! Owns: the C signatures.
//! Leaves to others: other paths, the limits (libc).

use super::{Place, asked, attributes::on_file, exists};
use crate::{
    CLIENT, errno,
    next::Next,
    pointer::{STRING_BYTES, Text},
};
use core::ptr;
use libc::{c_char, c_int, c_long, size_t};
use shmfs_abi::Errno;

/// The directory, without its slash.
const DIRECTORY: &[u8] = b"/dev/shm";

type Realpath = unsafe extern "C" fn(*const c_char, *mut c_char) -> *mut c_char;
type Checked = unsafe extern "C" fn(*const c_char, *mut c_char, size_t) -> *mut c_char;
type Pathconf = unsafe extern "C" fn(*const c_char, c_int) -> c_long;

crate::as_libc! {
    realpath: Realpath;
    pathconf: Pathconf;
}

/// A path with its NUL.
type Written = [u8; STRING_BYTES];

/// `realpath(3)`.
#[unsafe(no_mangle)]
pub extern "C" fn realpath(path: *const c_char, to: *mut c_char) -> *mut c_char {
    static REAL: Next = Next::new();
    let Some(Place::Below(name)) = asked(libc::AT_FDCWD, path) else {
        // SAFETY: libc's function of that name has this type, see `as_libc` above.
        return match unsafe { REAL.function::<Realpath>(c"realpath") } {
            // SAFETY: the arguments are the program's own, for this very function.
            Some(real) => unsafe { real(path, to) },
            None => refused(Errno::ENOSYS),
        };
    };
    resolved(name, to)
}

/// Its room for two paths must not lie on the stack of each `realpath`.
#[inline(never)]
fn resolved(name: *const c_char, to: *mut c_char) -> *mut c_char {
    match written(name) {
        Ok((path, len)) => given(name, &path, len, to),
        Err(errno) => refused(errno),
    }
}

/// `realpath(3)` in programs built with `_FORTIFY_SOURCE`: libc aborts where the room is too small. No header declares it.
#[unsafe(no_mangle)]
pub extern "C" fn __realpath_chk(path: *const c_char, to: *mut c_char, room: size_t) -> *mut c_char {
    static REAL: Next = Next::new();
    if room >= STRING_BYTES {
        return realpath(path, to);
    }
    // SAFETY: libc's function of that name has this type (debug/realpath_chk.c).
    match unsafe { REAL.function::<Checked>(c"__realpath_chk") } {
        // SAFETY: the arguments are the program's own, for this very function.
        Some(real) => unsafe { real(path, to, room) },
        None => refused(Errno::ENOSYS),
    }
}

/// `canonicalize_file_name(3)`. The libc crate does not declare it.
#[unsafe(no_mangle)]
pub extern "C" fn canonicalize_file_name(path: *const c_char) -> *mut c_char {
    realpath(path, ptr::null_mut())
}

/// `pathconf(3)`. Some limits are told of names that are not there; those are libc's.
#[unsafe(no_mangle)]
pub extern "C" fn pathconf(path: *const c_char, name: c_int) -> c_long {
    static REAL: Next = Next::new();
    // SAFETY: libc's function of that name has this type, see `as_libc` above.
    let Some(real) = (unsafe { REAL.function::<Pathconf>(c"pathconf") }) else {
        return errno::done(Err(Errno::ENOSYS)).into();
    };
    if let Some(Place::Below(file)) = asked(libc::AT_FDCWD, path) {
        // SAFETY: the path ends in NUL, and leads to the file.
        if let Ok(limit) = on_file(file, |path| Ok(unsafe { real(path, name) })) {
            return limit;
        }
    }
    // SAFETY: the arguments are the program's own, for this very function.
    unsafe { real(path, name) }
}

/// The one spelling of the path to a name, or to the first component of what leads beyond it; and its length.
fn written(name: *const c_char) -> Result<(Written, usize), Errno> {
    let text = Text::<STRING_BYTES>::read_start(name)?;
    let first = text.as_bytes().split(|byte| *byte == b'/').next().unwrap_or_default();
    let mut path = [0; STRING_BYTES];
    let whole = DIRECTORY.iter().chain(b"/").chain(first);
    let len = DIRECTORY.len() + 1 + first.len();
    if len >= path.len() {
        return Err(Errno::ENAMETOOLONG);
    }
    path.iter_mut().zip(whole).for_each(|(to, from)| *to = *from);
    Ok((path, len))
}

/// Gives the path if something is there. As in glibc the program's own room shows it as well where nothing is, or
/// where it may not be looked for (stdlib/canonicalize.c).
fn given(name: *const c_char, path: &Written, len: usize, to: *mut c_char) -> *mut c_char {
    // What leads beyond a file, or ends in a slash, is not there.
    let there = CLIENT.root().and_then(|root| exists(root, name));
    if !to.is_null() && matches!(there, Ok(()) | Err(Errno::ENOENT | Errno::EACCES)) {
        // SAFETY: `realpath` is given room for PATH_MAX bytes; the NUL after the path is within them.
        unsafe { ptr::copy_nonoverlapping(path.as_ptr(), to.cast(), len + 1) };
    }
    match there {
        Err(errno) => refused(errno),
        Ok(()) if !to.is_null() => to,
        // SAFETY: the path ends in NUL. The program frees it, so it is of its heap.
        Ok(()) => unsafe { libc::strdup(path.as_ptr().cast()) },
    }
}

fn refused(errno: Errno) -> *mut c_char {
    errno::set(errno);
    ptr::null_mut()
}
