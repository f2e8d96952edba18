//! A tmpfs of our own that is mounted nowhere: the kernel holds every writer of its files to its size.
//!
//! Owns: the mount, by its descriptor; the files in it die with their last descriptor or name, and the mount
//! with its last descriptor.
//! Leaves to others: who may have which file.
//! Not done: huge pages; the size of a mount made in a user namespace cannot be changed ([`Hidden::resize`]).

use crate::{Errno, Result, errno, fd::Identity, retry, text::Text, text::fd_path, userns};
use core::ffi::CStr;
use rustix::{
    fd::{AsFd, BorrowedFd, OwnedFd},
    fs::{self, AtFlags, CWD, Mode, OFlags},
    mount::{self, FsMountFlags, FsOpenFlags, FsPickFlags, MountAttrFlags},
};
use shmfs_abi::ByteLen;

/// A tmpfs without a place in any directory tree.
#[derive(Debug)]
pub struct Hidden<F = OwnedFd> {
    mount: F,
}

/// What a mount has room for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Room {
    /// All of it, in bytes.
    pub size: ByteLen,
    /// What is free, in bytes.
    pub free: ByteLen,
    /// Files and directories that it can hold.
    pub inodes: u64,
    /// How many more there can be.
    pub inodes_free: u64,
}

impl Hidden {
    /// Makes one of `size_bytes`, rounded up to pages, for `nr_inodes` files and its root directory, which
    /// belongs to the caller. A process that may not mount makes it by a child in a user namespace.
    ///
    /// # Errors
    /// `EPERM`, `EACCES` or `ENOSPC` where neither is allowed; as `fsopen(2)`.
    pub fn make(size_bytes: u64, nr_inodes: u64) -> Result<Hidden> {
        let mount = match mount_here(size_bytes, nr_inodes) {
            Err(Errno::EPERM) => userns::mount_by_child(size_bytes, nr_inodes)?,
            made => made?,
        };
        Ok(Hidden { mount })
    }

    /// Makes one by the child in a user namespace, as a process does that may not mount.
    ///
    /// # Errors
    /// As [`Hidden::make`].
    pub fn make_by_child(size_bytes: u64, nr_inodes: u64) -> Result<Hidden> {
        userns::mount_by_child(size_bytes, nr_inodes).map(|mount| Hidden { mount })
    }

    /// The mount's descriptor.
    pub fn into_fd(self) -> OwnedFd {
        self.mount
    }
}

impl<F: AsFd> Hidden<F> {
    /// The mount behind a descriptor that came out of [`into_fd`](Hidden::into_fd).
    pub const fn of(mount: F) -> Hidden<F> {
        Hidden { mount }
    }

    /// Creates a file that has no name; it can be given one by [`link`](Hidden::link). The umask applies.
    ///
    /// # Errors
    /// As `open(2)` with `O_TMPFILE`: `ENOSPC` beyond the mount's inodes.
    pub fn create_unnamed(&self, mode: u32) -> Result<OwnedFd> {
        self.open(b".", OFlags::TMPFILE, mode)
    }

    /// Creates a file with a name that must be absent. The umask applies.
    ///
    /// # Errors
    /// As `open(2)` with `O_CREAT|O_EXCL`.
    pub fn create(&self, name: &[u8], mode: u32) -> Result<OwnedFd> {
        self.open(name, OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW, mode)
    }

    fn open(&self, name: &[u8], flags: OFlags, mode: u32) -> Result<OwnedFd> {
        let flags = flags | OFlags::RDWR | OFlags::CLOEXEC;
        retry(|| fs::openat(&self.mount, name, flags, Mode::from_raw_mode(mode & 0o7777)))
    }

    /// Gives a name, which must be absent, to a file of this mount.
    ///
    /// # Errors
    /// As `linkat(2)`: `EEXIST`, `EXDEV` for a file of another mount.
    pub fn link(&self, file: BorrowedFd<'_>, name: &[u8]) -> Result<()> {
        let path = fd_path(file);
        fs::linkat(CWD, path.as_c_str(), &self.mount, name, AtFlags::SYMLINK_FOLLOW).map_err(errno)
    }

    /// Takes a name away.
    ///
    /// # Errors
    /// As `unlinkat(2)`.
    pub fn unlink(&self, name: &[u8]) -> Result<()> {
        fs::unlinkat(&self.mount, name, AtFlags::empty()).map_err(errno)
    }

    /// Gives a file one more name, which must be absent.
    ///
    /// # Errors
    /// As `linkat(2)`.
    pub fn link_name(&self, from: &[u8], to: &[u8]) -> Result<()> {
        fs::linkat(&self.mount, from, &self.mount, to, AtFlags::empty()).map_err(errno)
    }

    /// Renames a file; `flags` as of `renameat2(2)`.
    ///
    /// # Errors
    /// As `renameat2(2)`.
    pub fn rename(&self, from: &[u8], to: &[u8], flags: u32) -> Result<()> {
        let flags = fs::RenameFlags::from_bits_retain(flags);
        fs::renameat_with(&self.mount, from, &self.mount, to, flags).map_err(errno)
    }

    /// Which file has a name; nothing where none has.
    ///
    /// # Errors
    /// As `fstatat(2)`.
    pub fn named(&self, name: &[u8]) -> Result<Option<Identity>> {
        match fs::statat(&self.mount, name, AtFlags::SYMLINK_NOFOLLOW).map_err(errno) {
            #[allow(clippy::unnecessary_cast, reason = "the types differ by architecture")]
            Ok(stat) => Ok(Some(Identity { dev: stat.st_dev as u64, ino: stat.st_ino as u64 })),
            Err(Errno::ENOENT) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A descriptor of the root directory from which files can be looked up and nothing can be read (`O_PATH`).
    /// Whoever has it is bound by the modes of the files; the directory's own lets nobody but its owner
    /// change names.
    ///
    /// # Errors
    /// As `open(2)`.
    pub fn root(&self) -> Result<OwnedFd> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        retry(|| fs::openat(&self.mount, c".", flags, Mode::empty()))
    }

    /// What it has room for.
    ///
    /// # Errors
    /// As `fstatfs(2)`.
    pub fn room(&self) -> Result<Room> {
        let told = fs::fstatfs(&self.mount).map_err(errno)?;
        let unit = told.f_bsize as u64;
        Ok(Room {
            size: ByteLen(told.f_blocks * unit),
            free: ByteLen(told.f_bfree * unit),
            inodes: told.f_files,
            inodes_free: told.f_ffree,
        })
    }

    /// Changes its size to `size_bytes`. Needs the right to mount in the namespace that made it, which a
    /// process without privilege has lost with the child that made it.
    ///
    /// # Errors
    /// `EPERM`; `EINVAL` below what is in use (`shmem_reconfigure`, mm/shmem.c).
    pub fn resize(&self, size_bytes: u64) -> Result<()> {
        let flags = FsPickFlags::FSPICK_CLOEXEC | FsPickFlags::FSPICK_EMPTY_PATH;
        let picked = mount::fspick(&self.mount, c"", flags).map_err(errno)?;
        set_number(&picked, c"size", size_bytes)?;
        mount::fsconfig_reconfigure(&picked).map_err(errno)
    }

    /// The device number of its files (`st_dev`).
    ///
    /// # Errors
    /// As `fstat(2)`.
    pub fn dev(&self) -> Result<u64> {
        crate::fd::facts(&self.mount).map(|facts| facts.identity.dev)
    }
}

impl<F: AsFd> AsFd for Hidden<F> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.mount.as_fd()
    }
}

/// Makes the mount in this process, which must have the right to.
pub(crate) fn mount_here(size_bytes: u64, nr_inodes: u64) -> Result<OwnedFd> {
    let options = mount::fsopen(c"tmpfs", FsOpenFlags::FSOPEN_CLOEXEC).map_err(errno)?;
    set_number(&options, c"size", size_bytes)?;
    // The root directory is one of the inodes that the kernel counts.
    set_number(&options, c"nr_inodes", nr_inodes.saturating_add(1))?;
    mount::fsconfig_set_string(&options, c"mode", c"0755").map_err(errno)?;
    // Numbers for FUSE are made of an inode's number and its generation; before Linux 5.9 there was no other width.
    let _ = mount::fsconfig_set_flag(&options, c"inode32");
    mount::fsconfig_create(&options).map_err(errno)?;
    let attributes = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV;
    mount::fsmount(&options, FsMountFlags::FSMOUNT_CLOEXEC, attributes).map_err(errno)
}

fn set_number(options: &OwnedFd, key: &CStr, number: u64) -> Result<()> {
    let text = Text::<24>::new().number(number);
    mount::fsconfig_set_string(options, key, text.as_c_str()).map_err(errno)
}

/// Opens a file by its name in the root of a hidden tmpfs, as a program's own `open` does.
///
/// # Errors
/// As `openat(2)`: `ENOENT`, `EACCES`.
pub fn open_below(root: BorrowedFd<'_>, name: &[u8], write: bool) -> Result<OwnedFd> {
    let access = if write { OFlags::RDWR } else { OFlags::RDONLY };
    let flags = access | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    retry(|| fs::openat(root, name, flags, Mode::empty()))
}
