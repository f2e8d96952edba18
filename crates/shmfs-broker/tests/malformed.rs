//! Bad messages end their own connection and change nothing.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{Store, name};
use proptest::prelude::*;
use shmfs_abi::limits::MESSAGE_BYTES;
use shmfs_abi::{ByteLen, Call, GetFlags, Key, OpenFlags, Reply, store::Token};
use shmfs_wire::{Hello, Request, Response, Role};

/// What must be the same before and after: everything but the counters.
fn picture(store: &Store) -> Vec<String> {
    let mut peer = store.client();
    let mut rows = Vec::new();
    let mut after = shmfs_abi::ObjectId(0);
    while let (Reply::Row(row), _) = peer.call(Call::Next { after }, &[]).unwrap() {
        after = row.object;
        rows.push(format!("{row:?}"));
    }
    let (Reply::Usage(usage), _) = peer.call(Call::Usage, &[]).unwrap() else { panic!() };
    rows.push(format!("{:?} {:?} {:?}", usage.used, usage.created, usage.peak));
    rows
}

fn furnished() -> Store {
    let store = Store::start(1 << 20);
    let mut peer = store.client();
    peer.call(
        Call::ShmGet {
            key: Key(7),
            size: ByteLen(5000),
            flags: GetFlags::CREAT | GetFlags::from_bits_retain(0o600),
        },
        &[],
    )
    .unwrap();
    peer.call(Call::Open { name: name("here"), flags: OpenFlags::CREAT | OpenFlags::RDWR, mode: 0o600 }, &[])
        .unwrap();
    store
}

fn bytes_of(request: &Request) -> Vec<u8> {
    let mut bytes = [0; MESSAGE_BYTES];
    let len = shmfs_wire::encode_request(request, 1, &mut bytes);
    bytes[..len].to_vec()
}

fn hello(role: Role) -> Request {
    Request::Hello(Hello { token: Token::default(), role, resume: None })
}

#[test]
fn oversized_truncated_and_reordered_messages_end_one_connection() {
    let store = furnished();
    let before = picture(&store);
    let whole = bytes_of(&hello(Role::Client));
    let bad: Vec<(&str, Vec<u8>)> = vec![
        ("one byte too many", [whole.as_slice(), &[0]].concat()),
        ("cut in half", whole[..whole.len() / 2].to_vec()),
        ("longer than any message", vec![0; MESSAGE_BYTES * 4]),
        ("a call before hello", bytes_of(&Request::Call(Call::Usage))),
        ("a fork before hello", bytes_of(&Request::Fork)),
        ("born without a parent", bytes_of(&Request::Born)),
        ("one byte", vec![b'S']),
    ];
    for (what, message) in bad {
        let bystander = store.client();
        let peer = store.connect();
        peer.send(&message).unwrap();
        assert!(peer.is_hung_up(), "{what}: the connection stays");
        let mut bystander = bystander;
        assert!(bystander.call(Call::Usage, &[]).is_ok(), "{what}: it hit somebody else");
    }
    assert_eq!(picture(&store), before);
}

#[test]
fn another_version_is_told_so() {
    let store = furnished();
    let mut peer = store.connect();
    let mut other = bytes_of(&hello(Role::Client));
    other[4] ^= 0xff;
    peer.send(&other).unwrap();
    let hear = |peer: &common::Peer| {
        let mut bytes = [0; MESSAGE_BYTES];
        let len = shmfs_sys::socket::receive(&peer.socket, &mut bytes, true).unwrap().len;
        shmfs_wire::decode_response(&bytes[..len]).unwrap().1
    };
    let response = hear(&peer);
    let Response::Refused(refused) = response else { panic!("{response:?}") };
    assert_eq!(refused.errno, shmfs_abi::Errno::EPROTO);
    assert!(refused.reason.as_str().contains("protocol"), "{}", refused.reason.as_str());
    // A visitor's hello is the same in every version.
    let mut visitor = bytes_of(&hello(Role::Visitor));
    visitor[4] ^= 0xff;
    peer.send(&visitor).unwrap();
    assert!(matches!(hear(&peer), Response::Welcome(_)));
    assert!(peer.call(Call::Usage, &[]).is_ok());
}

#[test]
fn hello_twice_and_a_call_of_a_visitor_that_needs_a_table() {
    let store = furnished();
    let mut twice = store.client();
    // Its answer may have been lost with a broker, so a hello that comes again is answered again.
    let (again, _) = twice.ask(&hello(Role::Client), &[]).unwrap();
    assert!(matches!(again, Response::Welcome(_)), "{again:?}");
    twice.call(Call::Usage, &[]).unwrap();
    assert!(twice.ask(&hello(Role::Client), &[]).is_none());
    let mut visitor = store.connect();
    visitor.ask(&hello(Role::Visitor), &[]).unwrap();
    let (Reply::Shmid(shmid), _) =
        visitor.call(Call::ShmGet { key: Key(7), size: ByteLen(0), flags: GetFlags::empty() }, &[]).unwrap()
    else {
        panic!()
    };
    let attach = Call::ShmAttach { shmid, flags: shmfs_abi::AttachFlags::empty() };
    assert_eq!(visitor.call(attach, &[]).unwrap_err(), shmfs_abi::Errno::EPERM);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn noise_changes_nothing(messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..1100), 1..40), valid_start in any::<bool>()) {
        let store = furnished();
        let before = picture(&store);
        for noise in &messages {
            let peer = store.connect();
            let mut message = noise.clone();
            if valid_start {
                // Past the frame's first checks: a real header before the noise.
                let whole = bytes_of(&hello(Role::Client));
                let keep = whole.len().min(message.len()).min(16);
                message[..keep].copy_from_slice(&whole[..keep]);
            }
            peer.send(&message).unwrap();
            prop_assert!(peer.is_hung_up());
        }
        prop_assert_eq!(picture(&store), before);
    }
}
