//! Charges against the real descriptors: what the engine has charged is what the inodes say.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{Peer, Store, name};
use rustix::fd::OwnedFd;
use shmfs_abi::{AttachFlags, ByteLen, Call, Errno, GetFlags, Key, ObjectId, OpenFlags, Reply, Shmid, Usage};
use shmfs_sys::fd;

const PAGE: u64 = shmfs_abi::PAGE_SIZE;

fn usage(peer: &mut Peer) -> Usage {
    let (Reply::Usage(usage), _) = peer.call(Call::Usage, &[]).unwrap() else { panic!("no usage") };
    usage
}

/// Asks until the broker has noticed that a released object is not held any more.
fn usage_when(peer: &mut Peer, used: u64) -> Usage {
    for _ in 0..2000 {
        let now = usage(peer);
        if now.used.0 == used {
            return now;
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    usage(peer)
}

fn create(peer: &mut Peer, text: &str, size: u64) -> OwnedFd {
    let call = Call::Open { name: name(text), flags: OpenFlags::CREAT | OpenFlags::RDWR, mode: 0o600 };
    let (_, mut fds) = peer.call(call, &[]).unwrap();
    let file = fds.pop().unwrap();
    peer.call(Call::Reserve { object: ObjectId(0), size: ByteLen(size) }, &[&file]).unwrap();
    fd::truncate(&file, ByteLen(size)).unwrap();
    file
}

fn segment(peer: &mut Peer, key: i32, size: u64) -> Shmid {
    let flags = GetFlags::CREAT | GetFlags::from_bits_retain(0o600);
    let (Reply::Shmid(shmid), _) =
        peer.call(Call::ShmGet { key: Key(key), size: ByteLen(size), flags }, &[]).unwrap()
    else {
        panic!()
    };
    shmid
}

#[test]
fn both_doors_are_charged_what_their_inodes_say() {
    let store = Store::start(64 * PAGE);
    let mut peer = store.client();
    let file = create(&mut peer, "file", 10 * PAGE + 1);
    let shmid = segment(&mut peer, 1, 3 * PAGE - 1);
    let (_, mut fds) = peer.call(Call::ShmAttach { shmid, flags: AttachFlags::empty() }, &[]).unwrap();
    let attached = fds.pop().unwrap();
    let sizes: u64 = [&file, &attached].iter().map(|file| fd::facts(file).unwrap().size.pages().0).sum();
    assert_eq!(usage(&mut peer).used.0, sizes * PAGE);
    // System V: the client can neither shrink nor grow what others map.
    assert_eq!(fd::truncate(&attached, ByteLen(PAGE)), Err(Errno::EPERM));
    // POSIX: who shrinks behind the broker's back is found out by the inode.
    fd::truncate(&file, ByteLen(PAGE)).unwrap();
    peer.call(Call::Settle { object: ObjectId(0) }, &[&file]).unwrap();
    assert_eq!(usage(&mut peer).used.0, (1 + 3) * PAGE);
    fd::truncate(&file, ByteLen(7 * PAGE)).unwrap();
    assert_eq!(usage(&mut peer).used.0, (7 + 3) * PAGE);
}

#[test]
fn a_refused_size_leaves_nothing_charged() {
    let store = Store::start(8 * PAGE);
    let mut peer = store.client();
    let file = create(&mut peer, "file", PAGE);
    let too_much = Call::Reserve { object: ObjectId(0), size: ByteLen(9 * PAGE) };
    assert_eq!(peer.call(too_much, &[&file]).unwrap_err(), Errno::ENOSPC);
    let flags = GetFlags::CREAT | GetFlags::from_bits_retain(0o600);
    let segment = Call::ShmGet { key: Key(1), size: ByteLen(8 * PAGE), flags };
    assert_eq!(peer.call(segment, &[]).unwrap_err(), Errno::ENOSPC);
    assert_eq!(usage(&mut peer).used.0, PAGE);
    assert_eq!(usage(&mut peer).sysv, 0);
}

#[test]
fn an_unlinked_object_is_charged_until_nobody_holds_it() {
    let store = Store::start(64 * PAGE);
    let mut peer = store.client();
    let file = create(&mut peer, "file", 5 * PAGE);
    let mapping = shmfs_sys::map::SharedMap::new(&file, 5 * PAGE as usize).unwrap();
    peer.call(Call::Unlink { name: name("file") }, &[]).unwrap();
    assert_eq!(usage(&mut peer).used.0, 5 * PAGE, "held by a descriptor");
    drop(file);
    assert_eq!(usage(&mut peer).used.0, 5 * PAGE, "held by a mapping");
    drop(mapping);
    assert_eq!(usage_when(&mut peer, 0).used.0, 0);
}

#[test]
fn a_removed_segment_goes_with_its_last_client() {
    let store = Store::start(64 * PAGE);
    let mut peer = store.client();
    let mut other = store.client();
    let shmid = segment(&mut peer, 1, 5 * PAGE);
    let attached = other.call(Call::ShmAttach { shmid, flags: AttachFlags::empty() }, &[]).unwrap();
    peer.call(Call::ShmRemove { shmid }, &[]).unwrap();
    let (Reply::Stat { stat, .. }, _) = peer.call(Call::ShmStat { shmid }, &[]).unwrap() else { panic!() };
    assert_eq!(stat.nattch, 1);
    // The other peer's table goes, as it does with a killed process; then what it had open.
    drop(other);
    assert_eq!(peer.call(Call::ShmStat { shmid }, &[]).unwrap_err(), Errno::EINVAL);
    assert_eq!(usage(&mut peer).used.0, 5 * PAGE, "its pages are still mapped by somebody uncounted");
    drop(attached);
    assert_eq!(usage_when(&mut peer, 0).used.0, 0);
}
