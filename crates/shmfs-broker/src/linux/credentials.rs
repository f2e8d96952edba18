//! Who is behind a connection: the socket's own word, completed from /proc/PID/status.
//!
//! The socket fixes process, user, group and groups at connect (`SO_PEERCRED`, `SO_PEERGROUPS`). Capabilities are read
//! from /proc, and count only when the ids there are still those of the socket.

use rustix::fd::OwnedFd;
use shmfs_abi::{Caps, Cred, Gid, Groups, Pid, Uid};
use shmfs_sys::socket::{self, Peer};
use std::{fs::File, io::Read};

/// Bytes of /proc/PID/status that are read: with 64 groups it has less than 3 KiB.
const STATUS_BYTES: u64 = 16 << 10;

/// The credentials of the process at the other end.
pub(crate) fn of(connection: &OwnedFd, peer: &Peer) -> Cred {
    let groups = socket::peer_groups(connection).unwrap_or(Groups::NONE);
    Cred { pid: peer.pid, uid: peer.uid, gid: peer.gid, groups, caps: caps(peer) }
}

/// Capabilities count in this user namespace only, and only while the process is still the user that
/// connected. Where /proc does not tell, user 0 of this namespace has them all and others none.
fn caps(peer: &Peer) -> Caps {
    let status = read_status(peer.pid).and_then(|status| parse(&status));
    match (status, is_of_this_namespace(peer.pid)) {
        (_, Some(false)) => Caps::empty(),
        (Some(status), Some(true)) if (status.uid, status.gid) == (peer.uid, peer.gid) => status.caps,
        _ if peer.uid == Uid(0) => Caps::all(),
        _ => Caps::empty(),
    }
}

/// RLIMIT_MEMLOCK of a process in bytes; nothing is allowed where it cannot be read.
pub(crate) fn memlock_bytes(pid: Pid) -> u64 {
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", pid.0)).unwrap_or_default();
    parse_memlock(&limits).unwrap_or(0)
}

/// Whose members may have huge pages (Documentation/admin-guide/sysctl/vm.rst); group 0 unless it was changed.
pub(crate) fn huge_group() -> Option<Gid> {
    let said = std::fs::read_to_string("/proc/sys/vm/hugetlb_shm_group").ok()?;
    said.trim().parse().ok().map(Gid)
}

/// Reads the soft limit from the line `Max locked memory` (proc_pid_limits(5)).
fn parse_memlock(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max locked memory"))?;
    match line.split_whitespace().next()? {
        "unlimited" => Some(u64::MAX),
        bytes => bytes.parse().ok(),
    }
}

fn read_status(pid: Pid) -> Option<String> {
    let mut text = String::new();
    let file = File::open(format!("/proc/{}/status", pid.0)).ok()?;
    file.take(STATUS_BYTES).read_to_string(&mut text).ok()?;
    Some(text)
}

/// Whether the process is in our user namespace; nothing where we may not know.
fn is_of_this_namespace(pid: Pid) -> Option<bool> {
    let theirs = std::fs::read_link(format!("/proc/{}/ns/user", pid.0)).ok()?;
    let ours = std::fs::read_link("/proc/self/ns/user").ok()?;
    Some(theirs == ours)
}

#[derive(Debug, PartialEq, Eq)]
struct Status {
    uid: Uid,
    gid: Gid,
    caps: Caps,
}

/// Reads the lines `Uid`, `Gid` (real, effective, saved, file system) and `CapEff` (proc_pid_status(5)).
fn parse(status: &str) -> Option<Status> {
    let line = |name: &str| {
        status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
    };
    let effective = |name| line(name)?.split_whitespace().nth(1)?.parse().ok();
    Some(Status {
        uid: Uid(effective("Uid")?),
        gid: Gid(effective("Gid")?),
        caps: Caps::from_bits_truncate(u64::from_str_radix(line("CapEff")?, 16).ok()?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn effective_ids_and_capabilities_are_read() {
        let status = "Name:\tcat\nUid:\t1\t2\t3\t4\nGid:\t5\t6\t7\t8\nCapEff:\t0000000000008002\n";
        let expected = Status { uid: Uid(2), gid: Gid(6), caps: Caps::DAC_OVERRIDE | Caps::IPC_OWNER };
        assert_eq!(parse(status), Some(expected));
    }

    #[test]
    fn the_soft_limit_of_locked_memory_is_read() {
        let line = "Max locked memory         8388608              16777216             bytes     \n";
        assert_eq!(parse_memlock(line), Some(8_388_608));
        assert_eq!(parse_memlock("Max locked memory  unlimited  unlimited  bytes"), Some(u64::MAX));
        for damaged in ["", "Max locked memory", "Max locked memory  x  y"] {
            assert_eq!(parse_memlock(damaged), None, "{damaged:?}");
        }
    }

    #[test]
    fn a_damaged_status_says_nothing() {
        for status in
            ["", "Uid:\t1\n", "Uid:\tx\ty\nGid:\t5\t6\nCapEff:\t0\n", "Uid:1 2\nGid:1 2\nCapEff:zz\n"]
        {
            assert_eq!(parse(status), None, "{status:?}");
        }
    }

    #[test]
    fn this_process_is_found() {
        let status = read_status(Pid(std::process::id() as i32)).unwrap();
        assert_eq!(parse(&status).unwrap().uid, Uid(rustix::process::geteuid().as_raw()));
    }
}
