//! The place that a path leads to, by its text alone.
//!
//! Owns: slashes, `.` and `..` on the way to /dev/shm.
//! Leaves to others: reading the path.

use crate::pointer::STRING_BYTES;
use libc::c_char;

/// What a path of the store leads to.
#[derive(Clone, Copy)]
pub enum Place {
    /// The directory itself.
    Root,
    /// What is in it: the rest of the program's own string, to be looked up there.
    Below(*const c_char),
}

/// The folders on the way to the store's files. None of them is a link, so `..` leads back.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Folder {
    Top,
    Dev,
    DevShm,
}

/// The place of an absolute path.
pub fn place(path: *const c_char, byte: impl Fn(*const c_char) -> Option<u8>) -> Option<Place> {
    if byte(path)? == b'/' { walked(Folder::Top, path, byte) } else { None }
}

/// Goes from `folder` along the path, as far as its text alone says where it leads. Most paths of others end it
/// at their second byte.
pub fn walked(
    mut folder: Folder,
    path: *const c_char,
    byte: impl Fn(*const c_char) -> Option<u8>,
) -> Option<Place> {
    let mut at = path;
    for _ in 0..STRING_BYTES {
        match (byte(at)?, folder) {
            (0, Folder::DevShm) => return Some(Place::Root),
            (0, _) => return None,
            (b'/', _) => at = at.wrapping_add(1),
            (b'.', _) if after(at, b".", &byte).is_some() => at = at.wrapping_add(1),
            (b'.', _) if after(at, b"..", &byte).is_some() => {
                folder = if folder == Folder::DevShm { Folder::Dev } else { Folder::Top };
                at = at.wrapping_add(2);
            }
            (_, Folder::Top) => (folder, at) = (Folder::Dev, after(at, b"dev", &byte)?),
            (_, Folder::Dev) => (folder, at) = (Folder::DevShm, after(at, b"shm", &byte)?),
            (_, Folder::DevShm) => return Some(Place::Below(at)),
        }
    }
    None
}

/// What follows a component, if it is this one.
fn after(
    at: *const c_char,
    component: &[u8],
    byte: &impl Fn(*const c_char) -> Option<u8>,
) -> Option<*const c_char> {
    for (index, expected) in component.iter().enumerate() {
        if byte(at.wrapping_add(index))? != *expected {
            return None;
        }
    }
    let end = at.wrapping_add(component.len());
    matches!(byte(end)?, 0 | b'/').then_some(end)
}
