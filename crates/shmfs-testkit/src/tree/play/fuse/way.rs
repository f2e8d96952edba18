//! Paths as the kernel's own walk takes them to the server, name by name (fs/namei.c, fs/fuse/dir.c).

use super::Fuse;
use super::connection::{ROOT, entry_of};
use crate::tree::step::{Name, Part, Path};
use shmfs_abi::Errno;
use shmfs_fuse::wire::{Attr, AttrOut, op};
use std::collections::VecDeque;
use zerocopy::FromBytes;

pub(super) const S_IFMT: u32 = 0o170_000;
pub(super) const S_IFDIR: u32 = 0o040_000;
pub(super) const S_IFREG: u32 = 0o100_000;
pub(super) const S_IFLNK: u32 = 0o120_000;
pub(super) const S_IFIFO: u32 = 0o010_000;

/// An inode as the kernel knows it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Inode {
    pub(super) node: u64,
    pub(super) attr: Attr,
}

impl Inode {
    pub(super) fn is(&self, kind: u32) -> bool {
        self.attr.mode & S_IFMT == kind
    }
}

/// A way to its last part.
pub(super) struct Way {
    /// The directories from the root to the one in which the last part is looked up.
    dirs: Vec<u64>,
    parts: VecDeque<Part>,
    links: u32,
}

impl Way {
    pub(super) fn dir(&self) -> u64 {
        self.dirs.last().copied().unwrap_or(ROOT)
    }
}

impl Fuse {
    pub(super) fn getattr(&mut self, node: u64) -> Result<Inode, Errno> {
        let body = self.ask(op::GETATTR, node, &[&[0; 16]])?;
        let Ok((out, _)) = AttrOut::read_from_prefix(&body) else { panic!("no attributes") };
        Ok(Inode { node, attr: out.attr })
    }

    /// A name in a directory; nothing where there is none.
    pub(super) fn look_up(&mut self, dir: u64, name: Name) -> Result<Option<Inode>, Errno> {
        match self.ask(op::LOOKUP, dir, &[&name.bytes(), &[0]]) {
            Err(Errno::ENOENT) => Ok(None),
            Err(errno) => Err(errno),
            Ok(body) => {
                let entry = entry_of(&body);
                let inode = Inode { node: entry.nodeid, attr: entry.attr };
                Ok((entry.nodeid != 0).then_some(inode))
            }
        }
    }

    /// Walks to the last part.
    pub(super) fn walk(&mut self, path: &Path) -> Result<(Way, Part), Errno> {
        let mut way = Way { dirs: vec![ROOT], parts: path.parts.iter().copied().collect(), links: 0 };
        let last = self.walk_on(&mut way)?;
        Ok((way, last))
    }

    fn walk_on(&mut self, way: &mut Way) -> Result<Part, Errno> {
        loop {
            let Some(part) = way.parts.pop_front() else { panic!("a path has a part") };
            if way.parts.is_empty() {
                return Ok(part);
            }
            match part {
                Part::Here => {}
                Part::Up => up(way),
                Part::Name(name) => {
                    let found = self.look_up(way.dir(), name)?.ok_or(Errno::ENOENT)?;
                    if found.is(S_IFLNK) {
                        self.turn(way, found.node)?;
                    } else if found.is(S_IFDIR) {
                        way.dirs.push(found.node);
                    } else {
                        return Err(Errno::ENOTDIR);
                    }
                }
            }
        }
    }

    fn turn(&mut self, way: &mut Way, link: u64) -> Result<(), Errno> {
        way.links += 1;
        if way.links > 40 {
            return Err(Errno::ELOOP);
        }
        let target = self.ask(op::READLINK, link, &[])?;
        for text in target.split(|byte| *byte == b'/').rev() {
            way.parts.push_front(part_of(text));
        }
        Ok(())
    }

    /// What is at the end of a way; nothing where the last name is absent.
    pub(super) fn end(
        &mut self,
        way: &mut Way,
        mut last: Part,
        follow: bool,
    ) -> Result<(Part, Option<Inode>), Errno> {
        loop {
            let Part::Name(name) = last else {
                if last == Part::Up {
                    up(way);
                }
                return self.getattr(way.dir()).map(|inode| (last, Some(inode)));
            };
            match self.look_up(way.dir(), name)? {
                Some(found) if found.is(S_IFLNK) && follow => {
                    self.turn(way, found.node)?;
                    last = self.walk_on(way)?;
                }
                found => return Ok((last, found)),
            }
        }
    }

    pub(super) fn resolve(&mut self, path: &Path, follow: bool) -> Result<Inode, Errno> {
        let (mut way, last) = self.walk(path)?;
        let (_, found) = self.end(&mut way, last, follow || path.slash)?;
        let found = found.ok_or(Errno::ENOENT)?;
        if path.slash && !found.is(S_IFDIR) { Err(Errno::ENOTDIR) } else { Ok(found) }
    }

    /// Where something is to be made.
    pub(super) fn vacancy(&mut self, path: &Path, for_dir: bool) -> Result<(u64, Vec<u8>), Errno> {
        let (way, last) = self.walk(path)?;
        let Part::Name(name) = last else { return Err(Errno::EEXIST) };
        match self.look_up(way.dir(), name)? {
            Some(_) => Err(Errno::EEXIST),
            None if path.slash && !for_dir => Err(Errno::ENOENT),
            None => Ok((way.dir(), name.bytes())),
        }
    }
}

fn up(way: &mut Way) {
    if way.dirs.len() > 1 {
        way.dirs.pop();
    }
}

fn part_of(text: &[u8]) -> Part {
    match text {
        b"." => Part::Here,
        b".." => Part::Up,
        [letter] => Part::Name(Name::Letter(letter - b'a')),
        long if long.len() == 255 => Part::Name(Name::Longest),
        _ => Part::Name(Name::TooLong),
    }
}
