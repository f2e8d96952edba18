//! The state of segments.

use crate::{Error, Result, Store};
use shmfs_abi::sysv::SHM_DEST;
use shmfs_abi::{Call, Reply, Shmid};
use std::time::{Duration, SystemTime};

/// The state of a segment, as `shmctl(2)` tells it.
///
/// ```
/// let store = shmfs::Store::embedded()?;
/// let stat = store.private_segment(4096)?.stat()?;
/// assert_eq!((stat.key, stat.len, stat.mode, stat.attached), (0, 4096, 0o600, None));
/// # Ok::<(), shmfs::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct SegmentStat {
    /// Its key; 0, `IPC_PRIVATE`, where it has none or is removed.
    pub key: i32,
    /// Its length in bytes.
    pub len: u64,
    /// Its owner.
    pub uid: u32,
    /// Its owner's group.
    pub gid: u32,
    /// Its permission bits.
    pub mode: u32,
    /// Whether it is removed, and lives on for those who are attached.
    pub removed: bool,
    /// How often it is attached.
    pub attaches: u64,
    /// The process that made it.
    pub creator: i32,
    /// The process that attached or detached last; 0 for none.
    pub last: i32,
    /// When it was attached last; in whole seconds, as the next two.
    pub attached: Option<SystemTime>,
    /// When it was detached last.
    pub detached: Option<SystemTime>,
    /// When it was made, or its owner or mode changed.
    pub changed: Option<SystemTime>,
}

pub(super) fn stat(store: &Store, shmid: Shmid, verb: &str) -> Result<SegmentStat> {
    let tried = format_args!("cannot {verb} segment {}", shmid.0);
    let (Reply::Stat { stat, .. }, _) = store.ask(Call::ShmStat { shmid }, None, tried)? else {
        return Err(Error::nonsense(tried));
    };
    Ok(SegmentStat {
        key: stat.key.0,
        len: stat.size.0,
        uid: stat.perm.uid.0,
        gid: stat.perm.gid.0,
        mode: stat.perm.mode & 0o777,
        removed: stat.perm.mode & SHM_DEST != 0,
        attaches: stat.nattch,
        creator: stat.cpid.0,
        last: stat.lpid.0,
        attached: time(stat.atime),
        detached: time(stat.dtime),
        changed: time(stat.ctime),
    })
}

/// Seconds since the epoch, 0 for never.
fn time(seconds: i64) -> Option<SystemTime> {
    let seconds = u64::try_from(seconds).ok().filter(|&seconds| seconds > 0)?;
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}
