//! Flags of requests and replies.

#![allow(missing_docs, reason = "the names are those of the header, without FUSE_ and FATTR_")]

use bitflags::bitflags;

bitflags! {
    /// What kernel and server agree on (`FUSE_INIT`); the second word of the message is the upper half.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct InitFlags: u64 {
        const ASYNC_READ = 1 << 0;
        const EXPORT_SUPPORT = 1 << 4;
        const BIG_WRITES = 1 << 5;
        const DONT_MASK = 1 << 6;
        const HAS_IOCTL_DIR = 1 << 11;
        const DO_READDIRPLUS = 1 << 13;
        const READDIRPLUS_AUTO = 1 << 14;
        const PARALLEL_DIROPS = 1 << 18;
        const POSIX_ACL = 1 << 20;
        const MAX_PAGES = 1 << 22;
        const CACHE_SYMLINKS = 1 << 23;
        const HANDLE_KILLPRIV_V2 = 1 << 28;
        const SETXATTR_EXT = 1 << 29;
        const INIT_EXT = 1 << 30;
        const PASSTHROUGH = 1 << 37;
        const HAS_RESEND = 1 << 39;
    }

    /// Which attributes `FUSE_SETATTR` sets (`FATTR_*`).
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct SetAttr: u32 {
        const MODE = 1 << 0;
        const UID = 1 << 1;
        const GID = 1 << 2;
        const SIZE = 1 << 3;
        const ATIME = 1 << 4;
        const MTIME = 1 << 5;
        const FH = 1 << 6;
        const ATIME_NOW = 1 << 7;
        const MTIME_NOW = 1 << 8;
        const KILL_SUIDGID = 1 << 11;
    }
}

/// `FOPEN_PASSTHROUGH`: the kernel reads, writes and maps the backing file itself.
pub const FOPEN_PASSTHROUGH: u32 = 1 << 7;

/// `FUSE_SETXATTR_ACL_KILL_SGID`: the set-group-id bit goes with this change.
pub const SETXATTR_ACL_KILL_SGID: u32 = 1 << 0;

/// `FUSE_UNIQUE_RESEND`: a request that was read before, and not answered.
pub const UNIQUE_RESEND: u64 = 1 << 63;
