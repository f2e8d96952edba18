//! How a store begins: its directory, its socket, its memory, and the first record of its journal.
//!
//! What is made here outlives every broker of the store: the keeper holds it.

use crate::StartError;
use crate::directory;
use crate::heads;
use crate::linux::{Linux, MappedPages};
use crate::os::Os;
use crate::state::{self, State};
use rustix::fd::{AsRawFd, OwnedFd};
use shmfs_abi::store::Admission;
use shmfs_abi::{Backing, ByteLen, Errno, Gid, OpenFlags, PAGE_SIZE, ShmLimits, Uid, limits};
use shmfs_core::Namespace;
use shmfs_journal::{Journal, MountRecord, ObjectRecord, Record, StoreRecord};
use shmfs_sys::tmpfs::Hidden;
use shmfs_sys::{fd, memfd};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// What a store is to be.
pub struct Config {
    /// Its directory; made, and removed at the end.
    pub dir: PathBuf,
    /// The limit of both doors together, in bytes.
    pub size: ByteLen,
    /// Whether pages in memory are charged in place of sizes.
    pub sparse: bool,
    /// Whether every page is made when its size is charged.
    pub reserve: bool,
    /// The limits of System V segments.
    pub limits: ShmLimits,
    /// Who may enter.
    pub admission: Admission,
    /// When it ends.
    pub lifetime: Lifetime,
    /// Whether what nobody uses and whose creator has died is removed.
    pub reap: bool,
    /// The directory of durable objects, where there is one.
    pub state: Option<PathBuf>,
    /// The socket, where somebody else listens for us already (sd_listen_fds(3)).
    pub listener: Option<OwnedFd>,
}

/// When a store ends.
pub enum Lifetime {
    /// When it is told to.
    Forever,
    /// When its mount is gone and no client is left.
    UntilUnmounted,
    /// When `hold`, the reading end of a pipe, is at its end and no client is left; with `kill` at once.
    UntilHoldEnds {
        /// The reading end of a pipe whose writing end lives as long as the store's command.
        hold: OwnedFd,
        /// Whether the store ends although clients are left.
        kill: bool,
    },
}

/// A store without a broker. Whoever has it keeps the store.
pub struct Founded {
    /// The journal's pages.
    pub pages: MappedPages,
    /// The descriptors that its first records name.
    pub fds: Vec<OwnedFd>,
}

/// Founds a store: when this returns, programs can connect, and wait for a broker.
///
/// # Errors
/// The directory is taken by a living broker, cannot be made, or the kernel refuses a facility.
pub fn found(config: Config) -> Result<Founded, StartError> {
    let hidden = Hidden::make(config.size.pages().bytes().0, inodes())
        .inspect_err(|errno| {
            tracing::info!(errno = errno.name(), "no hidden tmpfs; POSIX objects are memfds")
        })
        .ok();
    let sample = match &hidden {
        Some(hidden) => hidden.create_unnamed(0o600),
        None => memfd::create(c"shmfs-probe", false),
    };
    let sample =
        sample.and_then(|sample| fd::facts(&sample)).map_err(StartError::kernel("memory for objects"))?;
    let posix = if hidden.is_some() { Backing::TmpfsFile } else { Backing::Memfd };
    let owner = (Uid(rustix::process::geteuid().as_raw()), Gid(rustix::process::getegid().as_raw()));
    let os = Linux::new().map_err(StartError::kernel("an epoll set or an inotify queue"))?;
    let namespace = Namespace::new(shmfs_core::Config {
        size: config.size,
        sparse: config.sparse,
        reserve: config.reserve,
        limits: config.limits,
        posix,
        durable: config.state.is_some(),
        protected_regular: sysctl("protected_regular"),
        protected_hardlinks: sysctl("protected_hardlinks") != 0,
        owner,
        boot: os.now(),
    });
    let state = config.state.as_deref().map(|dir| state::load(dir, config.sparse, os.now())).transpose()?;
    let listener = directory::open(&config.dir, config.listener)?;
    let until_unmounted = matches!(config.lifetime, Lifetime::UntilUnmounted);
    let (hold, kill) = match config.lifetime {
        Lifetime::Forever | Lifetime::UntilUnmounted => (None, false),
        Lifetime::UntilHoldEnds { hold, kill } => (Some(hold), kill),
    };
    let hidden = hidden.map(Hidden::into_fd);
    let number = |fd: &Option<OwnedFd>| fd.as_ref().map_or(-1, AsRawFd::as_raw_fd);
    let mut image = namespace.image();
    let state = state.unwrap_or_default();
    heads::make_room(&mut image, state.highest, state.objects.iter().map(|record| &record.image));
    let State { path, lock, objects, fds, .. } = state;
    let record = StoreRecord {
        image,
        dir: config.dir.as_os_str().as_bytes().to_vec(),
        state: path,
        state_lock: number(&lock),
        listener: listener.as_raw_fd(),
        hidden: number(&hidden),
        hold: number(&hold),
        kill,
        reap: config.reap,
        command_ended: false,
        mount: MountRecord::default(),
        until_unmounted,
        admission: config.admission,
        posix_dev: sample.identity.dev,
        next_connection: 1,
        next_client: 1,
        next_writer: 0,
    };
    let pages = first_records(record, objects).map_err(StartError::kernel("memory for the journal"))?;
    tracing::info!(dir = %config.dir.display(), size = config.size.0, backing = posix.text(), "founded");
    let fds = [Some(listener), hidden, hold, lock].into_iter().flatten().chain(fds).collect();
    Ok(Founded { pages, fds })
}

fn first_records(record: StoreRecord, objects: Vec<ObjectRecord>) -> Result<MappedPages, Errno> {
    let mut journal = Journal::create(MappedPages::create()?)?;
    journal.put(&Record::Store(record))?;
    for object in objects {
        journal.put(&Record::Object(object))?;
    }
    journal.commit();
    let number = journal.pages().number();
    // The journal's own view of it goes; the file stays under its number.
    let kept = fd::with_number(number, |fd| fd::reopen(fd, OpenFlags::RDWR))?;
    drop(journal);
    MappedPages::of(kept)
}

/// Inodes of the hidden tmpfs, where there may be a whole tree: half of the pages of memory, as the kernel has it for any
/// tmpfs (`shmem_default_max_inodes`, mm/shmem.c), and no fewer than the objects that a store may have.
fn inodes() -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total = text.lines().find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix(" kB"));
    let pages = total.and_then(|total| total.parse::<u64>().ok()).map_or(0, |kib| kib * 1024 / PAGE_SIZE);
    (pages / 2).max(limits::OBJECTS as u64 + 16)
}

/// A number of this host below /proc/sys/fs (Documentation/admin-guide/sysctl/fs.rst).
fn sysctl(name: &str) -> u8 {
    let text = std::fs::read_to_string(format!("/proc/sys/fs/{name}")).unwrap_or_default();
    text.trim().parse().unwrap_or(0)
}
