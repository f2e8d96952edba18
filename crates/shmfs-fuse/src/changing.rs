//! Attributes: telling and changing them.

use crate::attributes::{attr, links, statx};
use crate::server::{Asked, Server};
use crate::tree::{self, errno};
use crate::wire::flags::SetAttr;
use crate::wire::{self, Attr, AttrOut, Body, IoctlIn, IoctlOut, SetattrIn, Statx, StatxOut};
use rustix::fs::{self, AtFlags, Gid, IFlags, Mode, OFlags, Statx as Told, Timespec, Timestamps, Uid};
use shmfs_abi::Errno;
use shmfs_sys::{fsuser, inode_flags};
use std::os::fd::{AsFd, BorrowedFd};

/// `FS_IOC_GETFLAGS` and `FS_IOC_SETFLAGS` (include/uapi/linux/fs.h).
const GETFLAGS: u32 = 0x8008_6601;
const SETFLAGS: u32 = 0x4008_6602;

/// `FS_IOC_FSGETXATTR` and `FS_IOC_FSSETXATTR`
const FSGETXATTR: u32 = 0x801c_581f;
const FSSETXATTR: u32 = 0x401c_5820;

const S_IFMT: u16 = 0o170_000;
const S_IFREG: u16 = 0o100_000;

const S_ISUID: u16 = 0o4000;
const S_ISGID: u16 = 0o2000;
const S_SET_ID: u16 = S_ISUID | S_ISGID;
const S_IXGRP: u16 = 0o010;

/// What system calls ask for, and not how.
const CHANGES: SetAttr = SetAttr::MODE
    .union(SetAttr::UID)
    .union(SetAttr::GID)
    .union(SetAttr::SIZE)
    .union(SetAttr::ATIME)
    .union(SetAttr::MTIME);

impl Server {
    pub(crate) fn getattr(&mut self, asked: &Asked, out: &mut Vec<u8>) -> Result<(), Errno> {
        let told = self.tree.look_at(asked.node)?;
        self.put_attr(asked, &told, out);
        Ok(())
    }

    fn put_attr(&mut self, asked: &Asked, told: &Told, out: &mut Vec<u8>) {
        let attr_valid = self.attributes_valid(asked, asked.node, told);
        let attr = Attr { nlink: links(asked.node, told, asked.sysv), ..attr(told) };
        wire::put(out, &AttrOut { attr_valid, attr, ..AttrOut::default() });
    }

    pub(crate) fn statx(&mut self, asked: &Asked, out: &mut Vec<u8>) -> Result<(), Errno> {
        let told = self.tree.look_at(asked.node)?;
        let attr_valid = self.attributes_valid(asked, asked.node, &told);
        let stat = Statx { nlink: links(asked.node, &told, asked.sysv), ..statx(&told) };
        wire::put(out, &StatxOut { attr_valid, stat, ..StatxOut::default() });
        Ok(())
    }

    /// `chmod`, `chown`, `truncate`, `utimensat`, or several at once. Done again it changes nothing more.
    pub(crate) fn setattr(
        &mut self,
        asked: &Asked,
        mut body: Body<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Errno> {
        let set: SetattrIn = body.take()?;
        let valid = SetAttr::from_bits_truncate(set.valid);
        let inode = self.tree.inode(asked.node, OFlags::PATH | OFlags::NOFOLLOW)?;
        let file = inode.as_fd();
        if !valid.intersects(CHANGES) {
            self.take_set_id_away(asked, file)?;
        }
        if valid.intersects(SetAttr::UID | SetAttr::GID) {
            let uid = valid.contains(SetAttr::UID).then(|| Uid::from_raw(set.uid));
            let gid = valid.contains(SetAttr::GID).then(|| Gid::from_raw(set.gid));
            let chown = || fs::chownat(file, c"", uid, gid, AtFlags::EMPTY_PATH).map_err(errno);
            if asked.uid == 0 { chown()? } else { as_nobody_special(asked, file, chown)? }
        }
        // After the owner: with that the kernel takes the set-id bits away.
        if valid.contains(SetAttr::MODE) {
            fs::chmod(tree::path(file), Mode::from_raw_mode(set.mode & 0o7777)).map_err(errno)?;
        }
        if valid.contains(SetAttr::SIZE) {
            let writable = self.tree.inode(asked.node, OFlags::WRONLY | OFlags::NONBLOCK)?;
            let cut = || fs::ftruncate(&writable, set.size).map_err(errno);
            if valid.contains(SetAttr::KILL_SUIDGID) {
                as_nobody_special(asked, file, cut)?;
            } else {
                cut()?;
            }
        }
        if valid.intersects(SetAttr::ATIME | SetAttr::MTIME) {
            set_times(file, &set, valid)?;
        }
        let told = tree::look(file, c"")?;
        self.put_attr(asked, &told, out);
        Ok(())
    }

    /// Nothing is to be set: somebody without root's rights is about to write to a file with set-id bits, or it is
    /// `chown(-1, -1)`, which the owner alone may do to such a file (`file_remove_privs`, fs/inode.c; `chown_common`,
    /// fs/open.c). The two look alike; nobody writes to a file that is not open for it.
    fn take_set_id_away(&self, asked: &Asked, file: BorrowedFd<'_>) -> Result<(), Errno> {
        let told = tree::look(file, c"")?;
        let mode = told.stx_mode;
        let has_set_id = mode & S_SET_ID != 0 && mode & S_IFMT == S_IFREG;
        let is_written = self.state.opened(asked.node).is_some_and(|opened| opened.writers > 0);
        if has_set_id && !is_written && asked.uid != 0 && asked.uid != told.stx_uid {
            return Err(Errno::EPERM);
        }
        fs::chownat(file, c"", None, None, AtFlags::EMPTY_PATH).map_err(errno)?;
        // Without the group's right to execute the bit goes with strangers to the group only; root stays one of it.
        let asks_for_group = has_set_id && mode & (S_ISGID | S_IXGRP) == S_ISGID;
        if asks_for_group && asked.uid != 0 && !is_of_group(asked, told.stx_gid) {
            let mode = Mode::from_raw_mode(u32::from(mode & 0o7777 & !S_SET_ID));
            fs::chmod(tree::path(file), mode).map_err(errno)?;
        }
        Ok(())
    }

    /// `FS_IOC_GETFLAGS` and `FS_IOC_SETFLAGS`: what lsattr(1) and chattr(1) ask for.
    pub(crate) fn ioctl(
        &mut self,
        asked: &Asked,
        mut body: Body<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Errno> {
        let told: IoctlIn = body.take()?;
        let file = || self.tree.inode(asked.node, OFlags::RDONLY | OFlags::NONBLOCK);
        match told.cmd {
            GETFLAGS => {
                let flags = fs::ioctl_getflags(file()?).map_err(errno)?;
                wire::put(out, &IoctlOut::default());
                wire::put(out, &flags.bits());
            }
            SETFLAGS => {
                self.state.set_flagged();
                let flags = IFlags::from_bits_retain(body.take::<u32>()?);
                fs::ioctl_setflags(file()?, flags).map_err(errno)?;
                wire::put(out, &IoctlOut::default());
            }
            FSGETXATTR => {
                let attributes = inode_flags::get(file()?)?;
                wire::put(out, &IoctlOut::default());
                wire::put(out, &attributes);
            }
            FSSETXATTR => {
                self.state.set_flagged();
                inode_flags::set(file()?, &body.take()?)?;
                wire::put(out, &IoctlOut::default());
            }
            _ => return Err(Errno::ENOTTY),
        }
        Ok(())
    }
}

/// Acts as who asked, without the right to leave set-id bits, and in the file's group if they are of it.
fn as_nobody_special(
    asked: &Asked,
    file: BorrowedFd<'_>,
    act: impl FnOnce() -> Result<(), Errno>,
) -> Result<(), Errno> {
    let told = tree::look(file, c"")?;
    let asks_for_group = told.stx_mode & (S_ISGID | S_IXGRP) == S_ISGID;
    let gid = if asks_for_group && is_of_group(asked, told.stx_gid) { told.stx_gid } else { asked.gid };
    let (uid, gid) = (shmfs_abi::Uid(asked.uid), shmfs_abi::Gid(gid));
    fsuser::acting_as(uid, gid, || fsuser::without_set_id(act))
}

/// Whether who asked is of a group. The kernel's FUSE tells of one group only; /proc/PID/status has all.
fn is_of_group(asked: &Asked, gid: u32) -> bool {
    let groups = || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", asked.pid)).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("Groups:"))?;
        Some(line.split_whitespace().any(|group| group.parse() == Ok(gid)))
    };
    asked.gid == gid || groups().unwrap_or(false)
}

fn set_times(file: BorrowedFd<'_>, set: &SetattrIn, valid: SetAttr) -> Result<(), Errno> {
    let time = |which, now, seconds: u64, nanos: u32| {
        let (tv_sec, tv_nsec) = if valid.contains(now) {
            (0, fs::UTIME_NOW)
        } else if valid.contains(which) {
            (seconds.cast_signed(), nanos.into())
        } else {
            (0, fs::UTIME_OMIT)
        };
        Timespec { tv_sec, tv_nsec }
    };
    let times = Timestamps {
        last_access: time(SetAttr::ATIME, SetAttr::ATIME_NOW, set.atime, set.atimensec),
        last_modification: time(SetAttr::MTIME, SetAttr::MTIME_NOW, set.mtime, set.mtimensec),
    };
    fs::utimensat(file, c"", &times, AtFlags::EMPTY_PATH).map_err(errno)
}
