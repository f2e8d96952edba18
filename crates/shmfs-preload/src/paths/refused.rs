//! What a store does not have below /dev/shm, unless its own tmpfs is mounted there: directories, symbolic links,
//! FIFOs and devices: `EPERM`.
//!
//! Owns: the C signatures.
//! Leaves to others: the same calls elsewhere (the kernel).
//! Not done: regular files by `mknod`.

use super::{Place, Rest, Room, asked, exists, parts};
use crate::{CLIENT, errno, raw};
use libc::{c_char, c_int, c_long, dev_t, mode_t};
use shmfs_abi::Errno;

crate::as_libc! {
    mkdir: unsafe extern "C" fn(*const c_char, mode_t) -> c_int;
    mkdirat: unsafe extern "C" fn(c_int, *const c_char, mode_t) -> c_int;
    mkfifo: unsafe extern "C" fn(*const c_char, mode_t) -> c_int;
    mkfifoat: unsafe extern "C" fn(c_int, *const c_char, mode_t) -> c_int;
    mknod: unsafe extern "C" fn(*const c_char, mode_t, dev_t) -> c_int;
    mknodat: unsafe extern "C" fn(c_int, *const c_char, mode_t, dev_t) -> c_int;
    symlink: unsafe extern "C" fn(*const c_char, *const c_char) -> c_int;
    symlinkat: unsafe extern "C" fn(*const c_char, c_int, *const c_char) -> c_int;
}

/// `mkdir(2)`.
#[unsafe(no_mangle)]
pub extern "C" fn mkdir(path: *const c_char, mode: mode_t) -> c_int {
    mkdirat(libc::AT_FDCWD, path, mode)
}

/// `mkdirat(2)`.
#[unsafe(no_mangle)]
pub extern "C" fn mkdirat(dir: c_int, path: *const c_char, mode: mode_t) -> c_int {
    made(dir, path, libc::SYS_mkdirat, [dir as usize, path.expose_provenance(), mode as usize, 0])
}

/// `mkfifo(3)`.
#[unsafe(no_mangle)]
pub extern "C" fn mkfifo(path: *const c_char, mode: mode_t) -> c_int {
    mknodat(libc::AT_FDCWD, path, mode | libc::S_IFIFO, 0)
}

/// `mkfifoat(3)`.
#[unsafe(no_mangle)]
pub extern "C" fn mkfifoat(dir: c_int, path: *const c_char, mode: mode_t) -> c_int {
    mknodat(dir, path, mode | libc::S_IFIFO, 0)
}

/// `mknod(2)`.
#[unsafe(no_mangle)]
pub extern "C" fn mknod(path: *const c_char, mode: mode_t, device: dev_t) -> c_int {
    mknodat(libc::AT_FDCWD, path, mode, device)
}

/// `mknodat(2)`. The kernel takes 32 bits of device number (glibc, sysdeps/unix/sysv/linux/mknodat.c).
#[unsafe(no_mangle)]
pub extern "C" fn mknodat(dir: c_int, path: *const c_char, mode: mode_t, device: dev_t) -> c_int {
    if u32::try_from(device).is_err() {
        return errno::done(Err(Errno::EINVAL));
    }
    made(
        dir,
        path,
        libc::SYS_mknodat,
        [dir as usize, path.expose_provenance(), mode as usize, device as usize],
    )
}

/// `symlink(2)`.
#[unsafe(no_mangle)]
pub extern "C" fn symlink(target: *const c_char, path: *const c_char) -> c_int {
    symlinkat(target, libc::AT_FDCWD, path)
}

/// `symlinkat(2)`.
#[unsafe(no_mangle)]
pub extern "C" fn symlinkat(target: *const c_char, dir: c_int, path: *const c_char) -> c_int {
    let args = [target.expose_provenance(), dir as usize, path.expose_provenance(), 0];
    made(dir, path, libc::SYS_symlinkat, args)
}

/// Makes the call, unless the path is the store's.
fn made(dir: c_int, path: *const c_char, number: c_long, args: [usize; 4]) -> c_int {
    if let Some(Place::Below(name)) = asked(dir, path) {
        return errno::done(Err(refusal(name)));
    }
    // SAFETY: the kernel reads the paths, and refuses them where it cannot.
    errno::done(unsafe { raw::call(number, args) }.map(drop))
}

fn refusal(name: *const c_char) -> Errno {
    match CLIENT.root().and_then(|root| exists(root, name)) {
        Ok(()) => Errno::EEXIST,
        Err(Errno::ENOENT) if is_one_component(name) => Errno::EPERM,
        Err(errno) => errno,
    }
}

/// Slashes may follow it.
fn is_one_component(name: *const c_char) -> bool {
    matches!(parts(name, &mut Room::new()), Ok((_, Rest::Nothing | Rest::Slashes)))
}
