//! Processes for tests: copies by fork, this program run again as somebody else.
#![allow(dead_code, reason = "each test program uses its part")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "used by tests only")]

use shmfs_sys::raw::{check, syscall6};
use std::{
    env,
    process::Command,
    sync::{Mutex, MutexGuard, PoisonError},
};

#[cfg(target_arch = "x86_64")]
mod number {
    pub const CLONE: usize = 56;
    pub const WAIT4: usize = 61;
    pub const EXIT_GROUP: usize = 231;
    pub const KILL: usize = 62;
}
#[cfg(target_arch = "aarch64")]
mod number {
    pub const CLONE: usize = 220;
    pub const WAIT4: usize = 260;
    pub const EXIT_GROUP: usize = 94;
    pub const KILL: usize = 129;
}

/// One test at a time: a fork in one test copies the descriptors of all others.
pub fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Forks as a raw `clone` does, without any handler; the child ends with what `act` returns. It must not
/// allocate, print or panic: other threads of the harness may have had those locks.
pub fn fork(act: impl FnOnce() -> u8) -> i32 {
    const SIGCHLD: usize = 17;
    // SAFETY: the child continues on its own copy of the stack.
    let child = check(unsafe { syscall6(number::CLONE, SIGCHLD, 0, 0, 0, 0, 0) }).unwrap();
    if child != 0 {
        return child as i32;
    }
    exit(act())
}

/// Ends this process at once.
pub fn exit(code: u8) -> ! {
    loop {
        // SAFETY: the call takes a number.
        unsafe { syscall6(number::EXIT_GROUP, usize::from(code), 0, 0, 0, 0, 0) };
    }
}

/// Waits for a child's end; its exit code, or 128 and the number of the signal that ended it.
pub fn wait(child: i32) -> i32 {
    let mut status = 0i32;
    let at = &raw mut status as usize;
    // SAFETY: the kernel writes four bytes, which are there.
    check(unsafe { syscall6(number::WAIT4, child as usize, at, 0, 0, 0, 0) }).unwrap();
    if status & 0x7f == 0 { status >> 8 & 0xff } else { 128 + (status & 0x7f) }
}

/// Kills a child without a chance for it to tidy up.
pub fn kill(child: i32) {
    // SAFETY: the call takes numbers.
    check(unsafe { syscall6(number::KILL, child as usize, 9, 0, 0, 0, 0) }).unwrap();
}

/// This test program again, to run the one test `name`; it can tell by [`is_again`].
pub fn again(name: &str) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", name, "--nocapture", "--include-ignored"]).env("SHMFS_TEST_AGAIN", name);
    command
}

/// Whether this is the test `name` run by [`again`].
pub fn is_again(name: &str) -> bool {
    env::var("SHMFS_TEST_AGAIN").as_deref() == Ok(name)
}

/// Runs the test `name` again as user and group `id`; false, with the reason printed, if that is not possible.
pub fn again_as(id: u32, name: &str) -> bool {
    use std::os::unix::process::CommandExt;
    if shmfs_sys::process::euid().0 != 0 {
        println!("skipped: changing the user needs root");
        return false;
    }
    let status = again(name).uid(id).gid(id).status().unwrap();
    assert!(status.success(), "{name} as {id}: {status}");
    true
}
