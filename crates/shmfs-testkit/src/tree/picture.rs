//! What can be seen of a tree.

use super::inode::{Body, Number, ROOT};
use super::permission::READ;
use super::step::Path;
use super::{Answer, Tree, User};
use shmfs_abi::Errno;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Bytes of a file, of a target or of a value.
#[derive(Clone, PartialEq, Eq)]
pub struct Bytes(pub Vec<u8>);

/// So many of them are shown that one sees which they are.
impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sum = self.0.iter().fold(0_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(*byte)));
        let shown = String::from_utf8_lossy(&self.0[..self.0.len().min(24)]);
        write!(f, "{} bytes {shown:?} {sum:08x}", self.0.len())
    }
}

/// What kind of file it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Kind {
    /// A directory.
    Directory,
    /// A regular file.
    Regular,
    /// A symlink.
    Symlink,
    /// A fifo.
    Fifo,
}

/// What `stat` tells, without times and numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Look {
    /// The kind.
    pub kind: Kind,
    /// The mode's low twelve bits.
    pub mode: u32,
    /// The user.
    pub uid: u32,
    /// The group.
    pub gid: u32,
    /// `st_nlink`.
    pub links: u64,
    /// `st_size`, in bytes.
    pub size: u64,
    /// `st_blocks`, in 512 bytes.
    pub blocks: u64,
}

/// What one step answers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Seen {
    /// Nothing but success.
    Done,
    /// Bytes written, or a position.
    Amount(u64),
    /// Bytes read, a target or a value.
    Bytes(Bytes),
    /// A directory's names, without `.` and `..`.
    Names(BTreeMap<Vec<u8>, Kind>),
    /// Names of attributes.
    Xattrs(BTreeSet<String>),
    /// A file.
    Look(Look),
}

/// One name of a tree and all that can be read behind it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Shown {
    /// What `stat` tells.
    pub look: Look,
    /// The first path in order that shows the same inode.
    pub same_as: Bytes,
    /// Bytes or target.
    pub bytes: Bytes,
    /// The extended attributes.
    pub xattrs: BTreeMap<String, Vec<u8>>,
}

/// A whole tree by path; the root's is empty.
pub type Picture = BTreeMap<Vec<u8>, Shown>;

impl Tree {
    pub(super) fn look(&self, number: Number) -> Look {
        let inode = self.inode(number);
        let (kind, links) = match &inode.body {
            Body::Directory { parent: None, .. } => (Kind::Directory, 0),
            Body::Directory { entries, .. } => {
                let below = entries.values().filter(|entry| self.inode(**entry).is_dir());
                (Kind::Directory, 2 + below.count() as u64)
            }
            Body::Regular(_) => (Kind::Regular, u64::from(inode.names)),
            Body::Symlink(_) => (Kind::Symlink, u64::from(inode.names)),
            Body::Fifo => (Kind::Fifo, u64::from(inode.names)),
        };
        let (size, blocks) = (inode.size(), inode.blocks());
        Look { kind, mode: inode.mode, uid: inode.uid, gid: inode.gid, links, size, blocks }
    }

    pub(super) fn stat(&self, user: &User, path: &Path, follow: bool) -> Answer {
        self.resolve(user, path, follow).map(|number| Seen::Look(self.look(number)))
    }

    pub(super) fn stat_open(&self, slot: usize) -> Answer {
        self.opened(slot).map(|opened| Seen::Look(self.look(opened.inode)))
    }

    pub(super) fn read_link(&self, user: &User, path: &Path) -> Answer {
        match &self.inode(self.resolve(user, path, false)?).body {
            Body::Symlink(target) => Ok(Seen::Bytes(Bytes(target.text()))),
            _ => Err(Errno::EINVAL),
        }
    }

    pub(super) fn list(&self, user: &User, path: &Path) -> Answer {
        let number = self.resolve(user, path, true)?;
        let Body::Directory { entries, .. } = &self.inode(number).body else { return Err(Errno::ENOTDIR) };
        self.allow(user, number, READ)?;
        Ok(Seen::Names(
            entries.iter().map(|(name, number)| (name.clone(), self.look(*number).kind)).collect(),
        ))
    }

    /// All of it.
    pub fn picture(&self) -> Picture {
        let (mut picture, mut firsts) = (Picture::new(), BTreeMap::new());
        let mut paths = BTreeMap::from([(Vec::new(), ROOT)]);
        // In order, so that the first path of an inode is met first: entries lie behind their directory.
        while let Some((path, number)) = paths.pop_first() {
            let inode = self.inode(number);
            let bytes = match &inode.body {
                Body::Directory { entries, .. } => {
                    paths.extend(entries.iter().map(|(name, number)| (below(&path, name), *number)));
                    Vec::new()
                }
                Body::Regular(content) => content.read(0, content.size() as usize),
                Body::Symlink(target) => target.text(),
                Body::Fifo => Vec::new(),
            };
            let xattrs =
                inode.xattrs.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
            let same_as = firsts.entry(number).or_insert_with(|| Bytes(path.clone())).clone();
            let shown = Shown { look: self.look(number), same_as, bytes: Bytes(bytes), xattrs };
            picture.insert(path, shown);
        }
        picture
    }

    /// Panics unless what the model says of itself is consistent.
    pub fn check(&self) {
        let mut names = BTreeMap::from([(ROOT, 1)]);
        for (dir, inode) in &self.inodes {
            let Body::Directory { entries, parent } = &inode.body else { continue };
            assert!(parent.is_some() || entries.is_empty(), "a removed directory has names");
            for number in entries.values() {
                *names.entry(*number).or_insert(0) += 1;
                if let Body::Directory { parent, .. } = &self.inode(*number).body {
                    assert_eq!(*parent, Some(*dir), "`..` of {number}");
                }
            }
        }
        for (number, inode) in &self.inodes {
            assert_eq!(inode.names, names.get(number).copied().unwrap_or(0), "names of {number}");
        }
    }
}

/// The path of a name in a directory.
pub(super) fn below(dir: &[u8], name: &[u8]) -> Vec<u8> {
    if dir.is_empty() { name.to_vec() } else { [dir, b"/", name].concat() }
}
