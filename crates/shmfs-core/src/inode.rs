//! Inodes: who owns an object, and what its mode is.
//!
//! Owns: owner, mode, links, who created it and when.
//! Leaves to others: names (`dentry`), pages (`object`), the rules (`perm`).
//! Not done: times that change, extended attributes, directories below the root. The set-id bits that the
//! kernel drops when a file is written or cut stay in this mode.

use shmfs_abi::{Cred, Gid, Pid, Time, Uid};

/// Who owns an object.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Inode {
    pub(crate) uid: Uid,
    pub(crate) gid: Gid,
    /// The low twelve bits.
    pub(crate) mode: u32,
    pub(crate) links: u32,
    pub(crate) creator: Pid,
    pub(crate) created: Time,
    /// A POSIX object's creator has ended.
    pub(crate) orphaned: bool,
}

impl Inode {
    /// The caller's, without a name (`inode_init_owner`, fs/inode.c: the group is the caller's, since the
    /// root directory has no set-group-id bit; so `mode_strip_sgid` takes nothing from the mode either).
    pub(crate) fn new(caller: &Cred, mode: u32, now: Time) -> Inode {
        let Cred { uid, gid, pid, .. } = *caller;
        Inode { uid, gid, mode: mode & 0o7777, links: 0, creator: pid, created: now, orphaned: false }
    }
}
