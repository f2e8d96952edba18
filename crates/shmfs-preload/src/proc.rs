//! The kernel's files about System V segments, as the store answers them: /proc/sysvipc/shm and
//! /proc/sys/kernel/shmmax, shmall, shmmni, shm_rmid_forced, shm_next_id.
//!
//! The text is a memfd. `fstat` shows the kernel's file in its place, as `stat` of the path does: programs that copy
//! compare the two.
//!
//! Owns: what the C flags of open mean for such a file; which memfds are such texts, the last few of them.
//! Leaves to others: the list of paths (the client), the text (the engine), the symbols (`open`, `stream`).
//! Not done: reading and writing through one descriptor, refused with `EACCES`; `EINVAL` for a written value that the
//! store refuses: it is dropped. Paths that lead there in another way: relative, through symbolic links. A
//! program that got the descriptor from another one sees the memfd.

use crate::{CLIENT, raw};
use core::{
    ffi::CStr,
    sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
};
use libc::c_int;
use rustix::fd::IntoRawFd;
use shmfs_abi::{Errno, ProcFile};
use shmfs_client::PROC_FILES;
use shmfs_sys::{OwnedFd, fd};

/// Bytes of the longest of these paths with its NUL, and some more.
pub const PATH_BYTES: usize = 40;

/// Texts that are remembered.
const TEXTS: usize = 16;

/// The device of memfds, 0 until there was a text.
static DEVICE: AtomicU64 = AtomicU64::new(0);

/// The texts' inodes, each with the number of its file in the lowest byte. The oldest gives way.
static INODES: [AtomicU64; TEXTS] = [const { AtomicU64::new(0) }; TEXTS];
static NOTED: AtomicUsize = AtomicUsize::new(0);

/// Which of these files `path` is, if any.
pub fn file(path: &[u8]) -> Option<ProcFile> {
    CLIENT.proc_file(path)
}

/// A descriptor of the file's text, opened as `flags` ask.
pub fn serve(file: ProcFile, flags: c_int) -> Result<c_int, Errno> {
    let fd = match flags & libc::O_ACCMODE {
        libc::O_RDONLY => noted(CLIENT.proc_text(file)?, file),
        libc::O_WRONLY => CLIENT.proc_write(file)?,
        _ => return Err(Errno::EACCES),
    };
    let fd = fd.into_raw_fd();
    if flags & libc::O_CLOEXEC == 0 {
        raw::keep_over_exec(fd);
    }
    Ok(fd)
}

/// The path of the kernel's file that a text stands for.
pub fn behind(device: u64, inode: u64) -> Option<&'static CStr> {
    if device != DEVICE.load(Relaxed) || device == 0 {
        return None;
    }
    let mut texts = INODES.iter().map(|text| text.load(Relaxed));
    let text = texts.find(|text| text >> 8 == inode)?;
    PROC_FILES.get((text & 0xff) as usize).map(|(path, _)| *path)
}

fn noted(text: OwnedFd, file: ProcFile) -> OwnedFd {
    let number = PROC_FILES.iter().position(|(_, of)| *of == file);
    let place = INODES.get(NOTED.fetch_add(1, Relaxed) % TEXTS);
    if let (Ok(facts), Some(number), Some(place)) = (fd::facts(&text), number, place) {
        place.store(facts.identity.ino << 8 | number as u64, Relaxed);
        DEVICE.store(facts.identity.dev, Relaxed);
    }
    text
}
