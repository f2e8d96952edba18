//! Who may do what.

use super::inode::{Inode, Number};
use super::{Tree, User};
use shmfs_abi::Errno;

/// Search or execute.
pub(super) const EXEC: u32 = 1;
/// Write.
pub(super) const WRITE: u32 = 2;
/// Read.
pub(super) const READ: u32 = 4;

/// The sticky bit.
pub(super) const STICKY: u32 = 0o1000;
/// Set group id.
pub(super) const SET_GID: u32 = 0o2000;
/// Set user id.
pub(super) const SET_UID: u32 = 0o4000;
const GROUP_EXEC: u32 = 0o010;

impl User {
    /// `in_group_p`, kernel/groups.c.
    pub(super) fn is_in(&self, gid: u32) -> bool {
        self.gid == gid || self.groups.contains(&gid)
    }

    /// `in_group_or_capable`, fs/attr.c: whether it may leave the set-group-id bit on.
    pub(super) fn may_set_gid(&self, gid: u32) -> bool {
        self.capable || self.is_in(gid)
    }

    /// `inode_owner_or_capable`.
    pub(super) fn owns(&self, inode: &Inode) -> bool {
        self.capable || self.uid == inode.uid
    }
}

impl Tree {
    pub(super) fn inode(&self, number: Number) -> &Inode {
        &self.inodes[&number]
    }

    pub(super) fn inode_mut(&mut self, number: Number) -> &mut Inode {
        let found = self.inodes.get_mut(&number);
        found.unwrap_or_else(|| panic!("inode {number} is gone"))
    }

    /// `generic_permission`, fs/namei.c, without access lists.
    pub(super) fn allow(&self, user: &User, number: Number, mask: u32) -> Result<(), Errno> {
        let inode = self.inode(number);
        let bits = if user.uid == inode.uid {
            inode.mode >> 6
        } else if user.is_in(inode.gid) {
            inode.mode >> 3
        } else {
            inode.mode
        };
        // No step executes a file, so a capability is enough.
        if mask & !(bits & 7) == 0 || user.capable { Ok(()) } else { Err(Errno::EACCES) }
    }

    /// `may_delete`, fs/namei.c: whether the name of `victim` in `dir` may go, to a call that wants a directory or not.
    pub(super) fn allow_removal(
        &self,
        user: &User,
        dir: Number,
        victim: Number,
        wants_dir: bool,
    ) -> Result<(), Errno> {
        self.allow(user, dir, WRITE | EXEC)?;
        let (parent, inode) = (self.inode(dir), self.inode(victim));
        if parent.mode & STICKY != 0 && !user.owns(inode) && user.uid != parent.uid {
            return Err(Errno::EPERM);
        }
        match (wants_dir, inode.is_dir()) {
            (true, false) => Err(Errno::ENOTDIR),
            (false, true) => Err(Errno::EISDIR),
            _ => Ok(()),
        }
    }

    /// The mode that a file has once its owner or content is changed by somebody who keeps no set-id bits on it
    /// (`setattr_should_drop_suidgid`, fs/attr.c).
    pub(super) fn without_set_ids(&self, user: &User, inode: &Inode) -> u32 {
        let keeps = inode.mode & GROUP_EXEC == 0 && user.may_set_gid(inode.gid);
        inode.mode & !SET_UID & if keeps { !0 } else { !SET_GID }
    }

    /// `may_follow_link`, fs/namei.c.
    pub(super) fn allow_following(&self, user: &User, dir: Number, link: Number) -> Result<(), Errno> {
        let (parent, link) = (self.inode(dir), self.inode(link));
        let open_to_all = parent.mode & (STICKY | 0o002) == STICKY | 0o002;
        if self.setting.guards.symlinks == 0 || link.uid == user.uid || !open_to_all || parent.uid == link.uid
        {
            return Ok(());
        }
        Err(Errno::EACCES)
    }

    /// `may_linkat`, fs/namei.c.
    pub(super) fn allow_linking(&self, user: &User, number: Number) -> Result<(), Errno> {
        let inode = self.inode(number);
        let set_gid = SET_GID | GROUP_EXEC;
        let safe = inode.is_regular()
            && inode.mode & SET_UID == 0
            && inode.mode & set_gid != set_gid
            && self.allow(user, number, READ | WRITE).is_ok();
        if self.setting.guards.hardlinks == 0 || safe || user.owns(inode) {
            Ok(())
        } else {
            Err(Errno::EPERM)
        }
    }

    /// `may_create_in_sticky`, fs/namei.c: whether `O_CREAT` may open what exists in `dir`.
    pub(super) fn allow_in_sticky(&self, user: &User, dir: Number, number: Number) -> Result<(), Errno> {
        let (parent, inode) = (self.inode(dir), self.inode(number));
        let guard = match inode.body {
            super::Body::Regular(_) => Some(self.setting.guards.regular),
            super::Body::Fifo => Some(self.setting.guards.fifos),
            _ => None,
        };
        if parent.mode & STICKY == 0 || guard == Some(0) || inode.uid == parent.uid || inode.uid == user.uid {
            return Ok(());
        }
        let strict = guard.is_some_and(|guard| guard >= 2);
        if parent.mode & 0o002 != 0 || parent.mode & 0o020 != 0 && strict {
            return Err(Errno::EACCES);
        }
        Ok(())
    }
}

/// The mode of something that is made in a directory of `dir_mode` and `dir_gid` (`mode_strip_sgid`, fs/inode.c).
pub(super) fn mode_of_child(user: &User, mode: u32, dir_mode: u32, dir_gid: u32) -> u32 {
    let both = SET_GID | GROUP_EXEC;
    if mode & both == both && dir_mode & SET_GID != 0 && !user.may_set_gid(dir_gid) {
        return mode & !SET_GID;
    }
    mode
}
