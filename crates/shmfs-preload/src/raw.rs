//! System calls made directly, without libc.
//!
//! A door may be called from a signal handler or between fork and exec, and must leave errno alone unless it
//! fails: libc's wrappers set errno, and some of them are exported by this very library.
//!
//! Owns: the call instruction for up to six arguments, the kernel's return convention.
//! Leaves to others: which calls are made, errno (`errno`).

use core::arch::asm;
use libc::{c_int, c_long};
use shmfs_abi::Errno;

/// What the kernel gives back: a number, or an errno between -4095 and -1 (MAX_ERRNO, include/linux/err.h).
pub fn outcome(returned: isize) -> Result<usize, Errno> {
    if (-4095..0).contains(&returned) { Err(Errno(-returned as i32)) } else { Ok(returned as usize) }
}

/// Makes a system call.
///
/// # Safety
/// The call must be sound with these arguments: what it reads and writes through them must be the caller's to
/// give, or the kernel must refuse it.
pub unsafe fn call(number: c_long, args: [usize; 4]) -> Result<usize, Errno> {
    let [first, second, third, fourth] = args;
    // SAFETY: the caller vouches for the call, which takes no more arguments.
    unsafe { call6(number, [first, second, third, fourth, 0, 0]) }
}

/// As [`call`], with all the arguments that a call can have.
///
/// # Safety
/// As [`call`].
pub unsafe fn call6(number: c_long, args: [usize; 6]) -> Result<usize, Errno> {
    let returned: isize;
    // SAFETY: the x86-64 convention (syscall(2)): the kernel changes rax, rcx and r11 only, and what the caller
    // of this function vouches for.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        asm!("syscall", inlateout("rax") number as isize => returned,
            in("rdi") args[0], in("rsi") args[1], in("rdx") args[2], in("r10") args[3],
            in("r8") args[4], in("r9") args[5],
            lateout("rcx") _, lateout("r11") _, options(nostack));
    }
    // SAFETY: the aarch64 convention (syscall(2)): the kernel changes x0 only, and what the caller of this
    // function vouches for.
    #[cfg(target_arch = "aarch64")]
    unsafe {
        asm!("svc 0", in("x8") number, inlateout("x0") args[0] as isize => returned,
            in("x1") args[1], in("x2") args[2], in("x3") args[3], in("x4") args[4], in("x5") args[5], options(nostack));
    }
    outcome(returned)
}

/// Closes a descriptor that a door opened and does not hand out.
pub fn close(fd: c_int) {
    // SAFETY: `close` touches no memory; the callers own the descriptor.
    let _ = unsafe { call(libc::SYS_close, [fd as usize, 0, 0, 0]) };
}

/// Lets a descriptor that a door hands out survive exec.
pub fn keep_over_exec(fd: c_int) {
    // SAFETY: `F_SETFD` touches no memory; the callers own the descriptor.
    let _ = unsafe { call(libc::SYS_fcntl, [fd as usize, libc::F_SETFD as usize, 0, 0]) };
}
