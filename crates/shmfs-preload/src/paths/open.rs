//! Opening below /dev/shm: a name that exists is opened by the kernel; the broker is asked to make one.
//!
//! Owns: what the flags mean for the store.
//! Leaves to others: the symbols (`open`, `stream`), umask and rules for new names (the client, the engine).
//! Not done: `O_TMPFILE` (`EOPNOTSUPP`, as from a file system that has none); `O_SYNC`, `O_DIRECT` and `O_NOATIME`
//! of a call with `O_CREAT` are forgotten.

use super::{LISTED, Place, Rest, Room, component, kernel_open, parts};
use crate::{CLIENT, raw};
use core::sync::atomic::Ordering::Relaxed;
use libc::{c_char, c_int, mode_t};
use rustix::fd::IntoRawFd;
use shmfs_abi::Errno;

/// The bit of `O_TMPFILE` that is its own.
const TMPFILE: c_int = libc::O_TMPFILE & !libc::O_DIRECTORY;

/// Whether opening with these flags can change the file system.
pub fn changes(flags: c_int) -> bool {
    flags & libc::O_PATH == 0 && flags & (libc::O_CREAT | libc::O_TRUNC | TMPFILE) != 0
}

/// Opens what a path of the store leads to; nothing where the kernel's own directory answers the same.
pub fn serve(place: Place, flags: c_int, mode: mode_t) -> Option<Result<c_int, Errno>> {
    let creates = changes(flags) && flags & libc::O_CREAT != 0;
    let opened = match place {
        Place::Root if changes(flags) && flags & TMPFILE != 0 => Err(Errno::EOPNOTSUPP),
        Place::Root if creates => return None,
        Place::Root => directory(flags),
        Place::Below(_) if creates && flags & libc::O_DIRECTORY != 0 => Err(Errno::EINVAL),
        Place::Below(name) if creates => create(name, flags, mode),
        Place::Below(name) => existing(name, flags),
    };
    Some(opened)
}

/// A descriptor of the directory, for listing it.
pub fn directory(flags: c_int) -> Result<c_int, Errno> {
    let fd = kernel_open(CLIENT.root()?, c".".as_ptr(), flags)?;
    LISTED.store(true, Relaxed);
    Ok(fd)
}

fn existing(name: *const c_char, flags: c_int) -> Result<c_int, Errno> {
    let writes = flags & libc::O_ACCMODE != libc::O_RDONLY;
    let truncates = changes(flags) && flags & libc::O_TRUNC != 0;
    if truncates && !writes {
        // The charge can be settled through a descriptor for writing only.
        return ask(component(name, &mut Room::new())?, flags, 0);
    }
    match CLIENT.root().and_then(|root| kernel_open(root, name, flags)) {
        Ok(fd) => {
            CLIENT.count_open();
            if truncates {
                CLIENT.settle(fd);
            }
            Ok(fd)
        }
        // A broker without privilege cannot give a file away; the engine knows whose it is. Without a hidden
        // tmpfs nobody but the broker can open it.
        Err(Errno::EACCES | Errno::ENOSYS) if flags & libc::O_PATH == 0 => {
            ask(component(name, &mut Room::new())?, flags, 0)
        }
        Err(errno) => Err(errno),
    }
}

fn create(name: *const c_char, flags: c_int, mode: mode_t) -> Result<c_int, Errno> {
    match parts(name, &mut Room::new())? {
        (component, Rest::Nothing) => ask(component, flags, mode),
        // `open_last_lookups`, fs/namei.c.
        (_, Rest::Slashes) => Err(Errno::EISDIR),
        (_, Rest::More) => Err(super::beyond(name)),
    }
}

/// Has the broker open it.
fn ask(name: &[u8], flags: c_int, mode: mode_t) -> Result<c_int, Errno> {
    let fd = CLIENT.path_open(name, flags, mode)?.into_raw_fd();
    if flags & libc::O_CLOEXEC == 0 {
        raw::keep_over_exec(fd);
    }
    Ok(fd)
}
