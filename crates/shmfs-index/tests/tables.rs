//! Attach tables as both sides see them, in two mappings and two processes.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "this is a test")]
#![cfg(not(loom))]

use shmfs_abi::{ByteLen, ClientId, Errno, ObjectId, PAGE_SIZE, Pid, Slot, Time, limits::SLOTS};
use shmfs_index::{Detached, TABLE_BYTES, Table};
use shmfs_sys::{OwnedFd, fd, memfd};
use std::{env, process::Command};

const NOTHING: Detached = Detached { left: 0, removed: false, underflow: true };

fn sides() -> (OwnedFd, Table, Table) {
    let (file, broker) = Table::create(ClientId(7), 99).unwrap();
    let client = Table::open(&file).unwrap();
    (file, broker, client)
}

fn detached(left: u32, removed: bool) -> Detached {
    Detached { left, removed, underflow: false }
}

#[test]
fn both_sides_see_the_same() {
    let (file, broker, client) = sides();
    assert_eq!((client.client(), client.cookie(), client.pid()), (ClientId(7), 99, Pid(0)));
    client.set_pid(Pid(41));
    assert_eq!(broker.pid(), Pid(41));
    broker.attach(Slot(5), ObjectId(50));
    broker.attach(Slot(5), ObjectId(50));
    assert_eq!(client.count(Slot(5), ObjectId(50)), 2);
    assert_eq!(client.count(Slot(5), ObjectId(51)), 0, "another object");
    assert_eq!(client.last_detach(Slot(5), ObjectId(50)), None);
    assert_eq!(client.detach(Slot(5), Pid(41), Time::from_nanos(1000)), detached(1, false));
    assert_eq!(broker.last_detach(Slot(5), ObjectId(50)), Some((Pid(41), Time::from_nanos(1000))));
    broker.mark_removed(Slot(5), ObjectId(51));
    broker.mark_removed(Slot(5), ObjectId(50));
    assert_eq!(client.detach(Slot(5), Pid(41), Time::from_nanos(1001)), detached(0, true));
    assert_eq!(client.detach(Slot(5), Pid(41), Time::from_nanos(1002)), NOTHING);
    assert_eq!(broker.last_detach(Slot(5), ObjectId(50)), Some((Pid(41), Time::from_nanos(1001))));
    assert_eq!(broker.detaches(), 2);
    client.count_open();
    assert_eq!((broker.opens(), broker.detaches()), (1, 2));
    assert!(fd::truncate(&file, ByteLen(0)).is_err(), "the size is sealed");
}

#[test]
fn a_slot_is_reused_for_another_object() {
    let (_, broker, client) = sides();
    broker.attach(Slot(5), ObjectId(50));
    broker.mark_removed(Slot(5), ObjectId(50));
    client.detach(Slot(5), Pid(1), Time::from_nanos(1));
    broker.take(Slot(5));
    assert_eq!(broker.last_detach(Slot(5), ObjectId(50)), None);
    broker.attach(Slot(5), ObjectId(60));
    assert_eq!((broker.count(Slot(5), ObjectId(50)), broker.count(Slot(5), ObjectId(60))), (0, 1));
    assert_eq!(
        client.detach(Slot(5), Pid(1), Time::from_nanos(2)),
        detached(0, false),
        "the old mark is gone"
    );
    broker.attach(Slot(5), ObjectId(60));
    broker.attach(Slot(5), ObjectId(70));
    assert_eq!(broker.count(Slot(5), ObjectId(70)), 1, "taken over without being cleared");
}

#[test]
fn a_mark_can_wait_for_its_row() {
    let (_, broker, client) = sides();
    broker.mark_ahead(Slot(9), ObjectId(90));
    assert_eq!(broker.used().count(), 0);
    client.attach(Slot(9), ObjectId(90));
    assert!(client.is_removed(Slot(9), ObjectId(90)));
    assert_eq!(client.detach(Slot(9), Pid(1), Time::from_nanos(1)), detached(0, true));
}

#[test]
fn a_count_can_be_set_again() {
    let (_, broker, client) = sides();
    let (slot, object) = (Slot(5), ObjectId(50));
    for _ in 0..2 {
        broker.set_count(slot, object, 2);
        assert_eq!(client.count(slot, object), 2);
    }
    assert_eq!(client.detach(slot, Pid(1), Time::from_nanos(7)), detached(1, false));
    broker.mark_removed(slot, object);
    broker.set_count(slot, object, 2);
    assert!(client.is_removed(slot, object), "the mark stays");
    assert_eq!(broker.last_detach(slot, object), Some((Pid(1), Time::from_nanos(7))));
    assert_eq!(client.detach(slot, Pid(1), Time::from_nanos(8)), detached(1, true));
    assert_eq!(client.detach(slot, Pid(1), Time::from_nanos(9)), detached(0, true));
    assert_eq!(client.detach(slot, Pid(1), Time::from_nanos(10)), NOTHING);
    broker.mark_ahead(Slot(9), ObjectId(90));
    broker.set_count(Slot(9), ObjectId(90), 1);
    assert_eq!(client.detach(Slot(9), Pid(1), Time::from_nanos(11)), detached(0, true));
    broker.set_count(slot, ObjectId(60), 1);
    assert_eq!((broker.count(slot, object), broker.last_detach(slot, ObjectId(60))), (0, None));
    assert_eq!(client.detach(slot, Pid(1), Time::from_nanos(12)), detached(0, false), "the old mark is gone");
    broker.set_count(slot, ObjectId(60), 0);
    assert_eq!(broker.used().count(), 0);
}

#[test]
fn pages_without_rows_are_not_touched() {
    let (file, broker, client) = sides();
    let pages = || fd::facts(&file).unwrap().allocated.0 / PAGE_SIZE;
    assert_eq!(pages(), 1, "the header");
    for slot in [0, 127, 128, SLOTS - 1, SLOTS, u32::MAX] {
        assert_eq!(client.detach(Slot(slot), Pid(1), Time::from_nanos(1)), NOTHING);
        assert_eq!(broker.count(Slot(slot), ObjectId(1)), 0);
        broker.mark_removed(Slot(slot), ObjectId(1));
        broker.take(Slot(slot));
    }
    assert_eq!(broker.used().count(), 0);
    assert_eq!(pages(), 1);
    for slot in [0, 127, 128, SLOTS - 1] {
        broker.attach(Slot(slot), ObjectId(u64::from(slot) + 1));
    }
    assert_eq!(pages(), 4);
    let used: Vec<_> = client.used().collect();
    let expected = [0, 127, 128, SLOTS - 1].map(|slot| (Slot(slot), ObjectId(u64::from(slot) + 1), 1));
    assert_eq!(used, expected);
}

#[test]
fn a_child_counts_what_its_parent_counts() {
    let (_, parent, _) = sides();
    let (_, child) = Table::create(ClientId(8), 100).unwrap();
    parent.attach(Slot(3), ObjectId(30));
    parent.attach(Slot(3), ObjectId(30));
    parent.attach(Slot(300), ObjectId(31));
    parent.attach(Slot(400), ObjectId(32));
    parent.detach(Slot(400), Pid(1), Time::from_nanos(1));
    parent.mark_removed(Slot(300), ObjectId(31));
    child.copy_counts_from(&parent);
    let expected = [(Slot(3), ObjectId(30), 2), (Slot(300), ObjectId(31), 1)];
    assert_eq!(child.used().collect::<Vec<_>>(), expected);
    assert_eq!((child.pid(), child.detaches()), (Pid(0), 0));
    assert_eq!(
        child.detach(Slot(300), Pid(2), Time::from_nanos(1)),
        detached(0, true),
        "the mark came along"
    );
    assert_eq!(child.detach(Slot(3), Pid(2), Time::from_nanos(1)), detached(1, false));
    assert_eq!(parent.count(Slot(3), ObjectId(30)), 2);
}

#[test]
fn what_is_no_table_is_refused() {
    let refused = |size: usize| {
        let file = memfd::create(c"other", true).unwrap();
        fd::truncate(&file, ByteLen(size as u64)).unwrap();
        Table::open(&file).err()
    };
    for size in [0, 4096, TABLE_BYTES - 1, TABLE_BYTES, TABLE_BYTES + 1] {
        assert_eq!(refused(size), Some(Errno::EPROTO), "{size}");
    }
}

#[test]
#[should_panic(expected = "a slot has a row")]
fn a_slot_beyond_the_table_is_a_mistake() {
    let (_, broker, _) = sides();
    broker.attach(Slot(SLOTS), ObjectId(1));
}

/// Rows that another process raises a hundred thousand times, while this one lowers them, end at 0.
#[test]
fn two_processes_count_together() {
    const NAME: &str = "two_processes_count_together";
    const TURNS: u32 = 100_000;
    if let Ok(number) = env::var("SHMFS_TEST_TABLE") {
        let table = fd::with_number(number.parse().unwrap(), |file| Table::open(file)).unwrap();
        table.set_pid(Pid(std::process::id() as i32));
        (0..TURNS).for_each(|_| table.attach(Slot(1), ObjectId(10)));
        return;
    }
    use shmfs_sys::AsRawFd;
    let (file, table) = Table::create(ClientId(1), 1).unwrap();
    fd::set_cloexec(&file, false).unwrap();
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", NAME])
        .env("SHMFS_TEST_TABLE", file.as_raw_fd().to_string())
        .spawn()
        .unwrap();
    let mut ended = 0;
    while ended < TURNS {
        ended += u32::from(!table.detach(Slot(1), Pid(1), Time::from_nanos(1)).underflow);
        let failed = child.try_wait().unwrap().is_some_and(|status| !status.success());
        assert!(!failed, "the other process failed");
    }
    assert!(child.wait().unwrap().success());
    assert_eq!(table.count(Slot(1), ObjectId(10)), 0);
    assert_eq!(table.detach(Slot(1), Pid(1), Time::from_nanos(1)), NOTHING);
    assert_eq!(table.detaches(), u64::from(TURNS));
    assert_eq!(table.pid(), Pid(child.id() as i32));
}
