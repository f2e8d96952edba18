//! A store whose tmpfs other programs change: through the descriptor of `Call::Tree`, as an attached mount is.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;
#[path = "common/names.rs"]
mod names;

use common::{Peer, Store, name};
use rustix::fd::{AsFd, AsRawFd, OwnedFd};
use rustix::fs::{self, AtFlags, Mode, OFlags, RenameFlags};
use shmfs_abi::{ByteLen, Call, Errno, GetFlags, Key, Kind, ObjectId, OpenFlags, Reply, Row, Shmid, Usage};
use shmfs_sys::fd::{self, Facts};
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::process::Command;

const PAGE: u64 = shmfs_abi::PAGE_SIZE;
const MIB: u64 = 1 << 20;
const O_RDWR: i32 = 2;
const O_CREAT: i32 = 0o100;
const O_EXCL: i32 = 0o200;
const O_TRUNC: i32 = 0o1000;

/// The tree of a store, as who attaches it gets it; nothing where there is none.
fn tree(store: &Store) -> Option<OwnedFd> {
    match store.client().call(Call::Tree, &[]) {
        Ok((Reply::Tree, mut fds)) => fds.pop(),
        Err(Errno::EOPNOTSUPP) => {
            println!("SKIP: no hidden tmpfs can be had here");
            None
        }
        other => panic!("{other:?}"),
    }
}

fn create(tree: &OwnedFd, path: &str, content: &[u8]) -> File {
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::RDWR | OFlags::CLOEXEC;
    let mut file = File::from(fs::openat(tree, path, flags, Mode::from_raw_mode(0o640)).unwrap());
    file.write_all(content).unwrap();
    file
}

fn unlink(tree: &OwnedFd, path: &str) {
    fs::unlinkat(tree, path, AtFlags::empty()).unwrap();
}

fn rename(tree: &OwnedFd, from: &str, to: &str, flags: RenameFlags) {
    fs::renameat_with(tree, from, tree, to, flags).unwrap();
}

fn shows(tree: &OwnedFd, path: &str) -> bool {
    fs::statat(tree, path, AtFlags::SYMLINK_NOFOLLOW).is_ok()
}

/// Opens by the broker alone: a visitor has no directory of names.
fn open(peer: &mut Peer, text: &str, flags: i32) -> Result<Facts, Errno> {
    let flags = OpenFlags::from_bits_retain(flags);
    let (_, fds) = peer.call(Call::Open { name: name(text), flags, mode: 0o600 }, &[])?;
    fd::facts(&fds[0])
}

fn rows(peer: &mut Peer) -> Vec<Row> {
    let (mut rows, mut after) = (Vec::new(), ObjectId(0));
    while let (Reply::Row(row), _) = peer.call(Call::Next { after }, &[]).unwrap() {
        after = row.object;
        rows.push(row);
    }
    rows
}

fn usage(peer: &mut Peer) -> Usage {
    let (Reply::Usage(usage), _) = peer.call(Call::Usage, &[]).unwrap() else { panic!("no usage") };
    usage
}

#[test]
fn the_tree_is_the_owners_to_give_and_lets_everybody_in() {
    let store = Store::start(MIB);
    let mut peer = store.client();
    open(&mut peer, "before", O_CREAT | O_RDWR).unwrap();
    let Some(tree) = tree(&store) else { return };
    assert!(shows(&tree, "before"));
    assert_eq!(fd::facts(&tree).unwrap().mode & 0o7777, 0o1777);
    // What somebody makes of the directory stays.
    fs::chmodat(&tree, ".", Mode::from_raw_mode(0o755), AtFlags::empty()).unwrap();
    let (reply, _) = peer.call(Call::Tree, &[]).unwrap();
    assert_eq!((reply, fd::facts(&tree).unwrap().mode & 0o7777), (Reply::Tree, 0o755));
}

#[test]
fn a_file_that_somebody_makes_is_an_object() {
    let store = Store::start(MIB);
    let Some(tree) = tree(&store) else { return };
    let mut peer = store.client();
    let file = create(&tree, "a", b"made here");
    let same = open(&mut peer, "a", O_RDWR).unwrap();
    assert_eq!(same, fd::facts(&file).unwrap());
    assert_eq!(open(&mut peer, "a", O_CREAT | O_EXCL | O_RDWR), Err(Errno::EEXIST));
    let row = rows(&mut peer).pop().unwrap();
    assert_eq!((row.name, row.kind, row.size, row.mode), (Some(name("a")), Kind::Object, ByteLen(9), 0o640));
    assert_eq!((row.cpid.0, row.removed), (0, false));
    // The library opens it without the broker, and unlinks it by it.
    let program = store.program();
    assert_eq!(fd::facts(program.shm_open(b"/a", O_RDWR, 0).unwrap()).unwrap().identity, same.identity);
    assert_eq!(fd::facts(program.shm_open(b"/a", O_RDWR | O_TRUNC, 0).unwrap()).unwrap().size, ByteLen(0));
    program.shm_unlink(b"/a").unwrap();
    assert!(!shows(&tree, "a"));
    assert_eq!(program.shm_unlink(b"/a"), Err(Errno::ENOENT));
    assert_eq!(file.metadata().unwrap().len(), 0);
}

#[test]
fn a_program_in_the_tree_can_be_run_when_it_is_an_object() {
    let store = Store::start(16 * MIB);
    let Some(tree) = tree(&store) else { return };
    let mut peer = store.client();
    let source = std::fs::read("/bin/true").unwrap();
    create(&tree, "true", &source);
    fs::chmodat(&tree, "true", Mode::from_raw_mode(0o755), AtFlags::empty()).unwrap();
    assert_eq!(rows(&mut peer).len(), 1);
    let path = format!("/proc/self/fd/{}/true", tree.as_raw_fd());
    assert!(Command::new(path).status().unwrap().success());
}

#[test]
fn names_are_followed_when_they_move_and_forgotten_when_they_are_gone() {
    let store = Store::start(MIB);
    let Some(tree) = tree(&store) else { return };
    let mut peer = store.client();
    let a = open(&mut peer, "a", O_CREAT | O_RDWR).unwrap().identity;
    let b = open(&mut peer, "b", O_CREAT | O_RDWR).unwrap().identity;
    let mut opened = |text| open(&mut peer, text, O_RDWR).map(|facts| facts.identity);
    rename(&tree, "a", "c", RenameFlags::empty());
    assert_eq!((opened("c"), opened("a")), (Ok(a), Err(Errno::ENOENT)));
    rename(&tree, "b", "c", RenameFlags::EXCHANGE);
    assert_eq!((opened("c"), opened("b")), (Ok(b), Ok(a)));
    fs::linkat(&tree, "c", &tree, "d", AtFlags::empty()).unwrap();
    unlink(&tree, "c");
    assert_eq!((opened("c"), opened("d")), (Err(Errno::ENOENT), Ok(b)));
    // Through a directory, where it has no POSIX name.
    fs::mkdirat(&tree, "dir", Mode::from_raw_mode(0o755)).unwrap();
    rename(&tree, "d", "dir/d", RenameFlags::empty());
    assert_eq!(opened("d"), Err(Errno::ENOENT));
    rename(&tree, "dir/d", "e", RenameFlags::empty());
    assert_eq!(opened("e"), Ok(b));
    // Replaced: another file has the name.
    create(&tree, "new", b"");
    rename(&tree, "new", "b", RenameFlags::empty());
    assert!(opened("b").is_ok_and(|new| new != a));
    let names: Vec<_> = rows(&mut peer).into_iter().filter_map(|row| row.name).collect();
    assert_eq!((names.len(), names.contains(&name("b")), names.contains(&name("e"))), (2, true, true));
}

#[test]
fn what_is_unlinked_behind_the_broker_lives_until_nobody_holds_it() {
    let store = Store::start(MIB);
    let Some(tree) = tree(&store) else { return };
    let mut peer = store.client();
    let program = store.program();
    let held = program.shm_open(b"/a", O_CREAT | O_RDWR, 0o600).unwrap();
    fd::truncate(&held, ByteLen(PAGE)).unwrap();
    unlink(&tree, "a");
    assert_eq!(program.shm_open(b"/a", O_RDWR, 0).err(), Some(Errno::ENOENT));
    let now = usage(&mut peer);
    assert_eq!((now.posix, now.unnamed, now.used.0), (0, 1, PAGE));
    drop(held);
    common::state::until("the object is let go", || usage(&mut peer).unnamed == 0);
    assert_eq!(usage(&mut peer).used.0, 0);
}

/// Nobody names it any more: the kernel tells of it.
#[test]
fn the_room_of_an_object_that_another_program_removes_is_free() {
    let store = Store::start(16 * PAGE);
    let Some(tree) = tree(&store) else { return };
    let program = store.program();
    let file = File::from(program.shm_open(b"/a", O_CREAT | O_RDWR, 0o600).unwrap());
    write(&file, 0, 12).unwrap();
    drop(file);
    unlink(&tree, "a");
    common::state::until("its pages are free", || {
        let room = fs::fstatvfs(&tree).unwrap();
        room.f_bfree == room.f_blocks
    });
    write(&create(&tree, "b", b""), 0, 16).unwrap();
}

#[test]
fn calls_change_names_that_others_made() {
    let store = Store::start(MIB);
    let Some(tree) = tree(&store) else { return };
    let program = store.program();
    create(&tree, "a", b"a");
    program.path_rename(b"a", b"b", 0).unwrap();
    assert!(!shows(&tree, "a") && shows(&tree, "b"));
    create(&tree, "c", b"c");
    assert_eq!(program.path_rename(b"b", b"c", 1), Err(Errno::EEXIST));
    assert_eq!(program.path_link(b"b", b"c"), Err(Errno::EEXIST));
    program.path_link(b"b", b"d").unwrap();
    program.path_rename(b"d", b"c", 2).unwrap();
    let read = |path: &str| {
        let file = fs::openat(&tree, path, OFlags::RDONLY, Mode::empty()).unwrap();
        let mut byte = [0];
        File::from(file).read_exact_at(&mut byte, 0).unwrap();
        byte[0]
    };
    assert_eq!((read("b"), read("c"), read("d")), (b'a', b'a', b'c'));
}

/// `shm_open` and `shm_unlink` follow no link, and a directory is neither memory nor unlinked.
#[test]
fn what_is_no_regular_file_is_answered_as_linux_does() {
    let store = Store::start(MIB);
    let Some(tree) = tree(&store) else { return };
    let mut peer = store.client();
    create(&tree, "file", b"");
    fs::symlinkat("file", &tree, "link").unwrap();
    fs::mkdirat(&tree, "dir", Mode::from_raw_mode(0o755)).unwrap();
    fs::mknodat(&tree, "fifo", fs::FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
    let kernel = |text: &str, flags: i32| {
        let flags =
            OFlags::from_bits_retain(flags as u32) | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        fs::openat(&tree, text, flags, Mode::empty()).err().map(|error| error.raw_os_error())
    };
    for text in ["link", "dir", "fifo"] {
        for flags in [O_RDWR, 1, O_CREAT | O_RDWR, O_CREAT | O_EXCL | O_RDWR] {
            // A fifo that is opened for both succeeds, and is no memory.
            let expected = kernel(text, flags).map_or(Errno::EISDIR, Errno);
            assert_eq!(open(&mut peer, text, flags), Err(expected), "{text} {flags:o}");
        }
    }
    let names: Vec<_> = rows(&mut peer).into_iter().filter_map(|row| row.name).collect();
    assert_eq!(names, [name("file")]);
    let mut call = |call| peer.call(call, &[]).map(|_| ()).map_err(|errno| errno.0);
    assert_eq!(call(Call::Unlink { name: name("dir") }), Err(Errno::EISDIR.0));
    assert_eq!(call(Call::Link { from: name("dir"), to: name("x") }), Err(Errno::EPERM.0));
    call(Call::Rename { from: name("dir"), to: name("moved"), flags: 0 }).unwrap();
    assert_eq!(call(Call::Rename { from: name("file"), to: name("moved"), flags: 0 }), Err(Errno::EISDIR.0));
    assert_eq!(call(Call::Link { from: name("file"), to: name("fifo") }), Err(Errno::EEXIST.0));
    call(Call::Rename { from: name("file"), to: name("fifo"), flags: 0 }).unwrap();
    call(Call::Unlink { name: name("link") }).unwrap();
    assert!(shows(&tree, "moved") && shows(&tree, "fifo") && !shows(&tree, "link") && !shows(&tree, "file"));
    assert_eq!(open(&mut peer, "fifo", O_RDWR).map(|facts| facts.is_regular()), Ok(true));
}

fn segment(peer: &mut Peer, key: i32, size: u64) -> Result<Shmid, Errno> {
    let flags = GetFlags::CREAT | GetFlags::from_bits_retain(0o600);
    match peer.call(Call::ShmGet { key: Key(key), size: ByteLen(size), flags }, &[])?.0 {
        Reply::Shmid(shmid) => Ok(shmid),
        other => panic!("{other:?}"),
    }
}

fn write(file: &File, at: u64, pages: u64) -> Result<(), Option<i32>> {
    let page = [7; PAGE as usize];
    (0..pages).try_for_each(|index| file.write_all_at(&page, at + index * PAGE)).map_err(|e| e.raw_os_error())
}

/// Neither side passes the store's size, and what one gives back the other can have.
#[test]
fn files_and_segments_share_one_limit() {
    let store = Store::start(64 * PAGE);
    let Some(tree) = tree(&store) else { return };
    let mut peer = store.client();
    let file = create(&tree, "a", b"");
    let deep = {
        fs::mkdirat(&tree, "dir", Mode::from_raw_mode(0o755)).unwrap();
        create(&tree, "dir/b", b"")
    };
    write(&file, 0, 10).unwrap();
    write(&deep, 0, 10).unwrap();
    let now = usage(&mut peer);
    assert_eq!((now.size.0, now.used.0, now.tree.0), (64 * PAGE, 0, 20 * PAGE));
    // The file in the root is an object from here on, the other is not.
    open(&mut peer, "a", O_RDWR).unwrap();
    let now = usage(&mut peer);
    assert_eq!((now.used.0, now.tree.0), (10 * PAGE, 10 * PAGE));
    assert_eq!(segment(&mut peer, 1, 45 * PAGE), Err(Errno::ENOSPC));
    let shmid = segment(&mut peer, 1, 44 * PAGE).unwrap();
    let privileged = fs::fstatvfs(&tree).unwrap().f_blocks == 20;
    if privileged {
        assert_eq!(write(&deep, 10 * PAGE, 1), Err(Some(Errno::ENOSPC.0)));
    } else {
        println!("SKIP: the size of the tmpfs is not ours to change");
    }
    peer.call(Call::ShmRemove { shmid }, &[]).unwrap();
    write(&deep, 10 * PAGE, 40).unwrap();
    assert_eq!(segment(&mut peer, 1, 5 * PAGE), Err(Errno::ENOSPC));
    unlink(&tree, "dir/b");
    drop(deep);
    segment(&mut peer, 1, 54 * PAGE).unwrap();
    // A written object is not counted twice.
    let shmid = segment(&mut peer, 1, 1).unwrap();
    peer.call(Call::ShmRemove { shmid }, &[]).unwrap();
    write(&file, 10 * PAGE, 20).unwrap();
    segment(&mut peer, 2, 34 * PAGE).unwrap();
    assert_eq!(segment(&mut peer, 3, 1), Err(Errno::ENOSPC));
}

/// Names that both this process, by the broker, and another one, in the tree, change at once. In the end both see the same.
#[test]
fn two_processes_agree_on_names() {
    let store = Store::start(MIB);
    let Some(tree) = tree(&store) else { return };
    let inherited = tree.try_clone().unwrap();
    shmfs_sys::fd::set_cloexec(inherited.as_fd(), false).unwrap();
    let mut other = Command::new(std::env::current_exe().unwrap())
        .args(["storm", "--exact", "--ignored"])
        .env("SHMFS_TEST_TREE", inherited.as_raw_fd().to_string())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    drop(inherited);
    let program = store.program();
    let (mut random, mut rounds) = (7_u64, 0);
    while rounds < 2000 || other.try_wait().unwrap().is_none() {
        rounds += 1;
        names::call(&program, &mut random);
    }
    assert!(other.wait().unwrap().success());
    names::agree(&program, &tree);
}

#[test]
#[ignore = "another test runs it, beside itself"]
fn storm() {
    let number: i32 = std::env::var("SHMFS_TEST_TREE").unwrap().parse().unwrap();
    let tree = shmfs_sys::table::adopt(number).unwrap();
    let mut random = 99_u64;
    (0..20_000).for_each(|_| names::change(&tree, &mut random));
}
