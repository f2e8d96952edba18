//! Descriptors (`path_openat` and `do_open`, fs/namei.c).

use super::content::Content;
use super::inode::{Body, Number};
use super::permission::{EXEC, READ, WRITE};
use super::step::{How, Name, Part, Path};
use super::walk::Way;
use super::{Answer, NO_READER, Seen, Tree, User};
use shmfs_abi::Errno;

/// An open file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Opened {
    pub(super) inode: Number,
    pub(super) read: bool,
    pub(super) write: bool,
}

/// What a path of `open` leads to.
enum End {
    /// Something in a directory: where `may_create_in_sticky` looks.
    Exists {
        dir: Number,
        number: Number,
    },
    Absent {
        dir: Number,
        name: Name,
    },
}

impl Tree {
    pub(super) fn opened(&self, slot: usize) -> Result<Opened, Errno> {
        self.open[slot].ok_or(Errno::EBADF)
    }

    pub(super) fn close(&mut self, slot: usize) -> Answer {
        self.open[slot].take().map(|_| Seen::Done).ok_or(Errno::EBADF)
    }

    pub(super) fn open(&mut self, user: &User, slot: usize, path: &Path, how: How, mode: u32) -> Answer {
        if how.create && how.directory {
            return Err(Errno::EINVAL);
        }
        let follow = !(how.no_follow || how.create && how.exclusive);
        let number = match self.find(user, path, how, follow)? {
            End::Absent { dir, name } => {
                self.allow(user, dir, WRITE | EXEC)?;
                let number = self.make(user, dir, Body::Regular(Content::default()), mode);
                self.add(dir, name, number);
                number
            }
            End::Exists { dir, number } => {
                self.allow_open(user, path, how, dir, number)?;
                number
            }
        };
        self.open[slot] = Some(Opened { inode: number, read: how.read, write: how.write });
        Ok(Seen::Done)
    }

    fn find(&self, user: &User, path: &Path, how: How, follow: bool) -> Result<End, Errno> {
        let mut way = Way::of(path);
        loop {
            let (dir, last) = self.walk(user, &mut way)?;
            let Part::Name(name) = last else {
                return Ok(End::Exists { dir, number: self.go(dir, last)? });
            };
            if how.create && path.slash {
                return Err(Errno::EISDIR);
            }
            let Some(number) = self.child(dir, name)? else {
                return if how.create { Ok(End::Absent { dir, name }) } else { Err(Errno::ENOENT) };
            };
            if self.is_link(number) && (follow || path.slash) {
                self.turn_at_end(user, &mut way, dir, number)?;
                continue;
            }
            return Ok(End::Exists { dir, number });
        }
    }

    /// `do_open` and `may_open` for what exists; truncates it when that is wanted and allowed.
    fn allow_open(
        &mut self,
        user: &User,
        path: &Path,
        how: How,
        dir: Number,
        number: Number,
    ) -> Result<(), Errno> {
        let is_dir = self.inode(number).is_dir();
        if how.create {
            if how.exclusive {
                return Err(Errno::EEXIST);
            }
            if is_dir {
                return Err(Errno::EISDIR);
            }
            self.allow_in_sticky(user, dir, number)?;
        }
        if (path.slash || how.directory) && !is_dir {
            return Err(Errno::ENOTDIR);
        }
        let writes = how.write || how.truncate;
        let mask = if how.read { READ } else { 0 } | if writes { WRITE } else { 0 };
        match self.inode(number).body {
            Body::Symlink(_) => return Err(Errno::ELOOP),
            Body::Directory { .. } if writes => return Err(Errno::EISDIR),
            _ => {}
        }
        self.allow(user, number, mask)?;
        match self.inode(number).body {
            Body::Fifo => self.open_fifo(how, number),
            Body::Regular(_) if how.truncate => {
                self.set_size(user, number, 0);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// `fifo_open`, fs/pipe.c, with `O_NONBLOCK`.
    fn open_fifo(&self, how: How, number: Number) -> Result<(), Errno> {
        let read = self.open.iter().flatten().any(|opened| opened.inode == number && opened.read);
        if how.read || read { Ok(()) } else { Err(NO_READER) }
    }

    /// `do_tmpfile` and `vfs_tmpfile`, fs/namei.c.
    pub(super) fn open_unnamed(&mut self, user: &User, slot: usize, path: &Path, mode: u32) -> Answer {
        let dir = self.resolve(user, path, true)?;
        if !self.inode(dir).is_dir() {
            return Err(Errno::ENOTDIR);
        }
        self.allow(user, dir, WRITE | EXEC)?;
        let number = self.make(user, dir, Body::Regular(Content::default()), mode);
        self.inode_mut(number).linkable = true;
        self.open[slot] = Some(Opened { inode: number, read: true, write: true });
        Ok(Seen::Done)
    }
}
