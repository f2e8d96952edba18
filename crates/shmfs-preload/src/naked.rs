//! `syscall` and `dlopen`: functions that must leave the stack and the registers as they found them.
//!
//! `syscall` is variadic, which Rust cannot define, and its sixth argument lies on the stack. `dlopen` looks at
//! its return address to learn whose DT_RUNPATH to search, so it must be jumped to, not called (glibc,
//! dlfcn/dlopen.c).
//!
//! Owns: the machine code of both on x86-64 and aarch64.
//! Leaves to others: the calls themselves (`sysv`, `paths`, `open`).
//! Not done: `dlmopen`, whose new namespaces have libc's symbols only.

use crate::paths::{access, names, stat};
use crate::{CLIENT, errno, next::Next, open, sysv};
use core::arch::naked_asm;
use core::ptr;
use libc::{c_char, c_int, c_long, c_uint, c_void, key_t, mode_t, shmid_ds, size_t};
use shmfs_abi::Errno;

crate::as_libc! { dlopen: unsafe extern "C" fn(*const c_char, c_int) -> *mut c_void; }

static DLOPEN: Next = Next::new();

/// `syscall(2)`: System V calls by number are the store's, and some that take a path may be; every other number is the
/// kernel's.
///
/// The order of the registers is that of glibc's sysdeps/unix/sysv/linux/x86_64/syscall.S.
#[cfg(target_arch = "x86_64")]
#[unsafe(no_mangle)]
#[unsafe(naked)]
pub unsafe extern "C" fn syscall() -> c_long {
    naked_asm!(
        "endbr64",
        // The kernel looks at the lower half of the number only (arch/x86/entry/syscall_64.c).
        "mov eax, edi",
        "mov r10, rdi",
        "mov rdi, rsi",
        "mov rsi, rdx",
        "mov rdx, rcx",
        "cmp eax, {shmget}",
        "je {get}",
        "cmp eax, {shmat}",
        "je {attach}",
        "cmp eax, {shmctl}",
        "je {control}",
        "cmp eax, {shmdt}",
        "je {detach}",
        "cmp eax, {statx}",
        "je 3f",
        "cmp eax, {openat}",
        "je 3f",
        "cmp eax, {newfstatat}",
        "je 3f",
        "cmp eax, {faccessat2}",
        "je 3f",
        "cmp eax, {renameat2}",
        "je 3f",
        "mov rax, r10",
        "mov r10, r8",
        "mov r8, r9",
        "mov r9, [rsp + 8]",
        "syscall",
        "cmp rax, -4095",
        "jae 2f",
        "ret",
        "2:",
        "mov rdi, rax",
        "jmp {failed}",
        "3:",
        "mov rcx, r8",
        "mov r8, r9",
        "mov r9d, eax",
        "jmp {file}",
        shmget = const libc::SYS_shmget,
        shmat = const libc::SYS_shmat,
        shmctl = const libc::SYS_shmctl,
        shmdt = const libc::SYS_shmdt,
        statx = const libc::SYS_statx,
        openat = const libc::SYS_openat,
        newfstatat = const libc::SYS_newfstatat,
        faccessat2 = const libc::SYS_faccessat2,
        renameat2 = const libc::SYS_renameat2,
        get = sym get,
        attach = sym attach,
        control = sym control,
        detach = sym detach,
        file = sym file,
        failed = sym errno::syscall_failed,
    )
}

/// `syscall(2)`: System V calls by number are the store's, and some that take a path may be; every other number is the
/// kernel's.
///
/// The order of the registers is that of glibc's sysdeps/unix/sysv/linux/aarch64/syscall.S.
#[cfg(target_arch = "aarch64")]
#[unsafe(no_mangle)]
#[unsafe(naked)]
pub unsafe extern "C" fn syscall() -> c_long {
    naked_asm!(
        "hint #34", // bti c
        // The kernel looks at the lower half of the number only (arch/arm64/kernel/syscall.c).
        "mov w8, w0",
        "mov x0, x1",
        "mov x1, x2",
        "mov x2, x3",
        "cmp w8, #{shmget}",
        "b.eq {get}",
        "cmp w8, #{shmat}",
        "b.eq {attach}",
        "cmp w8, #{shmctl}",
        "b.eq {control}",
        "cmp w8, #{shmdt}",
        "b.eq {detach}",
        "cmp w8, #{statx}",
        "b.eq 3f",
        "cmp w8, #{openat}",
        "b.eq 3f",
        "cmp w8, #{newfstatat}",
        "b.eq 3f",
        "cmp w8, #{faccessat2}",
        "b.eq 3f",
        "cmp w8, #{renameat2}",
        "b.eq 3f",
        "mov x3, x4",
        "mov x4, x5",
        "mov x5, x6",
        "svc #0",
        "cmn x0, #4095",
        "b.cs 2f",
        "ret",
        "2:",
        "b {failed}",
        "3:",
        "mov x3, x4",
        "mov x4, x5",
        "mov w5, w8",
        "b {file}",
        shmget = const libc::SYS_shmget,
        shmat = const libc::SYS_shmat,
        shmctl = const libc::SYS_shmctl,
        shmdt = const libc::SYS_shmdt,
        statx = const libc::SYS_statx,
        openat = const libc::SYS_openat,
        newfstatat = const libc::SYS_newfstatat,
        faccessat2 = const libc::SYS_faccessat2,
        renameat2 = const libc::SYS_renameat2,
        get = sym get,
        attach = sym attach,
        control = sym control,
        detach = sym detach,
        file = sym file,
        failed = sym errno::syscall_failed,
    )
}

/// `dlopen(3)` without RTLD_DEEPBIND, with which a library would find libc's symbols before ours.
#[cfg(target_arch = "x86_64")]
#[unsafe(no_mangle)]
#[unsafe(naked)]
pub unsafe extern "C" fn dlopen(_file: *const c_char, _mode: c_int) -> *mut c_void {
    naked_asm!(
        "endbr64",
        "and esi, {mask}",
        "push rdi",
        "push rsi",
        "sub rsp, 8",
        "call {real}",
        "add rsp, 8",
        "pop rsi",
        "pop rdi",
        "test rax, rax",
        "jz 2f",
        "jmp rax",
        "2:",
        "ret",
        mask = const !libc::RTLD_DEEPBIND,
        real = sym real_dlopen,
    )
}

/// `dlopen(3)` without RTLD_DEEPBIND, with which a library would find libc's symbols before ours.
#[cfg(target_arch = "aarch64")]
#[unsafe(no_mangle)]
#[unsafe(naked)]
pub unsafe extern "C" fn dlopen(_file: *const c_char, _mode: c_int) -> *mut c_void {
    naked_asm!(
        "hint #34", // bti c
        "and w1, w1, #{mask}",
        "stp x29, x30, [sp, #-32]!",
        "mov x29, sp",
        "stp x0, x1, [sp, #16]",
        "bl {real}",
        "mov x16, x0",
        "ldp x0, x1, [sp, #16]",
        "ldp x29, x30, [sp], #32",
        "cbz x16, 2f",
        "br x16",
        "2:",
        "mov x0, #0",
        "ret",
        mask = const !libc::RTLD_DEEPBIND,
        real = sym real_dlopen,
    )
}

extern "C" fn real_dlopen() -> *mut c_void {
    DLOPEN.find(c"dlopen")
}

// The System V calls as `syscall` returns them: 64 bits wide. None goes through the symbol that programs call: some replace
// its code in place, and then go on by `syscall` (UCX).

extern "C" fn get(key: key_t, size: size_t, flags: c_int) -> c_long {
    returned(CLIENT.shmget(key, size, flags).map(c_long::from))
}

extern "C" fn attach(shmid: c_int, address: *const c_void, flags: c_int) -> c_long {
    returned(CLIENT.shmat(shmid, address.addr(), flags).map(|address| address as c_long))
}

extern "C" fn control(shmid: c_int, command: c_int, buffer: *mut shmid_ds) -> c_long {
    returned(sysv::control(shmid, command, buffer.cast()).map(c_long::from))
}

extern "C" fn detach(address: *const c_void) -> c_long {
    returned(CLIENT.shmdt(address.addr()).map(|()| 0))
}

/// Calls that programs make by number because libc once did not have them, or not with all they can do (libuv, systemd).
extern "C" fn file(dir: c_int, path: *const c_char, c: usize, d: usize, e: usize, number: c_uint) -> c_long {
    let outcome = match c_long::from(number) {
        libc::SYS_statx => {
            stat::statx(dir, path, c as c_int, d as c_uint, ptr::with_exposed_provenance_mut(e))
        }
        libc::SYS_openat => open::openat(dir, path, c as c_int, d as mode_t),
        libc::SYS_newfstatat => stat::fstatat(dir, path, ptr::with_exposed_provenance_mut(c), d as c_int),
        libc::SYS_faccessat2 => access::faccessat(dir, path, c as c_int, d as c_int),
        _ => names::renameat2(dir, path, c as c_int, ptr::with_exposed_provenance(d), e as c_uint),
    };
    outcome.into()
}

fn returned(result: Result<c_long, Errno>) -> c_long {
    result.unwrap_or_else(|errno| {
        errno::set(errno);
        -1
    })
}
