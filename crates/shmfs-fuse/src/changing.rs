//! Attributes: telling and changing them.

use crate::attributes::{attr, links, statx};
use crate::server::{Asked, Request, Server};
use crate::tree::{self, errno};
use crate::wire::flags::SetAttr;
use crate::wire::{Attr, AttrOut, IoctlIn, IoctlOut, SetattrIn, Statx, StatxOut};
use rustix::fs::{self, AtFlags, Gid, IFlags, OFlags, Statx as Told, Timespec, Timestamps, Uid};
use shmfs_abi::Errno;
use shmfs_sys::{fsuser, inode_flags};
use std::os::fd::{AsFd, BorrowedFd};

/// `FS_IOC_GETFLAGS` and `FS_IOC_SETFLAGS` (include/uapi/linux/fs.h).
const GETFLAGS: u32 = 0x8008_6601;
const SETFLAGS: u32 = 0x4008_6602;

/// `FS_IOC_FSGETXATTR` and `FS_IOC_FSSETXATTR`
const FSGETXATTR: u32 = 0x801c_581f;
const FSSETXATTR: u32 = 0x401c_5820;

const S_ISGID: u16 = 0o2000;
const S_SET_ID: u16 = 0o6000;
const S_IXGRP: u16 = 0o010;

/// What system calls ask for, and not how.
const CHANGES: SetAttr = SetAttr::MODE
    .union(SetAttr::UID)
    .union(SetAttr::GID)
    .union(SetAttr::SIZE)
    .union(SetAttr::ATIME)
    .union(SetAttr::MTIME);

impl Server {
    pub(crate) fn getattr(&mut self, request: &mut Request<'_>) -> Result<(), Errno> {
        let told = self.tree.look_at(request.asked.node)?;
        self.put_attr(&told, request);
        Ok(())
    }

    fn put_attr(&mut self, told: &Told, request: &mut Request<'_>) {
        let asked = &request.asked;
        let attr_valid = self.attributes_valid(asked, asked.node, told);
        let attr = Attr { nlink: links(asked.node, told, asked.sysv), ..attr(told) };
        request.put(&AttrOut { attr_valid, attr, ..AttrOut::default() });
    }

    pub(crate) fn statx(&mut self, request: &mut Request<'_>) -> Result<(), Errno> {
        let asked = &request.asked;
        let told = self.tree.look_at(asked.node)?;
        let attr_valid = self.attributes_valid(asked, asked.node, &told);
        let stat = Statx { nlink: links(asked.node, &told, asked.sysv), ..statx(&told) };
        request.put(&StatxOut { attr_valid, stat, ..StatxOut::default() });
        Ok(())
    }

    /// `chmod`, `chown`, `truncate`, `utimensat`, or several at once. Done again it changes nothing more.
    pub(crate) fn setattr(&mut self, request: &mut Request<'_>) -> Result<(), Errno> {
        let set: SetattrIn = request.body.take()?;
        let (asked, valid) = (&request.asked, SetAttr::from_bits_truncate(set.valid));
        let inode = self.tree.path(asked.node)?;
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
            fs::chmod(tree::proc_path(file), tree::rights(set.mode)).map_err(errno)?;
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
        self.put_attr(&told, request);
        Ok(())
    }

    /// Nothing is to be set: somebody without root's rights is about to write to a file with set-id bits, or it is
    /// `chown(-1, -1)`, which the owner alone may do to such a file (`file_remove_privs`, fs/inode.c; `chown_common`,
    /// fs/open.c). The two look alike; nobody writes to a file that is not open for it.
    fn take_set_id_away(&self, asked: &Asked, file: BorrowedFd<'_>) -> Result<(), Errno> {
        let told = tree::look(file, c"")?;
        let mode = told.stx_mode;
        let has_set_id = mode & S_SET_ID != 0 && tree::is_regular(&told);
        let is_written = self.state.opened(asked.node).is_some_and(|opened| opened.writers > 0);
        if has_set_id && !is_written && asked.uid != 0 && asked.uid != told.stx_uid {
            return Err(Errno::EPERM);
        }
        // Root's writes leave the bits, and are announced where they have just taken the file's capabilities.
        if asked.uid == 0 && is_written && self.uncapped == Some(asked.node) {
            return Ok(());
        }
        fs::chownat(file, c"", None, None, AtFlags::EMPTY_PATH).map_err(errno)?;
        // Without the group's right to execute the bit goes with strangers to the group only; root stays one of it.
        if has_set_id && asks_for_group(&told) && asked.uid != 0 && !is_of_group(asked, told.stx_gid) {
            fs::chmod(tree::proc_path(file), tree::rights(u32::from(mode & !S_SET_ID))).map_err(errno)?;
        }
        Ok(())
    }

    /// `FS_IOC_GETFLAGS` and `FS_IOC_SETFLAGS`: what lsattr(1) and chattr(1) ask for.
    pub(crate) fn ioctl(&mut self, request: &mut Request<'_>) -> Result<(), Errno> {
        let told: IoctlIn = request.body.take()?;
        let file = self.tree.inode(request.asked.node, OFlags::RDONLY | OFlags::NONBLOCK)?;
        request.put(&IoctlOut::default());
        match told.cmd {
            GETFLAGS => request.put(&fs::ioctl_getflags(file).map_err(errno)?.bits()),
            SETFLAGS => {
                self.state.set_flagged();
                let flags = IFlags::from_bits_retain(request.body.take::<u32>()?);
                fs::ioctl_setflags(file, flags).map_err(errno)?;
            }
            FSGETXATTR => request.put(&inode_flags::get(file)?),
            FSSETXATTR => {
                self.state.set_flagged();
                inode_flags::set(file, &request.body.take()?)?;
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
    let gid =
        if asks_for_group(&told) && is_of_group(asked, told.stx_gid) { told.stx_gid } else { asked.gid };
    let (uid, gid) = (shmfs_abi::Uid(asked.uid), shmfs_abi::Gid(gid));
    fsuser::acting_as(uid, gid, || fsuser::without_set_id(act))
}

/// Whether the set-group-id bit stays with who is of the file's group: nobody of it may execute the file.
fn asks_for_group(told: &Told) -> bool {
    told.stx_mode & (S_ISGID | S_IXGRP) == S_ISGID
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
