//! Deaths: kill -9 at all kinds of moments, and what a store tells afterwards. Each story looks at nattch with a
//! client's `shmctl` and with `shm ls --json`, waiting for conditions only.

#![allow(clippy::expect_used, reason = "a test that cannot be set up fails, and says why")]

use shmfs_tests::{Actor, Store, skip};

/// A store and its first client, or a skip.
macro_rules! store {
    ($($option:literal),*) => {
        match Store::start(&[$($option),*]) {
            Ok(started) => started,
            Err(reason) => skip!("{reason}"),
        }
    };
}

/// A segment of two pages under key 1.
fn segment(actor: &mut Actor) -> i64 {
    actor.number("get 1 8192 01600")
}

#[test]
fn the_killed_one_of_two() {
    let (store, mut first) = store!();
    let id = segment(&mut first);
    first.number(&format!("at {id}"));
    first.ask("fork second");
    let mut second = store.arrival("second");
    store.expect_nattch(&mut first, id, 2);
    second.number(&format!("at {id}"));
    second.ask("put 0 last-words");
    store.expect_nattch(&mut first, id, 3);
    second.kill();
    store.expect_nattch(&mut first, id, 1);
    assert_eq!(first.ask("see 0"), "last-words");
}

#[test]
fn an_unrelated_program_killed() {
    let (store, mut first) = store!();
    let id = segment(&mut first);
    for how in ["spawn", "vfork"] {
        first.ask(&format!("{how} other"));
        let mut other = store.arrival("other");
        other.number(&format!("at {id}"));
        store.expect_nattch(&mut first, id, 1);
        other.kill();
        store.expect_nattch(&mut first, id, 0);
    }
}

#[test]
fn a_process_that_no_library_saw_being_made_killed() {
    let (store, mut first) = store!();
    let id = segment(&mut first);
    first.number(&format!("at {id}"));
    first.ask("clone second");
    let mut second = store.arrival("second");
    second.number(&format!("at {id}"));
    store.expect_nattch(&mut first, id, 3);
    second.kill();
    store.expect_nattch(&mut first, id, 1);
}

#[test]
fn eight_killed_one_by_one() {
    let (store, mut first) = store!();
    let id = segment(&mut first);
    let mut others: Vec<Actor> = (0..8)
        .map(|number| {
            first.ask(&format!("spawn other{number}"));
            let mut other = store.arrival(&format!("other{number}"));
            other.number(&format!("at {id}"));
            other
        })
        .collect();
    for left in (0..8).rev() {
        others.swap_remove((left * 5) % others.len()).kill();
        store.expect_nattch(&mut first, id, i64::try_from(left).expect("a small number"));
    }
}

#[test]
fn the_parent_killed_while_the_child_lives() {
    let (store, mut first) = store!();
    let id = segment(&mut first);
    first.ask("spawn parent");
    let mut parent = store.arrival("parent");
    parent.number(&format!("at {id}"));
    parent.ask("fork child");
    let mut child = store.arrival("child");
    store.expect_nattch(&mut first, id, 2);
    parent.kill();
    store.expect_nattch(&mut first, id, 1);
    child.ask("put 0 orphaned");
    child.number(&format!("at {id}"));
    store.expect_nattch(&mut first, id, 2);
    child.kill();
    store.expect_nattch(&mut first, id, 0);
}

#[test]
fn a_process_without_descriptors_killed() {
    let (store, mut first) = store!();
    let id = segment(&mut first);
    first.ask("spawn other");
    let mut other = store.arrival("other");
    other.number(&format!("at {id}"));
    other.ask("close");
    store.expect_nattch(&mut first, id, 1);
    other.ask("fork child");
    let child = store.arrival("child");
    store.expect_nattch(&mut first, id, 2);
    other.kill();
    store.expect_nattch(&mut first, id, 1);
    child.kill();
    store.expect_nattch(&mut first, id, 0);
}

#[test]
fn exec_ends_attaches_and_the_program_after_it_is_a_client() {
    let (store, mut first) = store!();
    let id = segment(&mut first);
    first.ask("fork second");
    let mut second = store.arrival("second");
    second.number(&format!("at {id}"));
    store.expect_nattch(&mut first, id, 1);
    second.ask("exec third");
    let mut third = store.arrival("third");
    store.expect_nattch(&mut first, id, 0);
    third.number(&format!("at {id}"));
    store.expect_nattch(&mut first, id, 1);
    third.kill();
    store.expect_nattch(&mut first, id, 0);
}

#[test]
fn a_daemon_killed() {
    let (store, mut first) = store!();
    let id = segment(&mut first);
    first.number(&format!("at {id}"));
    first.ask("daemon second");
    let second = store.arrival("second");
    store.expect_nattch(&mut first, id, 2);
    second.kill();
    store.expect_nattch(&mut first, id, 1);
}

#[test]
fn a_removed_segment_goes_with_its_last_attacher() {
    let (store, mut first) = store!();
    let before = store.df()["used_bytes"].clone();
    let id = segment(&mut first);
    first.ask("spawn a");
    first.ask("spawn b");
    let (mut a, mut b) = (store.arrival("a"), store.arrival("b"));
    a.number(&format!("at {id}"));
    b.number(&format!("at {id}"));
    assert_eq!(first.ask(&format!("rm {id}")), "0");
    store.expect_nattch(&mut first, id, 2);
    assert_eq!(store.segment(id).expect("it is still there")["removed"], true);
    a.kill();
    store.expect_nattch(&mut first, id, 1);
    b.kill();
    store.expect_gone(&mut first, id);
    shmfs_tests::eventually("its charge is given back", || store.df()["used_bytes"] == before);
}

#[test]
fn objects_and_semaphores_outlive_their_creator() {
    let (store, mut first) = store!();
    first.ask("spawn other");
    let mut other = store.arrival("other");
    assert_eq!(other.ask("map /object 8192"), "0");
    other.ask("put 0 left-behind");
    assert_eq!(other.ask("sem /sem 3"), "0");
    assert_eq!(other.ask("wait"), "0");
    other.kill();
    assert_eq!(first.ask("map /object 0"), "0");
    assert_eq!(first.ask("see 0"), "left-behind");
    // A semaphore knows no owner: what the killed one took stays taken.
    assert_eq!(first.ask("sem /sem 9"), "0");
    assert_eq!(first.ask("value"), "2");
    let rows = store.ls();
    let names: Vec<&str> = rows.iter().filter_map(|row| row["name"].as_str()).collect();
    assert!(names.contains(&"object") && names.len() == 2, "{rows:?}");
}

#[test]
fn an_unlinked_object_gives_its_charge_back_with_its_last_mapping() {
    let (store, mut first) = store!();
    let before = store.df()["used_bytes"].as_u64();
    first.ask("spawn other");
    let mut other = store.arrival("other");
    assert_eq!(other.ask("map /object 1048576"), "0");
    assert_eq!(first.ask("unlink /object"), "0");
    assert!(store.df()["used_bytes"].as_u64() > before, "it is still mapped");
    other.kill();
    shmfs_tests::eventually("its charge is given back", || store.df()["used_bytes"].as_u64() == before);
}

/// Processes that create, attach, fork, detach and remove as fast as they can, killed in the middle of it.
#[test]
fn a_storm_killed_at_any_moment() {
    let (store, mut first) = store!();
    let rounds = if shmfs_tests::full() { 60 } else { 6 };
    for round in 0..rounds {
        let mut storm: Vec<Actor> = (0..4)
            .map(|number| {
                first.ask(&format!("spawn storm{round}.{number}"));
                store.arrival(&format!("storm{round}.{number}"))
            })
            .collect();
        for (number, actor) in storm.iter_mut().enumerate() {
            assert_eq!(actor.ask(&format!("storm {} 1000", round * 4 + number)), "0");
        }
        let served = || store.df()["calls"]["shmget"].as_u64().unwrap_or(0);
        let start = served();
        shmfs_tests::eventually("the storm rages", || served() > start + 100);
        storm.into_iter().for_each(Actor::kill);
        shmfs_tests::eventually("nobody is attached", || {
            store.ls().iter().all(|row| row["nattch"] != 0 || row["removed"] == false)
        });
        shmfs_tests::eventually("all counts are 0", || {
            store.ls().iter().filter(|row| row["kind"] == "segment").all(|row| row["nattch"] == 0)
        });
    }
    for row in store.ls().iter().filter(|row| row["kind"] == "segment") {
        assert_eq!(first.ask(&format!("rm {}", row["id"])), "0", "{row}");
    }
    drop(first.ask("unlink /storm"));
    shmfs_tests::eventually("nothing is left charged", || store.df()["used_bytes"] == 0);
    assert!(store.ls().is_empty(), "{:?}", store.ls());
}
