//! Who waits at one door is woken by another: futexes, semaphores.

use crate::door::Door;
use crate::house::{House, Side};
use crate::segments::segment;
use crate::{CREATE_EXCL, RDWR, SIZE};
use shmfs_tests::{eventually, skip};

on_sides!(futexes: futexes_on_the_kernel Kernel, futexes_in_a_store Store, futexes_at_dev_shm StoreThere);
fn futexes(house: &House) {
    let (caller, plain) = (house.caller(), house.plain());
    caller.done(format!("shm_open 0 /futex {CREATE_EXCL} 0600"));
    caller.done(format!("resize 0 {SIZE}"));
    caller.done(format!("map 0 {SIZE}"));
    plain.done(format!("open 0 {} {RDWR} 0", house.path("futex")));
    plain.done(format!("map 0 {SIZE}"));
    check_wake(&caller, &plain);
    check_wake(&plain, &caller);
}

/// One waits for the word at 64 in slot 0, the other wakes it.
fn check_wake(waiter: &Door, waker: &Door) {
    waiter.tell("wait 0 64 0");
    eventually("the waiter is woken", || waker.ask("wake 0 64") == "1");
    assert_eq!(waiter.answer(), "0");
    // The word is looked at where both see it.
    waker.done("put 0 64 5");
    waiter.says("wait 0 64 0", "EAGAIN");
    waker.done("put 0 64 0");
}

#[test]
fn futexes_of_a_segment() {
    let house = house!(Side::Store);
    let (caller, plain) = (house.caller(), house.plain());
    let id = segment(&caller);
    plain.done(format!("open 0 {} {RDWR} 0", house.path(&format!(".sysv/{id}"))));
    plain.done(format!("map 0 {SIZE}"));
    check_wake(&caller, &plain);
    check_wake(&plain, &caller);
}

on_sides!(semaphores: semaphores_on_the_kernel Kernel, semaphores_in_a_store Store,
    semaphores_at_dev_shm StoreThere);
fn semaphores(house: &House) {
    let (caller, plain) = (house.caller(), house.plain());
    let path = house.path("sem.gate");
    caller.done("sem_open 0 /gate 0300 3");
    plain.says(format!("stat {path}"), 32);
    plain.done(format!("open 0 {path} {RDWR} 0"));
    plain.done("map 0 32");
    // glibc keeps the value in the first word (nptl/internaltypes.h).
    plain.says("read 0 0", 3);
    plain.says("sem_value 0", 3);
    plain.done("sem_post 0");
    caller.says("sem_value 0", 4);
    for _ in 0..4 {
        caller.done("sem_wait 0");
    }
    plain.says("read 0 0", 0);
    caller.tell("sem_wait 0");
    // glibc counts who waits in the second word.
    eventually("the caller waits", || plain.ask("read 0 4") == "1");
    plain.done("sem_post 0");
    assert_eq!(caller.answer(), "0");
    if house.side == Side::StoreThere {
        plain.done("sem_open 1 /gate 0 0");
        plain.done("sem_post 1");
        caller.done("sem_wait 0");
    }
    plain.done(format!("unlink {path}"));
    caller.says("sem_open 1 /gate 0 0", "ENOENT");
}
