//! `truncate` and `truncate64`: a growth is charged as that of `ftruncate` is.
//!
//! Owns: the C signatures.
//! Leaves to others: the charge (the client).

use super::{Place, kernel_open, opened};
use crate::{CLIENT, errno, raw};
use libc::{c_char, c_int, off_t, off64_t};
use shmfs_abi::Errno;

crate::as_libc! {
    truncate: unsafe extern "C" fn(*const c_char, off_t) -> c_int;
    truncate64: unsafe extern "C" fn(*const c_char, off64_t) -> c_int;
}

/// `truncate(2)`.
#[unsafe(no_mangle)]
pub extern "C" fn truncate(path: *const c_char, len: off_t) -> c_int {
    errno::done(match opened(libc::AT_FDCWD, path) {
        Some(Place::Below(name)) if len >= 0 => resized(name, len),
        _ => {
            let args = [path.expose_provenance(), len as usize, 0, 0];
            // SAFETY: the kernel reads the path, and refuses it where it cannot.
            unsafe { raw::call(libc::SYS_truncate, args) }.map(drop)
        }
    })
}

/// `truncate(2)`.
#[unsafe(no_mangle)]
pub extern "C" fn truncate64(path: *const c_char, len: off64_t) -> c_int {
    truncate(path, len)
}

fn resized(name: *const c_char, len: off_t) -> Result<(), Errno> {
    let fd = kernel_open(CLIENT.root()?, name, libc::O_WRONLY | libc::O_CLOEXEC | libc::O_NONBLOCK)?;
    let act = || {
        // SAFETY: `ftruncate` touches no memory of this process.
        unsafe { raw::call(libc::SYS_ftruncate, [fd as usize, len as usize, 0, 0]) }.map(drop)
    };
    let done = CLIENT.resize(fd, len, &act);
    raw::close(fd);
    done
}
