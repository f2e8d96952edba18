//! Mounting without privilege: a short-lived child in a user namespace of its own makes the mount and sends
//! its descriptor.
//!
//! The process itself stays outside, where ids are real ones and /proc/PID of others can be read.
//!
//! Owns: the child, from clone to wait.
//! Leaves to others: the mount (`tmpfs`).

use crate::{
    Errno, Result, errno, process,
    raw::{self, number},
    signal, socket,
    text::Text,
    tmpfs::mount_here,
};
use core::ffi::CStr;
use rustix::{
    fd::{AsFd, OwnedFd},
    fs::{self, Mode, OFlags},
    io,
};
use shmfs_abi::{Gid, Uid};

const CLONE_NEWNS: usize = 0x0002_0000;
const CLONE_NEWUSER: usize = 0x1000_0000;
const WAIT_ALL: usize = 0x4000_0000;

/// Makes a tmpfs by a child, as [`mount_here`] does.
pub(crate) fn mount_by_child(size_bytes: u64, nr_inodes: u64) -> Result<OwnedFd> {
    let (ours, theirs) = socket::pair()?;
    let (uid, gid) = (process::euid(), process::egid());
    // The child has this process's signal actions and must not run them.
    let mask = signal::block_all();
    let child = match clone() {
        Ok(0) => end_child(make_and_send(theirs, uid, gid, size_bytes, nr_inodes)),
        made => made,
    };
    signal::restore(mask);
    drop(theirs);
    let child = child?;
    let mut answer = [0; 4];
    let received = socket::receive(&ours, &mut answer, true);
    wait_for(child);
    let received = received?;
    let [mount, _] = received.fds;
    match (received.len, i32::from_ne_bytes(answer)) {
        (4, 0) => mount.ok_or(Errno::EPROTO),
        (4, number) => Err(Errno(number)),
        // It ended without a word: killed, or refused a system call by a filter.
        _ => Err(Errno::EPERM),
    }
}

/// Makes a copy of this process in new user and mount namespaces; its end raises no signal here.
fn clone() -> Result<usize> {
    // SAFETY: without CLONE_VM and with a stack of 0 the child continues on its own copy of this stack, as
    // after fork.
    raw::check(unsafe { raw::syscall6(number::CLONE, CLONE_NEWUSER | CLONE_NEWNS, 0, 0, 0, 0, 0) })
}

fn make_and_send(to: OwnedFd, uid: Uid, gid: Gid, size_bytes: u64, nr_inodes: u64) -> Result<()> {
    let mount = map_ids(uid, gid).and_then(|()| mount_here(size_bytes, nr_inodes));
    match mount {
        Ok(mount) => socket::send(to, &0i32.to_ne_bytes(), &[mount.as_fd()], true),
        Err(Errno(number)) => socket::send(to, &number.to_ne_bytes(), &[], true),
    }
}

/// Gives the namespace the ids that the process has outside (user_namespaces(7)). Without them it owns nothing,
/// and nothing can be created in its mounts.
pub(crate) fn map_ids(uid: Uid, gid: Gid) -> Result<()> {
    let line = |id| Text::<48>::new().number(id).push(b" ").number(id).push(b" 1");
    write_proc(c"/proc/self/setgroups", b"deny")?;
    write_proc(c"/proc/self/gid_map", line(u64::from(gid.0)).as_bytes())?;
    write_proc(c"/proc/self/uid_map", line(u64::from(uid.0)).as_bytes())
}

/// These files take what they want in one write.
fn write_proc(path: &CStr, bytes: &[u8]) -> Result<()> {
    let file = fs::open(path, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty()).map_err(errno)?;
    io::write(&file, bytes).map(drop).map_err(errno)
}

fn end_child(done: Result<()>) -> ! {
    loop {
        // SAFETY: the call takes a number and does not return.
        unsafe { raw::syscall6(number::EXIT_GROUP, usize::from(done.is_err()), 0, 0, 0, 0, 0) };
    }
}

fn wait_for(child: usize) {
    // SAFETY: the call takes numbers only; no status and no usage are asked for.
    let wait = || raw::check(unsafe { raw::syscall6(number::WAIT4, child, 0, WAIT_ALL, 0, 0, 0) });
    while wait() == Err(Errno::EINTR) {}
}
