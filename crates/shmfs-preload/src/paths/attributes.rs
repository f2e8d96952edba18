//! `getxattr`, `listxattr`, `setxattr`, `removexattr` and the forms of them that follow no links.
//!
//! Owns: the C signatures.
//! Leaves to others: the attributes (the kernel).

use super::{FdPath, Place, asked, kernel_open, known, was_read};
use crate::{CLIENT, errno, raw};
use libc::{c_char, c_int, c_long, c_void, size_t, ssize_t};
use shmfs_abi::Errno;

crate::as_libc! {
    getxattr: unsafe extern "C" fn(*const c_char, *const c_char, *mut c_void, size_t) -> ssize_t;
    lgetxattr: unsafe extern "C" fn(*const c_char, *const c_char, *mut c_void, size_t) -> ssize_t;
    listxattr: unsafe extern "C" fn(*const c_char, *mut c_char, size_t) -> ssize_t;
    llistxattr: unsafe extern "C" fn(*const c_char, *mut c_char, size_t) -> ssize_t;
    setxattr: unsafe extern "C" fn(*const c_char, *const c_char, *const c_void, size_t, c_int) -> c_int;
    lsetxattr: unsafe extern "C" fn(*const c_char, *const c_char, *const c_void, size_t, c_int) -> c_int;
    removexattr: unsafe extern "C" fn(*const c_char, *const c_char) -> c_int;
    lremovexattr: unsafe extern "C" fn(*const c_char, *const c_char) -> c_int;
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

/// `setxattr(2)`.
#[unsafe(no_mangle)]
pub extern "C" fn setxattr(
    path: *const c_char,
    name: *const c_char,
    value: *const c_void,
    size: size_t,
    flags: c_int,
) -> c_int {
    let rest = [name.expose_provenance(), value.expose_provenance(), size, flags as usize];
    errno::done(changed(libc::SYS_setxattr, libc::SYS_setxattr, path, rest))
}

/// `lsetxattr(2)`.
#[unsafe(no_mangle)]
pub extern "C" fn lsetxattr(
    path: *const c_char,
    name: *const c_char,
    value: *const c_void,
    size: size_t,
    flags: c_int,
) -> c_int {
    let rest = [name.expose_provenance(), value.expose_provenance(), size, flags as usize];
    errno::done(changed(libc::SYS_lsetxattr, libc::SYS_setxattr, path, rest))
}

/// `removexattr(2)`.
#[unsafe(no_mangle)]
pub extern "C" fn removexattr(path: *const c_char, name: *const c_char) -> c_int {
    let rest = [name.expose_provenance(), 0, 0, 0];
    errno::done(changed(libc::SYS_removexattr, libc::SYS_removexattr, path, rest))
}

/// `lremovexattr(2)`.
#[unsafe(no_mangle)]
pub extern "C" fn lremovexattr(path: *const c_char, name: *const c_char) -> c_int {
    let rest = [name.expose_provenance(), 0, 0, 0];
    errno::done(changed(libc::SYS_lremovexattr, libc::SYS_removexattr, path, rest))
}

/// The call by number, and the one that follows links: a file of the store is reached through one in /proc.
fn told(number: c_long, followed: c_long, path: *const c_char, rest: [usize; 3]) -> ssize_t {
    let [second, third, fourth] = rest;
    let rest = [second, third, fourth, 0];
    let outcome = call(number, path, rest);
    let read = was_read(&outcome)
        || matches!(outcome, Err(Errno::ENODATA | Errno::EOPNOTSUPP | Errno::ERANGE | Errno::EPERM));
    // SAFETY: the kernel has just read the path up to its NUL.
    let place = if read { unsafe { known(path) } } else { None };
    let outcome = match place {
        Some(Place::Below(name)) => on_file(name, |path| call(followed, path, rest)),
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

/// As [`told`], for calls that change something.
fn changed(number: c_long, followed: c_long, path: *const c_char, rest: [usize; 4]) -> Result<(), Errno> {
    let outcome = match asked(libc::AT_FDCWD, path) {
        Some(Place::Below(name)) => on_file(name, |path| call(followed, path, rest)),
        _ => call(number, path, rest),
    };
    outcome.map(drop)
}

fn call(number: c_long, path: *const c_char, rest: [usize; 4]) -> Result<usize, Errno> {
    let [second, third, fourth, fifth] = rest;
    let args = [path.expose_provenance(), second, third, fourth, fifth, 0];
    // SAFETY: the kernel reads and writes the program's own memory, and refuses where it cannot.
    unsafe { raw::call6(number, args) }
}

/// Runs `act` with a path that leads to a file of the store.
pub fn on_file<R>(
    name: *const c_char,
    act: impl FnOnce(*const c_char) -> Result<R, Errno>,
) -> Result<R, Errno> {
    let fd = opened(name)?;
    let outcome = act(FdPath::new(fd).as_ptr());
    raw::close(fd);
    outcome
}

fn opened(name: *const c_char) -> Result<c_int, Errno> {
    kernel_open(CLIENT.root()?, name, libc::O_PATH | libc::O_CLOEXEC)
}
