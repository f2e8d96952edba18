//! Modes, owners and extended attributes (fs/open.c, fs/attr.c, fs/xattr.c).

use super::inode::{Body, Number};
use super::permission::{READ, SET_GID, STICKY, WRITE};
use super::step::{Path, XATTRS, bytes_of};
use super::{Answer, Bytes, Seen, Tree, User};
use shmfs_abi::Errno;

const CREATE: u32 = 1;
const REPLACE: u32 = 2;

impl Tree {
    pub(super) fn chmod(&mut self, user: &User, path: &Path, mode: u32) -> Answer {
        let number = self.resolve(user, path, true)?;
        let inode = self.inode_mut(number);
        if !user.owns(inode) {
            return Err(Errno::EPERM);
        }
        let keeps = user.may_set_gid(inode.gid);
        inode.mode = if keeps { mode } else { mode & !SET_GID };
        Ok(Seen::Done)
    }

    /// `chown_common`, fs/open.c, and `setattr_prepare`, fs/attr.c.
    pub(super) fn chown(
        &mut self,
        user: &User,
        path: &Path,
        uid: Option<u32>,
        gid: Option<u32>,
        follow: bool,
    ) -> Answer {
        let number = self.resolve(user, path, follow)?;
        let dropped = self.without_set_ids(user, self.inode(number));
        let inode = self.inode_mut(number);
        let dropped = if inode.is_dir() { inode.mode } else { dropped };
        let owner = user.uid == inode.uid;
        if uid.is_some_and(|uid| !(user.capable || owner && uid == inode.uid)) {
            return Err(Errno::EPERM);
        }
        if gid.is_some_and(|gid| !(user.capable || owner && (gid == inode.gid || user.is_in(gid)))) {
            return Err(Errno::EPERM);
        }
        let new_gid = gid.unwrap_or(inode.gid);
        if dropped != inode.mode {
            // Bits that go are a change of mode, which only the owner may make.
            if !user.owns(inode) {
                return Err(Errno::EPERM);
            }
            let keeps = user.may_set_gid(new_gid);
            inode.mode = if keeps { dropped } else { dropped & !SET_GID };
        }
        inode.uid = uid.unwrap_or(inode.uid);
        inode.gid = new_gid;
        Ok(Seen::Done)
    }

    /// `xattr_permission`, fs/xattr.c, for names that begin with `user.`.
    fn allow_xattr(&self, user: &User, number: Number, mask: u32) -> Result<(), Errno> {
        let inode = self.inode(number);
        match inode.body {
            Body::Regular(_) => {}
            Body::Directory { .. } => {
                if inode.mode & STICKY != 0 && mask == WRITE && !user.owns(inode) {
                    return Err(Errno::EPERM);
                }
            }
            _ => return Err(if mask == WRITE { Errno::EPERM } else { Errno::ENODATA }),
        }
        self.allow(user, number, mask)
    }

    pub(super) fn set_xattr(
        &mut self,
        user: &User,
        path: &Path,
        name: usize,
        length: usize,
        flags: u32,
    ) -> Answer {
        let number = self.resolve(user, path, true)?;
        self.allow_xattr(user, number, WRITE)?;
        let (name, xattrs) = (XATTRS[name], &mut self.inode_mut(number).xattrs);
        match xattrs.contains_key(name) {
            true if flags & CREATE != 0 => return Err(Errno::EEXIST),
            false if flags & REPLACE != 0 => return Err(Errno::ENODATA),
            _ => xattrs.insert(name, bytes_of(length as u8, length)),
        };
        Ok(Seen::Done)
    }

    pub(super) fn get_xattr(&mut self, user: &User, path: &Path, name: usize) -> Answer {
        let number = self.resolve(user, path, true)?;
        self.allow_xattr(user, number, READ)?;
        let found = self.inode(number).xattrs.get(XATTRS[name]);
        found.map(|value| Seen::Bytes(Bytes(value.clone()))).ok_or(Errno::ENODATA)
    }

    pub(super) fn remove_xattr(&mut self, user: &User, path: &Path, name: usize) -> Answer {
        let number = self.resolve(user, path, true)?;
        self.allow_xattr(user, number, WRITE)?;
        let gone = self.inode_mut(number).xattrs.remove(XATTRS[name]);
        gone.map(|_| Seen::Done).ok_or(Errno::ENODATA)
    }

    pub(super) fn list_xattrs(&mut self, user: &User, path: &Path) -> Answer {
        let number = self.resolve(user, path, true)?;
        Ok(Seen::Xattrs(self.inode(number).xattrs.keys().map(|name| (*name).to_owned()).collect()))
    }
}
