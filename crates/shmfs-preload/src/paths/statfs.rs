//! `statfs`, `statvfs` and their 64 forms: below /dev/shm, and of it, the room that the store has.
//!
//! Owns: the C signatures.
//! Leaves to others: the numbers (the kernel, libc).

use super::{Place, asked, kernel_open, known, was_read};
use crate::{CLIENT, errno, next::Next, raw};
use core::ffi::CStr;
use libc::{
    c_char, c_int, statfs as Statfs, statfs64 as Statfs64, statvfs as Statvfs, statvfs64 as Statvfs64,
};
use shmfs_abi::Errno;

type ByPath = unsafe extern "C" fn(*const c_char, *mut Statvfs) -> c_int;
type ByDescriptor = unsafe extern "C" fn(c_int, *mut Statvfs) -> c_int;

crate::as_libc! {
    statfs: unsafe extern "C" fn(*const c_char, *mut Statfs) -> c_int;
    statfs64: unsafe extern "C" fn(*const c_char, *mut Statfs64) -> c_int;
    statvfs: unsafe extern "C" fn(*const c_char, *mut Statvfs) -> c_int;
    statvfs64: unsafe extern "C" fn(*const c_char, *mut Statvfs64) -> c_int;
}

/// `statfs(2)`.
#[unsafe(no_mangle)]
pub extern "C" fn statfs(path: *const c_char, to: *mut Statfs) -> c_int {
    let args = [path.expose_provenance(), to.expose_provenance(), 0, 0];
    // SAFETY: the kernel reads the path and writes the structure, and refuses where it cannot.
    let outcome = unsafe { raw::call(libc::SYS_statfs, args) }.map(drop);
    if !was_read(&outcome) {
        return errno::done(outcome);
    }
    // SAFETY: the kernel has just read the path up to its NUL.
    errno::done(match unsafe { known(path) } {
        None => outcome,
        Some(place) => on_descriptor(place, |fd| {
            let args = [fd as usize, to.expose_provenance(), 0, 0];
            // SAFETY: the kernel writes the structure, and refuses where it cannot.
            unsafe { raw::call(libc::SYS_fstatfs, args) }.map(drop)
        }),
    })
}

/// `statfs(2)`.
#[unsafe(no_mangle)]
pub extern "C" fn statfs64(path: *const c_char, to: *mut Statfs64) -> c_int {
    statfs(path, to.cast())
}

/// `statvfs(3)`.
#[unsafe(no_mangle)]
pub extern "C" fn statvfs(path: *const c_char, to: *mut Statvfs) -> c_int {
    static REAL: [Next; 2] = [Next::new(), Next::new()];
    by_libc(&REAL, [c"statvfs", c"fstatvfs"], path, to)
}

/// `statvfs(3)`.
#[unsafe(no_mangle)]
pub extern "C" fn statvfs64(path: *const c_char, to: *mut Statvfs64) -> c_int {
    static REAL: [Next; 2] = [Next::new(), Next::new()];
    by_libc(&REAL, [c"statvfs64", c"fstatvfs64"], path, to.cast())
}

fn by_libc(real: &[Next; 2], names: [&CStr; 2], path: *const c_char, to: *mut Statvfs) -> c_int {
    let Some(place) = asked(libc::AT_FDCWD, path) else {
        // SAFETY: libc's functions of these names have this type, see `as_libc` above; one structure on 64 bits.
        return match unsafe { real[0].function::<ByPath>(names[0]) } {
            // SAFETY: the arguments are the program's own, for this very function.
            Some(real) => unsafe { real(path, to) },
            None => errno::done(Err(Errno::ENOSYS)),
        };
    };
    // SAFETY: libc's functions of these names have this type (sys/statvfs.h).
    let Some(real) = (unsafe { real[1].function::<ByDescriptor>(names[1]) }) else {
        return errno::done(Err(Errno::ENOSYS));
    };
    let before = errno::get();
    let outcome = on_descriptor(place, |fd| {
        // SAFETY: the structure is the program's own, for a function that writes it.
        if unsafe { real(fd, to) } == 0 { Ok(()) } else { Err(errno::get()) }
    });
    errno::set(before);
    errno::done(outcome)
}

/// Runs `act` with a descriptor of what a path leads to.
fn on_descriptor(place: Place, act: impl FnOnce(c_int) -> Result<(), Errno>) -> Result<(), Errno> {
    let root = CLIENT.root()?;
    let Place::Below(name) = place else { return act(root) };
    let fd = kernel_open(root, name, libc::O_PATH | libc::O_CLOEXEC)?;
    let done = act(fd);
    raw::close(fd);
    done
}
