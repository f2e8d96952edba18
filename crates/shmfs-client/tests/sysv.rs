//! Segments: what is counted, what is said, and what becomes of it when the store does.

mod mock;

use mock::{Fault, OBJECT, SLOT};
use shmfs_abi::{Call, Errno};
use shmfs_client::{Client, Settings};

const REMAP: i32 = 0o40000;
const FAR_BELOW: usize = 64 << 30;

#[test]
fn without_a_store_every_call_is_refused() {
    static NONE: Client = Client::new(|| Err(Errno::ENOSYS));
    static GONE: Client = Client::new(|| Settings::new(b"/nonexistent/store", None));
    assert_eq!(NONE.shmget(1, 1, 0), Err(Errno::ENOSYS));
    assert_eq!(NONE.shm_open(b"/x", 0, 0).err(), Some(Errno::ENOSYS));
    assert_eq!(GONE.shmget(1, 1, 0), Err(Errno::ECONNREFUSED));
    assert_eq!(GONE.sem_open(b"/x", 0, 0, 0, &|_, _| ()), Err(Errno::ECONNREFUSED));
    assert_eq!(GONE.shmdt(4096), Err(Errno::EINVAL));
    GONE.fork_prepare();
    GONE.fork_parent();
}

#[test]
fn attaches_are_counted_in_the_table() {
    let (client, mock) = client!("counted");
    let shmid = client.shmget(7, 100, 0o600).unwrap();
    let (one, two) = (client.shmat(shmid, 0, 0).unwrap(), client.shmat(shmid, 0, 0).unwrap());
    assert_ne!(one, two);
    let count = || mock.store().tables[0].count(SLOT, OBJECT);
    assert_eq!(count(), 2);
    assert_eq!(client.shmdt(one + 4096), Err(Errno::EINVAL));
    client.shmdt(one).unwrap();
    assert_eq!(client.shmdt(one), Err(Errno::EINVAL));
    assert_eq!(count(), 1);
    mock.heard();
    client.shmdt(two).unwrap();
    assert_eq!((count(), mock.heard()), (0, vec![]), "a detach is no message");
}

#[test]
fn the_last_detach_of_a_removed_segment_is_told() {
    let (client, mock) = client!("removed");
    let shmid = client.shmget(7, 100, 0o600).unwrap();
    let (one, two) = (client.shmat(shmid, 0, 0).unwrap(), client.shmat(shmid, 0, 0).unwrap());
    client.shm_remove(shmid).unwrap();
    mock.store().tables[0].mark_removed(SLOT, OBJECT);
    mock.heard();
    client.shmdt(one).unwrap();
    assert_eq!(mock.heard(), []);
    client.shmdt(two).unwrap();
    assert_eq!(mock.heard(), [Call::ShmDetached { slot: SLOT }]);
}

#[test]
fn an_address_is_taken_replaced_or_given_back() {
    let (client, mock) = client!("address");
    let count = || mock.store().tables[0].count(SLOT, OBJECT);
    let shmid = client.shmget(7, 100, 0o600).unwrap();
    let given = client.shmat(shmid, 0, 0).unwrap();
    client.shmdt(given).unwrap();
    // The kernel hands out addresses from above: none of the other tests' threads gets one so far below.
    let there = given - FAR_BELOW;
    assert_eq!(client.shmat(shmid, there, 0), Ok(there));
    assert_eq!(client.shmat(shmid, there, 0), Err(Errno::EINVAL), "something is there");
    assert_eq!(count(), 1, "the count that the broker raised is taken back");
    assert_eq!(client.shmat(shmid, there, REMAP), Ok(there));
    assert_eq!(count(), 1, "the attach that was there has ended");
    client.shmdt(there).unwrap();
    assert_eq!(client.shmdt(there), Err(Errno::EINVAL));
    assert_eq!(client.shmat(shmid, there, 0), Ok(there));
    client.shmdt(there).unwrap();
    assert_eq!(client.shmat(-1, 0, 0), Err(Errno::EINVAL));
}

#[test]
fn whoever_is_told_to_connect_anew_does() {
    let (client, mock) = client!("reconnect");
    let shmid = client.shmget(7, 100, 0o600).unwrap();
    let there = client.shmat(shmid, 0, 0).unwrap();
    mock.plan(0, Fault::Reconnect);
    assert_eq!(client.shmget(0, 100, 0o600), Ok(shmid));
    let hellos = mock.store().hellos.clone();
    assert_eq!(hellos.iter().map(|hello| hello.resume.is_some()).collect::<Vec<_>>(), [false, true]);
    client.shmdt(there).unwrap();
    assert_eq!(mock.store().tables[0].count(SLOT, OBJECT), 0, "it is the same table");
}

#[test]
fn a_new_store_is_not_charged_with_old_attaches() {
    let (client, mock) = client!("forgetful");
    let shmid = client.shmget(7, 100, 0o600).unwrap();
    let there = client.shmat(shmid, 0, 0).unwrap();
    mock.store().forgetful = true;
    mock.plan(0, Fault::Reconnect);
    client.shm_stat(shmid).unwrap();
    let other = client.shmat(shmid, 0, 0).unwrap();
    let count = || mock.store().tables[1].count(SLOT, OBJECT);
    assert_eq!(count(), 1);
    client.shmdt(there).unwrap();
    assert_eq!(count(), 1, "the old attach was never counted here");
    client.shmdt(other).unwrap();
    assert_eq!(count(), 0);
}

#[test]
fn a_store_that_is_gone_refuses_and_lets_detach() {
    let (client, mock) = client!("gone");
    let shmid = client.shmget(7, 100, 0o600).unwrap();
    let there = client.shmat(shmid, 0, 0).unwrap();
    mock.vanish();
    mock.plan(0, Fault::Unanswered);
    assert_eq!(client.shmget(0, 100, 0o600), Err(Errno::ECONNREFUSED));
    assert_eq!(client.shm_stat(shmid), Err(Errno::ECONNREFUSED));
    assert_eq!(client.shmdt(there), Ok(()));
}

#[test]
fn nonsense_ends_the_connection_and_no_more() {
    let (client, mock) = client!("nonsense");
    client.shm_stat(0).unwrap();
    mock.plan(0, Fault::Nonsense);
    assert_eq!(client.shm_stat(0).err(), Some(Errno::EPROTO));
    client.shm_stat(0).unwrap();
}
