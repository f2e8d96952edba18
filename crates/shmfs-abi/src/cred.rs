//! Who is asking.

use crate::{Gid, Pid, Uid, limits::GROUPS};
use bitflags::bitflags;

bitflags! {
    /// The capabilities that a rule of Linux asks for (include/uapi/linux/capability.h).
    /// The bit is `1 << number`, as in the `CapEff` line of /proc/PID/status.
    #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
    pub struct Caps: u64 {
        /// Bypass permission of files.
        const DAC_OVERRIDE = 1 << 1;
        /// Bypass permission of files for reading.
        const DAC_READ_SEARCH = 1 << 2;
        /// Act as the owner of files.
        const FOWNER = 1 << 3;
        /// Lock memory.
        const IPC_LOCK = 1 << 14;
        /// Bypass permission of System V objects.
        const IPC_OWNER = 1 << 15;
        /// Act as the owner of System V objects.
        const SYS_ADMIN = 1 << 21;
        /// Exceed limits.
        const SYS_RESOURCE = 1 << 24;
    }
}

/// Supplementary groups: at most [`GROUPS`] of them are considered.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Groups {
    len: u8,
    list: [Gid; GROUPS],
}

impl Groups {
    /// No groups.
    pub const NONE: Groups = Groups { len: 0, list: [Gid(0); GROUPS] };

    /// The first [`GROUPS`] of `groups`.
    pub fn new(groups: impl IntoIterator<Item = Gid>) -> Groups {
        let mut all = Groups::NONE;
        for group in groups.into_iter().take(GROUPS) {
            all.list[usize::from(all.len)] = group;
            all.len += 1;
        }
        all
    }

    /// The groups.
    pub fn as_slice(&self) -> &[Gid] {
        &self.list[..usize::from(self.len)]
    }
}

impl core::fmt::Debug for Groups {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.as_slice().fmt(f)
    }
}

/// The asking process, as the kernel told the broker about it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cred {
    /// The process.
    pub pid: Pid,
    /// Its effective user.
    pub uid: Uid,
    /// Its effective group.
    pub gid: Gid,
    /// Its supplementary groups.
    pub groups: Groups,
    /// Its effective capabilities, as far as rules ask for them.
    pub caps: Caps,
}

impl Cred {
    /// Whether the process is in `group` (`in_group_p`, kernel/groups.c).
    pub fn in_group(&self, group: Gid) -> bool {
        self.gid == group || self.groups.as_slice().contains(&group)
    }
}
