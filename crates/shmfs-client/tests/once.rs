//! Each call is done once: what the client sends again, under which number, and which answers it believes.

mod mock;

use mock::{Fault, HangUp, OBJECT, SLOT};
use shmfs_abi::{Call, Errno};

const CREAT: i32 = 0o1000;
const EXCL: i32 = 0o2000;

/// Whether each hello that was read was a client's that resumed.
fn resumed(mock: &mock::Mock) -> Vec<bool> {
    mock.store().hellos.iter().map(|hello| hello.resume.is_some()).collect()
}

#[test]
fn an_unread_call_is_sent_again() {
    let (client, mock) = client!("unread");
    client.shm_stat(0).unwrap();
    mock.plan(1, Fault::Unread);
    client.shm_stat(0).unwrap();
    mock.heard();
    client.shmget(0, 100, 0o600).unwrap();
    assert_eq!(mock.heard().len(), 1);
    assert_eq!(mock.numbers(), [1, 2, 3]);
    assert_eq!(resumed(mock), [false, true]);
}

#[test]
fn an_unanswered_call_is_repeated_under_its_number() {
    let (client, mock) = client!("unanswered");
    client.shm_stat(0).unwrap();
    for (index, (key, flags)) in [(0, 0o600), (8, CREAT | EXCL), (8, 0o600)].into_iter().enumerate() {
        mock.numbers();
        mock.plan(0, Fault::Unanswered);
        assert_eq!(client.shmget(key, 100, flags), Ok(SLOT.0 as i32));
        let number = index as u64 + 2;
        assert_eq!(mock.numbers(), [number, number]);
    }
    mock.plan(0, Fault::Unanswered);
    client.shmat(SLOT.0 as i32, 0, 0).unwrap();
    assert_eq!(mock.store().tables[0].count(SLOT, OBJECT), 1);
    assert_eq!(resumed(mock), [false, true, true, true, true]);
}

#[test]
fn a_call_gives_up_with_the_connections_that_it_may_use() {
    let (client, mock) = client!("sixteen");
    client.shm_stat(0).unwrap();
    mock.store().faults.extend([Some(Fault::Unanswered); 16]);
    assert_eq!(client.shm_stat(0).err(), Some(Errno::ECONNREFUSED));
    assert_eq!(mock.numbers(), [&[1][..], &[2; 16]].concat());
    client.shm_stat(0).unwrap();
    assert_eq!(mock.numbers(), [3]);
}

#[test]
fn answers_that_come_again_are_skipped() {
    let (client, mock) = client!("twice");
    for _ in 0..3 {
        mock.plan(0, Fault::Twice);
        client.shm_stat(0).unwrap();
        mock.plan(0, Fault::Twice);
        client.shm_open(b"/x", 2, 0).unwrap();
        assert_eq!(client.shmget(7, 100, 0o600), Ok(SLOT.0 as i32));
    }
    assert_eq!(resumed(mock), [false]);
}

#[test]
fn a_hello_that_is_hung_up_on_is_repeated() {
    let (client, mock) = client!("hello");
    mock.store().hangups.extend([HangUp::Unread, HangUp::Read, HangUp::Read]);
    client.shm_stat(0).unwrap();
    assert_eq!(resumed(mock), [false; 3], "one was never read");
    mock.store().hangups.extend([HangUp::Read, HangUp::Unread]);
    mock.plan(0, Fault::Reconnect);
    client.shm_stat(0).unwrap();
    assert_eq!(resumed(mock), [false, false, false, true, true]);
    assert_eq!(mock.numbers(), [1, 2, 2]);
    mock.store().hangups.extend([HangUp::Read; 16]);
    mock.plan(0, Fault::Unanswered);
    assert_eq!(client.shm_stat(0).err(), Some(Errno::ECONNREFUSED), "nobody ever answers");
    client.shm_stat(0).unwrap();
}

#[test]
fn a_call_goes_on_in_the_store_that_took_the_place() {
    let (client, mock) = client!("successor");
    client.shm_stat(0).unwrap();
    mock.store().forgetful = true;
    mock.plan(0, Fault::Unanswered);
    client.shmget(0, 100, 0o600).unwrap();
    assert_eq!(resumed(mock), [false, true, false]);
    assert_eq!(mock.numbers(), [1, 2, 2]);
}

#[test]
fn a_fork_has_a_number_as_a_call_has() {
    let (client, mock) = client!("fork");
    client.shm_stat(0).unwrap();
    for (fault, numbers) in
        [(Fault::Unanswered, &[2, 2][..]), (Fault::Reconnect, &[3, 3]), (Fault::Twice, &[4])]
    {
        mock.numbers();
        mock.plan(0, fault);
        client.fork_prepare();
        client.fork_parent();
        assert_eq!(mock.numbers(), numbers, "{fault:?}");
    }
    client.shm_stat(0).unwrap();
    assert_eq!(mock.numbers(), [5]);
    assert_eq!(resumed(mock), [false, true, true], "the second answer did no harm");
}

#[test]
fn a_semaphore_that_could_not_be_prepared_costs_no_connection() {
    let (client, mock) = client!("prepare");
    mock.plan(0, Fault::Bare);
    assert_eq!(client.sem_open(b"/s", 0o100, 0o600, 1, &|_, _| ()), Err(Errno::EMFILE));
    client.sem_open(b"/s", 0o100, 0o600, 1, &|_, _| ()).unwrap();
    let calls = mock.heard();
    assert!(matches!(calls[..], [Call::SemOpen { .. }, Call::SemOpen { .. }, Call::SemPublish { .. }]));
    assert_eq!(resumed(mock), [false]);
}

#[test]
fn another_version_is_a_protocol_error() {
    let (client, mock) = client!("version");
    client.shm_stat(0).unwrap();
    for fault in [Fault::ForeignRefusal, Fault::Foreign] {
        mock.plan(0, fault);
        assert_eq!(client.shm_remove(0), Err(Errno::EPROTO), "{fault:?}");
        client.shm_stat(0).unwrap();
    }
    assert_eq!(resumed(mock), [false, true], "a refusal ends no connection");
}
