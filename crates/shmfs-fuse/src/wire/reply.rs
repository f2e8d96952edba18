//! What the kernel is told: a head, and parts of fixed layout behind it.

use super::request::layouts;
use shmfs_abi::Errno;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

layouts! {
    /// `fuse_out_header`
    OutHeader { len: u32, error: i32, unique: u64 } = 16;
    /// `fuse_init_out`
    InitOut {
        major: u32, minor: u32, max_readahead: u32, flags: u32, max_background: u16, congestion_threshold: u16,
        max_write: u32, time_gran: u32, max_pages: u16, map_alignment: u16, flags2: u32, max_stack_depth: u32,
        request_timeout: u16, unused: [u16; 11],
    } = 64;
    /// `fuse_attr`
    Attr {
        ino: u64, size: u64, blocks: u64, atime: u64, mtime: u64, ctime: u64, atimensec: u32, mtimensec: u32,
        ctimensec: u32, mode: u32, nlink: u32, uid: u32, gid: u32, rdev: u32, blksize: u32, flags: u32,
    } = 88;
    /// `fuse_entry_out`
    EntryOut {
        nodeid: u64, generation: u64, entry_valid: u64, attr_valid: u64, entry_valid_nsec: u32, attr_valid_nsec: u32,
        attr: Attr,
    } = 128;
    /// `fuse_attr_out`
    AttrOut { attr_valid: u64, attr_valid_nsec: u32, dummy: u32, attr: Attr } = 104;
    /// `fuse_sx_time`
    SxTime { tv_sec: i64, tv_nsec: u32, reserved: i32 } = 16;
    /// `fuse_statx`
    Statx {
        mask: u32, blksize: u32, attributes: u64, nlink: u32, uid: u32, gid: u32, mode: u16, spare0: u16, ino: u64,
        size: u64, blocks: u64, attributes_mask: u64, atime: SxTime, btime: SxTime, ctime: SxTime, mtime: SxTime,
        rdev_major: u32, rdev_minor: u32, dev_major: u32, dev_minor: u32, spare2: [u64; 14],
    } = 256;
    /// `fuse_statx_out`
    StatxOut { attr_valid: u64, attr_valid_nsec: u32, flags: u32, spare: [u64; 2], stat: Statx } = 288;
    /// `fuse_open_out`
    OpenOut { fh: u64, open_flags: u32, backing_id: i32 } = 16;
    /// `fuse_kstatfs`
    Statfs {
        blocks: u64, bfree: u64, bavail: u64, files: u64, ffree: u64, bsize: u32, namelen: u32, frsize: u32,
        padding: u32, spare: [u32; 6],
    } = 80;
    /// `fuse_getxattr_out`
    GetxattrOut { size: u32, padding: u32 } = 8;
    /// `fuse_write_out`
    WriteOut { size: u32, padding: u32 } = 8;
    /// `fuse_lseek_out`
    LseekOut { offset: u64 } = 8;
    /// `fuse_ioctl_out`
    IoctlOut { result: i32, flags: u32, in_iovs: u32, out_iovs: u32 } = 16;
    /// `fuse_dirent`; the name follows, padded to eight bytes.
    Dirent { ino: u64, off: u64, namelen: u32, kind: u32 } = 24;
    /// `fuse_notify_inval_inode_out`
    InvalInodeOut { ino: u64, off: i64, len: i64 } = 24;
}

/// Appends a part to a message.
pub fn put(out: &mut Vec<u8>, part: &(impl IntoBytes + Immutable)) {
    out.extend_from_slice(part.as_bytes());
}

/// Begins a reply, with room for its head.
pub fn begin(out: &mut Vec<u8>) {
    out.clear();
    put(out, &OutHeader::default());
}

/// Writes the head of a reply that is complete; of a failed one, nothing but the head is left.
pub fn finish(out: &mut Vec<u8>, unique: u64, outcome: Result<(), Errno>) {
    let error = match outcome {
        Ok(()) => 0,
        Err(Errno(number)) => -number,
    };
    if error != 0 {
        out.truncate(size_of::<OutHeader>());
    }
    let head = OutHeader { len: u32::try_from(out.len()).unwrap_or(u32::MAX), error, unique };
    if let Some(bytes) = out.get_mut(..size_of::<OutHeader>()) {
        bytes.copy_from_slice(head.as_bytes());
    }
}

/// A notice to the kernel: `code` and a part.
pub fn notice(code: i32, part: &[u8]) -> Vec<u8> {
    let len = u32::try_from(size_of::<OutHeader>() + part.len()).unwrap_or(u32::MAX);
    let mut message = OutHeader { len, error: code, unique: 0 }.as_bytes().to_vec();
    message.extend_from_slice(part);
    message
}
