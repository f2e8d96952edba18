//! A request that has crashed the broker three times is refused, and what comes after it is served.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use shmfs_abi::limits::{DEFAULT_SHMMAX, DEFAULT_SHMMNI, MESSAGE_BYTES};
use shmfs_abi::store::{Admission, Token};
use shmfs_abi::{ByteLen, Call, Errno, GetFlags, Key, Pid, Reply, ShmLimits};
use shmfs_broker::{Broker, Config, Fittings, Lifetime, Linux, MappedPages, Surroundings, found};
use shmfs_journal::state::{self, Word};
use shmfs_sys::OwnedFd;
use shmfs_sys::socket;
use shmfs_wire::{Hello, Request, Response, Role};
use std::os::unix::ffi::OsStrExt;

fn surroundings() -> Surroundings<OwnedFd> {
    Surroundings { pid: Pid(0), stop: None, keeper: None, keep: None }
}

fn send(peer: &OwnedFd, number: u64, request: &Request) {
    let mut bytes = [0; MESSAGE_BYTES];
    let len = shmfs_wire::encode_request(request, number, &mut bytes);
    socket::send(peer, &bytes[..len], &[], false).unwrap();
}

/// The answer that the broker gives within some turns.
fn hear(broker: &mut Broker<Linux>, peer: &OwnedFd) -> (u64, Response) {
    let mut bytes = [0; MESSAGE_BYTES];
    loop {
        match socket::receive(peer, &mut bytes, false) {
            Ok(received) => {
                // The description of the attach table: its end would be this client's.
                std::mem::forget(received.fds);
                return shmfs_wire::decode_response(&bytes[..received.len]).unwrap();
            }
            Err(Errno::EAGAIN) => drop(broker.turn().unwrap()),
            Err(errno) => panic!("{errno:?}"),
        }
    }
}

#[test]
fn a_call_that_crashed_three_brokers_is_set_aside() {
    let dir = std::env::temp_dir().join(format!("shmfs-quarantine-{}", std::process::id()));
    let limits = ShmLimits { shmmax: DEFAULT_SHMMAX, shmmni: DEFAULT_SHMMNI, shmall: DEFAULT_SHMMAX };
    let founded = found(Config {
        dir: dir.clone(),
        size: ByteLen(1 << 20),
        sparse: false,
        reserve: false,
        limits,
        admission: Admission::Owner,
        lifetime: Lifetime::Forever,
        reap: false,
        state: None,
        listener: None,
    });
    let founded = founded.unwrap();
    let journal = founded.pages.number();
    // What is forgotten here is as if its process had been killed: its numbers stay open.
    std::mem::forget(founded);
    let mut first = Broker::go_on(journal, surroundings(), &Fittings::default()).unwrap();
    let peer = socket::connect(dir.join("socket").as_os_str().as_bytes()).unwrap();
    let hello = Hello { token: Token::default(), role: Role::Client, resume: None };
    send(&peer, 0, &Request::Hello(hello));
    assert!(matches!(hear(&mut first, &peer), (0, Response::Welcome(_))));
    let get = Call::ShmGet {
        key: Key(7),
        size: ByteLen(4096),
        flags: GetFlags::CREAT | GetFlags::from_bits_retain(0o600),
    };
    send(&peer, 1, &Request::Call(get));
    assert!(matches!(hear(&mut first, &peer), (1, Response::Reply(Reply::Shmid(_)))));
    std::mem::forget(first);

    send(&peer, 2, &Request::Call(Call::Usage));
    let mut words = MappedPages::borrow(journal).unwrap();
    for (word, value) in [(Word::Crashes, 3), (Word::CrashConnection, 1), (Word::CrashSequence, 2)] {
        state::set(&mut words, word, value);
    }
    std::mem::forget(words);
    let mut second = Broker::go_on(journal, surroundings(), &Fittings::default()).unwrap();
    let (number, response) = hear(&mut second, &peer);
    let Response::Refused(refused) = response else { panic!("{response:?}") };
    assert_eq!((number, refused.errno), (2, Errno::EIO));
    assert!(refused.reason.as_str().contains("three times"), "{}", refused.reason.as_str());
    send(&peer, 3, &Request::Call(get));
    assert!(matches!(hear(&mut second, &peer), (3, Response::Reply(Reply::Shmid(_)))));
    send(&peer, 4, &Request::Call(Call::Usage));
    let (4, Response::Reply(Reply::Usage(usage))) = hear(&mut second, &peer) else { panic!() };
    assert_eq!((usage.sysv, usage.created.segments, usage.clients), (1, 1, 1));
    second.remove_directory();
}
