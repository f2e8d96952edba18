//! Calls on paths, as requests.

use super::way::{Inode, S_IFDIR, S_IFIFO, S_IFLNK, S_IFREG};
use super::{Fuse, Slot, done, look_of};
use crate::tree::permission::{SET_GID, SET_UID, mode_of_child};
use crate::tree::step::{Part, Path, XATTRS, bytes_of};
use crate::tree::{Answer, Bytes, Kind, Seen, Step};
use shmfs_abi::Errno;
use shmfs_fuse::wire::flags::SetAttr;
use shmfs_fuse::wire::{
    Dirent, EntryOut, GetxattrIn, LinkIn, MkdirIn, MknodIn, ReadIn, Rename2In, RenameIn, SetattrIn,
    SetxattrIn, op,
};
use std::collections::BTreeMap;
use zerocopy::{FromBytes, IntoBytes};

/// Bytes of a listing at once: so few that every larger directory takes several requests.
const LISTING: u32 = 512;

impl Fuse {
    /// Does a step; nothing where the kernel cannot do with this server what it does with a tmpfs.
    pub(super) fn call(&mut self, step: &Step) -> Option<Answer> {
        Some(match step {
            Step::MakeDir { path, mode } => self.make_dir(path, *mode),
            Step::MakeNode { path, fifo, mode } => self.make_node(path, *fifo, *mode),
            Step::MakeLink { target, path } => self.vacancy(path, false).and_then(|(dir, name)| {
                self.ask(op::SYMLINK, dir, &[&name, &[0], &target.text(), &[0]]).map(done)
            }),
            Step::Link { from, to, follow } => {
                self.resolve(from, *follow).and_then(|inode| self.link(inode.node, to))
            }
            Step::LinkOpen { slot, to } => {
                let node = self.open[*slot]?.node();
                self.link(node, to)
            }
            Step::Unlink { path } => self.remove(path, false),
            Step::RemoveDir { path } => self.remove(path, true),
            Step::Rename { from, to, flags } => self.rename(from, to, *flags),
            Step::Chmod { path, mode } => {
                self.resolve(path, true).and_then(|inode| self.chmod(&inode, *mode))
            }
            Step::Chown { path, uid, gid, follow } => {
                self.resolve(path, *follow).and_then(|inode| self.chown(&inode, *uid, *gid))
            }
            Step::Truncate { path, size } => match self.resolve(path, true) {
                Ok(inode) if inode.is(S_IFDIR) => Err(Errno::EISDIR),
                Ok(inode) if !inode.is(S_IFREG) => Err(Errno::EINVAL),
                found => found.and_then(|inode| self.set_size(inode.node, *size)),
            },
            Step::SetXattr { path, name, length, flags } => self.resolve(path, true).and_then(|inode| {
                let value = bytes_of(*length as u8, *length);
                let set = SetxattrIn { size: *length as u32, flags: *flags, ..SetxattrIn::default() };
                let name = XATTRS[*name].as_bytes();
                self.ask(op::SETXATTR, inode.node, &[set.as_bytes(), name, &[0], &value]).map(done)
            }),
            Step::GetXattr { path, name } => self.resolve(path, true).and_then(|inode| {
                let get = GetxattrIn { size: 4096, padding: 0 };
                let name = XATTRS[*name].as_bytes();
                self.ask(op::GETXATTR, inode.node, &[get.as_bytes(), name, &[0]]).map(bytes)
            }),
            Step::RemoveXattr { path, name } => self.resolve(path, true).and_then(|inode| {
                self.ask(op::REMOVEXATTR, inode.node, &[XATTRS[*name].as_bytes(), &[0]]).map(done)
            }),
            Step::ListXattrs { path } => self.resolve(path, true).and_then(|inode| {
                let get = GetxattrIn { size: 4096, padding: 0 };
                let listed = self.ask(op::LISTXATTR, inode.node, &[get.as_bytes()])?;
                Ok(Seen::Xattrs(super::look::xattr_names(&listed).collect()))
            }),
            Step::Stat { path, follow } => {
                let found = self.resolve(path, *follow).and_then(|inode| self.getattr(inode.node));
                found.map(|inode| Seen::Look(look_of(&inode)))
            }
            Step::List { path } => self.resolve(path, true).and_then(|inode| {
                if inode.is(S_IFDIR) { self.list(inode.node).map(Seen::Names) } else { Err(Errno::ENOTDIR) }
            }),
            Step::ReadLink { path } => self.resolve(path, false).and_then(|inode| {
                if inode.is(S_IFLNK) {
                    self.ask(op::READLINK, inode.node, &[]).map(bytes)
                } else {
                    Err(Errno::EINVAL)
                }
            }),
            _ => return self.call_on_file(step),
        })
    }

    fn make_dir(&mut self, path: &Path, mode: u32) -> Answer {
        let (dir, name) = self.vacancy(path, true)?;
        let make = MkdirIn { mode: mode & 0o1777, umask: 0 };
        self.ask(op::MKDIR, dir, &[make.as_bytes(), &name, &[0]]).map(done)
    }

    /// The mode that the kernel passes on (`vfs_prepare_mode`, fs/namei.c).
    pub(super) fn mode_in(&mut self, dir: u64, mode: u32) -> Result<u32, Errno> {
        let parent = self.getattr(dir)?.attr;
        Ok(mode_of_child(&self.user, mode, parent.mode, parent.gid))
    }

    fn make_node(&mut self, path: &Path, fifo: bool, mode: u32) -> Answer {
        let (dir, name) = self.vacancy(path, false)?;
        let kind = if fifo { S_IFIFO } else { S_IFREG };
        let make = MknodIn { mode: kind | self.mode_in(dir, mode)?, ..MknodIn::default() };
        self.ask(op::MKNOD, dir, &[make.as_bytes(), &name, &[0]]).map(done)
    }

    fn link(&mut self, oldnodeid: u64, to: &Path) -> Answer {
        let (dir, name) = self.vacancy(to, false)?;
        self.ask(op::LINK, dir, &[LinkIn { oldnodeid }.as_bytes(), &name, &[0]]).map(done)
    }

    fn remove(&mut self, path: &Path, is_dir: bool) -> Answer {
        let (way, last) = self.walk(path)?;
        let name = match last {
            Part::Name(name) => name,
            Part::Here if is_dir => return Err(Errno::EINVAL),
            Part::Up if is_dir => return Err(crate::tree::NOT_EMPTY),
            _ => return Err(Errno::EISDIR),
        };
        let found = self.look_up(way.dir(), name)?.ok_or(Errno::ENOENT)?;
        if path.slash && !is_dir {
            return Err(if found.is(S_IFDIR) { Errno::EISDIR } else { Errno::ENOTDIR });
        }
        let opcode = if is_dir { op::RMDIR } else { op::UNLINK };
        self.ask(opcode, way.dir(), &[&name.bytes(), &[0]]).map(done)
    }

    fn rename(&mut self, from: &Path, to: &Path, flags: u32) -> Answer {
        if flags == 3 {
            return Err(Errno::EINVAL);
        }
        let (from_way, from_last) = self.walk(from)?;
        let (to_way, to_last) = self.walk(to)?;
        let Part::Name(from_name) = from_last else { return Err(Errno::EBUSY) };
        let Part::Name(to_name) = to_last else {
            return Err(if flags == 1 { Errno::EEXIST } else { Errno::EBUSY });
        };
        let source = self.look_up(from_way.dir(), from_name)?.ok_or(Errno::ENOENT)?;
        let target = self.look_up(to_way.dir(), to_name)?;
        let exchange = flags == 2;
        match target {
            Some(_) if flags == 1 => return Err(Errno::EEXIST),
            None if exchange => return Err(Errno::ENOENT),
            _ => {}
        }
        let is_file = |inode: Inode| !inode.is(S_IFDIR);
        let slash_on_file = is_file(source) && (from.slash || to.slash && !exchange)
            || exchange && to.slash && target.is_some_and(is_file);
        if slash_on_file {
            return Err(Errno::ENOTDIR);
        }
        let names = [&from_name.bytes()[..], &[0], &to_name.bytes(), &[0]].concat();
        let newdir = to_way.dir();
        if flags == 0 {
            self.ask(op::RENAME, from_way.dir(), &[RenameIn { newdir }.as_bytes(), &names]).map(done)
        } else {
            let body = Rename2In { newdir, flags, padding: 0 };
            self.ask(op::RENAME2, from_way.dir(), &[body.as_bytes(), &names]).map(done)
        }
    }

    pub(super) fn setattr(&mut self, node: u64, valid: SetAttr, mut set: SetattrIn) -> Answer {
        set.valid = valid.bits();
        self.ask(op::SETATTR, node, &[set.as_bytes()]).map(done)
    }

    fn chmod(&mut self, inode: &Inode, mode: u32) -> Answer {
        // setattr_prepare, fs/attr.c
        let keeps = self.user.may_set_gid(inode.attr.gid);
        let mode = if keeps { mode } else { mode & !SET_GID };
        self.setattr(inode.node, SetAttr::MODE, SetattrIn { mode, ..SetattrIn::default() })
    }

    fn chown(&mut self, inode: &Inode, uid: Option<u32>, gid: Option<u32>) -> Answer {
        let set = SetattrIn { uid: uid.unwrap_or(0), gid: gid.unwrap_or(0), ..SetattrIn::default() };
        let mut valid = SetAttr::empty();
        valid.set(SetAttr::UID, uid.is_some());
        valid.set(SetAttr::GID, gid.is_some());
        // The set-id bits are the server's to take away (`fuse_setattr`, fs/fuse/dir.c, with `handle_killpriv_v2`).
        self.setattr(inode.node, valid, set)
    }

    /// Whoever has no privilege has the set-id bits taken away (`fuse_do_setattr`, fs/fuse/dir.c).
    pub(super) fn set_size(&mut self, node: u64, size: u64) -> Answer {
        let set = SetattrIn { size, ..SetattrIn::default() };
        let kills = if self.user.capable { SetAttr::empty() } else { SetAttr::KILL_SUIDGID };
        self.setattr(node, SetAttr::SIZE | kills, set)
    }

    /// Before a write that somebody without privilege makes: a request that sets nothing (`file_remove_privs`, fs/inode.c).
    pub(super) fn drop_privileges(&mut self, node: u64) -> Result<(), Errno> {
        let attr = self.getattr(node)?.attr;
        let goes = attr.mode & SET_GID != 0 && (attr.mode & 0o010 != 0 || !self.user.may_set_gid(attr.gid));
        if !self.user.capable && (attr.mode & SET_UID != 0 || goes) {
            self.setattr(node, SetAttr::empty(), SetattrIn::default())?;
        }
        Ok(())
    }

    fn list(&mut self, node: u64) -> Result<BTreeMap<Vec<u8>, Kind>, Errno> {
        self.ask(op::OPENDIR, node, &[&[0; 8]])?;
        let (mut names, mut offset, mut rounds) = (BTreeMap::new(), 0, 0);
        loop {
            let opcode = if rounds % 2 == 0 { op::READDIRPLUS } else { op::READDIR };
            let read = ReadIn { offset, size: LISTING, ..ReadIn::default() };
            let listed = self.ask(opcode, node, &[read.as_bytes()])?;
            assert!(listed.len() <= LISTING as usize, "more than there is room for");
            if listed.is_empty() {
                break;
            }
            let mut rest = &listed[..];
            while !rest.is_empty() {
                (rest, offset) = self.entry(rest, opcode == op::READDIRPLUS, &mut names);
            }
            rounds += 1;
            assert!(rounds < 1000, "a listing without an end");
        }
        self.ask(op::RELEASEDIR, node, &[&[0; 24]])?;
        Ok(names)
    }

    /// One entry of a listing (`parse_dirfile` and `parse_dirplusfile`, fs/fuse/readdir.c).
    fn entry<'l>(
        &mut self,
        listed: &'l [u8],
        plus: bool,
        names: &mut BTreeMap<Vec<u8>, Kind>,
    ) -> (&'l [u8], u64) {
        let start = if plus { size_of::<EntryOut>() } else { 0 };
        let Ok((dirent, rest)) = Dirent::read_from_prefix(&listed[start..]) else { panic!("a cut entry") };
        let name = rest[..dirent.namelen as usize].to_vec();
        let length = (start + size_of::<Dirent>() + name.len()).next_multiple_of(8);
        let kind = match dirent.kind << 12 {
            S_IFDIR => Kind::Directory,
            S_IFREG => Kind::Regular,
            S_IFLNK => Kind::Symlink,
            S_IFIFO => Kind::Fifo,
            other => panic!("an entry of kind {other:o}"),
        };
        let dots = name == b"." || name == b"..";
        if plus {
            let entry = super::connection::entry_of(listed);
            assert!(!dots || entry.nodeid == 0, "`.` and `..` are not told");
            if entry.nodeid != 0 {
                assert_eq!(entry.attr.mode & super::way::S_IFMT, dirent.kind << 12);
                *self.connection.side.lock().lookups.entry(entry.nodeid).or_insert(0) += 1;
            }
        }
        if !dots {
            assert!(names.insert(name, kind).is_none(), "a name is listed twice");
        }
        (&listed[length..], dirent.off)
    }

    /// What is open in a slot, when it is a regular file.
    pub(super) fn file(&self, slot: usize) -> Option<(u64, i32)> {
        match self.open[slot] {
            Some(Slot::File { node, backing, .. }) => Some((node, backing)),
            _ => None,
        }
    }
}

fn bytes(body: Vec<u8>) -> Seen {
    Seen::Bytes(Bytes(body))
}
