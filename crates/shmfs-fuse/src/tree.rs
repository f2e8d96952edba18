//! The tree: the hidden tmpfs of the store, whose inodes are opened by their numbers.
//!
//! Owns: directories that were used of late, open.
//! Leaves to others: what is done with what is opened.

use crate::node::{Node, NodeId, ROOT};
use rustix::fs::{self, AtFlags, Mode, OFlags, Statx, StatxFlags};
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
        if node.node() == Some(Node::Root) {
            return Ok(self.root.as_fd());
        }
        if !self.directories.contains_key(&node) {
            let opened = self.inode(node, OFlags::PATH | OFlags::DIRECTORY)?;
            if self.directories.len() >= DIRECTORIES {
                self.directories.clear();
            }
            self.directories.insert(node, opened);
        }
        self.directories.get(&node).map(AsFd::as_fd).ok_or(Errno::ESTALE)
    }

    /// What an inode of the tree says of itself.
    pub(crate) fn look_at(&self, node: NodeId) -> Result<Statx, Errno> {
        let known = match node.node() {
            Some(Node::Root) => Some(&self.root),
            _ => self.directories.get(&node),
        };
        match known {
            Some(directory) => look(directory.as_fd(), c""),
            None => look(self.inode(node, OFlags::PATH | OFlags::NOFOLLOW)?.as_fd(), c""),
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

/// The path under which calls that want one find the inode behind a descriptor.
pub(crate) fn path(fd: BorrowedFd<'_>) -> String {
    format!("/proc/self/fd/{}", fd.as_raw_fd())
}
