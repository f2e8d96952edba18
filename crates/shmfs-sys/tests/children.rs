//! Children of one process: waited for, told of by signals, become other programs.
#![allow(unsafe_code, reason = "processes are made by raw calls")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "this is a test")]

mod common;

use rustix::fs::{CWD, Mode, OFlags};
use shmfs_abi::{Errno, Pid};
use shmfs_sys::{
    AsRawFd,
    child::{self, Ended, NOBODY},
    process,
    signals::{self, SignalFd, SignalSet},
    socket,
    table::inherit,
};

const SIGKILL: i32 = 9;
const SIGUSR1: i32 = 10;
const SIGCHLD: i32 = 17;

#[cfg(target_arch = "x86_64")]
const RT_SIGACTION: usize = 13;
#[cfg(target_arch = "aarch64")]
const RT_SIGACTION: usize = 134;

/// As `nohup` leaves SIGHUP to its program.
fn ignore(signal: i32) {
    let action = [1usize, 0, 0, 0];
    let at = &raw const action as usize;
    // SAFETY: the kernel reads four words, which are there.
    unsafe { shmfs_sys::raw::syscall6(RT_SIGACTION, signal as usize, at, 0, 8, 0, 0) };
}

fn open(path: &str) -> shmfs_sys::OwnedFd {
    rustix::fs::openat(CWD, path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).unwrap()
}

fn send(signal: i32, to: i32) {
    let to = rustix::process::Pid::from_raw(to).unwrap();
    rustix::process::kill_process(to, rustix::process::Signal::from_named_raw(signal).unwrap()).unwrap();
}

#[test]
fn a_child_is_waited_for_once() {
    let _alone = common::alone();
    let (ours, theirs) = socket::pair().unwrap();
    let child = Pid(common::fork(|| {
        drop(socket::receive(&theirs, &mut [0; 1], true));
        7
    }));
    assert_eq!(child::try_wait(child), Ok(None));
    socket::send(&ours, b"x", &[], true).unwrap();
    assert_eq!(child::wait(child), Ok(Ended::Exit(7)));
    assert_eq!(child::wait(child), Err(NOBODY));
    assert_eq!(child::try_wait(Pid(0)), Err(NOBODY));
    let child = common::fork(|| {
        loop {
            std::hint::spin_loop();
        }
    });
    send(SIGKILL, child);
    assert_eq!(child::wait(Pid(child)), Ok(Ended::Signal(SIGKILL)));
}

#[test]
fn a_pidfd_tells_how_a_process_ended_once_it_was_waited_for() {
    let _alone = common::alone();
    for (code, expected) in [(0, Ended::Exit(0)), (75, Ended::Exit(75)), (u8::MAX, Ended::Signal(SIGKILL))] {
        let child = common::fork(|| {
            if code == u8::MAX {
                common::kill(process::pid().0);
            }
            code
        });
        let pidfd = process::pidfd(Pid(child)).unwrap();
        assert_eq!(child::ended_elsewhere(&pidfd), None);
        assert_eq!(child::wait(Pid(child)), Ok(expected));
        match child::ended_elsewhere(&pidfd) {
            None => println!("SKIP: the kernel does not tell the end of a process by its pidfd (Linux 6.15)"),
            told => assert_eq!(told, Some(expected)),
        }
    }
    let (file, _) = socket::pair().unwrap();
    assert_eq!(child::ended_elsewhere(&file), None, "not a pidfd");
}

#[test]
fn a_blocked_signal_is_read_with_its_sender() {
    let _alone = common::alone();
    let (ours, theirs) = socket::pair().unwrap();
    let me = process::pid();
    let child = common::fork(|| {
        let set = SignalSet::of(&[SIGUSR1, SIGCHLD]);
        let before = signals::block(set);
        let Ok(told) = SignalFd::new(set) else { return 1 };
        if told.read() != Ok(None) || socket::send(&theirs, b"x", &[], true).is_err() {
            return 2;
        }
        let signal = loop {
            match told.read() {
                Ok(None) => {}
                Ok(Some(signal)) => break signal,
                Err(_) => return 3,
            }
        };
        if (signal.number, signal.sender) != (SIGUSR1, me) {
            return 4;
        }
        // Its own child's end is told with the child's number.
        let grandchild = child::fork();
        match grandchild {
            Ok(shmfs_sys::table::Cloned::Child) => child::exit(5),
            Ok(shmfs_sys::table::Cloned::Parent(grandchild)) => {
                if child::wait(grandchild) != Ok(Ended::Exit(5)) {
                    return 5;
                }
                if !matches!(told.read(), Ok(Some(end)) if (end.number, end.sender) == (SIGCHLD, grandchild))
                {
                    return 6;
                }
            }
            Err(_) => return 7,
        }
        // With the mask as it was, the signal does what it does.
        signals::restore(before);
        let _ = socket::send(&theirs, b"x", &[], true);
        loop {
            std::hint::spin_loop();
        }
    });
    for _ in 0..2 {
        socket::receive(&ours, &mut [0; 1], true).unwrap();
        send(SIGUSR1, child);
    }
    assert_eq!(child::wait(Pid(child)), Ok(Ended::Signal(SIGUSR1)));
}

#[test]
fn an_ignored_end_of_a_child_can_be_waited_for_again() {
    let _alone = common::alone();
    let child = common::fork(|| {
        let ended = || match child::fork() {
            Ok(shmfs_sys::table::Cloned::Child) => child::exit(9),
            Ok(shmfs_sys::table::Cloned::Parent(child)) => child::wait(child),
            Err(error) => Err(error),
        };
        ignore(SIGCHLD);
        let ignored = ended();
        let made = signals::default_action(SIGCHLD);
        u8::from((ignored, made, ended()) != (Err(NOBODY), Ok(()), Ok(Ended::Exit(9))))
    });
    assert_eq!(common::wait(child), 0);
    assert_eq!(signals::default_action(0), Err(Errno::EINVAL));
}

/// A shell that writes on a number which it was given, and not on one which it was not.
#[test]
fn a_program_gets_its_arguments_environment_and_the_numbers_meant_for_it() {
    let _alone = common::alone();
    let shell = open("/bin/sh");
    let (ours, theirs) = socket::pair().unwrap();
    let (given, kept) = (theirs.as_raw_fd(), ours.as_raw_fd());
    let script =
        format!("test \"$WORD\" = told && echo $1 >&{given} && ! (: >&{kept}) 2>/dev/null && exit 11");
    let script = std::ffi::CString::new(script).unwrap();
    let child = common::fork(|| {
        if inherit(given).is_err() || inherit(-1) != Err(Errno::EBADF) {
            return 1;
        }
        let arguments = [c"sh", c"-c", &script, c"sh", c"argument"];
        let _ = child::exec(&shell, &arguments, &[c"WORD=told"]);
        2
    });
    assert_eq!(common::wait(child), 11);
    let mut said = [0; 16];
    let len = socket::receive(&ours, &mut said, true).unwrap().len;
    assert_eq!(&said[..len], b"argument\n");
    assert_eq!(child::exec(open("/etc/passwd"), &[c"x"], &[]), Errno::EACCES);
}
