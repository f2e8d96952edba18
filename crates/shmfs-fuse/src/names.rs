//! Names: looking one up, and listing a directory.

use crate::attributes::{attr, links};
use crate::node::{Node, NodeId, SYSV};
use crate::server::{Asked, Request, Server};
use crate::sysv;
use crate::tree::{self, errno};
use crate::wire::{self, Attr, Dirent, EntryOut, OutHeader, ReadIn, op};
use rustix::fs::{self, FileType, OFlags, RawDir, SeekFrom};
use shmfs_abi::Errno;
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
    out: &'o mut Vec<u8>,
    room: usize,
    /// With what is asked for each name, as `LOOKUP` would say it.
    plus: bool,
}

impl<'o> Listing<'o> {
    /// The answer to a request for one.
    pub(crate) fn of(read: &ReadIn, opcode: u32, out: &'o mut Vec<u8>) -> Listing<'o> {
        Listing { out, room: read.size as usize, plus: opcode == op::READDIRPLUS }
    }

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
    pub(crate) fn lookup(&mut self, request: &mut Request<'_>) -> Result<(), Errno> {
        let (name, asked) = (request.body.text()?, request.asked);
        if name.is_empty() || name.to_bytes().contains(&b'/') {
            return Err(Errno::EINVAL);
        }
        let entry = if asked.shows_sysv(asked.node, name) {
            sysv::directory_entry(request.face)
        } else if name == c"." {
            // Who has a file's handle and no name asks so, of whatever it is.
            let told = self.tree.look_at(asked.node)?;
            self.entry_of(&asked, asked.node, asked.node, &told)
        } else {
            match (self.entry(&asked, asked.node, name), asked.reach.of_name(asked.node)) {
                // That a name is not there is kept as long as a name is.
                (Err(Errno::ENOENT), entry_valid @ 1..) => EntryOut { entry_valid, ..EntryOut::default() },
                (found, _) => found?,
            }
        };
        request.put(&entry);
        Ok(())
    }

    /// What the kernel is told of a name.
    pub(crate) fn entry(&mut self, asked: &Asked, parent: NodeId, name: &CStr) -> Result<EntryOut, Errno> {
        let (number, told) = tree::meet(self.tree.directory(parent)?, name)?;
        // Who has a directory's handle and no name asks for `..`.
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
        let valid = asked.reach.of_attributes(node, tree::is_regular(told), written);
        if valid > 0 && tree::is_regular(told) {
            self.tell_attributes(node);
        }
        valid
    }

    /// `READDIR` and `READDIRPLUS`: each opens the directory anew, and goes on at the place that the kernel names, which
    /// a tmpfs keeps for each of its names.
    pub(crate) fn readdir(&mut self, request: &mut Request<'_>) -> Result<(), Errno> {
        let read: ReadIn = request.body.take()?;
        // The place says what was listed last: behind `.sysv` there is nothing.
        if read.offset >= SYSV_PLACE {
            return Ok(());
        }
        let (asked, face) = (request.asked, &*request.face);
        let mut listing = Listing::of(&read, asked.opcode, request.out);
        let dir = self.tree.inode(asked.node, OFlags::RDONLY | OFlags::DIRECTORY)?;
        fs::seek(&dir, SeekFrom::Start(read.offset)).map_err(errno)?;
        let to_the_end = self.list(&asked, dir.as_fd(), &mut listing)?;
        if to_the_end && asked.shows_sysv(asked.node, sysv::DIRECTORY) {
            let (name, ino, kind) = (sysv::DIRECTORY, SYSV.0, FileType::Directory);
            listing.put(&Listed { name, ino, place: SYSV_PLACE, kind }, || sysv::directory_entry(face));
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
        let (node, told) = tree::meet(dir, name)?;
        Ok(self.entry_of(asked, asked.node, node, &told))
    }

    pub(crate) fn readlink(&mut self, request: &mut Request<'_>) -> Result<(), Errno> {
        let link = self.tree.path(request.asked.node)?;
        let target = fs::readlinkat(&link, c"", Vec::new()).map_err(errno)?;
        request.out.extend_from_slice(target.to_bytes());
        Ok(())
    }

    pub(crate) fn statfs(&mut self, request: &mut Request<'_>) -> Result<(), Errno> {
        let told = fs::fstatfs(self.tree.mount()).map_err(errno)?;
        let unit = told.f_bsize as u64;
        // What lies elsewhere is in the store, too: it is used, and the tree's own limit is lower by it.
        let outside = request.face.outside().0.div_ceil(unit);
        request.put(&wire::Statfs {
            blocks: told.f_blocks + outside,
            bfree: told.f_bfree,
            bavail: told.f_bavail,
            files: told.f_files,
            ffree: told.f_ffree,
            bsize: told.f_bsize as u32,
            namelen: told.f_namelen as u32,
            frsize: told.f_frsize as u32,
            ..wire::Statfs::default()
        });
        Ok(())
    }
}

/// Whether a node can be in a directory of the tree.
pub(crate) fn is_in_tree(node: NodeId) -> bool {
    matches!(node.node(), Some(Node::Root | Node::Inode(_)))
}
