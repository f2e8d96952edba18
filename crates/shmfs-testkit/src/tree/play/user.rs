//! Being another user, for one thread.

use crate::tree::User;
use rustix::process::{Gid, Uid, getegid, geteuid, getgroups};
use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};

/// Whether this thread may become any user.
pub(super) fn may_switch() -> bool {
    geteuid().is_root()
}

/// Who this thread is.
pub(super) fn oneself() -> User {
    let (uid, gid) = (geteuid().as_raw(), getegid().as_raw());
    let groups = getgroups().unwrap_or_default().into_iter().map(Gid::as_raw).collect();
    User { uid, gid, groups, capable: uid == 0 }
}

/// Becomes `user` in effect; the real and the saved user stay root, so that it can go back.
pub(super) fn become_user(user: &User) -> rustix::io::Result<()> {
    let (root, keep) = (Uid::ROOT, None::<Gid>);
    set_thread_res_uid(None::<Uid>, root, None::<Uid>)?;
    let groups: Vec<_> = user.groups.iter().copied().map(Gid::from_raw).collect();
    set_thread_groups(&groups)?;
    set_thread_res_gid(keep, Gid::from_raw(user.gid), keep)?;
    set_thread_res_uid(None::<Uid>, Uid::from_raw(user.uid), None::<Uid>)
}
