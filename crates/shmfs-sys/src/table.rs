//! The descriptor table as something that two processes can share, and that outlives one of them.
//!
//! Who shares a table shares every number: what one closes is closed for the other, and no socket hangs up while
//! one of them lives.
//!
//! Owns: the clone that shares, the thread that shares no more, numbers taken over from a process that has ended, the
//! closing of what nobody knows.
//! Leaves to others: which numbers are known, and whose each is.

use crate::{
    Errno, Result, errno, fd,
    raw::{self, number},
    retry,
};
use core::ops::RangeInclusive;
use rustix::{
    fd::{FromRawFd, OwnedFd, RawFd},
    fs::{self, Mode, OFlags},
    stdio,
    thread::{self, UnshareFlags},
};
use shmfs_abi::Pid;

/// Which of the two processes this is after a clone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cloned {
    /// The one that asked; the other is its child of this number.
    Parent(Pid),
    /// The new one.
    Child,
}

const CLONE_FILES: usize = 0x400;
const SIGCHLD: usize = 17;

/// Makes a copy of this process that shares its descriptor table and nothing else. Its end raises SIGCHLD here.
///
/// It is the caller's duty that one side alone uses, and closes, each descriptor: a value that owns one exists on
/// both sides afterwards. The child should leave by [`exit`](crate::child::exit), which drops nothing.
///
/// # Errors
/// `EINVAL` in a process of several threads: the others are not in the copy, and their locks would stay taken.
/// As `clone(2)`: `EAGAIN`, `ENOMEM`.
pub fn clone_sharing() -> Result<Cloned> {
    clone(CLONE_FILES | SIGCHLD)
}

/// Makes a copy of this process, as fork(2) does, without the C library's handlers.
pub(crate) fn clone_apart() -> Result<Cloned> {
    clone(SIGCHLD)
}

fn clone(flags: usize) -> Result<Cloned> {
    if threads()? != 1 {
        return Err(Errno::EINVAL);
    }
    // SAFETY: without CLONE_VM and with a stack of 0 the child continues on its own copy of this stack, as after
    // fork; there is no other thread whose state the copy could have caught half done.
    match raw::check(unsafe { raw::syscall6(number::CLONE, flags, 0, 0, 0, 0, 0) })? {
        0 => Ok(Cloned::Child),
        child => Ok(Cloned::Parent(Pid(child as i32))),
    }
}

/// Bytes of /proc/self/stat that hold its first twenty fields.
const STAT_BYTES: usize = 512;

/// How many threads this process has: field 20 of proc_pid_stat(5), the 18th after the name in parentheses.
pub(crate) fn threads() -> Result<u64> {
    let mut stat = [0; STAT_BYTES];
    let read = fd::read_start(c"/proc/self/stat", &mut stat)?;
    stat.get(..read).and_then(parse_threads).ok_or(Errno::EINVAL)
}

fn parse_threads(stat: &[u8]) -> Option<u64> {
    let after_name = stat.get(stat.iter().rposition(|&byte| byte == b')')? + 1..)?;
    let field = after_name.split(|&byte| byte == b' ').nth(18)?;
    core::str::from_utf8(field).ok()?.parse().ok()
}

/// Takes over a number that a process which shared this table has left; close-on-exec.
///
/// It is the caller's duty that nothing else in this process owns the number.
///
/// # Errors
/// `EBADF` where nothing is there.
pub fn adopt(number: RawFd) -> Result<OwnedFd> {
    fd::with_number(number, |lent| fd::set_cloexec(lent, true))?;
    // SAFETY: the number is open, as the call has just shown, and the caller owns it alone.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// Lets a number be open in the program that this process becomes by [`exec`](crate::child::exec).
///
/// # Errors
/// `EBADF` where nothing is there.
pub fn inherit(number: RawFd) -> Result<()> {
    fd::with_number(number, |lent| fd::set_cloexec(lent, false))
}

/// Closes every number that is not among `known`, which must be sorted, and is none of 0, 1 and 2.
///
/// It is the caller's duty that nothing in this process, nor in one that shares the table, owns another number.
///
/// # Errors
/// As `close_range(2)`: `ENOSYS` before Linux 5.9.
pub fn close_others(known: &[RawFd]) -> Result<()> {
    debug_assert!(known.is_sorted(), "the known numbers are sorted");
    gaps(known).try_for_each(|gap| {
        let (first, last) = (*gap.start() as usize, *gap.end() as usize);
        // SAFETY: the call takes numbers; whose they are is the caller's duty, as documented.
        raw::check(unsafe { raw::syscall6(number::CLOSE_RANGE, first, last, 0, 0, 0, 0) }).map(drop)
    })
}

/// Gives the calling thread a descriptor table of its own, in which only `known`, which must be sorted, and standard error
/// are left: what it opens from here on no child of the process inherits, and what the other threads close is closed.
/// Standard input and output become /dev/null.
///
/// It is the caller's duty that nothing in this thread owns another number, and that what is owned in it stays in it.
///
/// # Errors
/// As `unshare(2)`: `EPERM` where a filter forbids it; as [`close_others`]; as `open(2)` of /dev/null.
pub fn apart(known: &[RawFd]) -> Result<()> {
    // SAFETY: no descriptor that code of this thread owns is lost by the copy; the other threads keep their table.
    unsafe { thread::unshare_unsafe(UnshareFlags::FILES) }.map_err(errno)?;
    close_others(known)?;
    let null = retry(|| fs::open(c"/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty()))?;
    stdio::dup2_stdin(&null).map_err(errno)?;
    stdio::dup2_stdout(&null).map_err(errno)
}

/// The ranges between sorted numbers, above those of the standard streams.
fn gaps(known: &[RawFd]) -> impl Iterator<Item = RangeInclusive<u32>> + '_ {
    let mut from = 3;
    let known = known.iter().filter_map(|&number| u32::try_from(number).ok()).filter(|&number| number > 2);
    known.map(Some).chain([None]).filter_map(move |number| {
        let first = from;
        match number {
            Some(number) => {
                from = number + 1;
                (first < number).then(|| first..=number - 1)
            }
            None => Some(first..=u32::MAX),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memfd;
    use std::{io::Read, os::fd::AsRawFd};

    #[test]
    fn the_number_of_threads_is_found() {
        let fields = "S 1 7 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 3 0 11";
        let check = |name: &str, expected| {
            let stat = format!("12 ({name}) {fields}");
            assert_eq!(parse_threads(stat.as_bytes()), expected, "{stat}");
        };
        check("shm", Some(3));
        check("a) S (b", Some(3));
        assert_eq!(parse_threads(b"12 (shm) S 1 2"), None);
        assert_eq!(parse_threads(b""), None);
    }

    #[test]
    fn gaps_are_between_what_is_known_and_above_the_standard_streams() {
        let check = |known: &[RawFd], expected: &[RangeInclusive<u32>]| {
            assert_eq!(gaps(known).collect::<Vec<_>>(), expected, "{known:?}");
        };
        check(&[], &[3..=u32::MAX]);
        check(&[3], &[4..=u32::MAX]);
        check(&[-1, 0, 2, 5, 5, 6, 9], &[3..=4, 7..=8, 10..=u32::MAX]);
        check(&[1000], &[3..=999, 1001..=u32::MAX]);
    }

    #[test]
    fn a_thread_apart_keeps_what_it_is_told_to() {
        let (kept, kept_end) = std::io::pipe().unwrap();
        let (mut other, other_end) = std::io::pipe().unwrap();
        let (number, others_number) = (kept.as_raw_fd(), other.as_raw_fd());
        let (made, go_on) = (std::sync::Barrier::new(2), std::sync::Barrier::new(2));
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                apart(&[number]).unwrap();
                assert_eq!(
                    fd::identify_raw(others_number),
                    None,
                    "the table has only what it was told to keep"
                );
                // Its description is opened through /proc.
                let own = memfd::create(c"apart", true).unwrap();
                made.wait();
                go_on.wait();
                drop(adopt(number).unwrap());
                drop(own);
            });
            made.wait();
            drop(other_end);
            assert_eq!(other.read(&mut [0]).unwrap(), 0, "the thread holds no writing end");
            let names = std::fs::read_dir("/proc/self/fd")
                .unwrap()
                .filter_map(|entry| entry.unwrap().path().read_link().ok());
            assert!(names.into_iter().all(|name| !name.to_string_lossy().contains("memfd:apart")));
            go_on.wait();
            thread.join().unwrap();
        });
        assert!(fd::identify_raw(number).is_some(), "what the thread closed is its own");
        drop((kept, kept_end));
    }

    #[test]
    fn several_threads_are_refused() {
        let (ended, end) = std::sync::mpsc::channel::<()>();
        let thread = std::thread::spawn(move || end.recv());
        assert_eq!(clone_sharing(), Err(Errno::EINVAL));
        drop(ended);
        drop(thread.join());
    }
}
