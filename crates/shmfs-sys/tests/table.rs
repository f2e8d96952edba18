//! A descriptor table that two real processes share, and that one of them leaves by SIGKILL.
#![allow(unsafe_code, reason = "processes are made by raw calls")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "this is a test")]

mod common;

use shmfs_abi::{ByteLen, Errno};
use shmfs_sys::{
    AsRawFd, BorrowedFd, IntoRawFd, RawFd,
    child::{self, Ended, fork},
    fd,
    map::SharedMap,
    memfd, socket,
    table::{Cloned, adopt, clone_sharing, close_others},
};
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

/// A word that processes share, for the numbers that one tells the other.
struct Word(SharedMap);

impl Word {
    fn new() -> Word {
        let file = memfd::create(c"word", false).unwrap();
        fd::truncate(&file, ByteLen(4096)).unwrap();
        Word(SharedMap::new(&file, 4096).unwrap())
    }

    fn get(&self) -> &AtomicU64 {
        self.0.atomic_u64(0)
    }
}

/// Runs `keeper` in a process of one thread; it returns the line that failed, or 0.
fn in_one_thread(keeper: impl FnOnce() -> u32) {
    let _alone = common::alone();
    let word = Word::new();
    let child = common::fork(|| {
        word.get().store(u64::from(keeper()), SeqCst);
        0
    });
    assert_eq!(common::wait(child), 0);
    assert_eq!(word.get().load(SeqCst), 0, "the condition in this line of the test");
}

/// Ends the closure with the number of this line unless the condition holds; nothing may be printed there.
macro_rules! expect {
    ($condition:expr) => {
        if !$condition {
            return line!();
        }
    };
}

fn is_open(number: RawFd) -> bool {
    fd::identify_raw(number).is_some()
}

#[test]
fn what_a_killed_process_opened_stays_and_no_socket_hangs_up() {
    let word = Word::new();
    let (ours, theirs) = socket::pair().unwrap();
    in_one_thread(|| {
        let Ok(side) = clone_sharing() else { return line!() };
        let Cloned::Parent(broker) = side else {
            // It takes the request, makes an object, and is killed before it answers.
            let taken = socket::receive(&theirs, &mut [0; 8], true);
            let Ok(object) = memfd::create(c"object", true) else { child::exit(1) };
            let _ = fd::truncate(&object, ByteLen(4711));
            word.get().store(u64::from(taken.is_ok()) << 32 | object.into_raw_fd() as u64, SeqCst);
            common::kill(shmfs_sys::process::pid().0);
            child::exit(2)
        };
        expect!(socket::send(&ours, b"request", &[], true).is_ok());
        expect!(child::wait(broker) == Ok(Ended::Signal(9)));
        let told = word.get().load(SeqCst);
        expect!(told >> 32 == 1);
        let number = told as RawFd;
        expect!(fd::identify_raw(number).is_some_and(|facts| facts.size == ByteLen(4711)));
        // Neither answered nor hung up.
        expect!(socket::receive(&ours, &mut [0; 8], false).is_err_and(|error| error == Errno::EAGAIN));
        // The next broker takes both over and answers.
        let Ok(side) = clone_sharing() else { return line!() };
        let Cloned::Parent(broker) = side else {
            let adopted = adopt(number).is_ok_and(|object| fd::truncate(&object, ByteLen(1)).is_ok());
            let sent = socket::send(&theirs, b"answer", &[], true).is_ok();
            child::exit(i32::from(!(adopted && sent)))
        };
        expect!(child::wait(broker) == Ok(Ended::Exit(0)));
        expect!(socket::receive(&ours, &mut [0; 8], false).is_ok_and(|answer| answer.len == 6));
        // Dropped in one is closed in both.
        expect!(!is_open(number));
        expect!(adopt(number).is_err_and(|error| error == Errno::EBADF));
        0
    });
}

#[test]
fn a_fork_has_a_table_of_its_own() {
    let (ours, _theirs) = socket::pair().unwrap();
    let number = ours.as_raw_fd();
    in_one_thread(|| {
        let Ok(side) = fork() else { return line!() };
        let Cloned::Parent(copy) = side else {
            let closed = close_others(&[]).is_ok() && !is_open(number);
            child::exit(i32::from(!closed))
        };
        expect!(child::wait(copy) == Ok(Ended::Exit(0)));
        expect!(is_open(number));
        0
    });
}

#[test]
fn numbers_that_nobody_knows_are_closed_for_both() {
    let (known, unknown) = socket::pair().unwrap();
    let numbers = (known.as_raw_fd(), unknown.as_raw_fd());
    in_one_thread(|| {
        // SAFETY: the number is open for the time of the call.
        let lent = unsafe { BorrowedFd::borrow_raw(numbers.1) };
        let Ok(high) = fd::duplicate(lent) else { return line!() };
        let high = high.into_raw_fd();
        let Ok(side) = clone_sharing() else { return line!() };
        let Cloned::Parent(other) = side else {
            child::exit(i32::from(close_others(&[0, numbers.0]).is_err()));
        };
        expect!(child::wait(other) == Ok(Ended::Exit(0)));
        expect!(is_open(numbers.0) && is_open(0) && is_open(1) && is_open(2));
        expect!(!is_open(numbers.1) && !is_open(high));
        0
    });
}
