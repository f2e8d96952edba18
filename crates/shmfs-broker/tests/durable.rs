//! Durable objects of a real store in a real directory: what comes back after the store, and what does not.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::state::{MIB, State, content, create, fetch, rows, want, wanted};
use common::{Peer, Store, name};
use rustix::fd::OwnedFd;
use shmfs_abi::{ByteLen, Call, GetFlags, Gid, Key, Lifetime, ObjectId, Reply, Shmid, Uid, Wanted};
use shmfs_broker::{Config, StartError};
use shmfs_durable::{Head, StateDir};
use shmfs_sys::fd;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

fn segment(peer: &mut Peer, key: i32, size: u64) -> Shmid {
    let flags = GetFlags::from_bits_retain(0o3600);
    let asked = Call::ShmGetDurable { key: Key(key), size: ByteLen(size), flags };
    let (Reply::Shmid(shmid), _) = peer.call(asked, &[]).unwrap() else { panic!("no id") };
    shmid
}

#[test]
fn objects_come_back_as_they_were_left() {
    let state = State::new("back");
    let is_root = rustix::process::geteuid().is_root();
    let store = state.store();
    let mut peer = store.client();
    let (renamed, file) = create(&mut peer, "first", b"one");
    peer.call(Call::Rename { from: name("first"), to: name("second"), flags: 0 }, &[]).unwrap();
    fd::chmod(&file, 0o604).unwrap();
    if is_root {
        fd::chown(&file, Uid(7), Gid(8)).unwrap();
    }
    // Listing measures.
    rows(&mut peer);
    let (grown, file) = want(&mut peer, Wanted { guarded: true, ..wanted("grown", 10) });
    let file = OwnedFd::from(file);
    let size = ByteLen(10_000);
    peer.call(Call::Reserve { object: ObjectId(0), size }, &[&file]).unwrap();
    fd::truncate(&file, size).unwrap();
    peer.call(Call::Settle { object: ObjectId(0) }, &[&file]).unwrap();
    File::from(file).write_all_at(b"end", 9997).unwrap();
    let (over, file) = create(&mut peer, "over", b"over");
    let (replaced, _kept) = create(&mut peer, "replaced", b"lost");
    peer.call(Call::Rename { from: name("over"), to: name("replaced"), flags: 0 }, &[]).unwrap();
    let (unlinked, held) = create(&mut peer, "unlinked", b"gone");
    peer.call(Call::Unlink { name: name("unlinked") }, &[]).unwrap();
    let plain = Wanted { lifetime: Lifetime::UntilRemoved, ..wanted("plain", 10) };
    drop(want(&mut peer, plain));
    let shmid = segment(&mut peer, 77, 5000);
    peer.call(Call::ShmSet { shmid, uid: Uid(0), gid: Gid(0), mode: 0o606 }, &[]).unwrap();
    let before = rows(&mut peer);
    drop((store, peer, file, held));

    for gone in [replaced, unlinked] {
        assert!(!state.file(gone, "head").exists() && !state.file(gone, "pages").exists());
    }
    let store = state.store();
    let mut peer = store.client();
    let after = rows(&mut peer);
    let came_back: Vec<_> = after.iter().map(|row| row.object).collect();
    assert_eq!(came_back[..3], [renamed, grown, over]);
    assert_eq!(came_back.len(), 4);
    for row in &after {
        let former = before.iter().find(|former| former.object == row.object).unwrap();
        assert_eq!((row.name, row.key, row.size), (former.name, former.key, former.size));
        assert_eq!((row.uid, row.gid, row.mode), (former.uid, former.gid, former.mode));
        assert_eq!((row.created, row.guarded), (former.created, former.guarded));
        assert_eq!((row.lifetime, row.removed), (Lifetime::Durable, false));
    }
    let [second, grown_row, over_row, segment_row] = &after[..] else { panic!("{after:?}") };
    assert_eq!((second.name, second.mode), (Some(name("second")), 0o604));
    if is_root {
        assert_eq!((second.uid, second.gid), (Uid(7), Gid(8)));
    }
    assert_eq!((grown_row.size, grown_row.guarded), (ByteLen(10_000), true));
    assert_eq!(over_row.name, Some(name("replaced")));
    assert_eq!((segment_row.key, segment_row.mode, segment_row.size), (Some(Key(77)), 0o606, ByteLen(5000)));
    assert_eq!(content(&fetch(&mut peer, renamed), 3), b"one");
    assert_eq!(content(&fetch(&mut peer, grown), 10_000)[9997..], *b"end");
    assert_eq!(content(&fetch(&mut peer, over), 4), b"over");
    let flags = GetFlags::from_bits_retain(0o600);
    let (reply, _) = peer.call(Call::ShmGet { key: Key(77), size: ByteLen(5000), flags }, &[]).unwrap();
    assert_eq!(reply, Reply::Shmid(segment_row.shmid.unwrap()));
    // Numbers go on where they ended.
    let (next, _) = create(&mut peer, "next", b"");
    assert!(next > *came_back.last().unwrap());
    let (Reply::Usage(usage), _) = peer.call(Call::Usage, &[]).unwrap() else { panic!() };
    assert_eq!(usage.used, ByteLen((2 + 3 + 2 + 2 + 2) * 4096));
}

#[test]
fn a_removed_segment_does_not_come_back_whoever_has_it_attached() {
    let state = State::new("removed");
    let store = state.store();
    let peer = store.program();
    let flags = GetFlags::from_bits_retain(0o3600);
    let asked = Call::ShmGetDurable { key: Key(5), size: ByteLen(4096), flags };
    let Ok((Reply::Shmid(shmid), _)) = peer.call(asked, None) else { panic!("no id") };
    let address = peer.shmat(shmid.0, 0, 0).unwrap();
    peer.shm_remove(shmid.0).unwrap();
    assert_eq!(peer.shm_stat(shmid.0).unwrap().nattch, 1);
    peer.shm_set(shmid.0, 0, 0, 0o640).unwrap();
    assert!(!state.file(ObjectId(1), "head").exists());
    drop(store);
    let again = state.store();
    assert_eq!(rows(&mut again.client()), []);
    peer.shmdt(address).unwrap();
}

#[test]
fn one_store_at_a_time_has_a_directory() {
    let state = State::new("two");
    let store = state.store();
    create(&mut store.client(), "a", b"a");
    let refused = state.try_store().err().unwrap();
    assert!(matches!(refused, StartError::State { .. }), "{refused}");
    let words = refused.to_string();
    assert!(words.contains(state.0.to_str().unwrap()) && words.contains("another daemon"), "{words}");
    let relative = Store::with(MIB, |config| config.state = Some(PathBuf::from("state"))).err().unwrap();
    assert!(relative.to_string().contains("absolute"), "{relative}");
    drop(store);
    assert_eq!(rows(&mut state.store().client()).len(), 1);
}

#[test]
fn what_is_damaged_is_skipped_and_stays() {
    let state = State::new("damaged");
    let store = state.store();
    let mut peer = store.client();
    let [damaged, cut, whole] =
        ["damaged", "cut", "whole"].map(|text| create(&mut peer, text, text.as_bytes()).0);
    drop((peer, store));
    let head = state.file(damaged, "head");
    let mut bytes = std::fs::read(&head).unwrap();
    bytes[50] ^= 1;
    std::fs::write(&head, &bytes).unwrap();
    std::fs::remove_file(state.file(cut, "undo")).unwrap();
    std::fs::write(state.0.join("strange"), b"?").unwrap();
    for round in 0..2 {
        let store = state.store();
        let mut peer = store.client();
        let names: Vec<_> = rows(&mut peer).iter().map(|row| (row.object, row.name)).collect();
        if round == 0 {
            assert_eq!(names, [(whole, Some(name("whole")))]);
            // Its name is free, and its number is not given again.
            let (other, _) = create(&mut peer, "damaged", b"other");
            assert!(other > whole);
        } else {
            assert_eq!(names.len(), 2);
        }
        drop((peer, store));
        assert_eq!(std::fs::read(&head).unwrap(), bytes);
        assert_eq!(std::fs::read(state.file(damaged, "pages")).unwrap()[..7], *b"damaged");
        assert_eq!(std::fs::read(state.file(cut, "pages")).unwrap()[..3], *b"cut");
        assert!(state.0.join("strange").exists());
    }
}

#[test]
fn of_two_heads_with_one_name_the_one_written_last_counts() {
    let state = State::new("heads");
    let store = state.store();
    let mut peer = store.client();
    let [replaced, renamed] = ["b", "a"].map(|text| create(&mut peer, text, text.as_bytes()).0);
    drop((peer, store));
    // As a power cut leaves it in the midst of a rename: the new name is written down, the old object not gone yet.
    let dir = StateDir::open(&state.0).unwrap();
    let head = dir.read_head(renamed.0).unwrap();
    dir.write_head(renamed.0, &Head { name: Some(name("b")), ..head }).unwrap();
    let store = state.store();
    let rows = rows(&mut store.client());
    assert_eq!(
        rows.iter().map(|row| (row.object, row.name)).collect::<Vec<_>>(),
        [(renamed, Some(name("b")))]
    );
    assert!(state.file(replaced, "pages").exists(), "nothing is thrown away");
}

#[test]
fn a_sparse_store_is_charged_for_what_lies_on_the_disk() {
    let state = State::new("sparse");
    drop(create(&mut state.store().client(), "a", b"a"));
    let sparse = |config: &mut Config| {
        config.state = Some(state.0.clone());
        config.sparse = true;
    };
    let store = Store::with(MIB, sparse).unwrap();
    let mut peer = store.client();
    let (Reply::Usage(usage), _) = peer.call(Call::Usage, &[]).unwrap() else { panic!() };
    assert_eq!(usage.used.0, rows(&mut peer)[0].allocated.0.next_multiple_of(4096));
}
