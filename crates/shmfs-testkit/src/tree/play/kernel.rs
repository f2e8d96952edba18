//! A player on a directory of a real file system.
//!
//! The effective user is the calling thread's, the umask the whole process's: it becomes 0.
//! Not done: several users where the caller is not root; all steps are then its own.

use super::look::{look, names, picture, xattr_names};
use super::{Player, user};
use crate::tree::{Answer, Bytes, Guards, How, Path, Picture, SLOTS, Seen, Setting, Step, XATTRS, bytes_of};
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{self, AtFlags, FallocateFlags, FileType, Gid, Mode, OFlags, RenameFlags, Uid, XattrFlags};
use shmfs_abi::Errno;
use std::os::fd::AsRawFd;

/// A directory of the kernel's, and who plays on it.
#[derive(Debug)]
pub struct Kernel {
    dir: OwnedFd,
    /// Of a store, by FUSE.
    is_mount: bool,
    setting: Setting,
    open: [Option<OwnedFd>; SLOTS],
    now: usize,
}

/// `FUSE_SUPER_MAGIC`, include/uapi/linux/magic.h
const FUSE: i64 = 0x6573_5546;

type Real<T> = rustix::io::Result<T>;

impl Kernel {
    /// On an empty directory; who can be several users is, and others are themselves.
    pub fn new(dir: OwnedFd, root_mode: u32) -> Kernel {
        rustix::process::umask(Mode::empty());
        let mut setting = Setting::of_root(root_mode, guards());
        if !user::may_switch() {
            let oneself = user::oneself();
            setting.root_owner = (oneself.uid, oneself.gid);
            setting.users = vec![oneself];
        }
        let is_mount = fs::fstatfs(&dir).is_ok_and(|told| told.f_type == FUSE);
        let mode = Mode::from_raw_mode(root_mode);
        if let Err(error) = fs::chmodat(&dir, c".", mode, AtFlags::empty()) {
            panic!("the root's mode: {error}");
        }
        Kernel { dir, is_mount, setting, open: [const { None }; SLOTS], now: 0 }
    }

    /// Among whom it plays.
    pub fn setting(&self) -> &Setting {
        &self.setting
    }

    fn be(&mut self, who: usize) {
        let who = who % self.setting.users.len();
        if who != self.now && self.setting.users.len() > 1 {
            if let Err(error) = user::become_user(self.setting.user(who)) {
                panic!("becoming {:?}: {error}", self.setting.user(who));
            }
            self.now = who;
        }
    }

    fn carry_out(&mut self, step: &Step) -> Real<Seen> {
        let (dir, none) = (&self.dir, AtFlags::empty());
        match step {
            Step::MakeDir { path, mode } => {
                fs::mkdirat(dir, path.text(), Mode::from_raw_mode(*mode)).map(done)
            }
            Step::MakeNode { path, fifo, mode } => {
                let kind = if *fifo { FileType::Fifo } else { FileType::RegularFile };
                fs::mknodat(dir, path.text(), kind, Mode::from_raw_mode(*mode), 0).map(done)
            }
            Step::MakeLink { target, path } => fs::symlinkat(target.text(), dir, path.text()).map(done),
            Step::Link { from, to, follow } => {
                let flags = if *follow { AtFlags::SYMLINK_FOLLOW } else { none };
                fs::linkat(dir, from.text(), dir, to.text(), flags).map(done)
            }
            Step::LinkOpen { slot, to } => {
                let Some(file) = &self.open[*slot] else { return Err(rustix::io::Errno::NOENT) };
                fs::linkat(dir, link_of(file), dir, to.text(), AtFlags::SYMLINK_FOLLOW).map(done)
            }
            Step::Unlink { path } => fs::unlinkat(dir, path.text(), none).map(done),
            Step::RemoveDir { path } => fs::unlinkat(dir, path.text(), AtFlags::REMOVEDIR).map(done),
            Step::Rename { from, to, flags } => {
                let flags = RenameFlags::from_bits_retain(*flags);
                fs::renameat_with(dir, from.text(), dir, to.text(), flags).map(done)
            }
            Step::Chmod { path, mode } => {
                fs::chmodat(dir, path.text(), Mode::from_raw_mode(*mode), none).map(done)
            }
            Step::Chown { path, uid, gid, follow } => {
                let flags = if *follow { none } else { AtFlags::SYMLINK_NOFOLLOW };
                let (uid, gid) = (uid.map(Uid::from_raw), gid.map(Gid::from_raw));
                fs::chownat(dir, path.text(), uid, gid, flags).map(done)
            }
            Step::Stat { path, follow } => {
                let flags = if *follow { none } else { AtFlags::SYMLINK_NOFOLLOW };
                fs::statat(dir, path.text(), flags).map(|stat| Seen::Look(look(&stat)))
            }
            Step::List { path } => {
                let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
                names(fs::openat(dir, path.text(), flags, Mode::empty())?).map(Seen::Names)
            }
            Step::ReadLink { path } => fs::readlinkat(dir, path.text(), Vec::new())
                .map(|target| Seen::Bytes(Bytes(target.into_bytes()))),
            Step::Open { slot, path, how, mode } => {
                let file = fs::openat(dir, path.text(), flags_of(*how), Mode::from_raw_mode(*mode))?;
                self.open[*slot] = Some(file);
                Ok(Seen::Done)
            }
            Step::OpenUnnamed { slot, path, mode } => {
                let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
                self.open[*slot] = Some(fs::openat(dir, path.text(), flags, Mode::from_raw_mode(*mode))?);
                Ok(Seen::Done)
            }
            Step::Close { slot } => {
                let file = self.open[*slot].take();
                file.map(|_| Seen::Done).ok_or(rustix::io::Errno::BADF)
            }
            Step::Truncate { .. }
            | Step::SetXattr { .. }
            | Step::GetXattr { .. }
            | Step::RemoveXattr { .. }
            | Step::ListXattrs { .. } => self.by_found(step),
            _ => self.by_descriptor(step),
        }
    }

    /// Calls that have no variant for a directory's descriptor: on a file that is found first.
    fn by_found(&self, step: &Step) -> Real<Seen> {
        let found = |path: &Path| {
            let file = fs::openat(&self.dir, path.text(), OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
            Ok::<_, rustix::io::Errno>((link_of(&file), file))
        };
        let mut room = vec![0; 4096];
        match step {
            Step::Truncate { path, size } => {
                let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
                let file = fs::openat(&self.dir, path.text(), flags, Mode::empty())?;
                fs::ftruncate(&file, *size).map(done)
            }
            Step::SetXattr { path, name, length, flags } => {
                let (value, flags) = (bytes_of(*length as u8, *length), XattrFlags::from_bits_retain(*flags));
                fs::setxattr(&found(path)?.0, XATTRS[*name], &value, flags).map(done)
            }
            Step::GetXattr { path, name } => {
                let length = fs::getxattr(&found(path)?.0, XATTRS[*name], &mut room)?;
                room.truncate(length);
                Ok(Seen::Bytes(Bytes(room)))
            }
            Step::RemoveXattr { path, name } => fs::removexattr(&found(path)?.0, XATTRS[*name]).map(done),
            Step::ListXattrs { path } => {
                let length = fs::listxattr(&found(path)?.0, &mut room)?;
                Ok(Seen::Xattrs(xattr_names(&room[..length]).collect()))
            }
            _ => Err(rustix::io::Errno::NOSYS),
        }
    }

    fn by_descriptor(&self, step: &Step) -> Real<Seen> {
        let file = |slot: usize| self.open[slot].as_ref().ok_or(rustix::io::Errno::BADF);
        match step {
            Step::StatOpen { slot } => fs::fstat(file(*slot)?).map(|stat| Seen::Look(look(&stat))),
            Step::Write { slot, at, length, seed } => {
                let wrote = rustix::io::pwrite(file(*slot)?, &bytes_of(*seed, *length), *at)?;
                Ok(Seen::Amount(wrote as u64))
            }
            Step::Read { slot, at, length } => {
                let mut bytes = vec![0; *length];
                let read = rustix::io::pread(file(*slot)?, &mut bytes, *at)?;
                bytes.truncate(read);
                Ok(Seen::Bytes(Bytes(bytes)))
            }
            Step::Resize { slot, size } => fs::ftruncate(file(*slot)?, *size).map(done),
            Step::Punch { slot, at, length } => {
                let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
                fs::fallocate(file(*slot)?, flags, *at, *length).map(done)
            }
            Step::Allocate { slot, at, length, keep } => {
                let flags = if *keep { FallocateFlags::KEEP_SIZE } else { FallocateFlags::empty() };
                fs::fallocate(file(*slot)?, flags, *at, *length).map(done)
            }
            Step::Seek { slot, at, hole } => {
                let whence = if *hole { fs::SeekFrom::Hole(*at) } else { fs::SeekFrom::Data(*at) };
                fs::seek(file(*slot)?, whence).map(Seen::Amount)
            }
            _ => Err(rustix::io::Errno::NOSYS),
        }
    }
}

impl Player for Kernel {
    fn step(&mut self, who: usize, step: &Step, expected: &Answer) -> Option<Answer> {
        match step {
            // A fifo's: it cannot be opened for that.
            Step::Truncate { .. } if *expected == Err(Errno::EINVAL) => return None,
            // A directory's: FUSE has another answer, and asks nobody.
            Step::Seek { .. } if self.is_mount && *expected == Err(Errno::EINVAL) => {
                return None;
            }
            _ => {}
        }
        self.be(who);
        Some(self.carry_out(step).map_err(|error| Errno(error.raw_os_error())))
    }

    fn picture(&mut self) -> Picture {
        self.be(0);
        match picture(&self.dir) {
            Ok(picture) => picture,
            Err(error) => panic!("looking at the tree: {error}"),
        }
    }
}

impl Drop for Kernel {
    fn drop(&mut self) {
        self.be(0);
    }
}

fn done(_: ()) -> Seen {
    Seen::Done
}

fn link_of(file: &impl AsFd) -> String {
    format!("/proc/self/fd/{}", file.as_fd().as_raw_fd())
}

fn flags_of(how: How) -> OFlags {
    let access = match (how.read, how.write) {
        (true, true) => OFlags::RDWR,
        (false, true) => OFlags::WRONLY,
        _ => OFlags::RDONLY,
    };
    let chosen = [
        (how.create, OFlags::CREATE),
        (how.exclusive, OFlags::EXCL),
        (how.truncate, OFlags::TRUNC),
        (how.no_follow, OFlags::NOFOLLOW),
        (how.directory, OFlags::DIRECTORY),
    ];
    let chosen = chosen.into_iter().filter_map(|(on, flag)| on.then_some(flag));
    access | OFlags::NONBLOCK | OFlags::CLOEXEC | chosen.collect::<OFlags>()
}

/// What the machine is set to.
fn guards() -> Guards {
    let read = |name: &str| {
        let text = std::fs::read_to_string(format!("/proc/sys/fs/protected_{name}")).unwrap_or_default();
        text.trim().parse().unwrap_or_default()
    };
    Guards {
        symlinks: read("symlinks"),
        hardlinks: read("hardlinks"),
        fifos: read("fifos"),
        regular: read("regular"),
    }
}
