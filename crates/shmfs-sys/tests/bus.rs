//! The guard for SIGBUS: each case is a process of its own, since a process has one action for a signal.
#![allow(unsafe_code, reason = "plain accesses to pages that are gone, and actions of signals")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "this is a test")]

mod common;

use shmfs_abi::ByteLen;
use shmfs_sys::{
    AsFd, OwnedFd,
    bus::{self, known},
    fd, memfd,
    raw::syscall6,
    span::{Denied, Span},
    tmpfs::Hidden,
    view::{Plan, View},
};
use std::{
    os::unix::process::ExitStatusExt,
    process::{Command, Output},
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
};

const PAGE: usize = 4096;
const SIGBUS: i32 = 7;

#[cfg(target_arch = "x86_64")]
mod number {
    pub const RT_SIGACTION: usize = 13;
    pub const SETRLIMIT: usize = 160;
}
#[cfg(target_arch = "aarch64")]
mod number {
    pub const RT_SIGACTION: usize = 134;
    pub const SETRLIMIT: usize = 164;
}

/// A file of two pages whose second is cut, and a view of both.
fn cut() -> (OwnedFd, View) {
    let file = memfd::create(c"cut", false).unwrap();
    fd::truncate(&file, ByteLen(2 * PAGE as u64)).unwrap();
    let view = View::new(&file, &Plan::new(2 * PAGE)).unwrap();
    fd::truncate(&file, ByteLen(PAGE as u64)).unwrap();
    (file, view)
}

/// Reaches for a byte as a plain program does.
fn touch(view: &View, offset: usize) -> u8 {
    assert!(offset < view.len());
    // SAFETY: the byte is mapped; that its page is gone is what the test is about.
    unsafe { view.as_ptr().wrapping_add(offset).read_volatile() }
}

/// Runs the test `name` again in a process of its own.
fn alone(name: &str) -> Output {
    common::again(name).output().unwrap()
}

/// In the process of its own: no core files.
fn begin() {
    const CORE: usize = 4;
    let none = [0_u64; 2];
    // SAFETY: the kernel reads two words, which are there.
    unsafe { syscall6(number::SETRLIMIT, CORE, none.as_ptr() as usize, 0, 0, 0, 0) };
}

/// Sets the action of SIGBUS to `act`, a handler of one argument or one of the kernel's numbers.
fn set_action(act: usize) {
    // What the C library does for a program, in C: the kernel wants the way back, which no library here offers. So the
    // handlers of this test never return.
    let action = [act, 0x0400_0000, 0, 0];
    // SAFETY: the kernel reads four words, which are there; the handlers do not return.
    let done = unsafe {
        syscall6(number::RT_SIGACTION, SIGBUS as usize, action.as_ptr() as usize, 0, size_of::<u64>(), 0, 0)
    };
    assert_eq!(done, 0);
}

extern "C" fn leave(_signal: i32) {
    common::exit(42);
}

#[test]
fn every_copy_is_refused_where_a_page_is_gone() {
    if !common::is_again("every_copy_is_refused_where_a_page_is_gone") {
        let output = alone("every_copy_is_refused_where_a_page_is_gone");
        assert!(output.status.success(), "{output:?}");
        return;
    }
    bus::install().unwrap();
    bus::install().unwrap();
    assert!(bus::is_installed());
    let (file, view) = cut();
    let span = view.span();
    // Told is an address on the page that is gone, among the bytes that were wanted.
    let gone = |outcome: Result<(), Denied>, len: usize| match outcome {
        Err(Denied::Fault(at)) => (PAGE..PAGE + len).contains(&(at - span.address())),
        _ => false,
    };
    // Of every length, where copies go different ways.
    for len in [1, 2, 3, 4, 7, 8, 15, 16, 31, 32, 33, 64, 65, 100, 128, 129, 255, 256, 300, 511, 512, 4000] {
        let mut bytes = vec![0; len];
        assert!(gone(span.read(PAGE, &mut bytes), len), "read {len}");
        assert!(gone(span.write(PAGE, &bytes), len), "write {len}");
        assert!(gone(span.fill(PAGE, len, 1), len), "fill {len}");
        assert_eq!(span.read(PAGE - len, &mut bytes), Ok(()), "before {len}");
        if len > 1 {
            assert!(gone(span.read(PAGE - 1, &mut bytes), len), "across {len}");
            assert!(gone(span.write(PAGE - 1, &bytes), len), "across {len}");
        }
        let private = Span::of(&mut bytes);
        assert!(gone(private.copy_from(0, span.part(PAGE, len).unwrap()), len), "span {len}");
    }
    assert!(gone(span.load_u8(PAGE).map(drop), 1) && gone(span.store_u8(PAGE, 1), 1));
    assert!(gone(span.load_u16(PAGE).map(drop), 1) && gone(span.store_u16(PAGE, 1), 1));
    assert!(gone(span.load_u32(PAGE).map(drop), 1) && gone(span.store_u32(PAGE, 1), 1));
    assert!(gone(span.load_u64(PAGE).map(drop), 1) && gone(span.store_u64(PAGE, 1), 1));
    // What comes back is there again, and zero.
    fd::truncate(&file, ByteLen(2 * PAGE as u64)).unwrap();
    assert_eq!(span.load_u64(PAGE), Ok(0));
}

#[test]
fn a_plain_access_dies_with_a_line_that_names_the_file_and_the_cause() {
    const NAME: &str = "a_plain_access_dies_with_a_line_that_names_the_file_and_the_cause";
    if !common::is_again(NAME) {
        let output = alone(NAME);
        assert_eq!(output.status.signal(), Some(SIGBUS), "{output:?}");
        let told = String::from_utf8_lossy(&output.stderr);
        let line =
            "shmfs: cannot reach byte 4106 of `fra?mes`: the file was truncated to 4096 bytes by somebody\n";
        assert!(told.contains(line), "{told}");
        return;
    }
    begin();
    bus::install().unwrap();
    let (file, view) = cut();
    let _known = known::enter(&view, file.as_fd(), b"`fra\x1bmes`").unwrap();
    touch(&view, PAGE + 10);
}

#[test]
fn what_is_not_known_dies_without_a_line() {
    const NAME: &str = "what_is_not_known_dies_without_a_line";
    if !common::is_again(NAME) {
        let output = alone(NAME);
        assert_eq!(output.status.signal(), Some(SIGBUS), "{output:?}");
        assert!(!String::from_utf8_lossy(&output.stderr).contains("shmfs:"), "{output:?}");
        return;
    }
    begin();
    bus::install().unwrap();
    let (file, view) = cut();
    drop(known::enter(&view, file.as_fd(), b"forgotten").unwrap());
    touch(&view, PAGE);
}

#[test]
fn a_page_without_memory_is_an_error_and_a_line() {
    const NAME: &str = "a_page_without_memory_is_an_error_and_a_line";
    if !common::is_again(NAME) {
        let output = alone(NAME);
        if String::from_utf8_lossy(&output.stdout).contains("skipped:") {
            print!("{}", String::from_utf8_lossy(&output.stdout));
            return;
        }
        assert_eq!(output.status.signal(), Some(SIGBUS), "{output:?}");
        let told = String::from_utf8_lossy(&output.stderr);
        let line = "shmfs: cannot reach byte 69632 of full: it has 131072 bytes, and no memory or disk space is left \
                    for the page\n";
        assert!(told.contains(line), "{told}");
        return;
    }
    begin();
    let Ok(hidden) = Hidden::make(16 * PAGE as u64, 8) else {
        println!("skipped: no tmpfs can be mounted here");
        return;
    };
    bus::install().unwrap();
    let file = hidden.create_unnamed(0o600).unwrap();
    fd::truncate(&file, ByteLen(32 * PAGE as u64)).unwrap();
    let view = View::new(&file, &Plan::new(32 * PAGE)).unwrap();
    let _known = known::enter(&view, file.as_fd(), b"full").unwrap();
    view.span().fill(0, 16 * PAGE, 1).unwrap();
    assert!(matches!(view.span().write(16 * PAGE, &[1; 100]), Err(Denied::Fault(_))));
    assert_eq!(view.populate(0..32 * PAGE), Err(shmfs_abi::Errno::EFAULT));
    touch(&view, 17 * PAGE);
}

#[test]
fn the_former_handler_gets_what_is_not_ours() {
    const NAME: &str = "the_former_handler_gets_what_is_not_ours";
    if !common::is_again(NAME) {
        assert_eq!(alone(NAME).status.code(), Some(42));
        return;
    }
    set_action(leave as *const () as usize);
    bus::install().unwrap();
    let (_file, view) = cut();
    assert!(view.span().load_u8(PAGE).is_err());
    touch(&view, PAGE);
}

#[test]
fn ignoring_does_not_help_against_a_fault_but_against_a_signal_sent() {
    const NAME: &str = "ignoring_does_not_help_against_a_fault_but_against_a_signal_sent";
    if !common::is_again(NAME) {
        let output = alone(NAME);
        assert_eq!(output.status.signal(), Some(SIGBUS), "{output:?}");
        assert!(String::from_utf8_lossy(&output.stdout).contains("alive"), "{output:?}");
        return;
    }
    begin();
    set_action(1);
    bus::install().unwrap();
    send_to_myself();
    println!("alive");
    let (_file, view) = cut();
    touch(&view, PAGE);
}

#[test]
fn a_signal_that_somebody_sends_ends_the_program_as_without_the_guard() {
    const NAME: &str = "a_signal_that_somebody_sends_ends_the_program_as_without_the_guard";
    if !common::is_again(NAME) {
        assert_eq!(alone(NAME).status.signal(), Some(SIGBUS));
        return;
    }
    begin();
    set_action(0);
    bus::install().unwrap();
    send_to_myself();
}

fn send_to_myself() {
    let me = std::process::id().to_string();
    assert!(Command::new("kill").args(["-BUS", &me]).status().unwrap().success());
}

/// Eight thousand copies of four threads against one that cuts and grows: each succeeds or is refused.
#[test]
fn copies_race_with_somebody_who_cuts() {
    const NAME: &str = "copies_race_with_somebody_who_cuts";
    if !common::is_again(NAME) {
        let output = alone(NAME);
        assert!(output.status.success(), "{output:?}");
        return;
    }
    bus::install().unwrap();
    let (file, view) = cut();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..4_usize)
            .map(|worker| {
                let span = view.span();
                scope.spawn(move || {
                    let mut bytes = vec![worker as u8; PAGE + 100];
                    let mut refused = 0;
                    for turn in 0..2000 {
                        let outcome = match (turn + worker) % 3 {
                            0 => span.read(PAGE - 100, &mut bytes),
                            1 => span.write(PAGE - 100, &bytes),
                            _ => span.load_u64(2 * PAGE - 8).map(drop),
                        };
                        match outcome {
                            Ok(()) => {}
                            Err(Denied::Fault(_)) => refused += 1,
                            Err(other) => panic!("{other:?}"),
                        }
                    }
                    refused
                })
            })
            .collect();
        scope.spawn(|| {
            let mut pages = 1;
            while !done.load(Relaxed) {
                fd::truncate(&file, ByteLen(pages * PAGE as u64)).unwrap();
                pages = 3 - pages;
            }
        });
        let refused: Vec<i32> = workers.into_iter().map(|worker| worker.join().unwrap()).collect();
        done.store(true, Relaxed);
        println!("refused: {refused:?}");
    });
}

#[test]
fn a_child_made_by_fork_has_the_guard() {
    let _alone = common::alone();
    const NAME: &str = "a_child_made_by_fork_has_the_guard";
    if !common::is_again(NAME) {
        assert_eq!(alone(NAME).status.code(), Some(0));
        return;
    }
    bus::install().unwrap();
    let (_file, view) = cut();
    let child = common::fork(|| u8::from(view.span().load_u8(PAGE).is_err()));
    assert_eq!(common::wait(child), 1);
}
