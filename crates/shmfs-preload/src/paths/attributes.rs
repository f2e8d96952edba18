//! `getxattr`, `lgetxattr`, `listxattr`, `llistxattr`: what `ls -l` looks at.
//!
//! Owns: the C signatures.
//! Leaves to others: the attributes (the kernel).
//! Not done: setting and removing attributes by path.

use super::{FdPath, Place, kernel_open, known, was_read};
use crate::{CLIENT, errno, raw};
use libc::{c_char, c_int, c_long, c_void, size_t, ssize_t};
use shmfs_abi::Errno;

crate::as_libc! {
    getxattr: unsafe extern "C" fn(*const c_char, *const c_char, *mut c_void, size_t) -> ssize_t;
    lgetxattr: unsafe extern "C" fn(*const c_char, *const c_char, *mut c_void, size_t) -> ssize_t;
    listxattr: unsafe extern "C" fn(*const c_char, *mut c_char, size_t) -> ssize_t;
    llistxattr: unsafe extern "C" fn(*const c_char, *mut c_char, size_t) -> ssize_t;
}

/// `getxattr(2)`.
#[unsafe(no_mangle)]
pub extern "C" fn getxattr(
    path: *const c_char,
    name: *const c_char,
    to: *mut c_void,
    size: size_t,
) -> ssize_t {
    told(
        libc::SYS_getxattr,
        libc::SYS_getxattr,
        path,
        [name.expose_provenance(), to.expose_provenance(), size],
    )
}

/// `lgetxattr(2)`.
#[unsafe(no_mangle)]
pub extern "C" fn lgetxattr(
    path: *const c_char,
    name: *const c_char,
    to: *mut c_void,
    size: size_t,
) -> ssize_t {
    told(
        libc::SYS_lgetxattr,
        libc::SYS_getxattr,
        path,
        [name.expose_provenance(), to.expose_provenance(), size],
    )
}

/// `listxattr(2)`.
#[unsafe(no_mangle)]
pub extern "C" fn listxattr(path: *const c_char, to: *mut c_char, size: size_t) -> ssize_t {
    told(libc::SYS_listxattr, libc::SYS_listxattr, path, [to.expose_provenance(), size, 0])
}

/// `llistxattr(2)`.
#[unsafe(no_mangle)]
pub extern "C" fn llistxattr(path: *const c_char, to: *mut c_char, size: size_t) -> ssize_t {
    told(libc::SYS_llistxattr, libc::SYS_listxattr, path, [to.expose_provenance(), size, 0])
}

/// The call by number, and the one that follows links: a file of the store is reached through one in /proc.
fn told(number: c_long, followed: c_long, path: *const c_char, rest: [usize; 3]) -> ssize_t {
    let [second, third, fourth] = rest;
    let call = |number: c_long, path: *const c_char| {
        let args = [path.expose_provenance(), second, third, fourth];
        // SAFETY: the kernel reads and writes the program's own memory, and refuses where it cannot.
        unsafe { raw::call(number, args) }
    };
    let outcome = call(number, path);
    let read = was_read(&outcome) || matches!(outcome, Err(Errno::ENODATA | Errno::EOPNOTSUPP));
    // SAFETY: the kernel has just read the path up to its NUL.
    let place = if read { unsafe { known(path) } } else { None };
    let outcome = match place {
        Some(Place::Below(name)) => opened(name).and_then(|fd| {
            let outcome = call(followed, FdPath::new(fd).as_ptr());
            raw::close(fd);
            outcome
        }),
        _ => outcome,
    };
    match outcome {
        Ok(len) => len as ssize_t,
        Err(refused) => {
            errno::set(refused);
            -1
        }
    }
}

fn opened(name: *const c_char) -> Result<c_int, Errno> {
    kernel_open(CLIENT.root()?, name, libc::O_PATH | libc::O_CLOEXEC)
}
