//! Brokers that end in every way, and what their keeper makes of it.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "this is a test")]

mod told;

use told::{Folder, Said};

fn run(test: &str, steps: &str, settings: &[(&str, &str)]) -> (Folder, Said) {
    let folder = Folder::new(test);
    let said = folder.start(steps, settings).finish();
    (folder, said)
}

fn check_ended(folder: &Folder, said: &Said) {
    assert_eq!(said.code, Some(0), "{:?} {:?}", said.lines, said.log);
    assert_eq!(said.lines.last().map(String::as_str), Some("outcome Ended"));
    assert!(!folder.path().exists(), "{:?}", folder.content());
}

#[test]
fn a_store_that_has_ended_is_not_served_again() {
    let (folder, said) = run("ended", "exit:0", &[]);
    check_ended(&folder, &said);
    assert_eq!(said.lines[0], "broker restarts=0 crashes=0 on=0:0 panicked=0 keeper=true");
}

#[test]
fn a_broker_that_is_killed_from_outside_is_followed_at_once() {
    let (folder, said) = run("outside", "kill:9 busy:7:1+kill:10 kill:12 kill:9 exit:0", &[]);
    check_ended(&folder, &said);
    assert_eq!(said.found("restarts"), ["0", "1", "2", "3", "4"]);
    assert_eq!(said.found("crashes"), ["0"; 5], "nothing is held against a request");
    assert!(said.found("keeper").iter().all(|known| known == "true"), "{:?}", said.lines);
    assert_eq!(said.logged("ended from outside", "restarts"), ["0", "1", "2", "3"]);
    assert!(said.logged("crashed", "end").is_empty());
}

#[test]
fn pauses_grow_after_crashes_and_begin_anew_with_an_answer() {
    let steps = "abort kill:8 exit:1 panic answer+abort abort kill:9 abort exit:0";
    let (folder, said) = run("pauses", steps, &[]);
    check_ended(&folder, &said);
    let pauses = said.logged("crashed", "pause");
    // A kill from outside neither waits nor begins anew.
    assert_eq!(pauses, ["0ns", "10ms", "20ms", "40ms", "0ns", "10ms", "20ms"], "{:?}", said.log);
    assert_eq!(said.found("restarts").len(), 9);
}

#[test]
fn crashes_are_counted_for_each_request() {
    let steps = "busy:7:1+abort busy:7:1+abort busy:8:1+abort busy:7:1+abort busy:7:2+answer+abort exit:0";
    let (folder, said) = run("requests", steps, &[]);
    check_ended(&folder, &said);
    assert_eq!(said.found("crashes"), ["0", "1", "2", "1", "3", "1"]);
    assert_eq!(said.found("on"), ["0:0", "7:1", "7:1", "8:1", "7:1", "7:2"]);
}

#[test]
fn a_panic_is_the_brokers_own_whatever_ended_it() {
    let (folder, said) = run("panicked", "busy:7:1+panicked+kill:9 exit:0", &[]);
    check_ended(&folder, &said);
    assert_eq!(said.found("crashes"), ["0", "1"]);
    assert_eq!(said.found("panicked"), ["0", "0"], "each broker begins without");
}

#[test]
fn a_broker_that_hangs_is_killed_and_that_is_a_crash() {
    let (folder, said) = run("hangs", "busy:7:1+hang exit:0", &[("TOLD_HANG", "30")]);
    check_ended(&folder, &said);
    assert_eq!(said.found("crashes"), ["0", "1"]);
    assert_eq!(said.logged("crashed", "hung"), ["true"], "{:?}", said.log);
}

#[test]
fn a_broker_that_says_that_it_takes_long_or_sleeps_is_left_alone() {
    for steps in ["busy:7:1+long+sleep:300+exit:0", "sleep:300+exit:0"] {
        let (folder, said) = run("long", steps, &[("TOLD_HANG", "3")]);
        check_ended(&folder, &said);
        assert_eq!(said.found("restarts"), ["0"], "{steps}");
    }
}

#[test]
fn what_a_broker_was_busy_with_is_not_held_against_the_next_one() {
    let steps = "busy:7:1+kill:9 sleep:200+abort busy:7:1+long+kill:9 busy:7:2+hang exit:0";
    let (folder, said) = run("next", steps, &[("TOLD_HANG", "30")]);
    check_ended(&folder, &said);
    assert_eq!(said.found("crashes"), ["0", "0", "0", "0", "1"]);
    assert_eq!(said.logged("crashed", "hung"), ["false", "true"], "{:?}", said.log);
}

#[test]
fn a_store_that_was_handed_over_is_not_touched() {
    let (folder, said) = run("handed", "exit:75", &[]);
    assert_eq!(said.code, Some(0));
    assert_eq!(said.lines.last().map(String::as_str), Some("outcome HandedOver"));
    assert_eq!(folder.content(), ["broker", "pid", "socket"]);
}

#[test]
fn what_a_broker_left_open_can_be_closed_without_harm_to_the_keeper() {
    let (folder, said) = run("closing", "closing+kill:9 closing+abort closing+exit:0", &[]);
    check_ended(&folder, &said);
    assert_eq!(said.found("restarts"), ["0", "1", "2"]);
}

#[test]
fn several_threads_are_refused() {
    let (_folder, said) = run("threads", "exit:0", &[("TOLD_THREADS", "1")]);
    assert_eq!(said.code, Some(1));
    assert_eq!(said.lines, ["error a keeper has one thread, and this process has several"]);
}
