//! Descriptors: what the file behind one is, an own description of it, its size, owner and mode.
//!
//! Owns: raw numbers that C programs pass.
//! Leaves to others: creating files (`memfd`, `tmpfs`).

use crate::{Result, errno, retry, text::fd_path};
use core::ffi::CStr;
use rustix::{
    fd::{AsFd, BorrowedFd, OwnedFd, RawFd},
    fs::{self, FallocateFlags, Mode, OFlags},
    io, process,
};
use shmfs_abi::{ByteLen, Errno, Gid, OpenFlags, PAGE_SIZE, Uid};

/// Which file it is: device and inode, the same for every descriptor of it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Identity {
    /// `st_dev`.
    pub dev: u64,
    /// `st_ino`.
    pub ino: u64,
}

/// What one `fstat` tells.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Facts {
    /// Which file.
    pub identity: Identity,
    /// Its length in bytes.
    pub size: ByteLen,
    /// What it has in memory, in bytes.
    pub allocated: ByteLen,
    /// Its names.
    pub links: u64,
    /// Type and permission bits (`st_mode`).
    pub mode: u32,
    /// Owner.
    pub uid: Uid,
    /// Owner's group.
    pub gid: Gid,
}

const S_IFMT: u32 = 0o170_000;
const S_IFREG: u32 = 0o100_000;
const S_IFDIR: u32 = 0o040_000;

impl Facts {
    /// Whether it is a regular file, as objects are.
    pub const fn is_regular(&self) -> bool {
        self.mode & S_IFMT == S_IFREG
    }

    /// Whether it holds names.
    pub const fn is_directory(&self) -> bool {
        self.mode & S_IFMT == S_IFDIR
    }
}

/// The unit of `st_blocks` (stat(3type)).
const STAT_BLOCK: u64 = 512;

/// The lowest number that [`raise`] tries for: above what shells and `select` use, below the usual soft limit
/// of 1024, so that the descriptor table stays small.
const RAISED: u64 = 960;

/// What the file behind `fd` is.
///
/// # Errors
/// As `fstat(2)`.
pub fn facts(fd: impl AsFd) -> Result<Facts> {
    let stat = fs::fstat(fd).map_err(errno)?;
    #[allow(
        clippy::useless_conversion,
        clippy::unnecessary_cast,
        reason = "the types differ by architecture"
    )]
    Ok(Facts {
        identity: Identity { dev: stat.st_dev as u64, ino: stat.st_ino as u64 },
        size: ByteLen(stat.st_size as u64),
        allocated: ByteLen(stat.st_blocks as u64 * STAT_BLOCK),
        links: u64::from(stat.st_nlink),
        mode: stat.st_mode,
        uid: Uid(stat.st_uid),
        gid: Gid(stat.st_gid),
    })
}

/// When the inode behind `fd` changed last (`st_ctime`), in nanoseconds since the epoch.
///
/// # Errors
/// As `fstat(2)`.
pub fn changed(fd: impl AsFd) -> Result<u64> {
    let stat = fs::fstat(fd).map_err(errno)?;
    #[allow(clippy::unnecessary_cast, reason = "the types differ by architecture")]
    Ok((stat.st_ctime as u64).saturating_mul(1_000_000_000).saturating_add(stat.st_ctime_nsec as u64))
}

/// Lends the descriptor that a C program names by `number` to `act`.
///
/// The program may close the number at any time, in another thread too; then `act` meets `EBADF` or another
/// file, as the program's own call would have.
///
/// # Errors
/// `EBADF` for a negative number; else what `act` returns.
pub fn with_number<R>(number: RawFd, act: impl FnOnce(BorrowedFd<'_>) -> Result<R>) -> Result<R> {
    if number < 0 {
        return Err(Errno::EBADF);
    }
    // SAFETY: the number is not -1, and it is lent to system calls only, which check it; the reference ends
    // with `act`.
    let fd = unsafe { BorrowedFd::borrow_raw(number) };
    act(fd)
}

/// What the file behind a raw number is, or nothing if the number is not open.
pub fn identify_raw(number: RawFd) -> Option<Facts> {
    with_number(number, |fd| facts(fd)).ok()
}

/// Moves a descriptor to a high number, out of the way of programs that count on low ones; close-on-exec.
/// Where there is no room it stays where it is.
pub fn raise(fd: OwnedFd) -> OwnedFd {
    let soft = process::getrlimit(process::Resource::Nofile).current.unwrap_or(u64::MAX);
    let lowest = soft.saturating_sub(64).min(RAISED);
    io::fcntl_dupfd_cloexec(&fd, lowest as RawFd).unwrap_or(fd)
}

/// A second descriptor of the same description, with a high number where there is room; close-on-exec.
///
/// # Errors
/// `EMFILE`.
pub fn duplicate(fd: BorrowedFd<'_>) -> Result<OwnedFd> {
    io::fcntl_dupfd_cloexec(fd, 0).map(raise).map_err(errno)
}

/// Whether the process can open one descriptor more.
///
/// # Errors
/// `EMFILE`.
pub fn has_number(fd: BorrowedFd<'_>) -> Result<()> {
    io::fcntl_dupfd_cloexec(fd, 0).map(drop).map_err(errno)
}

/// Opens the file behind `fd` once more: an own description with the access and the status flags
/// (`O_APPEND`, `O_NONBLOCK`) of `flags`; close-on-exec. Permission is asked of the caller.
///
/// # Errors
/// As `open(2)`; `ENOENT` where /proc is not mounted.
pub fn reopen(fd: BorrowedFd<'_>, flags: OpenFlags) -> Result<OwnedFd> {
    const ACCESS: i32 = 0o3;
    let kept = flags.bits() & (ACCESS | OpenFlags::APPEND.bits() | OpenFlags::NONBLOCK.bits());
    let flags = OFlags::from_bits_retain(kept as u32) | OFlags::CLOEXEC;
    retry(|| fs::open(fd_path(fd).as_c_str(), flags, Mode::empty()))
}

/// Access and status flags of a description (`F_GETFL`).
///
/// # Errors
/// As `fcntl(2)`.
pub fn access(fd: impl AsFd) -> Result<OpenFlags> {
    let flags = fs::fcntl_getfl(fd).map_err(errno)?;
    Ok(OpenFlags::from_bits_retain(flags.bits() as i32))
}

/// Sets the length of a file.
///
/// # Errors
/// As `ftruncate(2)`.
pub fn truncate(fd: impl AsFd, size: ByteLen) -> Result<()> {
    retry(|| fs::ftruncate(&fd, size.0))
}

/// Gives a range of a file its pages, and the file the length that the range needs (`fallocate`, mode 0).
///
/// # Errors
/// As `fallocate(2)`.
pub fn allocate(fd: impl AsFd, offset: ByteLen, len: ByteLen) -> Result<()> {
    retry(|| fs::fallocate(&fd, FallocateFlags::empty(), offset.0, len.0))
}

/// Takes the pages out of a range of a file; its length stays.
///
/// # Errors
/// As `fallocate(2)`.
pub fn punch(fd: impl AsFd, offset: ByteLen, len: ByteLen) -> Result<()> {
    let mode = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    retry(|| fs::fallocate(&fd, mode, offset.0, len.0))
}

/// Sets owner and group of a file.
///
/// # Errors
/// As `fchown(2)`.
pub fn chown(fd: impl AsFd, uid: Uid, gid: Gid) -> Result<()> {
    let (uid, gid) = (fs::Uid::from_raw(uid.0), fs::Gid::from_raw(gid.0));
    fs::fchown(fd, Some(uid), Some(gid)).map_err(errno)
}

/// Sets the permission bits of a file.
///
/// # Errors
/// As `fchmod(2)`.
pub fn chmod(fd: impl AsFd, mode: u32) -> Result<()> {
    fs::fchmod(fd, Mode::from_raw_mode(mode & 0o7777)).map_err(errno)
}

/// Sets or clears close-on-exec.
///
/// # Errors
/// As `fcntl(2)`.
pub fn set_cloexec(fd: impl AsFd, cloexec: bool) -> Result<()> {
    let flags = if cloexec { io::FdFlags::CLOEXEC } else { io::FdFlags::empty() };
    io::fcntl_setfd(fd, flags).map_err(errno)
}

/// Whether the file is on a tmpfs; memfds are too.
///
/// # Errors
/// As `fstatfs(2)`.
pub fn is_tmpfs(fd: impl AsFd) -> Result<bool> {
    const TMPFS_MAGIC: u64 = 0x0102_1994;
    Ok(fs::fstatfs(fd).map_err(errno)?.f_type as u64 == TMPFS_MAGIC)
}

/// Bytes of one page of a file, when it is mapped: huge ones of hugetlbfs, else those of the machine.
///
/// # Errors
/// As `fstatfs(2)`.
pub fn page_bytes(fd: impl AsFd) -> Result<usize> {
    const HUGETLBFS_MAGIC: u64 = 0x958_458f6;
    let system = fs::fstatfs(fd).map_err(errno)?;
    Ok(if system.f_type as u64 == HUGETLBFS_MAGIC { system.f_bsize as usize } else { PAGE_SIZE as usize })
}

/// Writes all of `bytes` at the description's position.
///
/// # Errors
/// As `write(2)`.
pub fn write_all(fd: impl AsFd, mut bytes: &[u8]) -> Result<()> {
    while !bytes.is_empty() {
        let written = retry(|| io::write(&fd, bytes))?;
        bytes = bytes.get(written..).unwrap_or_default();
    }
    Ok(())
}

/// Sets the position of a description to its start.
///
/// # Errors
/// As `lseek(2)`.
pub fn rewind(fd: impl AsFd) -> Result<()> {
    fs::seek(fd, fs::SeekFrom::Start(0)).map(drop).map_err(errno)
}

/// Reads the beginning of a file, as much as one `read` gives into `buffer`; returns its length.
///
/// # Errors
/// As `open(2)` and `read(2)`.
pub fn read_start(path: &CStr, buffer: &mut [u8]) -> Result<usize> {
    let fd = retry(|| fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOCTTY, Mode::empty()))?;
    retry(|| io::read(&fd, &mut *buffer))
}
