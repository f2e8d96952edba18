//! Names: looking one up, and listing a directory.

use crate::attributes::{attr, links};
use crate::node::{Node, NodeId, ROOT, SYSV};
use crate::server::{Asked, Server};
use crate::sysv;
use crate::tree::{self, errno};
use crate::wire::{self, Attr, Body, Dirent, EntryOut, OutHeader, ReadIn, op};
use rustix::fs::{self, FileType, OFlags, RawDir, SeekFrom};
use shmfs_abi::Errno;
use shmfs_broker::Face;
use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd};

/// The place of `.sysv` in a listing of the root: behind every place of a tmpfs (`DIR_OFFSET_MAX`, fs/libfs.c).
const SYSV_PLACE: u64 = 1 << 62;

/// Bytes of names that are read from the tmpfs at once.
const BATCH: usize = 32 * 1024;

/// One name of a listing.
pub(crate) struct Listed<'n> {
    pub(crate) name: &'n CStr,
    pub(crate) ino: u64,
    /// Where the listing goes on behind it.
    pub(crate) place: u64,
    pub(crate) kind: FileType,
}

/// A listing as it is put together, up to the bytes that the kernel has room for.
pub(crate) struct Listing<'o> {
    pub(crate) out: &'o mut Vec<u8>,
    pub(crate) room: usize,
    /// With what is asked for each name, as `LOOKUP` would say it.
    pub(crate) plus: bool,
}

impl Listing<'_> {
    /// Appends a name. False: there is no room for it.
    pub(crate) fn put(&mut self, listed: &Listed<'_>, entry: impl FnOnce() -> EntryOut) -> bool {
        let name = listed.name.to_bytes();
        let head = if self.plus { size_of::<EntryOut>() } else { 0 } + size_of::<Dirent>();
        let bytes = (head + name.len()).next_multiple_of(8);
        let used = self.out.len() - size_of::<OutHeader>();
        if used + bytes > self.room {
            return false;
        }
        if self.plus {
            wire::put(self.out, &entry());
        }
        let kind = listed.kind.as_raw_mode() >> 12;
        let namelen = u32::try_from(name.len()).unwrap_or(u32::MAX);
        wire::put(self.out, &Dirent { ino: listed.ino, off: listed.place, namelen, kind });
        self.out.extend_from_slice(name);
        self.out.resize(used + bytes + size_of::<OutHeader>(), 0);
        true
    }
}

impl Server {
    pub(crate) fn lookup(
        &mut self,
        asked: &Asked,
        mut body: Body<'_>,
        out: &mut Vec<u8>,
        face: &mut dyn Face,
    ) -> Result<(), Errno> {
        let name = body.text()?;
        if name.is_empty() || name.to_bytes().contains(&b'/') {
            return Err(Errno::EINVAL);
        }
        if asked.node == ROOT && name == sysv::DIRECTORY && face.sysv() {
            wire::put(out, &sysv::directory_entry(face));
            return Ok(());
        }
        match self.entry(asked, asked.node, name) {
            Err(Errno::ENOENT) => self.absent(asked, out),
            found => {
                wire::put(out, &found?);
                Ok(())
            }
        }
    }

    /// That a name is not there is kept as long as a name is.
    fn absent(&self, asked: &Asked, out: &mut Vec<u8>) -> Result<(), Errno> {
        match asked.reach.of_name(asked.node) {
            0 => Err(Errno::ENOENT),
            entry_valid => {
                wire::put(out, &EntryOut { entry_valid, ..EntryOut::default() });
                Ok(())
            }
        }
    }

    /// What the kernel is told of a name.
    pub(crate) fn entry(&mut self, asked: &Asked, parent: NodeId, name: &CStr) -> Result<EntryOut, Errno> {
        let dir = self.tree.directory(parent)?;
        // Who has a file's handle and no name asks for `.` and `..`.
        let number = tree::number(dir, name)?;
        let told = tree::look(dir, name)?;
        Ok(self.entry_of(asked, parent, self.tree.known(number), &told))
    }

    pub(crate) fn entry_of(
        &mut self,
        asked: &Asked,
        parent: NodeId,
        node: NodeId,
        told: &fs::Statx,
    ) -> EntryOut {
        EntryOut {
            nodeid: node.0,
            generation: 0,
            entry_valid: asked.reach.of_name(parent),
            attr_valid: self.attributes_valid(asked, node, told),
            attr: Attr { nlink: links(node, told, asked.sysv), ..attr(told) },
            ..EntryOut::default()
        }
    }

    pub(crate) fn attributes_valid(&mut self, asked: &Asked, node: NodeId, told: &fs::Statx) -> u64 {
        // Nothing can be stored to a mapping of an empty file before its size changes, which the kernel sees.
        let written = told.stx_size > 0 && self.state.opened(node).is_some_and(|opened| opened.writers > 0);
        let mode = u32::from(told.stx_mode);
        let valid = asked.reach.of_attributes(node, mode, written);
        if valid > 0 && FileType::from_raw_mode(mode) == FileType::RegularFile {
            self.tell_attributes(node);
        }
        valid
    }

    /// `READDIR` and `READDIRPLUS`: each opens the directory anew, and goes on at the place that the kernel names, which
    /// a tmpfs keeps for each of its names.
    pub(crate) fn readdir(
        &mut self,
        asked: &Asked,
        mut body: Body<'_>,
        out: &mut Vec<u8>,
        face: &mut dyn Face,
    ) -> Result<(), Errno> {
        let read: ReadIn = body.take()?;
        let plus = asked.opcode == op::READDIRPLUS;
        let mut listing = Listing { out, room: read.size as usize, plus };
        if read.offset < SYSV_PLACE {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY;
            let dir = self.tree.inode(asked.node, flags)?;
            fs::seek(&dir, SeekFrom::Start(read.offset)).map_err(errno)?;
            if !self.list(asked, dir.as_fd(), &mut listing)? {
                return Ok(());
            }
        }
        if asked.node == ROOT && face.sysv() && read.offset <= SYSV_PLACE {
            // The place says what was listed last: behind `.sysv` there is nothing.
            let (name, ino, kind) = (sysv::DIRECTORY, SYSV.0, FileType::Directory);
            if read.offset < SYSV_PLACE {
                listing.put(&Listed { name, ino, place: SYSV_PLACE, kind }, || sysv::directory_entry(face));
            }
        }
        Ok(())
    }

    /// Lists from where the descriptor stands. True: to the end.
    fn list(&mut self, asked: &Asked, dir: BorrowedFd<'_>, listing: &mut Listing<'_>) -> Result<bool, Errno> {
        let mut batch = vec![MaybeUninit::uninit(); BATCH];
        let mut names = RawDir::new(dir, &mut batch);
        while let Some(name) = names.next() {
            let name = name.map_err(errno)?;
            let (text, kind) = (name.file_name(), name.file_type());
            let listed = Listed { name: text, ino: name.ino(), place: name.next_entry_cookie(), kind };
            let entry = || match text.to_bytes() {
                b"." | b".." => EntryOut::default(),
                // One that is gone meanwhile is listed without what it was.
                _ => self.entry_in(asked, dir, text).unwrap_or_default(),
            };
            if !listing.put(&listed, entry) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn entry_in(&mut self, asked: &Asked, dir: BorrowedFd<'_>, name: &CStr) -> Result<EntryOut, Errno> {
        let node = tree::number(dir, name)?;
        Ok(self.entry_of(asked, asked.node, node, &tree::look(dir, name)?))
    }

    pub(crate) fn readlink(&mut self, asked: &Asked, out: &mut Vec<u8>) -> Result<(), Errno> {
        let link = self.tree.inode(asked.node, OFlags::PATH | OFlags::NOFOLLOW)?;
        let target = fs::readlinkat(&link, c"", Vec::new()).map_err(errno)?;
        out.extend_from_slice(target.to_bytes());
        Ok(())
    }

    pub(crate) fn statfs(&mut self, out: &mut Vec<u8>, face: &mut dyn Face) -> Result<(), Errno> {
        let told = fs::fstatfs(self.tree.mount()).map_err(errno)?;
        let unit = told.f_bsize as u64;
        // What lies elsewhere is in the store, too: it is used, and the tree's own limit is lower by it.
        let outside = face.outside().0.div_ceil(unit);
        wire::put(
            out,
            &wire::Statfs {
                blocks: told.f_blocks + outside,
                bfree: told.f_bfree,
                bavail: told.f_bavail,
                files: told.f_files,
                ffree: told.f_ffree,
                bsize: told.f_bsize as u32,
                namelen: told.f_namelen as u32,
                frsize: told.f_frsize as u32,
                ..wire::Statfs::default()
            },
        );
        Ok(())
    }
}

/// Whether a node can be in a directory of the tree.
pub(crate) fn is_in_tree(node: NodeId) -> bool {
    matches!(node.node(), Some(Node::Root | Node::Inode(_)))
}
