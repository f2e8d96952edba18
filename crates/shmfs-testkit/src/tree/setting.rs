//! Who plays, and what the machine is set to.

/// A user as the kernel sees one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct User {
    /// User.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Further groups.
    pub groups: Vec<u32>,
    /// With all capabilities.
    pub capable: bool,
}

/// What `/proc/sys/fs/protected_*` say, sysctl/fs.rst.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Guards {
    /// `protected_symlinks`.
    pub symlinks: u8,
    /// `protected_hardlinks`.
    pub hardlinks: u8,
    /// `protected_fifos`.
    pub fifos: u8,
    /// `protected_regular`.
    pub regular: u8,
}

/// How a tree begins, and among whom.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Setting {
    /// Never empty.
    pub users: Vec<User>,
    /// The guards.
    pub guards: Guards,
    /// The root directory's mode.
    pub root_mode: u32,
    /// Its user and group.
    pub root_owner: (u32, u32),
}

impl Setting {
    /// Root, and two users with a group in common.
    pub fn of_root(root_mode: u32, guards: Guards) -> Setting {
        let user = |uid| User { uid, gid: uid, groups: vec![uid, 1100], capable: false };
        let root = User { uid: 0, gid: 0, groups: vec![0], capable: true };
        Setting { users: vec![root, user(1001), user(1002)], guards, root_mode, root_owner: (0, 0) }
    }

    /// One of the users.
    pub fn user(&self, who: usize) -> &User {
        &self.users[who % self.users.len()]
    }
}
