//! Open files: descriptors, and what is asked about their bytes.

use super::connection::{entry_of, link_of};
use super::way::{Inode, S_IFDIR, S_IFIFO, S_IFREG};
use super::{Fuse, Slot, done, look_of};
use crate::tree::step::{How, Part, Path, bytes_of};
use crate::tree::{Answer, Bytes, NO_READER, Seen, Step};
use shmfs_abi::Errno;
use shmfs_fuse::wire::flags::FOPEN_PASSTHROUGH;
use shmfs_fuse::wire::{CreateIn, EntryOut, FallocateIn, LseekIn, LseekOut, OpenIn, OpenOut, ReleaseIn, op};
use std::fs::File;
use std::os::unix::fs::FileExt;
use zerocopy::{FromBytes, IntoBytes};

const O_WRONLY: u32 = 1;
const O_RDWR: u32 = 2;
const O_CREAT: u32 = 0o100;
const O_EXCL: u32 = 0o200;
const O_NONBLOCK: u32 = 0o4000;
const O_TMPFILE: u32 = 0o20_200_000;

const KEEP_SIZE: u32 = 1;
const PUNCH_HOLE: u32 = 2;

impl Fuse {
    pub(super) fn call_on_file(&mut self, step: &Step) -> Option<Answer> {
        Some(match step {
            Step::Open { slot, path, how, mode } => return self.open(*slot, path, *how, *mode),
            Step::OpenUnnamed { slot, path, mode } => self.open_unnamed(*slot, path, *mode),
            Step::Close { slot } => self.close(*slot),
            Step::StatOpen { slot } => {
                let node = self.open[*slot]?.node();
                self.getattr(node).map(|inode| Seen::Look(look_of(&inode)))
            }
            Step::Resize { slot, size } => {
                let (node, _) = self.file(*slot)?;
                self.set_size(node, *size)
            }
            Step::Write { slot, at, length, seed } => {
                let (node, backing) = self.file(*slot)?;
                if *length > 0 {
                    self.drop_privileges(node).ok()?;
                }
                let file = self.backing(backing);
                let wrote = file.write_all_at(&bytes_of(*seed, *length), *at);
                wrote.map(|()| Seen::Amount(*length as u64)).map_err(|error| errno_of(&error))
            }
            Step::Read { slot, at, length } => {
                let (_, backing) = self.file(*slot)?;
                let mut bytes = vec![0; *length];
                let read = self.backing(backing).read_at(&mut bytes, *at);
                read.map(|read| Seen::Bytes(Bytes(bytes[..read].to_vec()))).map_err(|error| errno_of(&error))
            }
            Step::Punch { slot, at, length } => self.allocate(*slot, *at, *length, PUNCH_HOLE | KEEP_SIZE)?,
            Step::Allocate { slot, at, length, keep } => {
                self.allocate(*slot, *at, *length, if *keep { KEEP_SIZE } else { 0 })?
            }
            Step::Seek { slot, at, hole } => {
                let (node, _) = self.file(*slot)?;
                let whence = if *hole { 4 } else { 3 };
                let seek = LseekIn { offset: *at, whence, ..LseekIn::default() };
                self.ask(op::LSEEK, node, &[seek.as_bytes()]).map(|body| {
                    let Ok(out) = LseekOut::read_from_bytes(&body) else { panic!("no position") };
                    Seen::Amount(out.offset)
                })
            }
            _ => return None,
        })
    }

    /// The file behind a number, as the kernel reads and writes it.
    fn backing(&self, backing: i32) -> File {
        let side = self.connection.side.lock();
        let Some(file) = side.backings.get(&backing) else { panic!("backing {backing} is closed") };
        match File::options().read(true).write(true).open(link_of(file)) {
            Ok(file) => file,
            Err(error) => panic!("backing {backing}: {error}"),
        }
    }

    fn allocate(&mut self, slot: usize, offset: u64, length: u64, mode: u32) -> Option<Answer> {
        let (node, _) = self.file(slot)?;
        // fuse_file_fallocate, fs/fuse/file.c
        self.drop_privileges(node).ok()?;
        let body = FallocateIn { offset, length, mode, ..FallocateIn::default() };
        Some(self.ask(op::FALLOCATE, node, &[body.as_bytes()]).map(done))
    }

    fn open(&mut self, slot: usize, path: &Path, how: How, mode: u32) -> Option<Answer> {
        if how.create && how.directory {
            return Some(Err(Errno::EINVAL));
        }
        let opened = match self.find(path, how, mode) {
            Ok(Found::Made(slot)) => Ok(slot),
            Ok(Found::There(inode)) => self.open_inode(path, how, &inode),
            Err(errno) => Err(errno),
        };
        Some(opened.map(|opened| {
            // The former one goes after the other is there.
            drop(self.close(slot));
            self.open[slot] = Some(opened);
            Seen::Done
        }))
    }

    fn find(&mut self, path: &Path, how: How, mode: u32) -> Result<Found, Errno> {
        let follow = !(how.no_follow || how.create && how.exclusive) || path.slash;
        let (mut way, last) = self.walk(path)?;
        if how.create && path.slash && matches!(last, Part::Name(_)) {
            return Err(Errno::EISDIR);
        }
        let (last, found) = self.end(&mut way, last, follow)?;
        match (found, last) {
            (Some(inode), _) => Ok(Found::There(inode)),
            (None, Part::Name(name)) if how.create => {
                let flags = flags_of(how) | O_CREAT | if how.exclusive { O_EXCL } else { 0 };
                self.create(op::CREATE, way.dir(), &name.bytes(), flags, mode).map(Found::Made)
            }
            _ => Err(Errno::ENOENT),
        }
    }

    /// `CREATE` or `TMPFILE`.
    fn create(&mut self, opcode: u32, dir: u64, name: &[u8], flags: u32, mode: u32) -> Result<Slot, Errno> {
        let mode = S_IFREG | self.mode_in(dir, mode)?;
        let create = CreateIn { flags, mode, umask: 0, open_flags: 0 };
        let body = self.ask(opcode, dir, &[create.as_bytes(), name, &[0]])?;
        let (node, opened) = (entry_of(&body).nodeid, &body[size_of::<EntryOut>()..]);
        Ok(Slot::File { node, backing: backing_of(opened), flags })
    }

    fn open_inode(&mut self, path: &Path, how: How, inode: &Inode) -> Result<Slot, Errno> {
        let (is_dir, node) = (inode.is(S_IFDIR), inode.node);
        if how.create && how.exclusive {
            return Err(Errno::EEXIST);
        }
        if how.create && is_dir {
            return Err(Errno::EISDIR);
        }
        if (path.slash || how.directory) && !is_dir {
            return Err(Errno::ENOTDIR);
        }
        if is_dir && (how.write || how.truncate) {
            return Err(Errno::EISDIR);
        }
        if is_dir {
            self.ask(op::OPENDIR, node, &[&[0; 8]])?;
            return Ok(Slot::Directory { node });
        }
        if inode.is(S_IFIFO) {
            let is_reader =
                |slot: &Slot| matches!(*slot, Slot::Fifo { node: other, read } if other == node && read);
            let read = how.read || self.open.iter().flatten().any(is_reader);
            return if read { Ok(Slot::Fifo { node, read: how.read }) } else { Err(NO_READER) };
        }
        if !inode.is(S_IFREG) {
            return Err(Errno::ELOOP);
        }
        let flags = flags_of(how);
        let body = self.ask(op::OPEN, node, &[OpenIn { flags, open_flags: 0 }.as_bytes()])?;
        let slot = Slot::File { node, backing: backing_of(&body), flags };
        if how.truncate {
            // handle_truncate, fs/namei.c: the server was not asked to do it with the open.
            self.set_size(node, 0)?;
        }
        Ok(slot)
    }

    fn open_unnamed(&mut self, slot: usize, path: &Path, mode: u32) -> Answer {
        let dir = self.resolve(path, true)?;
        if !dir.is(S_IFDIR) {
            return Err(Errno::ENOTDIR);
        }
        let opened = self.create(op::TMPFILE, dir.node, b"/", O_RDWR | O_TMPFILE, mode)?;
        drop(self.close(slot));
        self.open[slot] = Some(opened);
        Ok(Seen::Done)
    }

    pub(super) fn close(&mut self, slot: usize) -> Answer {
        match self.open[slot].take().ok_or(Errno::EBADF)? {
            Slot::File { node, flags, .. } => {
                let release = ReleaseIn { flags, ..ReleaseIn::default() };
                self.ask(op::RELEASE, node, &[release.as_bytes()]).map(done)
            }
            Slot::Directory { node } => self.ask(op::RELEASEDIR, node, &[&[0; 24]]).map(done),
            Slot::Fifo { .. } => Ok(Seen::Done),
        }
    }
}

/// What an open finds, or has made.
enum Found {
    There(Inode),
    Made(Slot),
}

fn flags_of(how: How) -> u32 {
    O_NONBLOCK
        | match (how.read, how.write) {
            (true, true) => O_RDWR,
            (false, true) => O_WRONLY,
            _ => 0,
        }
}

fn backing_of(body: &[u8]) -> i32 {
    let Ok(opened) = OpenOut::read_from_bytes(body) else { panic!("{} bytes of an open file", body.len()) };
    assert_eq!(opened.open_flags, FOPEN_PASSTHROUGH, "every file is open with passthrough");
    opened.backing_id
}

fn errno_of(error: &std::io::Error) -> Errno {
    Errno(error.raw_os_error().unwrap_or(0))
}
