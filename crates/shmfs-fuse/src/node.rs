//! The numbers by which the kernel names inodes to us.
//!
//! An inode of the tree has its inode number and its generation in its number, by which it is opened (`tree`): nothing
//! is remembered about it. The root, `.sysv` and the segments below it have numbers that no inode can have, since none
//! has the inode number 0.
//!
//! An inode number has 32 bits (the hidden tmpfs is made so); after as many files a number is given again, and the
//! generation tells two apart.
//!
//! Owns: that code.

use shmfs_abi::Shmid;
use shmfs_sys::handle::Handle;

/// A number for the kernel.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(crate) struct NodeId(pub(crate) u64);

/// What a number stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Node {
    Root,
    /// The directory of the segments.
    Sysv,
    Segment(Shmid),
    /// An inode of the tree.
    Inode(Handle),
}

/// `FUSE_ROOT_ID`
pub(crate) const ROOT: NodeId = NodeId(1);

/// The directory of the segments.
pub(crate) const SYSV: NodeId = NodeId(2);

/// From here on: segments.
const SEGMENTS: u64 = 1 << 31;

/// No inode of the tree has a lower number.
const INODES: u64 = 1 << 32;

impl NodeId {
    pub(crate) fn of_inode(handle: Handle) -> NodeId {
        NodeId((handle.ino & 0xffff_ffff) << 32 | u64::from(handle.generation))
    }

    pub(crate) fn of_segment(shmid: Shmid) -> NodeId {
        NodeId(SEGMENTS | u64::from(shmid.0.cast_unsigned()))
    }

    /// What the number stands for; nothing for one that was never given.
    pub(crate) fn node(self) -> Option<Node> {
        match self.0 {
            1 => Some(Node::Root),
            2 => Some(Node::Sysv),
            number @ SEGMENTS..INODES => Some(Node::Segment(Shmid((number - SEGMENTS) as i32))),
            number @ INODES.. => Some(Node::Inode(Handle { ino: number >> 32, generation: number as u32 })),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_node_comes_back_from_its_number() {
        assert_eq!((ROOT.node(), SYSV.node()), (Some(Node::Root), Some(Node::Sysv)));
        for shmid in [0, 7, i32::MAX] {
            assert_eq!(NodeId::of_segment(Shmid(shmid)).node(), Some(Node::Segment(Shmid(shmid))));
        }
        for (ino, generation) in [(1, 0), (1, u32::MAX), (u64::from(u32::MAX), 5)] {
            let handle = Handle { ino, generation };
            assert_eq!(NodeId::of_inode(handle).node(), Some(Node::Inode(handle)));
        }
        for number in [0, 3, SEGMENTS - 1] {
            assert_eq!(NodeId(number).node(), None);
        }
    }
}
