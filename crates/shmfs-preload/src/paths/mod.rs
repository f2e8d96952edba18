//! Functions on paths: what lies below /dev/shm is the store's, every other path the kernel's.
//!
//! A function that only looks asks the kernel about the program's own path first, which then has read it to its end:
//! it is compared at no further system call, and a bad pointer stays `EFAULT`. A function that opens or changes
//! something compares first, and asks the kernel whether it can read the path.
//!
//! A name of the store is looked up by the kernel too, in the root of the store's hidden tmpfs, with the rights of
//! the caller. There are no directories below it.
//!
//! Owns: which paths are the store's.
//! Leaves to others: the changes of names (the client, the engine).
//! Not done: relative paths after `chdir`, paths by way of symbolic links or other folders and `..`, which are the kernel's;
//! functions of libc that look paths up inside it (`glob`, `ftw`, `fts`); `exec`, `posix_spawn`, `dlopen`, sockets and
//! `inotify` below /dev/shm. Where the store has no hidden tmpfs, only opening, creating and unlinking are served, and the
//! others fail with `ENOSYS`. Another preloaded library's functions of these names are not seen.

pub mod access;
pub mod attributes;
pub mod listing;
pub mod names;
pub mod open;
mod own;
pub mod owner;
mod place;
pub mod refused;
pub mod resolved;
mod shown;
pub mod stat;
pub mod statfs;
pub mod temporary;
pub mod times;
pub mod truncate;

use crate::{
    CLIENT,
    pointer::{self, NAME_ROOM, Text},
    raw,
};
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};
use libc::{c_char, c_int};
pub use place::Place;
use place::{Folder, place, walked};
use shmfs_abi::Errno;

/// Whether this process has opened the directory itself: then names relative to such a descriptor are the store's.
static LISTED: AtomicBool = AtomicBool::new(false);

/// The place that a path leads to, if it is the store's and the kernel must not be asked about it. The kernel is asked
/// whether the path can be read; one that cannot is the kernel's to refuse.
pub fn asked(dir: c_int, path: *const c_char) -> Option<Place> {
    found(dir, path).filter(|_| !own::is_mounted())
}

/// As [`asked`], for opening: where the store's own tmpfs is mounted, files that are in it or may be made are the
/// store's all the same, so that it charges and counts them.
pub fn opened(dir: c_int, path: *const c_char) -> Option<Place> {
    found(dir, path).filter(|place| !own::is_mounted() || own::is_file(*place))
}

fn found(dir: c_int, path: *const c_char) -> Option<Place> {
    let start = path.addr();
    let byte = |at: *const c_char| {
        if at.addr() == start || at.addr().is_multiple_of(pointer::PAGE) {
            pointer::readable(at.addr()).ok()?;
        }
        // SAFETY: the page of `at` was found readable; races are named in the header of `pointer`.
        Some(unsafe { at.cast::<u8>().read_volatile() })
    };
    if byte(path)? != b'/' {
        let relative =
            byte(path)? != 0 && dir != libc::AT_FDCWD && LISTED.load(Relaxed) && CLIENT.is_root(dir);
        return if relative { walked(Folder::DevShm, path, byte) } else { None };
    }
    place(path, byte)
}

/// As [`asked`], for an absolute path, without asking the kernel.
///
/// # Safety
/// The string must be readable up to its NUL.
pub unsafe fn known(path: *const c_char) -> Option<Place> {
    if path.is_null() {
        // The kernel takes none with `AT_EMPTY_PATH`.
        return None;
    }
    // SAFETY: no earlier byte was the NUL, so the caller vouches for this one.
    let place = place(path, |at| Some(unsafe { at.cast::<u8>().read_volatile() }));
    // The directory itself is looked at without a store.
    place.filter(|place| matches!(place, Place::Root) || !own::is_mounted())
}

/// Whether the kernel has read a path to its end when a call on it ended so.
pub fn was_read<R>(outcome: &Result<R, Errno>) -> bool {
    matches!(
        outcome,
        Ok(_)
            | Err(Errno::ENOENT
                | Errno::EACCES
                | Errno::ENOTDIR
                | Errno::EISDIR
                | Errno::ENAMETOOLONG
                | Errno::EROFS
                | Errno::ENODEV)
    )
}

/// Looks at a path by `call`, or at the store's file that it leads to.
pub fn look<R>(
    dir: c_int,
    path: *const c_char,
    call: impl Fn(c_int, *const c_char) -> Result<R, Errno>,
) -> Result<R, Errno> {
    let outcome = call(dir, path);
    if !was_read(&outcome) {
        return outcome;
    }
    // SAFETY: the kernel has just read the path up to its NUL.
    match unsafe { known(path) } {
        Some(Place::Below(name)) => call(CLIENT.root()?, name),
        // The directory itself looks as the kernel's.
        Some(Place::Root) | None => outcome,
    }
}

/// Changes a file by `call`, or the store's file that the path leads to.
pub fn change<R>(
    dir: c_int,
    path: *const c_char,
    call: impl Fn(c_int, *const c_char) -> Result<R, Errno>,
) -> Result<R, Errno> {
    match asked(dir, path) {
        Some(Place::Below(name)) => call(CLIENT.root()?, name),
        Some(Place::Root) | None => call(dir, path),
    }
}

/// Room for one component. The caller has it, so that there is one.
pub type Room = Text<NAME_ROOM>;

/// What follows the directory as one component.
pub fn component(name: *const c_char, room: &mut Room) -> Result<&[u8], Errno> {
    match parts(name, room)? {
        (component, Rest::Nothing) => Ok(component),
        _ => Err(beyond(name)),
    }
}

/// What follows the first component of a path.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Rest {
    Nothing,
    Slashes,
    /// Another component.
    More,
}

/// The first component of what follows the directory, and what follows it.
pub fn parts(name: *const c_char, room: &mut Room) -> Result<(&[u8], Rest), Errno> {
    let mut rest = Rest::Nothing;
    let component = room.read_through(name, |byte| {
        rest = match (rest, byte) {
            (Rest::Nothing | Rest::Slashes, b'/') => Rest::Slashes,
            (Rest::Nothing, _) => Rest::Nothing,
            _ => Rest::More,
        };
        rest == Rest::Nothing
    })?;
    Ok((component, rest))
}

/// What the kernel has against a path through a file, there being no directories.
fn beyond(name: *const c_char) -> Errno {
    match CLIENT.root().and_then(|root| exists(root, name)) {
        Ok(()) => Errno::ENOTDIR,
        Err(errno) => errno,
    }
}

/// Whether something is there (`F_OK`).
fn exists(dir: c_int, name: *const c_char) -> Result<(), Errno> {
    // SAFETY: the kernel reads the path, and refuses it where it cannot.
    unsafe { raw::call(libc::SYS_faccessat, [dir as usize, name.expose_provenance(), 0, 0]) }.map(drop)
}

/// `openat(2)` by the kernel.
fn kernel_open(dir: c_int, name: *const c_char, flags: c_int) -> Result<c_int, Errno> {
    let args = [dir as usize, name.expose_provenance(), flags as usize, 0];
    // SAFETY: the kernel reads the path, and refuses it where it cannot.
    unsafe { raw::call(libc::SYS_openat, args) }.map(|fd| fd as c_int)
}

/// The path of a descriptor in /proc.
pub struct FdPath([u8; 32]);

impl FdPath {
    /// The path of `fd`, which is not negative.
    pub fn new(fd: c_int) -> FdPath {
        const START: &[u8] = b"/proc/self/fd/";
        let mut path = [0; 32];
        let mut digits = [b'0'; 10];
        let mut left = fd.unsigned_abs();
        let mut first = digits.len() - 1;
        for (index, digit) in digits.iter_mut().enumerate().rev() {
            *digit += (left % 10) as u8;
            left /= 10;
            first = index;
            if left == 0 {
                break;
            }
        }
        let text = START.iter().chain(digits.iter().skip(first));
        for (to, from) in path.iter_mut().zip(text) {
            *to = *from;
        }
        FdPath(path)
    }

    /// Its address. It ends in NUL.
    pub const fn as_ptr(&self) -> *const c_char {
        self.0.as_ptr().cast()
    }
}
