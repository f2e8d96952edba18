//! Names made and removed.

use super::content::Content;
use super::inode::{Body, Inode, Number};
use super::permission::{EXEC, SET_GID, STICKY, WRITE, mode_of_child};
use super::step::{Name, Part, Path};
use super::walk::Way;
use super::{Answer, NOT_EMPTY, Seen, Tree, User};
use shmfs_abi::Errno;
use std::collections::BTreeMap;

impl Tree {
    pub(super) fn entries(&self, dir: Number) -> &BTreeMap<Vec<u8>, Number> {
        match &self.inode(dir).body {
            Body::Directory { entries, .. } => entries,
            _ => panic!("a directory"),
        }
    }

    pub(super) fn entries_mut(&mut self, dir: Number) -> &mut BTreeMap<Vec<u8>, Number> {
        match &mut self.inode_mut(dir).body {
            Body::Directory { entries, .. } => entries,
            _ => panic!("a directory"),
        }
    }

    /// An inode that nothing names yet (`inode_init_owner`, fs/inode.c).
    pub(super) fn make(&mut self, user: &User, dir: Number, body: Body, mode: u32) -> Number {
        let parent = self.inode(dir);
        let inherits = parent.mode & SET_GID != 0;
        let gid = if inherits { parent.gid } else { user.gid };
        let mode = match body {
            Body::Directory { .. } if inherits => mode | SET_GID,
            Body::Directory { .. } => mode,
            _ => mode_of_child(user, mode, parent.mode, parent.gid),
        };
        let inode =
            Inode { body, mode, uid: user.uid, gid, names: 0, linkable: false, xattrs: BTreeMap::new() };
        let number = self.next;
        self.next += 1;
        self.inodes.insert(number, inode);
        number
    }

    pub(super) fn add(&mut self, dir: Number, name: Name, number: Number) {
        self.entries_mut(dir).insert(name.bytes(), number);
        let inode = self.inode_mut(number);
        inode.names += 1;
        if let Body::Directory { parent, .. } = &mut inode.body {
            *parent = Some(dir);
        }
    }

    pub(super) fn take(&mut self, dir: Number, name: Name) {
        let Some(number) = self.entries_mut(dir).remove(&name.bytes()) else {
            panic!("a name that is there")
        };
        let inode = self.inode_mut(number);
        inode.names -= 1;
        if let Body::Directory { parent, .. } = &mut inode.body {
            *parent = None;
        }
    }

    fn create(&mut self, user: &User, path: &Path, body: Body, mode: u32) -> Answer {
        let (dir, name) = self.vacancy(user, path, matches!(body, Body::Directory { .. }))?;
        self.allow(user, dir, WRITE | EXEC)?;
        let number = self.make(user, dir, body, mode);
        self.add(dir, name, number);
        Ok(Seen::Done)
    }

    pub(super) fn make_dir(&mut self, user: &User, path: &Path, mode: u32) -> Answer {
        let body = Body::Directory { parent: None, entries: BTreeMap::new() };
        // vfs_mkdir, fs/namei.c
        self.create(user, path, body, mode & (0o777 | STICKY))
    }

    pub(super) fn make_node(&mut self, user: &User, path: &Path, fifo: bool, mode: u32) -> Answer {
        let body = if fifo { Body::Fifo } else { Body::Regular(Content::default()) };
        self.create(user, path, body, mode)
    }

    pub(super) fn make_link(&mut self, user: &User, target: &Path, path: &Path) -> Answer {
        self.create(user, path, Body::Symlink(target.clone()), 0o777)
    }

    pub(super) fn link(&mut self, user: &User, from: &Path, to: &Path, follow: bool) -> Answer {
        let number = self.resolve(user, from, follow)?;
        self.link_inode(user, number, to)
    }

    pub(super) fn link_open(&mut self, user: &User, slot: usize, to: &Path) -> Answer {
        let number = self.opened(slot).map_err(|_| Errno::ENOENT)?.inode;
        self.link_inode(user, number, to)
    }

    /// `do_linkat` and `vfs_link`, fs/namei.c.
    fn link_inode(&mut self, user: &User, number: Number, to: &Path) -> Answer {
        let (dir, name) = self.vacancy(user, to, false)?;
        self.allow_linking(user, number)?;
        self.allow(user, dir, WRITE | EXEC)?;
        let inode = self.inode_mut(number);
        if inode.is_dir() {
            return Err(Errno::EPERM);
        }
        if inode.names == 0 && !inode.linkable {
            return Err(Errno::ENOENT);
        }
        inode.linkable = false;
        self.add(dir, name, number);
        Ok(Seen::Done)
    }

    pub(super) fn unlink(&mut self, user: &User, path: &Path) -> Answer {
        let (dir, last) = self.walk(user, &mut Way::of(path))?;
        let Part::Name(name) = last else { return Err(Errno::EISDIR) };
        let victim = self.child(dir, name)?.ok_or(Errno::ENOENT)?;
        if path.slash {
            let is_dir = self.inode(victim).is_dir();
            return Err(if is_dir { Errno::EISDIR } else { Errno::ENOTDIR });
        }
        self.allow_removal(user, dir, victim, false)?;
        self.take(dir, name);
        Ok(Seen::Done)
    }

    pub(super) fn remove_dir(&mut self, user: &User, path: &Path) -> Answer {
        let (dir, last) = self.walk(user, &mut Way::of(path))?;
        let name = match last {
            Part::Name(name) => name,
            Part::Here => return Err(Errno::EINVAL),
            Part::Up => return Err(NOT_EMPTY),
        };
        let victim = self.child(dir, name)?.ok_or(Errno::ENOENT)?;
        self.allow_removal(user, dir, victim, true)?;
        if !self.entries(victim).is_empty() {
            return Err(NOT_EMPTY);
        }
        self.take(dir, name);
        Ok(Seen::Done)
    }
}
