//! What a store of the tests is set to, and who its users are.

use shmfs_abi::{Backing, ByteLen, Caps, Cred, Gid, Groups, PAGE_SIZE, Pid, ShmLimits, Time, Uid, limits};
use shmfs_core::Config;

/// Users of a store. Each is a process, a user and a group of the same number; the last is in the group before its own
/// too.
pub const USERS: u8 = 4;

/// Pages of the store: few, so that it is full now and then.
pub(crate) const PAGES: u64 = 24;

/// What stays as it is while a sequence is played.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Setting {
    /// Pages in memory are charged in place of sizes.
    pub sparse: bool,
    /// Every page is made when its size is charged.
    pub reserve: bool,
    /// fs.protected_regular
    pub protected_regular: u8,
    /// fs.protected_hardlinks
    pub protected_hardlinks: bool,
    /// Whether there is a state directory, for durable objects.
    pub durable: bool,
    /// The user who owns the root directory.
    pub owner: u8,
    /// What each user may besides.
    pub caps: [Caps; USERS as usize],
}

impl Default for Setting {
    /// Nothing is protected, and user 0 is root with all its capabilities.
    fn default() -> Setting {
        let caps = [Caps::all(), Caps::empty(), Caps::empty(), Caps::empty()];
        let (sparse, reserve, durable) = (false, false, false);
        Setting { sparse, reserve, protected_regular: 0, protected_hardlinks: false, durable, owner: 0, caps }
    }
}

impl Setting {
    pub(crate) fn config(&self) -> Config {
        let (owner, shmmax) = (u32::from(self.owner), limits::DEFAULT_SHMMAX);
        Config {
            size: ByteLen(PAGES * PAGE_SIZE),
            sparse: self.sparse,
            reserve: self.reserve,
            limits: ShmLimits { shmmax, shmmni: limits::DEFAULT_SHMMNI, shmall: shmmax },
            posix: Backing::TmpfsFile,
            durable: self.durable,
            protected_regular: self.protected_regular,
            protected_hardlinks: self.protected_hardlinks,
            owner: (Uid(owner), Gid(owner)),
            boot: Time::default(),
        }
    }

    pub(crate) fn cred(&self, who: u8) -> Cred {
        let who = who % USERS;
        let (uid, gid) = (Uid(u32::from(who)), Gid(u32::from(who)));
        let groups = if who == USERS - 1 { Groups::new([Gid(gid.0 - 1)]) } else { Groups::NONE };
        Cred { pid: pid(who), uid, gid, groups, caps: self.caps[usize::from(who)] }
    }
}

pub(crate) fn pid(who: u8) -> Pid {
    Pid(100 + i32::from(who))
}
