//! One inode of the model.

use super::content::Content;
use super::step::Path;
use std::collections::BTreeMap;

/// Which inode it is; never used twice.
pub(super) type Number = u32;

/// The root directory.
pub(super) const ROOT: Number = 0;

/// What a directory entry adds to the size of its directory (`BOGO_DIRENT_SIZE`, mm/shmem.c).
const ENTRY_SIZE: u64 = 20;

/// Targets from here on have a page of their own (`SHORT_SYMLINK_LEN`, mm/shmem.c).
const LONG_TARGET: usize = 128;

#[derive(Clone, Debug)]
pub(super) enum Body {
    /// Without a parent once it is removed.
    Directory {
        parent: Option<Number>,
        entries: BTreeMap<Vec<u8>, Number>,
    },
    Regular(Content),
    Symlink(Path),
    Fifo,
}

#[derive(Clone, Debug)]
pub(super) struct Inode {
    pub(super) body: Body,
    /// The permission bits, with set-id and sticky.
    pub(super) mode: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
    /// Directory entries that show it.
    pub(super) names: u32,
    /// Made without a name and never named since (`I_LINKABLE`).
    pub(super) linkable: bool,
    pub(super) xattrs: BTreeMap<&'static str, Vec<u8>>,
}

impl Inode {
    pub(super) fn is_dir(&self) -> bool {
        matches!(self.body, Body::Directory { .. })
    }

    pub(super) fn is_regular(&self) -> bool {
        matches!(self.body, Body::Regular(_))
    }

    /// `st_size`.
    pub(super) fn size(&self) -> u64 {
        match &self.body {
            Body::Directory { entries, .. } => ENTRY_SIZE * (2 + entries.len() as u64),
            Body::Regular(content) => content.size(),
            Body::Symlink(target) => target.text().len() as u64,
            Body::Fifo => 0,
        }
    }

    /// `st_blocks`, in 512 bytes.
    pub(super) fn blocks(&self) -> u64 {
        match &self.body {
            Body::Regular(content) => content.pages() * 8,
            Body::Symlink(target) if target.text().len() >= LONG_TARGET => 8,
            _ => 0,
        }
    }
}
