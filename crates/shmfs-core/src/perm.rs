//! The rules of permission: System V's (ipc/util.c) and those of files (fs/namei.c).

use crate::inode::Inode;
use bitflags::bitflags;
use shmfs_abi::{Access, Caps, Cred, IpcPerm};

bitflags! {
    /// What is asked for, as in one class of a mode.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub(crate) struct Rights: u32 {
        const READ = 4;
        const WRITE = 2;
        const EXEC = 1;
    }
}

impl Rights {
    /// Everything that any class of this mode names: how `shmget` asks for rights.
    pub(crate) fn named_in(mode: u32) -> Rights {
        Rights::from_bits_truncate((mode >> 6) | (mode >> 3) | mode)
    }

    pub(crate) fn of_access(access: Access) -> Rights {
        match access {
            Access::Read => Rights::READ,
            Access::Write => Rights::WRITE,
            Access::ReadWrite => Rights::READ | Rights::WRITE,
        }
    }

    fn within(self, class: u32) -> bool {
        Rights::from_bits_truncate(class).contains(self)
    }
}

/// Whether a System V object may be used so (`ipcperms`, ipc/util.c). Creator and owner count alike.
pub(crate) fn ipc_allows(perm: &IpcPerm, caller: &Cred, asked: Rights) -> bool {
    let class = if caller.uid == perm.cuid || caller.uid == perm.uid {
        perm.mode >> 6
    } else if caller.in_group(perm.cgid) || caller.in_group(perm.gid) {
        perm.mode >> 3
    } else {
        perm.mode
    };
    asked.within(class) || caller.caps.contains(Caps::IPC_OWNER)
}

/// Whether a System V object may be removed and its owner be changed (`ipcctl_obtain_check`, ipc/util.c).
pub(crate) fn ipc_controls(perm: &IpcPerm, caller: &Cred) -> bool {
    caller.uid == perm.cuid || caller.uid == perm.uid || caller.caps.contains(Caps::SYS_ADMIN)
}

/// Whether a regular file may be opened so (`generic_permission`, fs/namei.c).
pub(crate) fn file_allows(inode: &Inode, caller: &Cred, asked: Rights) -> bool {
    let class = if caller.uid == inode.uid {
        inode.mode >> 6
    } else if caller.in_group(inode.gid) {
        inode.mode >> 3
    } else {
        inode.mode
    };
    asked.within(class)
        || caller.caps.contains(Caps::DAC_OVERRIDE)
        || asked == Rights::READ && caller.caps.contains(Caps::DAC_READ_SEARCH)
}

/// Whether the caller acts as the file's owner (`inode_owner_or_capable`, fs/inode.c).
pub(crate) fn file_owns(inode: &Inode, caller: &Cred) -> bool {
    caller.uid == inode.uid || caller.caps.contains(Caps::FOWNER)
}

#[cfg(test)]
mod tests {
    use super::*;
    use shmfs_abi::{Gid, Groups, Pid, Time, Uid};

    fn cred(uid: u32, gid: u32, group: u32, caps: Caps) -> Cred {
        Cred { pid: Pid(1), uid: Uid(uid), gid: Gid(gid), groups: Groups::new([Gid(group)]), caps }
    }

    #[track_caller]
    fn check_ipc(mode: u32, caller: Cred, asked: Rights, expected: bool) {
        let perm = IpcPerm { uid: Uid(1), gid: Gid(1), cuid: Uid(2), cgid: Gid(2), mode };
        assert_eq!(ipc_allows(&perm, &caller, asked), expected);
    }

    #[test]
    fn the_first_class_that_fits_decides_for_segments() {
        let none = Caps::empty();
        check_ipc(0o600, cred(1, 9, 9, none), Rights::READ | Rights::WRITE, true);
        check_ipc(0o600, cred(2, 9, 9, none), Rights::READ | Rights::WRITE, true);
        check_ipc(0o077, cred(2, 2, 2, none), Rights::READ, false);
        check_ipc(0o060, cred(9, 1, 9, none), Rights::WRITE, true);
        check_ipc(0o060, cred(9, 2, 9, none), Rights::WRITE, true);
        check_ipc(0o060, cred(9, 9, 2, none), Rights::WRITE, true);
        check_ipc(0o040, cred(9, 9, 1, none), Rights::WRITE, false);
        check_ipc(0o704, cred(9, 1, 9, none), Rights::READ, false);
        check_ipc(0o004, cred(9, 9, 9, none), Rights::READ, true);
        check_ipc(0o004, cred(9, 9, 9, none), Rights::READ | Rights::EXEC, false);
        check_ipc(0o000, cred(9, 9, 9, Caps::IPC_OWNER), Rights::all(), true);
        check_ipc(0o000, cred(0, 0, 0, Caps::all() - Caps::IPC_OWNER), Rights::READ, false);
        check_ipc(0o000, cred(9, 9, 9, none), Rights::empty(), true);
    }

    #[track_caller]
    fn check_file(mode: u32, caller: Cred, asked: Rights, expected: bool) {
        let (uid, gid, creator, created) = (Uid(1), Gid(1), Pid(1), Time::default());
        let inode = Inode { uid, gid, mode, links: 1, creator, created, orphaned: false };
        assert_eq!(file_allows(&inode, &caller, asked), expected);
    }

    #[test]
    fn the_first_class_that_fits_decides_for_files() {
        let none = Caps::empty();
        check_file(0o600, cred(1, 9, 9, none), Rights::READ | Rights::WRITE, true);
        check_file(0o066, cred(1, 1, 1, none), Rights::READ, false);
        check_file(0o060, cred(9, 1, 9, none), Rights::WRITE, true);
        check_file(0o060, cred(9, 9, 1, none), Rights::WRITE, true);
        check_file(0o606, cred(9, 9, 1, none), Rights::READ, false);
        check_file(0o006, cred(9, 9, 9, none), Rights::READ | Rights::WRITE, true);
        check_file(0o000, cred(9, 9, 9, Caps::DAC_OVERRIDE), Rights::READ | Rights::WRITE, true);
        check_file(0o000, cred(9, 9, 9, Caps::DAC_READ_SEARCH), Rights::READ, true);
        check_file(0o000, cred(9, 9, 9, Caps::DAC_READ_SEARCH), Rights::READ | Rights::WRITE, false);
        check_file(0o000, cred(0, 0, 0, none), Rights::READ, false);
    }

    #[test]
    fn a_mode_asks_for_what_any_class_names() {
        for (mode, expected) in [
            (0, Rights::empty()),
            (0o600, Rights::READ | Rights::WRITE),
            (0o040, Rights::READ),
            (0o412, Rights::all()),
            (0o7000, Rights::empty()),
        ] {
            assert_eq!(Rights::named_in(mode), expected, "{mode:o}");
        }
    }
}
