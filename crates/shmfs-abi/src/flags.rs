//! Flags of the calls, as C programs pass them.

use bitflags::bitflags;

bitflags! {
    /// The third argument of `shmget` (include/uapi/linux/{ipc,shm}.h). The low nine bits are the mode.
    #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
    pub struct GetFlags: i32 {
        /// Create the segment if no key finds it.
        const CREAT = 0o1000;
        /// Fail if the key is taken.
        const EXCL = 0o2000;
        /// Huge pages.
        const HUGETLB = 0o4000;
        /// Do not reserve swap.
        const NORESERVE = 0o10000;
        // Every other bit is kept: the low nine are the mode, six above bit 26 the huge page size.
        const _ = !0;
    }
}

/// Where the logarithm of the huge page size stands among the flags (`SHM_HUGE_SHIFT`, include/uapi/linux/shm.h).
const HUGE_SHIFT: u32 = 26;

impl GetFlags {
    /// The logarithm of the huge page size that is asked for; 0 for the host's default.
    pub const fn huge_log2(self) -> u32 {
        self.bits() as u32 >> HUGE_SHIFT & 0x3f
    }

    /// The permission bits among the flags.
    pub const fn mode(self) -> u32 {
        (self.bits() & 0o777) as u32
    }
}

bitflags! {
    /// The third argument of `shmat` (include/uapi/linux/shm.h).
    #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
    pub struct AttachFlags: i32 {
        /// Attach for reading only.
        const RDONLY = 0o10000;
        /// Round the address down to a multiple of SHMLBA.
        const RND = 0o20000;
        /// Replace what is mapped there.
        const REMAP = 0o40000;
        /// Attach for execution too.
        const EXEC = 0o100000;
        const _ = !0;
    }
}

bitflags! {
    /// The flags of `open` that matter to a store (asm-generic/fcntl.h; x86-64 and aarch64 differ in
    /// `O_DIRECTORY`, `O_NOFOLLOW`, `O_DIRECT` and `O_LARGEFILE` only, which the client strips).
    #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
    pub struct OpenFlags: i32 {
        /// Writing only.
        const WRONLY = 0o1;
        /// Reading and writing.
        const RDWR = 0o2;
        /// Create if absent.
        const CREAT = 0o100;
        /// Fail if present.
        const EXCL = 0o200;
        /// Truncate to nothing.
        const TRUNC = 0o1000;
        /// Write at the end.
        const APPEND = 0o2000;
        /// Do not block; kept for `F_GETFL`.
        const NONBLOCK = 0o4000;
        const _ = !0;
    }
}

impl OpenFlags {
    /// What the descriptor may do. Linux's `O_WRONLY|O_RDWR` (3) counts as both, see `ACC_MODE`, fs.h.
    pub const fn access(self) -> Access {
        match self.bits() & 0o3 {
            0 => Access::Read,
            1 => Access::Write,
            _ => Access::ReadWrite,
        }
    }
}

/// What a descriptor or a mapping may do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// Read only.
    Read,
    /// Write only.
    Write,
    /// Read and write.
    ReadWrite,
}

impl Access {
    /// Whether reading is among it.
    pub const fn reads(self) -> bool {
        !matches!(self, Access::Write)
    }

    /// Whether writing is among it.
    pub const fn writes(self) -> bool {
        !matches!(self, Access::Read)
    }
}
