//! The tree: the hidden tmpfs of the store, whose inodes are opened by their numbers.
//!
//! Owns: directories that were used of late, open.
//! Leaves to others: what is done with what is opened.

use crate::node::{Node, NodeId, ROOT};
use rustix::fs::{self, AtFlags, FileType, Mode, OFlags, Statx, StatxFlags};
use shmfs_abi::Errno;
use shmfs_sys::handle::Handle;
use std::collections::HashMap;
use std::ffi::CStr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

/// Directories that are kept open.
const DIRECTORIES: usize = 64;

/// The error in our words.
pub(crate) fn errno(error: rustix::io::Errno) -> Errno {
    Errno(error.raw_os_error())
}

/// The hidden tmpfs.
pub(crate) struct Tree {
    /// The mount itself.
    mount: OwnedFd,
    /// Its root directory, open for reading.
    root: OwnedFd,
    /// The number that the root would have if it were any inode.
    root_number: NodeId,
    directories: HashMap<NodeId, OwnedFd>,
}

impl Tree {
    pub(crate) fn open(mount: BorrowedFd<'_>) -> Result<Tree, Errno> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = fs::openat(mount, c".", flags, Mode::empty()).map_err(errno)?;
        let mount = mount.try_clone_to_owned().map_err(|_| Errno::EMFILE)?;
        let root_number = number(root.as_fd(), c"")?;
        Ok(Tree { mount, root, root_number, directories: HashMap::new() })
    }

    /// The mount's descriptor.
    pub(crate) fn mount(&self) -> BorrowedFd<'_> {
        self.mount.as_fd()
    }

    /// The number by which the kernel knows an inode.
    pub(crate) fn known(&self, number: NodeId) -> NodeId {
        if number == self.root_number { ROOT } else { number }
    }

    /// Opens an inode of the tree.
    pub(crate) fn inode(&self, node: NodeId, flags: OFlags) -> Result<OwnedFd, Errno> {
        match node.node() {
            Some(Node::Root) => {
                let flags = flags | OFlags::CLOEXEC;
                fs::openat(&self.root, c".", flags, Mode::empty()).map_err(errno)
            }
            Some(Node::Inode(handle)) => handle.open(&self.root, flags),
            _ => Err(Errno::EPERM),
        }
    }

    /// Lends a directory of the tree, whatever its mode.
    pub(crate) fn directory(&mut self, node: NodeId) -> Result<BorrowedFd<'_>, Errno> {
        self.have(node)?;
        self.lent(node).ok_or(Errno::ESTALE)
    }

    /// Lends two, which may be one.
    pub(crate) fn directories(
        &mut self,
        one: NodeId,
        other: NodeId,
    ) -> Result<(BorrowedFd<'_>, BorrowedFd<'_>), Errno> {
        self.have(one)?;
        self.have(other)?;
        // The other one may have taken the place of all.
        self.have(one)?;
        self.lent(one).zip(self.lent(other)).ok_or(Errno::ESTALE)
    }

    fn have(&mut self, node: NodeId) -> Result<(), Errno> {
        if self.lent(node).is_some() {
            return Ok(());
        }
        let opened = self.inode(node, OFlags::PATH | OFlags::DIRECTORY)?;
        if self.directories.len() >= DIRECTORIES {
            self.directories.clear();
        }
        self.directories.insert(node, opened);
        Ok(())
    }

    /// A directory that is open.
    fn lent(&self, node: NodeId) -> Option<BorrowedFd<'_>> {
        match node.node() {
            Some(Node::Root) => Some(self.root.as_fd()),
            _ => self.directories.get(&node).map(AsFd::as_fd),
        }
    }

    /// The inode with this name, whatever it is, without a right to its bytes.
    pub(crate) fn named(&mut self, parent: NodeId, name: &CStr) -> Result<OwnedFd, Errno> {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        fs::openat(self.directory(parent)?, name, flags, Mode::empty()).map_err(errno)
    }

    /// An inode by its number, in the same way.
    pub(crate) fn path(&self, node: NodeId) -> Result<OwnedFd, Errno> {
        self.inode(node, OFlags::PATH | OFlags::NOFOLLOW)
    }

    /// What an inode of the tree says of itself.
    pub(crate) fn look_at(&self, node: NodeId) -> Result<Statx, Errno> {
        match self.lent(node) {
            Some(directory) => look(directory, c""),
            None => look(self.path(node)?.as_fd(), c""),
        }
    }

    /// A directory is removed.
    pub(crate) fn forget(&mut self, node: NodeId) {
        self.directories.remove(&node);
    }
}

/// What an inode says of itself; with an empty name, the one behind the descriptor.
pub(crate) fn look(dir: BorrowedFd<'_>, name: &CStr) -> Result<Statx, Errno> {
    let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::EMPTY_PATH;
    fs::statx(dir, name, flags, StatxFlags::BASIC_STATS | StatxFlags::BTIME).map_err(errno)
}

/// The number of the inode with this name.
pub(crate) fn number(dir: BorrowedFd<'_>, name: &CStr) -> Result<NodeId, Errno> {
    Handle::of(dir, name).map(NodeId::of_inode)
}

/// The number of an inode, and what it says of itself, as with [`look`].
pub(crate) fn meet(dir: BorrowedFd<'_>, name: &CStr) -> Result<(NodeId, Statx), Errno> {
    Ok((number(dir, name)?, look(dir, name)?))
}

/// Whether it has bytes.
pub(crate) fn is_regular(told: &Statx) -> bool {
    FileType::from_raw_mode(u32::from(told.stx_mode)) == FileType::RegularFile
}

/// The permission bits of a mode.
pub(crate) fn rights(mode: u32) -> Mode {
    Mode::from_raw_mode(mode & 0o7777)
}

/// The path under which calls that want one find the inode behind a descriptor.
pub(crate) fn proc_path(fd: BorrowedFd<'_>) -> String {
    format!("/proc/self/fd/{}", fd.as_raw_fd())
}
