//! The guard of an object: who has it, writes alone.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use common::{Actor, hear, say};
use shmfs::{Object, Store};
use std::thread;

const TURNS: u32 = 500;

#[test]
fn child() {
    match common::role().as_deref() {
        None => {}
        Some("counts") => counts(),
        Some("takes") => takes(),
        Some(other) => panic!("there is no role {other}"),
    }
}

/// Counts with loads and stores, which would lose counts without a guard.
fn count(object: &Object) {
    let mapping = object.map().unwrap();
    for _ in 0..TURNS {
        let _guard = object.guard().unwrap();
        let count = mapping.load_u32(0).unwrap();
        thread::yield_now();
        mapping.store_u32(0, count + 1).unwrap();
    }
}

fn counts() {
    let object = Store::open().unwrap().open_object("count").unwrap();
    let _ = hear();
    count(&object);
    say("done");
    let _ = hear();
}

#[test]
fn processes_and_threads_take_turns() {
    let store = Store::embedded().unwrap();
    let object = store.object("count").unwrap().guarded().create(4096).unwrap();
    assert!(store.list().unwrap()[0].guarded);
    let mut others = [Actor::start("counts", &store), Actor::start("counts", &store)];
    others.iter_mut().for_each(|other| other.tell("go"));
    thread::scope(|scope| {
        // Two threads that share one handle.
        scope.spawn(|| count(&object));
        scope.spawn(|| count(&object));
    });
    others.iter_mut().for_each(|other| assert_eq!(other.heard(), "done"));
    assert_eq!(object.map().unwrap().load_u32(0).unwrap(), 4 * TURNS);
    others.into_iter().for_each(Actor::finish);
}

fn takes() {
    let object = Store::open().unwrap().open_object("held").unwrap();
    let _guard = object.guard().unwrap();
    say("has it");
    let _ = hear();
}

#[test]
fn a_killed_holder_gives_it_back() {
    let store = Store::embedded().unwrap();
    let object = store.create("held", 4096).unwrap();
    let mut holder = Actor::start("takes", &store);
    assert_eq!(holder.heard(), "has it");
    thread::scope(|scope| {
        let waits = scope.spawn(|| drop(object.guard().unwrap()));
        holder.kill();
        waits.join().unwrap();
    });
}
