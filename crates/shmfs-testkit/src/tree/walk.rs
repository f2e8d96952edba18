//! From paths to inodes (`link_path_walk` and its callers, fs/namei.c).

use super::inode::{Body, Number, ROOT};
use super::permission::EXEC;
use super::step::{Name, Part, Path};
use super::{Tree, User};
use shmfs_abi::Errno;
use std::collections::VecDeque;

/// Symlinks on the way (`MAXSYMLINKS`).
const MOST_LINKS: u32 = 40;

/// A way that is being walked.
pub(super) struct Way {
    dir: Number,
    parts: VecDeque<Part>,
    links: u32,
}

impl Way {
    pub(super) fn of(path: &Path) -> Way {
        Way { dir: ROOT, parts: path.parts.iter().copied().collect(), links: 0 }
    }
}

impl Tree {
    /// Goes to the last part and does not look at it; it tells the directory in which it is to be looked up.
    pub(super) fn walk(&self, user: &User, way: &mut Way) -> Result<(Number, Part), Errno> {
        loop {
            self.allow(user, way.dir, EXEC)?;
            let Some(part) = way.parts.pop_front() else { panic!("a path has a part") };
            if way.parts.is_empty() {
                return Ok((way.dir, part));
            }
            let to = self.go(way.dir, part)?;
            if matches!(self.inode(to).body, Body::Symlink(_)) {
                self.turn(way, way.dir, to)?;
                continue;
            }
            if !self.inode(to).is_dir() {
                return Err(Errno::ENOTDIR);
            }
            way.dir = to;
        }
    }

    /// Puts what a symlink in `dir` says before the rest of the way.
    fn turn(&self, way: &mut Way, dir: Number, link: Number) -> Result<(), Errno> {
        let Body::Symlink(target) = &self.inode(link).body else { panic!("a symlink") };
        if way.links >= MOST_LINKS {
            return Err(Errno::ELOOP);
        }
        way.links += 1;
        way.dir = dir;
        target.parts.iter().rev().for_each(|part| way.parts.push_front(*part));
        Ok(())
    }

    /// As [`turn`](Tree::turn), for a symlink at the end of the way.
    pub(super) fn turn_at_end(
        &self,
        user: &User,
        way: &mut Way,
        dir: Number,
        link: Number,
    ) -> Result<(), Errno> {
        if way.links >= MOST_LINKS {
            return Err(Errno::ELOOP);
        }
        self.allow_following(user, dir, link)?;
        self.turn(way, dir, link)
    }

    /// What a part shows in a directory.
    pub(super) fn go(&self, dir: Number, part: Part) -> Result<Number, Errno> {
        match part {
            Part::Here => Ok(dir),
            Part::Up => Ok(self.parent(dir)),
            Part::Name(name) => self.child(dir, name)?.ok_or(Errno::ENOENT),
        }
    }

    /// The inode of a name, if there is one.
    pub(super) fn child(&self, dir: Number, name: Name) -> Result<Option<Number>, Errno> {
        let Body::Directory { entries, .. } = &self.inode(dir).body else { panic!("a directory") };
        if name == Name::TooLong {
            return Err(Errno::ENAMETOOLONG);
        }
        Ok(entries.get(&name.bytes()).copied())
    }

    pub(super) fn parent(&self, dir: Number) -> Number {
        match self.inode(dir).body {
            Body::Directory { parent: Some(parent), .. } => parent,
            _ => panic!("a path went through a removed directory"),
        }
    }

    pub(super) fn is_link(&self, number: Number) -> bool {
        matches!(self.inode(number).body, Body::Symlink(_))
    }

    /// The inode at the end of a path (`path_lookupat`).
    pub(super) fn resolve(&self, user: &User, path: &Path, follow: bool) -> Result<Number, Errno> {
        let mut way = Way::of(path);
        loop {
            let (dir, last) = self.walk(user, &mut way)?;
            let found = self.go(dir, last)?;
            if self.is_link(found) && (follow || path.slash) {
                self.turn_at_end(user, &mut way, dir, found)?;
                continue;
            }
            if path.slash && !self.inode(found).is_dir() {
                return Err(Errno::ENOTDIR);
            }
            return Ok(found);
        }
    }

    /// Where something is to be made: directory and name, which is absent (`filename_create`).
    pub(super) fn vacancy(&self, user: &User, path: &Path, for_dir: bool) -> Result<(Number, Name), Errno> {
        let (dir, last) = self.walk(user, &mut Way::of(path))?;
        let Part::Name(name) = last else { return Err(Errno::EEXIST) };
        match self.child(dir, name)? {
            Some(_) => Err(Errno::EEXIST),
            None if path.slash && !for_dir => Err(Errno::ENOENT),
            None => Ok((dir, name)),
        }
    }
}
