//! What the kernel asks: a head, a fixed part, and names or bytes behind it.

use shmfs_abi::Errno;
use std::ffi::CStr;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

macro_rules! layouts {
    ($($(#[$doc:meta])* $name:ident { $($field:ident: $type:ty),* $(,)? } = $bytes:literal;)*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
            #[allow(missing_docs, reason = "fields have the header's names")]
            #[repr(C)]
            pub struct $name { $(pub $field: $type),* }
            const _: () = assert!(size_of::<$name>() == $bytes, "the header's size");
        )*
    };
}
pub(super) use layouts;

layouts! {
    /// `fuse_in_header`
    InHeader { len: u32, opcode: u32, unique: u64, nodeid: u64, uid: u32, gid: u32, pid: u32, total_extlen: u16, padding: u16 } = 40;
    /// `fuse_init_in` as far as it is used; older kernels send less.
    InitIn { major: u32, minor: u32, max_readahead: u32, flags: u32 } = 16;
    /// `fuse_getattr_in`
    GetattrIn { flags: u32, dummy: u32, fh: u64 } = 16;
    /// `fuse_statx_in`
    StatxIn { flags: u32, reserved: u32, fh: u64, sx_flags: u32, sx_mask: u32 } = 24;
    /// `fuse_setattr_in`
    SetattrIn {
        valid: u32, padding: u32, fh: u64, size: u64, lock_owner: u64, atime: u64, mtime: u64, ctime: u64,
        atimensec: u32, mtimensec: u32, ctimensec: u32, mode: u32, unused4: u32, uid: u32, gid: u32, unused5: u32,
    } = 88;
    /// `fuse_mknod_in`
    MknodIn { mode: u32, rdev: u32, umask: u32, padding: u32 } = 16;
    /// `fuse_mkdir_in`
    MkdirIn { mode: u32, umask: u32 } = 8;
    /// `fuse_rename_in`
    RenameIn { newdir: u64 } = 8;
    /// `fuse_rename2_in`
    Rename2In { newdir: u64, flags: u32, padding: u32 } = 16;
    /// `fuse_link_in`
    LinkIn { oldnodeid: u64 } = 8;
    /// `fuse_open_in`
    OpenIn { flags: u32, open_flags: u32 } = 8;
    /// `fuse_create_in`
    CreateIn { flags: u32, mode: u32, umask: u32, open_flags: u32 } = 16;
    /// `fuse_release_in`
    ReleaseIn { fh: u64, flags: u32, release_flags: u32, lock_owner: u64 } = 24;
    /// `fuse_read_in`
    ReadIn { fh: u64, offset: u64, size: u32, read_flags: u32, lock_owner: u64, flags: u32, padding: u32 } = 40;
    /// `fuse_setxattr_in`
    SetxattrIn { size: u32, flags: u32, setxattr_flags: u32, padding: u32 } = 16;
    /// `fuse_getxattr_in`
    GetxattrIn { size: u32, padding: u32 } = 8;
    /// `fuse_forget_one`; alone, its second word is a `fuse_forget_in`.
    ForgetOne { nodeid: u64, nlookup: u64 } = 16;
    /// `fuse_batch_forget_in`
    BatchForgetIn { count: u32, dummy: u32 } = 8;
    /// `fuse_ioctl_in`
    IoctlIn { fh: u64, flags: u32, cmd: u32, arg: u64, in_size: u32, out_size: u32 } = 32;
    /// `fuse_fallocate_in`
    FallocateIn { fh: u64, offset: u64, length: u64, mode: u32, padding: u32 } = 32;
    /// `fuse_lseek_in`
    LseekIn { fh: u64, offset: u64, whence: u32, padding: u32 } = 24;
    /// `fuse_copy_file_range_in`
    CopyFileRangeIn { fh_in: u64, off_in: u64, nodeid_out: u64, fh_out: u64, off_out: u64, len: u64, flags: u64 } = 56;
}

/// What stands behind the head of a request and is not read yet.
#[derive(Clone, Copy, Debug)]
pub struct Body<'r> {
    bytes: &'r [u8],
}

/// Splits a request into its head and its body.
///
/// # Errors
/// `EINVAL` where it is shorter than its head, or of another length than it says.
pub fn split(request: &[u8]) -> Result<(InHeader, Body<'_>), Errno> {
    let (header, _) = InHeader::read_from_prefix(request).map_err(|_| Errno::EINVAL)?;
    if header.len as usize != request.len() {
        return Err(Errno::EINVAL);
    }
    // Behind the body there may be extensions, which nobody has agreed on.
    let end = request.len().checked_sub(usize::from(header.total_extlen) * 8).ok_or(Errno::EINVAL)?;
    let bytes = request.get(size_of::<InHeader>()..end).ok_or(Errno::EINVAL)?;
    Ok((header, Body { bytes }))
}

impl<'r> Body<'r> {
    /// Takes a fixed part.
    ///
    /// # Errors
    /// `EINVAL` where there is less.
    pub fn take<T: FromBytes>(&mut self) -> Result<T, Errno> {
        let (part, rest) = T::read_from_prefix(self.bytes).map_err(|_| Errno::EINVAL)?;
        self.bytes = rest;
        Ok(part)
    }

    /// Takes a text that ends with a NUL.
    ///
    /// # Errors
    /// `EINVAL` where no NUL follows.
    pub fn text(&mut self) -> Result<&'r CStr, Errno> {
        let text = CStr::from_bytes_until_nul(self.bytes).map_err(|_| Errno::EINVAL)?;
        self.bytes = self.bytes.get(text.count_bytes() + 1..).unwrap_or_default();
        Ok(text)
    }

    /// Takes a name in a directory.
    ///
    /// # Errors
    /// `EINVAL` where it is none: the kernel resolves paths, `.` and `..` itself.
    pub fn name(&mut self) -> Result<&'r CStr, Errno> {
        let name = self.text()?;
        let bytes = name.to_bytes();
        if bytes.is_empty() || bytes == b"." || bytes == b".." || bytes.contains(&b'/') {
            return Err(Errno::EINVAL);
        }
        Ok(name)
    }

    /// Takes this many bytes.
    ///
    /// # Errors
    /// `EINVAL` where there are fewer.
    pub fn bytes(&mut self, len: usize) -> Result<&'r [u8], Errno> {
        let (taken, rest) = self.bytes.split_at_checked(len).ok_or(Errno::EINVAL)?;
        self.bytes = rest;
        Ok(taken)
    }
}
