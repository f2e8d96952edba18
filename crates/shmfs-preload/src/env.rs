//! Which store this process uses, as its environment says.
//!
//! `SHMFS_STORE` is the absolute path of a store's directory, or a name, which is looked for below
//! `$XDG_RUNTIME_DIR/shmfs`, /tmp/shmfs-UID and /run/shmfs, for root in the last one only. Without it the
//! user's store is taken, else the system's. The program `shm` looks in the same order.
//!
//! Owns: the variables, the places.
//! Leaves to others: connecting, and what is said when nobody answers (the client).
//! Not done: a program that clears its environment before its first call has no store: `ENOSYS`.

use crate::{fork, raw};
use core::{ffi::CStr, mem::MaybeUninit};
use shmfs_abi::{
    Errno,
    store::{ENV_STORE, ENV_TOKEN, ROOT_DIR, SOCKET_FILE, Token},
};
use shmfs_client::Settings;

/// Bytes of a path at most, with the NUL: sun_path in unix(7), as the socket's path must fit there.
const PATH_BYTES: usize = 108;
/// Bytes of a variable's name, with the NUL.
const VARIABLE_BYTES: usize = 16;
/// The name of a user's store, and of the system's.
const USER_STORE: &[u8] = b"user";
const SYSTEM_STORE: &[u8] = b"system";

/// The store that the environment names. Also takes part in forks from here on: a process that never reaches
/// for a store does not.
pub fn settings() -> Result<Settings, Errno> {
    fork::register()?;
    let token = variable(ENV_TOKEN).and_then(|text| Token::parse(text.to_bytes()));
    let dir = match variable(ENV_STORE).map(CStr::to_bytes) {
        Some(path) if path.starts_with(b"/") => Path::default().push(path)?,
        Some(name) if !name.is_empty() => named(name)?,
        _ => default_store()?,
    };
    Settings::new(dir.as_bytes(), token)
}

/// The store called `name`: the user's, else the system's.
fn named(name: &[u8]) -> Result<Path, Errno> {
    if name.contains(&b'/') || name.starts_with(b".") {
        return Err(Errno::ENOSYS);
    }
    let users = users_dirs().into_iter().flatten().find_map(|base| base.store(name));
    users.or_else(|| root_dir()?.store(name)).ok_or(Errno::ECONNREFUSED)
}

/// The store where none is named.
fn default_store() -> Result<Path, Errno> {
    let users = users_dirs().into_iter().flatten().find_map(|base| base.store(USER_STORE));
    users.or_else(|| root_dir()?.store(SYSTEM_STORE)).ok_or(Errno::ENOSYS)
}

/// Where the stores of this user are, unless it is root.
fn users_dirs() -> [Option<Path>; 2] {
    let uid = euid();
    if uid == 0 {
        return [None, None];
    }
    let runtime_dir = || {
        let dir = variable("XDG_RUNTIME_DIR")?.to_bytes();
        // A relative one is to be ignored (XDG Base Directory Specification).
        if dir.starts_with(b"/") { Path::default().push(dir).ok()?.push(b"/shmfs").ok() } else { None }
    };
    [runtime_dir(), Path::default().push(b"/tmp/shmfs-").and_then(|dir| dir.push_number(uid)).ok()]
}

fn root_dir() -> Option<Path> {
    Path::default().push(ROOT_DIR.as_bytes()).ok()
}

/// A variable of the environment. As with every `getenv`, a thread that changes it meanwhile is the program's
/// own fault.
fn variable(name: &str) -> Option<&'static CStr> {
    let mut text = [0u8; VARIABLE_BYTES];
    text.get_mut(..name.len())?.copy_from_slice(name.as_bytes());
    let name = CStr::from_bytes_until_nul(&text).ok()?;
    // SAFETY: `name` ends in NUL.
    let value = unsafe { libc::getenv(name.as_ptr()) };
    if value.is_null() {
        return None;
    }
    // SAFETY: getenv gives a string that lives as long as the environment is not changed.
    Some(unsafe { CStr::from_ptr(value) })
}

fn euid() -> u32 {
    // SAFETY: `geteuid` takes nothing and cannot fail.
    unsafe { raw::call(libc::SYS_geteuid, [0; 4]) }.map_or(u32::MAX, |uid| uid as u32)
}

/// The path of a directory, ended by a NUL.
struct Path {
    bytes: [u8; PATH_BYTES],
    len: usize,
}

impl Default for Path {
    fn default() -> Path {
        Path { bytes: [0; PATH_BYTES], len: 0 }
    }
}

impl Path {
    fn push(mut self, bytes: &[u8]) -> Result<Path, Errno> {
        let end = self.len + bytes.len();
        if end >= PATH_BYTES {
            return Err(Errno::ENAMETOOLONG);
        }
        self.bytes.get_mut(self.len..end).ok_or(Errno::ENAMETOOLONG)?.copy_from_slice(bytes);
        self.len = end;
        Ok(self)
    }

    fn push_number(self, number: u32) -> Result<Path, Errno> {
        let mut digits = [0; 10];
        let mut left = number;
        let mut first = digits.len();
        for digit in digits.iter_mut().rev() {
            *digit = b'0' + (left % 10) as u8;
            left /= 10;
            first -= 1;
            if left == 0 {
                break;
            }
        }
        self.push(digits.get(first..).unwrap_or_default())
    }

    fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    /// The directory of the store called `name` in this one, if it is there. This one must belong to root or to
    /// the caller: anybody can make a folder in /tmp under another user's number.
    fn store(&self, name: &[u8]) -> Option<Path> {
        let owner = self.owner()?;
        if owner != 0 && owner != euid() {
            return None;
        }
        let dir = || Path { bytes: self.bytes, len: self.len }.push(b"/").ok()?.push(name).ok();
        dir()?.push(b"/").ok()?.push(SOCKET_FILE.as_bytes()).ok()?.owner()?;
        dir()
    }

    /// Who owns what is at this path, itself no symbolic link.
    fn owner(&self) -> Option<u32> {
        let mut stat = MaybeUninit::<libc::stat>::zeroed();
        let flags = libc::AT_SYMLINK_NOFOLLOW as usize;
        let args = [
            libc::AT_FDCWD as usize,
            self.bytes.as_ptr().expose_provenance(),
            stat.as_mut_ptr().expose_provenance(),
            flags,
        ];
        // SAFETY: the path ends in NUL since `push` keeps the last byte zero; `stat` is this frame's own and on
        // 64 bits the kernel's structure.
        unsafe { raw::call(libc::SYS_newfstatat, args) }.ok()?;
        // SAFETY: zeroed before, and integers only.
        Some(unsafe { stat.assume_init() }.st_uid)
    }
}
