//! What changes names: `unlink`, `remove`, `rmdir`, `rename`, `link` and their like.
//!
//! Owns: the C signatures, what becomes of two paths of which one is the store's.
//! Leaves to others: the rules (the engine).

use super::{Place, Room, asked, component, exists};
use crate::{CLIENT, errno, raw};
use libc::{c_char, c_int, c_uint};
use shmfs_abi::Errno;

crate::as_libc! {
    unlink: unsafe extern "C" fn(*const c_char) -> c_int;
    unlinkat: unsafe extern "C" fn(c_int, *const c_char, c_int) -> c_int;
    remove: unsafe extern "C" fn(*const c_char) -> c_int;
    rmdir: unsafe extern "C" fn(*const c_char) -> c_int;
    rename: unsafe extern "C" fn(*const c_char, *const c_char) -> c_int;
    renameat: unsafe extern "C" fn(c_int, *const c_char, c_int, *const c_char) -> c_int;
    renameat2: unsafe extern "C" fn(c_int, *const c_char, c_int, *const c_char, c_uint) -> c_int;
    link: unsafe extern "C" fn(*const c_char, *const c_char) -> c_int;
    linkat: unsafe extern "C" fn(c_int, *const c_char, c_int, *const c_char, c_int) -> c_int;
}

/// The flags of `renameat2` that a store knows.
const RENAME_FLAGS: c_uint = libc::RENAME_NOREPLACE | libc::RENAME_EXCHANGE;

/// A path and the directory that it may be relative to.
#[derive(Clone, Copy)]
struct Path(c_int, *const c_char);

/// `unlink(2)`.
#[unsafe(no_mangle)]
pub extern "C" fn unlink(path: *const c_char) -> c_int {
    errno::done(unlinked(Path(libc::AT_FDCWD, path), 0))
}

/// `unlinkat(2)`.
#[unsafe(no_mangle)]
pub extern "C" fn unlinkat(dir: c_int, path: *const c_char, flags: c_int) -> c_int {
    errno::done(unlinked(Path(dir, path), flags))
}

/// `rmdir(2)`.
#[unsafe(no_mangle)]
pub extern "C" fn rmdir(path: *const c_char) -> c_int {
    errno::done(unlinked(Path(libc::AT_FDCWD, path), libc::AT_REMOVEDIR))
}

/// `remove(3)`: glibc tries `rmdir` after `unlink` has found a directory (sysdeps/posix/remove.c).
#[unsafe(no_mangle)]
pub extern "C" fn remove(path: *const c_char) -> c_int {
    let path = Path(libc::AT_FDCWD, path);
    errno::done(match unlinked(path, 0) {
        Err(Errno::EISDIR) => unlinked(path, libc::AT_REMOVEDIR),
        done => done,
    })
}

/// `rename(2)`.
#[unsafe(no_mangle)]
pub extern "C" fn rename(from: *const c_char, to: *const c_char) -> c_int {
    renameat(libc::AT_FDCWD, from, libc::AT_FDCWD, to)
}

/// `renameat(2)`.
#[unsafe(no_mangle)]
pub extern "C" fn renameat(from_dir: c_int, from: *const c_char, to_dir: c_int, to: *const c_char) -> c_int {
    errno::done(renamed(libc::SYS_renameat, Path(from_dir, from), Path(to_dir, to), 0))
}

/// `renameat2(2)`.
#[unsafe(no_mangle)]
pub extern "C" fn renameat2(
    from_dir: c_int,
    from: *const c_char,
    to_dir: c_int,
    to: *const c_char,
    flags: c_uint,
) -> c_int {
    errno::done(renamed(libc::SYS_renameat2, Path(from_dir, from), Path(to_dir, to), flags))
}

/// `link(2)`.
#[unsafe(no_mangle)]
pub extern "C" fn link(from: *const c_char, to: *const c_char) -> c_int {
    linkat(libc::AT_FDCWD, from, libc::AT_FDCWD, to, 0)
}

/// `linkat(2)`.
#[unsafe(no_mangle)]
pub extern "C" fn linkat(
    from_dir: c_int,
    from: *const c_char,
    to_dir: c_int,
    to: *const c_char,
    flags: c_int,
) -> c_int {
    errno::done(linked(Path(from_dir, from), Path(to_dir, to), flags))
}

fn unlinked(Path(dir, path): Path, flags: c_int) -> Result<(), Errno> {
    match asked(dir, path) {
        Some(Place::Below(name)) if flags == 0 => CLIENT.path_unlink(component(name, &mut Room::new())?),
        // Nothing there is a directory.
        Some(Place::Below(name)) if flags == libc::AT_REMOVEDIR => Err(super::beyond(name)),
        _ => {
            let args = [dir as usize, path.expose_provenance(), flags as usize, 0];
            // SAFETY: the kernel reads the path, and refuses it where it cannot.
            unsafe { raw::call(libc::SYS_unlinkat, args) }.map(drop)
        }
    }
}

fn renamed(number: libc::c_long, from: Path, to: Path, flags: c_uint) -> Result<(), Errno> {
    match (asked(from.0, from.1), asked(to.0, to.1)) {
        (Some(Place::Below(from)), Some(Place::Below(to))) => {
            // `do_renameat2`, fs/namei.c.
            if flags & !RENAME_FLAGS != 0 || flags == RENAME_FLAGS {
                return Err(Errno::EINVAL);
            }
            let mut rooms = [const { Room::new() }; 2];
            let [first, second] = &mut rooms;
            CLIENT.path_rename(component(from, first)?, component(to, second)?, flags)
        }
        (Some(Place::Below(_)), _) => Err(across(to)),
        (_, Some(Place::Below(_))) => Err(across(from)),
        _ => by_kernel(number, from, to, flags as usize),
    }
}

/// Why a name cannot go between the store and `other`: the paths are read before the file systems are compared.
fn across(other: Path) -> Errno {
    match exists(other.0, other.1) {
        Err(refused @ (Errno::EFAULT | Errno::ENAMETOOLONG)) => refused,
        _ => Errno::EXDEV,
    }
}

fn linked(from: Path, to: Path, flags: c_int) -> Result<(), Errno> {
    match (asked(from.0, from.1), asked(to.0, to.1)) {
        (Some(Place::Below(from)), Some(Place::Below(to))) => {
            if flags & !(libc::AT_SYMLINK_FOLLOW | libc::AT_EMPTY_PATH) != 0 {
                return Err(Errno::EINVAL);
            }
            let mut rooms = [const { Room::new() }; 2];
            let [first, second] = &mut rooms;
            CLIENT.path_link(component(from, first)?, component(to, second)?)
        }
        (Some(Place::Below(name)), _) => exists(CLIENT.root()?, name).and(Err(Errno::EXDEV)),
        (_, Some(Place::Below(_))) => exists(from.0, from.1).and(Err(Errno::EXDEV)),
        _ => by_kernel(libc::SYS_linkat, from, to, flags as usize),
    }
}

fn by_kernel(number: libc::c_long, from: Path, to: Path, flags: usize) -> Result<(), Errno> {
    let args =
        [from.0 as usize, from.1.expose_provenance(), to.0 as usize, to.1.expose_provenance(), flags, 0];
    // SAFETY: the kernel reads both paths, and refuses them where it cannot; `renameat` has four arguments.
    unsafe { raw::call6(number, args) }.map(drop)
}
