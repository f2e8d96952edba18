//! The lock and the fork mark, against threads and copies of the process.
#![allow(unsafe_code, reason = "processes are made by raw calls")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "this is a test")]

mod common;

use shmfs_sys::{lock::Lock, mark::ForkMark};
use std::{sync::mpsc, thread};

/// The signals that this thread has blocked, as the kernel shows them.
fn blocked() -> String {
    let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
    status.lines().find(|line| line.starts_with("SigBlk:")).unwrap().to_owned()
}

#[test]
fn threads_take_turns() {
    let _alone = common::alone();
    static COUNT: Lock<u64> = Lock::new(0);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| (0..20_000).for_each(|_| COUNT.with(|count| *count += 1)));
        }
    });
    assert_eq!(COUNT.with(|count| *count), 160_000);
}

#[test]
fn signals_are_blocked_while_it_is_held_and_as_before_afterwards() {
    let _alone = common::alone();
    let lock = Lock::new(());
    let before = blocked();
    let during = lock.with(|()| blocked());
    assert_ne!(before, during);
    assert_eq!(blocked(), before);
    lock.hold();
    assert_eq!(blocked(), during);
    lock.release();
    assert_eq!(blocked(), before);
}

#[test]
fn only_the_thread_that_holds_it_enters() {
    let _alone = common::alone();
    let lock = Lock::new(1);
    assert_eq!(lock.with_held(|_| ()), None, "not held");
    lock.release();
    lock.hold();
    lock.hold();
    thread::scope(|scope| {
        scope.spawn(|| {
            assert_eq!(lock.with_held(|_| ()), None, "held by another thread");
            lock.release();
        });
    });
    assert_eq!(lock.with_held(|value| *value += 1), Some(()));
    assert_eq!(lock.with(|value| *value), 2, "a call between prepare and release");
    let (sender, receiver) = mpsc::channel();
    thread::scope(|scope| {
        scope.spawn(|| sender.send(lock.with(|value| *value)).unwrap());
        assert!(receiver.recv_timeout(std::time::Duration::from_millis(50)).is_err());
        lock.release();
        assert_eq!(receiver.recv().unwrap(), 2);
    });
    assert_eq!(lock.with_held(|_| ()), None);
}

#[test]
#[should_panic(expected = "from inside")]
fn asking_from_inside_is_a_mistake() {
    let lock = Lock::new(());
    lock.with(|()| lock.with(|()| ()));
}

#[test]
fn held_for_a_fork_it_is_held_in_both() {
    let _alone = common::alone();
    for armed in [false, true] {
        let lock = Lock::new(0);
        if armed {
            lock.arm().unwrap();
        }
        lock.hold();
        let child = common::fork(|| {
            let entered = lock.with_held(|value| *value = 7) == Some(());
            let within = lock.with(|value| *value) == 7;
            lock.release();
            let refused = lock.with_held(|_| ()).is_none();
            let after = lock.with(|value| *value) == 7;
            u8::from(!(entered && within && refused && after))
        });
        assert_eq!(lock.with_held(|value| *value), Some(0));
        lock.release();
        assert_eq!(common::wait(child), 0, "armed: {armed}");
        assert_eq!(lock.with(|value| *value), 0);
    }
}

#[test]
fn a_copy_without_the_holder_finds_it_free() {
    let _alone = common::alone();
    let lock = Lock::new(0);
    lock.arm().unwrap();
    let (inside, told) = mpsc::channel();
    let (go, may_leave) = mpsc::channel::<()>();
    thread::scope(|scope| {
        let lock = &lock;
        scope.spawn(move || {
            lock.with(|_| {
                inside.send(()).unwrap();
                may_leave.recv().unwrap();
            });
        });
        told.recv().unwrap();
        // Copied while the other thread has the lock, and that thread is not in the copy.
        let child = common::fork(|| {
            let first = lock.with(|value| {
                *value += 1;
                *value
            });
            let second = lock.with(|value| *value);
            u8::from((first, second) != (1, 1))
        });
        assert_eq!(common::wait(child), 0);
        go.send(()).unwrap();
    });
    assert_eq!(lock.with(|value| *value), 0);
}

#[test]
fn a_mark_is_gone_in_every_copy() {
    let _alone = common::alone();
    let mark = ForkMark::new().unwrap();
    assert!(!mark.is_set());
    mark.set();
    assert!(mark.is_set());
    let child = common::fork(|| {
        let first = mark.is_set();
        mark.set();
        let second = mark.is_set();
        let grandchild = common::fork(|| u8::from(mark.is_set()));
        u8::from(first || !second || common::wait(grandchild) != 0)
    });
    assert_eq!(common::wait(child), 0);
    assert!(mark.is_set());
}
