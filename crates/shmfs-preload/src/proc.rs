//! The kernel's files about System V segments, as the store answers them: /proc/sysvipc/shm and
//! /proc/sys/kernel/shmmax, shmall, shmmni, shm_rmid_forced, shm_next_id.
//!
//! Owns: what the C flags of open mean for such a file.
//! Leaves to others: the list of paths (the client), the text (the engine), the symbols (`open`, `stream`).
//! Not done: reading and writing through one descriptor, refused with `EACCES`; `EINVAL` for a written value that the
//! store refuses: it is dropped. Paths that lead there in another way: relative, through symbolic links.

use crate::{CLIENT, raw};
use libc::c_int;
use rustix::fd::IntoRawFd;
use shmfs_abi::{Errno, ProcFile};

/// Bytes of the longest of these paths with its NUL, and some more.
pub const PATH_BYTES: usize = 40;

/// Which of these files `path` is, if any.
pub fn file(path: &[u8]) -> Option<ProcFile> {
    CLIENT.proc_file(path)
}

/// A descriptor of the file's text, opened as `flags` ask.
pub fn serve(file: ProcFile, flags: c_int) -> Result<c_int, Errno> {
    let fd = match flags & libc::O_ACCMODE {
        libc::O_RDONLY => CLIENT.proc_text(file)?,
        libc::O_WRONLY => CLIENT.proc_write(file)?,
        _ => return Err(Errno::EACCES),
    };
    let fd = fd.into_raw_fd();
    if flags & libc::O_CLOEXEC == 0 {
        raw::keep_over_exec(fd);
    }
    Ok(fd)
}
