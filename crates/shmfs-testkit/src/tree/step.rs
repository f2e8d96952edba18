//! Steps: calls on a tree, with paths of few names so that they meet.

use std::fmt;

/// Descriptors of a plan.
pub const SLOTS: usize = 4;

/// The extended attributes of a plan.
pub const XATTRS: [&str; 3] = ["user.a", "user.b", "user.longer"];

/// A name: mostly one of the first few.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Name {
    /// One letter.
    Letter(u8),
    /// 255 bytes, as long as a name can be.
    Longest,
    /// 256 bytes.
    TooLong,
}

impl Name {
    /// Its bytes.
    pub fn bytes(self) -> Vec<u8> {
        match self {
            Name::Letter(letter) => vec![b'a' + letter % 26],
            Name::Longest => vec![b'x'; 255],
            Name::TooLong => vec![b'y'; 256],
        }
    }
}

/// A part of a path.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Part {
    /// A name.
    Name(Name),
    /// `.`
    Here,
    /// `..`
    Up,
}

/// A path below the root of the tree.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Path {
    /// At least one.
    pub parts: Vec<Part>,
    /// Whether a slash comes after the last.
    pub slash: bool,
}

impl Path {
    /// As a program passes it.
    pub fn text(&self) -> Vec<u8> {
        let parts = self.parts.iter().map(|part| match part {
            Part::Name(name) => name.bytes(),
            Part::Here => b".".to_vec(),
            Part::Up => b"..".to_vec(),
        });
        let mut text = parts.collect::<Vec<_>>().join(&b'/');
        text.extend(self.slash.then_some(b'/'));
        text
    }

    /// The name at its end, when there is one and no slash behind.
    pub fn plain_end(&self) -> Option<Name> {
        match (self.parts.last(), self.slash) {
            (Some(Part::Name(name)), false) => Some(*name),
            _ => None,
        }
    }
}

impl fmt::Debug for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", String::from_utf8_lossy(&self.text()))
    }
}

/// How a file is opened; always with `O_NONBLOCK`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct How {
    /// For reading.
    pub read: bool,
    /// For writing; one of the two is set.
    pub write: bool,
    /// `O_CREAT`.
    pub create: bool,
    /// `O_EXCL`, which only plays a part with `create`.
    pub exclusive: bool,
    /// `O_TRUNC`.
    pub truncate: bool,
    /// `O_NOFOLLOW`.
    pub no_follow: bool,
    /// `O_DIRECTORY`.
    pub directory: bool,
}

/// One call. Paths come first, then amounts in bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "the fields are those of the calls")]
pub enum Step {
    /// `mkdir`.
    MakeDir { path: Path, mode: u32 },
    /// `mknod` of a fifo or a regular file.
    MakeNode { path: Path, fifo: bool, mode: u32 },
    /// `symlink`.
    MakeLink { target: Path, path: Path },
    /// `linkat`.
    Link { from: Path, to: Path, follow: bool },
    /// `linkat` of an open file.
    LinkOpen { slot: usize, to: Path },
    /// `unlink`.
    Unlink { path: Path },
    /// `rmdir`.
    RemoveDir { path: Path },
    /// `renameat2`; 1 is `RENAME_NOREPLACE`, 2 is `RENAME_EXCHANGE`.
    Rename { from: Path, to: Path, flags: u32 },
    /// `chmod`.
    Chmod { path: Path, mode: u32 },
    /// `fchownat`.
    Chown { path: Path, uid: Option<u32>, gid: Option<u32>, follow: bool },
    /// `truncate`.
    Truncate { path: Path, size: u64 },
    /// `setxattr`; 1 is `XATTR_CREATE`, 2 is `XATTR_REPLACE`.
    SetXattr { path: Path, name: usize, length: usize, flags: u32 },
    /// `getxattr`.
    GetXattr { path: Path, name: usize },
    /// `removexattr`.
    RemoveXattr { path: Path, name: usize },
    /// `listxattr`.
    ListXattrs { path: Path },
    /// `fstatat`.
    Stat { path: Path, follow: bool },
    /// `open` for reading and `getdents64` to the end.
    List { path: Path },
    /// `readlink`.
    ReadLink { path: Path },
    /// `open`.
    Open { slot: usize, path: Path, how: How, mode: u32 },
    /// `open` with `O_TMPFILE` for reading and writing.
    OpenUnnamed { slot: usize, path: Path, mode: u32 },
    /// `close`.
    Close { slot: usize },
    /// `fstat`.
    StatOpen { slot: usize },
    /// `pwrite` of bytes that follow from a seed.
    Write { slot: usize, at: u64, length: usize, seed: u8 },
    /// `pread`.
    Read { slot: usize, at: u64, length: usize },
    /// `ftruncate`.
    Resize { slot: usize, size: u64 },
    /// `fallocate` with `FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE`.
    Punch { slot: usize, at: u64, length: u64 },
    /// `fallocate`, perhaps with `FALLOC_FL_KEEP_SIZE`.
    Allocate { slot: usize, at: u64, length: u64, keep: bool },
    /// `lseek` with `SEEK_DATA` or `SEEK_HOLE`.
    Seek { slot: usize, at: u64, hole: bool },
}

impl Step {
    /// The paths that a program passes; a symlink's target is none.
    pub(super) fn paths_mut(&mut self) -> Vec<&mut Path> {
        match self {
            Step::Link { from, to, .. } | Step::Rename { from, to, .. } => vec![from, to],
            Step::LinkOpen { to, .. } => vec![to],
            Step::MakeDir { path, .. }
            | Step::MakeNode { path, .. }
            | Step::MakeLink { path, .. }
            | Step::Unlink { path }
            | Step::RemoveDir { path }
            | Step::Chmod { path, .. }
            | Step::Chown { path, .. }
            | Step::Truncate { path, .. }
            | Step::SetXattr { path, .. }
            | Step::GetXattr { path, .. }
            | Step::RemoveXattr { path, .. }
            | Step::ListXattrs { path }
            | Step::Stat { path, .. }
            | Step::List { path }
            | Step::ReadLink { path }
            | Step::Open { path, .. }
            | Step::OpenUnnamed { path, .. } => vec![path],
            Step::Close { .. }
            | Step::StatOpen { .. }
            | Step::Write { .. }
            | Step::Read { .. }
            | Step::Resize { .. }
            | Step::Punch { .. }
            | Step::Allocate { .. }
            | Step::Seek { .. } => vec![],
        }
    }
}

/// The bytes that a write or an attribute of this seed has.
pub fn bytes_of(seed: u8, length: usize) -> Vec<u8> {
    (0..length).map(|at| seed ^ (at as u8).wrapping_mul(7) | 1).collect()
}

/// Steps, each with the number of its user, in a tree whose root has a mode.
#[derive(Clone, PartialEq, Eq)]
pub struct Plan {
    /// The root directory's mode.
    pub root_mode: u32,
    /// At most 128 when read from bytes.
    pub steps: Vec<(usize, Step)>,
}

impl Plan {
    /// The plan that these bytes are. Any bytes are one.
    pub fn decode(bytes: &[u8]) -> Plan {
        super::bytes::decode(bytes)
    }
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a root of mode {:o}", self.root_mode)?;
        self.steps.iter().try_for_each(|(who, step)| write!(f, "\n  {who}: {step:?}"))
    }
}
