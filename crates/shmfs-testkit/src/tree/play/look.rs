//! The picture of a real directory.

use crate::tree::picture::{Picture, Shown, below};
use crate::tree::{Bytes, Kind, Look};
use rustix::fd::{AsFd, AsRawFd, OwnedFd};
use rustix::fs::{self, AtFlags, Dir, FileType, Mode, OFlags, Stat};
use std::collections::BTreeMap;

type Real<T> = rustix::io::Result<T>;

fn kind(kind: FileType) -> Kind {
    match kind {
        FileType::Directory => Kind::Directory,
        FileType::RegularFile => Kind::Regular,
        FileType::Symlink => Kind::Symlink,
        FileType::Fifo => Kind::Fifo,
        other => panic!("a {other:?} in the tree"),
    }
}

/// What `stat` has told.
#[allow(clippy::unnecessary_cast, reason = "the types differ by architecture")]
pub(super) fn look(stat: &Stat) -> Look {
    Look {
        kind: kind(FileType::from_raw_mode(stat.st_mode)),
        mode: stat.st_mode & 0o7777,
        uid: stat.st_uid,
        gid: stat.st_gid,
        links: stat.st_nlink as u64,
        size: stat.st_size as u64,
        blocks: stat.st_blocks as u64,
    }
}

/// The names in an open directory.
pub(super) fn names(dir: OwnedFd) -> Real<BTreeMap<Vec<u8>, Kind>> {
    let mut names = BTreeMap::new();
    for entry in Dir::new(dir)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name != b"." && name != b".." {
            let twice = names.insert(name.to_vec(), kind(entry.file_type()));
            assert_eq!(twice, None, "a name is listed twice");
        }
    }
    Ok(names)
}

/// What `listxattr` has written.
pub(super) fn xattr_names(listed: &[u8]) -> impl Iterator<Item = String> {
    let names = listed.split(|byte| *byte == 0).filter(|name| name.starts_with(b"user."));
    names.map(|name| String::from_utf8_lossy(name).into_owned())
}

/// Everything below a directory, as [`Tree::picture`](crate::tree::Tree::picture) tells it.
///
/// # Errors
/// As the calls that look.
pub fn picture(root: &OwnedFd) -> Real<Picture> {
    let (mut picture, mut firsts) = (Picture::new(), BTreeMap::new());
    let mut paths = std::collections::BTreeSet::from([Vec::new()]);
    while let Some(path) = paths.pop_first() {
        let at: &[u8] = if path.is_empty() { b"." } else { &path };
        let stat = fs::statat(root, at, AtFlags::SYMLINK_NOFOLLOW)?;
        let look = look(&stat);
        let open = |flags| fs::openat(root, at, flags | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty());
        let bytes = match look.kind {
            Kind::Directory => {
                let names = names(open(OFlags::RDONLY)?)?;
                paths.extend(names.keys().map(|name| below(&path, name)));
                Vec::new()
            }
            Kind::Regular => whole(&open(OFlags::RDONLY)?, look.size as usize)?,
            Kind::Symlink => fs::readlinkat(root, at, Vec::new())?.into_bytes(),
            Kind::Fifo => Vec::new(),
        };
        let xattrs = if look.kind == Kind::Symlink { BTreeMap::new() } else { xattrs(&open(OFlags::PATH)?)? };
        let same_as = firsts.entry(stat.st_ino).or_insert_with(|| Bytes(path.clone())).clone();
        picture.insert(path, Shown { look, same_as, bytes: Bytes(bytes), xattrs });
    }
    Ok(picture)
}

fn whole(file: &OwnedFd, size: usize) -> Real<Vec<u8>> {
    let mut bytes = vec![0; size + 1];
    let mut length = 0;
    loop {
        match rustix::io::pread(file, &mut bytes[length..], length as u64)? {
            0 => break,
            read => length += read,
        }
    }
    bytes.truncate(length);
    Ok(bytes)
}

fn xattrs(file: &OwnedFd) -> Real<BTreeMap<String, Vec<u8>>> {
    let link = format!("/proc/self/fd/{}", file.as_fd().as_raw_fd());
    let mut room = vec![0; 4096];
    let length = fs::listxattr(&link, &mut room)?;
    let mut xattrs = BTreeMap::new();
    for name in xattr_names(&room[..length]) {
        let mut value = vec![0; 4096];
        let length = fs::getxattr(&link, &name, &mut value)?;
        value.truncate(length);
        xattrs.insert(name, value);
    }
    Ok(xattrs)
}
