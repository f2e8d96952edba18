//! System calls as the processor makes them, for those that rustix does not offer.
//!
//! Owns: the instruction, the numbers used in this crate, the reading of the result.
//! Leaves to others: every argument.

use crate::{Errno, Result};
use core::arch::asm;

/// Makes the system call `number`. The result is the kernel's: `-4095..=-1` is an error number.
///
/// # Safety
/// The arguments must be what that system call wants of memory that the caller may lend to it.
#[cfg(target_arch = "x86_64")]
pub unsafe fn syscall6(number: usize, a: usize, b: usize, c: usize, d: usize, e: usize, f: usize) -> isize {
    let result: isize;
    // SAFETY: the kernel changes rax, rcx and r11 only (System V ABI, AMD64 supplement, A.2.1), all declared;
    // memory that it reads or writes is the caller's promise.
    unsafe {
        asm!("syscall", inlateout("rax") number as isize => result,
            in("rdi") a, in("rsi") b, in("rdx") c, in("r10") d, in("r8") e, in("r9") f,
            lateout("rcx") _, lateout("r11") _, options(nostack, preserves_flags));
    }
    result
}

/// Makes the system call `number`. The result is the kernel's: `-4095..=-1` is an error number.
///
/// # Safety
/// The arguments must be what that system call wants of memory that the caller may lend to it.
#[cfg(target_arch = "aarch64")]
pub unsafe fn syscall6(number: usize, a: usize, b: usize, c: usize, d: usize, e: usize, f: usize) -> isize {
    let result: isize;
    // SAFETY: the kernel changes x0 only (syscall(2), architecture calling conventions); memory that it reads
    // or writes is the caller's promise.
    unsafe {
        asm!("svc 0", in("x8") number, inlateout("x0") a as isize => result,
            in("x1") b, in("x2") c, in("x3") d, in("x4") e, in("x5") f,
            options(nostack, preserves_flags));
    }
    result
}

/// The result of [`syscall6`] as a number or an error.
///
/// # Errors
/// The error number that the kernel returned.
pub fn check(result: isize) -> Result<usize> {
    if (-4095..0).contains(&result) { Err(Errno(-result as i32)) } else { Ok(result as usize) }
}

/// The thread pointer: the same in a thread and in its copy after fork, different in any two live threads of
/// a process.
pub(crate) fn thread_pointer() -> usize {
    let pointer: usize;
    // SAFETY: on x86-64 the word at fs:0 is the thread pointer itself (ELF handling for thread-local storage,
    // variant II); it is read and nothing else.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        asm!("mov {}, fs:0", out(reg) pointer, options(nostack, preserves_flags, readonly));
    }
    // SAFETY: reading tpidr_el0 has no effect.
    #[cfg(target_arch = "aarch64")]
    unsafe {
        asm!("mrs {}, tpidr_el0", out(reg) pointer, options(nostack, preserves_flags, nomem));
    }
    pointer
}

/// The numbers of arch/x86/entry/syscalls/syscall_64.tbl that this crate uses.
#[cfg(target_arch = "x86_64")]
pub(crate) mod number {
    pub(crate) const RT_SIGACTION: usize = 13;
    pub(crate) const RT_SIGPROCMASK: usize = 14;
    pub(crate) const IOCTL: usize = 16;
    pub(crate) const MINCORE: usize = 27;
    pub(crate) const RECVMSG: usize = 47;
    pub(crate) const GETSOCKOPT: usize = 55;
    pub(crate) const CLONE: usize = 56;
    pub(crate) const WAIT4: usize = 61;
    pub(crate) const FCNTL: usize = 72;
    pub(crate) const GETGROUPS: usize = 115;
    pub(crate) const SETFSUID: usize = 122;
    pub(crate) const SETFSGID: usize = 123;
    pub(crate) const CAPGET: usize = 125;
    pub(crate) const CLOCK_GETTIME: usize = 228;
    pub(crate) const EXIT_GROUP: usize = 231;
    pub(crate) const SIGNALFD4: usize = 289;
    pub(crate) const RT_TGSIGQUEUEINFO: usize = 297;
    pub(crate) const NAME_TO_HANDLE_AT: usize = 303;
    pub(crate) const OPEN_BY_HANDLE_AT: usize = 304;
    pub(crate) const EXECVEAT: usize = 322;
    pub(crate) const CLOSE_RANGE: usize = 436;
}

/// The numbers of include/uapi/asm-generic/unistd.h that this crate uses.
#[cfg(target_arch = "aarch64")]
pub(crate) mod number {
    pub(crate) const FCNTL: usize = 25;
    pub(crate) const IOCTL: usize = 29;
    pub(crate) const SIGNALFD4: usize = 74;
    pub(crate) const CAPGET: usize = 90;
    pub(crate) const EXIT_GROUP: usize = 94;
    pub(crate) const CLOCK_GETTIME: usize = 113;
    pub(crate) const RT_SIGACTION: usize = 134;
    pub(crate) const RT_SIGPROCMASK: usize = 135;
    pub(crate) const SETFSUID: usize = 151;
    pub(crate) const SETFSGID: usize = 152;
    pub(crate) const GETGROUPS: usize = 158;
    pub(crate) const GETSOCKOPT: usize = 209;
    pub(crate) const RECVMSG: usize = 212;
    pub(crate) const CLONE: usize = 220;
    pub(crate) const MINCORE: usize = 232;
    pub(crate) const RT_TGSIGQUEUEINFO: usize = 240;
    pub(crate) const WAIT4: usize = 260;
    pub(crate) const NAME_TO_HANDLE_AT: usize = 264;
    pub(crate) const OPEN_BY_HANDLE_AT: usize = 265;
    pub(crate) const EXECVEAT: usize = 281;
    pub(crate) const CLOSE_RANGE: usize = 436;
}
