//! What an inode says of itself, in the kernel's words for FUSE.

use crate::node::{NodeId, ROOT};
use crate::wire::{Attr, Statx, SxTime};
use rustix::fs::{Statx as Told, StatxFlags, StatxTimestamp, makedev};

/// Bits of the device number as FUSE carries it (`new_encode_dev`, include/linux/kdev_t.h).
fn encode_dev(major: u32, minor: u32) -> u32 {
    minor & 0xff | major << 8 | (minor & !0xff) << 12
}

/// The device number as system calls take it, out of FUSE's.
pub(crate) fn decode_dev(rdev: u32) -> u64 {
    let (major, minor) = (rdev >> 8 & 0xfff, rdev & 0xff | rdev >> 12 & 0xf_ff00);
    makedev(major, minor)
}

/// Counts `.sysv`, which the tmpfs does not know, among the directories of the root.
pub(crate) fn links(node: NodeId, told: &Told, sysv: bool) -> u32 {
    told.stx_nlink + u32::from(node == ROOT && sysv)
}

/// For `FUSE_GETATTR` and its kin.
pub(crate) fn attr(told: &Told) -> Attr {
    let seconds = |time: StatxTimestamp| time.tv_sec.cast_unsigned();
    Attr {
        ino: told.stx_ino,
        size: told.stx_size,
        blocks: told.stx_blocks,
        atime: seconds(told.stx_atime),
        mtime: seconds(told.stx_mtime),
        ctime: seconds(told.stx_ctime),
        atimensec: told.stx_atime.tv_nsec,
        mtimensec: told.stx_mtime.tv_nsec,
        ctimensec: told.stx_ctime.tv_nsec,
        mode: u32::from(told.stx_mode),
        nlink: told.stx_nlink,
        uid: told.stx_uid,
        gid: told.stx_gid,
        rdev: encode_dev(told.stx_rdev_major, told.stx_rdev_minor),
        blksize: told.stx_blksize,
        flags: 0,
    }
}

/// For `FUSE_STATX`.
pub(crate) fn statx(told: &Told) -> Statx {
    let time = |time: StatxTimestamp| SxTime { tv_sec: time.tv_sec, tv_nsec: time.tv_nsec, reserved: 0 };
    Statx {
        mask: told.stx_mask,
        blksize: told.stx_blksize,
        attributes: told.stx_attributes.bits(),
        nlink: told.stx_nlink,
        uid: told.stx_uid,
        gid: told.stx_gid,
        mode: told.stx_mode,
        ino: told.stx_ino,
        size: told.stx_size,
        blocks: told.stx_blocks,
        attributes_mask: told.stx_attributes_mask.bits(),
        atime: time(told.stx_atime),
        btime: time(told.stx_btime),
        ctime: time(told.stx_ctime),
        mtime: time(told.stx_mtime),
        rdev_major: told.stx_rdev_major,
        rdev_minor: told.stx_rdev_minor,
        ..Statx::default()
    }
}

/// For `FUSE_STATX` of an inode that is not in the tree: all but its birth.
pub(crate) fn statx_of(attr: &Attr) -> Statx {
    let time = |seconds: u64, tv_nsec| SxTime { tv_sec: seconds.cast_signed(), tv_nsec, reserved: 0 };
    Statx {
        mask: StatxFlags::BASIC_STATS.bits(),
        blksize: attr.blksize,
        nlink: attr.nlink,
        uid: attr.uid,
        gid: attr.gid,
        mode: attr.mode as u16,
        ino: attr.ino,
        size: attr.size,
        blocks: attr.blocks,
        atime: time(attr.atime, attr.atimensec),
        ctime: time(attr.ctime, attr.ctimensec),
        mtime: time(attr.mtime, attr.mtimensec),
        ..Statx::default()
    }
}

/// What FUSE tells of an inode that is not in the tree.
pub(crate) fn made_up(node: NodeId, mode: u32) -> Attr {
    Attr { ino: node.0, mode, nlink: 1, blksize: 4096, ..Attr::default() }
}
