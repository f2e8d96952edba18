//! Child processes: made as copies, become other programs, waited for.
//!
//! Owns: nothing. A child is known by its number until it has been waited for.
//! Leaves to others: children that share the table (`table`), deaths of strangers (`process::pidfd`).

use crate::{
    Errno, Result,
    grow::PageVec,
    raw::{self, number},
    retry,
    table::{self, Cloned},
};
use core::ffi::{CStr, c_int};
use rustix::{
    fd::{AsFd, AsRawFd, BorrowedFd},
    process::{self, WaitOptions, WaitStatus},
};
use shmfs_abi::Pid;

/// How a process has ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ended {
    /// By itself, with this code.
    Exit(i32),
    /// By this signal.
    Signal(i32),
}

/// The error of waiting where there is no child to wait for (`ECHILD`).
pub const NOBODY: Errno = Errno(10);

/// Makes a copy of this process with a descriptor table of its own. Handlers of the C library are not run.
///
/// # Errors
/// `EINVAL` in a process of several threads; as `clone(2)`.
pub fn fork() -> Result<Cloned> {
    table::clone_apart()
}

/// Makes a copy of this process as programs in C do: the functions that are [registered](crate::atfork) run.
///
/// Of `threads` threads only the calling one is in the copy. It is the caller's duty to know what the others have locked, or
/// are in the midst of, besides what the C library looks after.
///
/// # Errors
/// `EINVAL` where the process has another number of threads; `EAGAIN` where there can be no copy, as `fork(3)`.
pub fn fork_in_c(threads: u64) -> Result<Cloned> {
    if table::threads()? != threads {
        return Err(Errno::EINVAL);
    }
    // SAFETY: the call takes nothing; what the other threads have is the caller's duty, as documented.
    match unsafe { fork_of_c() } {
        0 => Ok(Cloned::Child),
        child if child > 0 => Ok(Cloned::Parent(Pid(child))),
        _ => Err(Errno::EAGAIN),
    }
}

unsafe extern "C" {
    #[link_name = "fork"]
    fn fork_of_c() -> c_int;
}

/// Ends this process at once: nothing is dropped, and nothing that is buffered is written.
pub fn exit(code: i32) -> ! {
    loop {
        // SAFETY: the call takes a number and does not return.
        unsafe { raw::syscall6(number::EXIT_GROUP, code as usize, 0, 0, 0, 0, 0) };
    }
}

/// Waits for the end of a child.
///
/// # Errors
/// `ECHILD` if it is none, or was waited for.
pub fn wait(child: Pid) -> Result<Ended> {
    loop {
        if let Some((_, ended)) = reap(Some(child), WaitOptions::empty())? {
            return Ok(ended);
        }
    }
}

/// How a child has ended, if it has.
///
/// # Errors
/// `ECHILD` if it is none, or was waited for.
pub fn try_wait(child: Pid) -> Result<Option<Ended>> {
    reap(Some(child), WaitOptions::NOHANG).map(|ended| ended.map(|(_, ended)| ended))
}

/// A child that has ended, whichever.
///
/// # Errors
/// `ECHILD` without children.
pub fn try_wait_any() -> Result<Option<(Pid, Ended)>> {
    reap(None, WaitOptions::NOHANG)
}

fn reap(child: Option<Pid>, options: WaitOptions) -> Result<Option<(Pid, Ended)>> {
    let number = match child {
        Some(Pid(number)) => Some(process::Pid::from_raw(number.max(0)).ok_or(NOBODY)?),
        None => None,
    };
    let found = retry(|| process::waitpid(number, options))?;
    Ok(found.and_then(|(child, status)| Some((Pid(child.as_raw_nonzero().get()), ended(status)?))))
}

fn ended(status: WaitStatus) -> Option<Ended> {
    status.exit_status().map(Ended::Exit).or(status.terminating_signal().map(Ended::Signal))
}

/// Arguments or variables of a program; Linux has no number for it, and 128 KiB of pointers are plenty.
const STRINGS: usize = 16 << 10;

/// Lets this process become the program behind `file`, a descriptor. Returns only if it cannot.
///
/// # Errors
/// As `execveat(2)` with `AT_EMPTY_PATH`: `ENOEXEC`, `EACCES`, `ETXTBSY`; `ENOENT` for a script whose descriptor is
/// close-on-exec; `ENOMEM` for more than 16384 strings.
pub fn exec(file: impl AsFd, arguments: &[&CStr], environment: &[&CStr]) -> Errno {
    match (pointers(arguments), pointers(environment)) {
        (Ok(arguments), Ok(environment)) => exec_pointers(file.as_fd(), &arguments, &environment),
        (Err(error), _) | (_, Err(error)) => error,
    }
}

fn exec_pointers(file: BorrowedFd<'_>, arguments: &PageVec<usize>, environment: &PageVec<usize>) -> Errno {
    const AT_EMPTY_PATH: usize = 0x1000;
    let (file, path) = (file.as_raw_fd() as usize, c"".as_ptr() as usize);
    let (arguments, environment) = (arguments.as_slice().as_ptr(), environment.as_slice().as_ptr());
    let (arguments, environment) = (arguments as usize, environment as usize);
    // SAFETY: both arrays end with a null pointer, and their other entries point to strings that end with NUL and
    // outlive the call; the kernel only reads them.
    let failed =
        unsafe { raw::syscall6(number::EXECVEAT, file, path, arguments, environment, AT_EMPTY_PATH, 0) };
    raw::check(failed).err().unwrap_or(Errno::EINVAL)
}

/// The addresses of strings, and a null at the end.
fn pointers(strings: &[&CStr]) -> Result<PageVec<usize>> {
    let mut pointers = PageVec::new(STRINGS);
    strings.iter().try_for_each(|string| pointers.push(string.as_ptr() as usize))?;
    pointers.push(0)?;
    Ok(pointers)
}

/// How the process behind a pidfd has ended, whosever child it was: known once it has been waited for.
///
/// Nothing where the kernel does not tell (before Linux 6.15), or not yet.
pub fn ended_elsewhere(pidfd: impl AsFd) -> Option<Ended> {
    // include/uapi/linux/pidfd.h: PIDFD_GET_INFO of PIDFD_INFO_SIZE_VER0 bytes, PIDFD_INFO_EXIT.
    const GET_INFO: usize = 0xc040_ff0b;
    const INFO_EXIT: u64 = 1 << 3;
    let mut told = CPidfdInfo { mask: INFO_EXIT, others: [0; 13], exit_code: 0 };
    let (pidfd, at) = (pidfd.as_fd().as_raw_fd() as usize, &raw mut told as usize);
    // SAFETY: the kernel writes at most the 64 bytes that the number of the request names, which are there.
    raw::check(unsafe { raw::syscall6(number::IOCTL, pidfd, GET_INFO, at, 0, 0, 0) }).ok()?;
    if told.mask & INFO_EXIT == 0 {
        return None;
    }
    let (signal, code) = (told.exit_code & 0x7f, told.exit_code >> 8 & 0xff);
    Some(if signal == 0 { Ended::Exit(code) } else { Ended::Signal(signal) })
}

/// `struct pidfd_info` in its first size; what is between mask and exit code is not asked for.
#[repr(C)]
struct CPidfdInfo {
    mask: u64,
    others: [u32; 13],
    exit_code: i32,
}

const _: () = assert!(size_of::<CPidfdInfo>() == 64);
