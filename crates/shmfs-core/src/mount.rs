//! The mount `shm`: the root directory in which POSIX names live, as /dev/shm is.
//!
//! Its mode is 1777, until somebody changes that through a mount of the store.
//!
//! Owns: the root directory, its owner and mode, its names.
//! Leaves to others: the limit in bytes (`account`), the objects (`object`).
//! Not done: a limit of its own, directories, other mounts.

use crate::dentry::Directory;
use crate::inode::Inode;
use crate::object::{Objects, Place};
use crate::perm::{self, Rights};
use shmfs_abi::{Caps, Cred, Errno, Gid, Name, ObjectId, Pid, Result, Time, Uid, refuse};

/// `S_ISVTX`: what others own cannot be taken away.
const STICKY: u32 = 0o1000;

/// `S_IWOTH`.
const OTHERS_WRITE: u32 = 0o002;

/// One tmpfs instance.
#[derive(Clone, Debug)]
pub(crate) struct Mount {
    /// Whose the store is.
    owner: (Uid, Gid),
    root: Inode,
    /// The root's names.
    pub(crate) names: Directory,
    /// fs.protected_regular (Documentation/admin-guide/sysctl/fs.rst).
    protected_regular: u8,
    /// fs.protected_hardlinks.
    protected_hardlinks: bool,
}

impl Mount {
    pub(crate) fn new(
        (uid, gid): (Uid, Gid),
        (protected_regular, protected_hardlinks): (u8, bool),
        boot: Time,
    ) -> Mount {
        let creator = Pid::default();
        let root = Inode { uid, gid, mode: 0o1777, links: 2, creator, created: boot, orphaned: false };
        let (owner, names) = ((uid, gid), Directory::default());
        Mount { owner, root, names, protected_regular, protected_hardlinks }
    }

    /// Whose the store is. The root directory may be given to somebody else.
    pub(crate) fn owner(&self) -> (Uid, Gid) {
        self.owner
    }

    /// The root directory belongs to somebody else, or has another mode.
    pub(crate) fn rooted(&mut self, uid: Uid, gid: Gid, mode: u32) {
        (self.root.uid, self.root.gid, self.root.mode) = (uid, gid, mode & 0o7777);
    }

    /// Refuses who may not look a name up (`may_lookup`, fs/namei.c).
    pub(crate) fn allow_search(&self, caller: &Cred) -> Result<()> {
        self.allow(caller, Rights::EXEC)
    }

    /// Refuses who may change no name (`may_create`, `may_delete`, fs/namei.c).
    pub(crate) fn allow_change(&self, caller: &Cred) -> Result<()> {
        self.allow(caller, Rights::WRITE | Rights::EXEC)
    }

    fn allow(&self, caller: &Cred, asked: Rights) -> Result<()> {
        let searches = asked == Rights::EXEC && caller.caps.contains(Caps::DAC_READ_SEARCH);
        if searches || perm::file_allows(&self.root, caller, asked) {
            return Ok(());
        }
        refuse(Errno::EACCES, "the mode of the root directory does not give this right")
    }

    /// When the store began.
    pub(crate) fn boot(&self) -> Time {
        self.root.created
    }

    /// fs.protected_regular and fs.protected_hardlinks.
    pub(crate) fn protected(&self) -> (u8, bool) {
        (self.protected_regular, self.protected_hardlinks)
    }

    /// The object with this name.
    pub(crate) fn lookup(&self, objects: &Objects, name: &Name) -> Result<Option<ObjectId>> {
        let Some(object) = self.names.get(name) else { return Ok(None) };
        match objects.get(object).place {
            Place::Name(_) => Ok(Some(object)),
            // Linux holds the directory's lock meanwhile; the broker settles before it takes another call.
            _ => refuse(Errno::EAGAIN, "the name is being created"),
        }
    }

    /// Whether `O_CREAT` may open what exists: not a stranger's file in a sticky directory
    /// (`may_create_in_sticky`, fs/namei.c). No capability helps.
    pub(crate) fn may_create_over(&self, inode: &Inode, caller: &Cred) -> bool {
        self.root.mode & STICKY == 0
            || self.protected_regular == 0
            || inode.uid == self.root.uid
            || inode.uid == caller.uid
            || self.root.mode & OTHERS_WRITE == 0
    }

    /// Whether the caller may give this file one more name (`may_linkat`, `safe_hardlink_source`, fs/namei.c).
    pub(crate) fn may_link(&self, inode: &Inode, caller: &Cred) -> bool {
        const SET_UID: u32 = 0o4000;
        const SET_GID_AND_EXEC: u32 = 0o2010;
        let safe = inode.mode & SET_UID == 0
            && inode.mode & SET_GID_AND_EXEC != SET_GID_AND_EXEC
            && perm::file_allows(inode, caller, Rights::READ | Rights::WRITE);
        !self.protected_hardlinks || safe || perm::file_owns(inode, caller)
    }

    /// Whether the caller may take this file's name away (`__check_sticky`, fs/namei.c).
    pub(crate) fn may_delete(&self, inode: &Inode, caller: &Cred) -> bool {
        self.root.mode & STICKY == 0 || perm::file_owns(inode, caller) || caller.uid == self.root.uid
    }
}
