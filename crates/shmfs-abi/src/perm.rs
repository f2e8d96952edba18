//! Owner, creator and mode of a System V object.

use crate::{Gid, Uid};

/// `kern_ipc_perm`: who owns, who created, and who may do what.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct IpcPerm {
    /// Owner.
    pub uid: Uid,
    /// Owner's group.
    pub gid: Gid,
    /// Creator.
    pub cuid: Uid,
    /// Creator's group.
    pub cgid: Gid,
    /// The nine permission bits and `SHM_DEST`, `SHM_LOCKED`.
    pub mode: u32,
}
