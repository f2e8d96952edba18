//! Processes: the own one's ids and umask, and a lasting name for another.
//!
//! Owns: nothing. Leaves to others: deaths (poll the descriptor of [`pidfd`]).

use crate::{
    Errno, Result, errno, fd,
    raw::{self, number},
};
use rustix::{
    fd::OwnedFd,
    fs::Mode,
    process::{self, PidfdFlags},
    thread,
};
use shmfs_abi::{Gid, Pid, Uid};

/// A descriptor of a process, readable once it has ended; close-on-exec.
///
/// # Errors
/// As `pidfd_open(2)`: `ESRCH` if there is no such process, `EINVAL` for a number that cannot be one.
pub fn pidfd(pid: Pid) -> Result<OwnedFd> {
    // rustix takes no negative number at all.
    let pid = process::Pid::from_raw(pid.0.max(0)).ok_or(Errno::EINVAL)?;
    process::pidfd_open(pid, PidfdFlags::empty()).map_err(errno)
}

/// The own process.
pub fn pid() -> Pid {
    Pid(process::getpid().as_raw_nonzero().get())
}

/// The calling thread.
pub fn tid() -> Pid {
    Pid(thread::gettid().as_raw_nonzero().get())
}

/// The effective user.
pub fn euid() -> Uid {
    Uid(process::geteuid().as_raw())
}

/// The effective group.
pub fn egid() -> Gid {
    Gid(process::getegid().as_raw())
}

/// What a call of the calling thread is judged by: two that are equal have the same rights.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rights {
    uid: Uid,
    gid: Gid,
    /// The effective capabilities.
    caps: u64,
    /// The supplementary groups, hashed: where there are many, only how many.
    groups: u64,
}

/// Supplementary groups that are told apart one by one.
const GROUPS: usize = 64;

/// The rights of the calling thread.
pub fn rights() -> Rights {
    Rights { uid: euid(), gid: egid(), caps: capabilities(), groups: groups() }
}

/// The effective ones. Not by rustix, whose buffer has no bytes at first, and valgrind knows of half of what is written.
fn capabilities() -> u64 {
    const VERSION_3: u32 = 0x2008_0522;
    let header = [VERSION_3, 0];
    // Effective, permitted, inheritable, and the upper halves of the three (capget(2)).
    let mut sets = [0_u32; 6];
    let (asked, place) = (&raw const header as usize, &raw mut sets as usize);
    // SAFETY: the kernel reads two words, and with this version writes six, which are there.
    let outcome = raw::check(unsafe { raw::syscall6(number::CAPGET, asked, place, 0, 0, 0, 0) });
    let [low, _, _, high, ..] = sets;
    outcome.map_or(0, |_| u64::from(high) << 32 | u64::from(low))
}

fn groups() -> u64 {
    /// FNV-1a.
    const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0100_0000_01b3;
    let mut groups = [0u32; GROUPS];
    let got = get_groups(&mut groups).or_else(|_| get_groups(&mut [])).unwrap_or(0);
    let told = groups.get(..got).unwrap_or_default();
    let hash = |hash: u64, word: u64| (hash ^ word).wrapping_mul(PRIME);
    told.iter().fold(hash(BASIS, got as u64), |so_far, group| hash(so_far, u64::from(*group)))
}

/// How many there are. With no room it only counts.
fn get_groups(groups: &mut [u32]) -> Result<usize> {
    let (room, place) = (groups.len(), groups.as_mut_ptr() as usize);
    // SAFETY: the kernel writes at most `room` numbers of 32 bits to `place`, which are there.
    raw::check(unsafe { raw::syscall6(number::GETGROUPS, room, place, 0, 0, 0, 0) })
}

/// Bytes of /proc/thread-self/status that hold its first two lines: `Name`, with every byte escaped, and `Umask`.
const STATUS_BYTES: usize = 256;

/// The umask. Read from /proc, since `umask(2)` can only tell it by changing it for all threads; where /proc
/// has no such line, that is what is done.
pub fn umask() -> u32 {
    let mut status = [0; STATUS_BYTES];
    let read = fd::read_start(c"/proc/thread-self/status", &mut status).unwrap_or(0);
    status.get(..read).and_then(parse_umask).unwrap_or_else(|| {
        let umask = process::umask(Mode::empty());
        process::umask(umask);
        umask.as_raw_mode()
    })
}

/// Reads the line `Umask:` of proc_pid_status(5): octal digits.
fn parse_umask(status: &[u8]) -> Option<u32> {
    let line = status.split(|&byte| byte == b'\n').find_map(|line| line.strip_prefix(b"Umask:\t"))?;
    let digit = |umask, &byte| matches!(byte, b'0'..=b'7').then(|| umask << 3 | u32::from(byte - b'0'));
    line.get(..4)?.iter().try_fold(0, digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_umask_line_is_found() {
        let check = |status: &[u8], expected| assert_eq!(parse_umask(status), expected);
        check(b"Name:\tcat\nUmask:\t0027\nState:\tR", Some(0o27));
        check(b"Name:\tUmask:\\n\nUmask:\t0777\n", Some(0o777));
        check(b"Name:\tcat\nUmask:\t00", None);
        check(b"Name:\tcat\nState:\tR", None);
        check(b"", None);
    }

    #[test]
    fn a_process_has_a_descriptor_only_if_it_exists() {
        pidfd(pid()).unwrap();
        assert_eq!(pidfd(Pid(0)).err(), Some(Errno::EINVAL));
        assert_eq!(pidfd(Pid(-1)).err(), Some(Errno::EINVAL));
    }
}
