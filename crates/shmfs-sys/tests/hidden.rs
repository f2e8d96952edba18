//! The hidden tmpfs: its limit, its names, and how it outlives whoever made it; with and without privilege.
#![allow(unsafe_code, reason = "processes are made by raw calls")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "this is a test")]

mod common;

use shmfs_abi::{ByteLen, Errno, OpenFlags};
use shmfs_sys::{
    AsFd, AsRawFd, OwnedFd, fd,
    map::{Fixed, Place, place, unplace},
    process, socket,
    tmpfs::Hidden,
};
use std::{fs, os::unix::fs::FileExt};

const SIZE: u64 = 1 << 20;

fn filled(file: &OwnedFd, bytes: u64) -> Result<(), Errno> {
    fd::allocate(file, ByteLen(0), ByteLen(bytes))
}

/// What must hold of any hidden tmpfs, however it was made.
fn check(hidden: &Hidden) {
    assert_eq!(hidden.room().unwrap().size, ByteLen(SIZE));
    let file = hidden.create_unnamed(0o640).unwrap();
    let facts = fd::facts(&file).unwrap();
    assert_eq!((facts.uid, facts.gid, facts.links), (process::euid(), process::egid(), 0));
    assert_eq!(facts.identity.dev, hidden.dev().unwrap());
    assert!(facts.is_regular() && fd::is_tmpfs(&file).unwrap());

    // The limit binds whoever writes, and gives back what is freed; a length alone is free.
    assert_eq!(filled(&file, SIZE + 4096), Err(Errno::ENOSPC));
    filled(&file, SIZE).unwrap();
    let other = hidden.create_unnamed(0o600).unwrap();
    fd::truncate(&other, ByteLen(SIZE * 8)).unwrap();
    let writer = fs::File::from(owned(other.try_clone().unwrap()));
    assert_eq!(writer.write_at(&[1; 4096], 0).unwrap_err().raw_os_error(), Some(28));
    fd::punch(&file, ByteLen(0), ByteLen(SIZE)).unwrap();
    assert_eq!(fd::facts(&file).unwrap().allocated, ByteLen(0));
    writer.write_at(&[1; 4096], 0).unwrap();
    drop((file, other, writer));
    assert_eq!(hidden.room().unwrap().free, ByteLen(SIZE));
    names(hidden);
}

fn owned(fd: OwnedFd) -> std::os::fd::OwnedFd {
    use shmfs_sys::IntoRawFd;
    use std::os::fd::FromRawFd;
    // SAFETY: the number was owned here and is given on.
    unsafe { std::os::fd::OwnedFd::from_raw_fd(fd.into_raw_fd()) }
}

fn names(hidden: &Hidden) {
    let file = hidden.create_unnamed(0o600).unwrap();
    let long = [b'n'; 255];
    for name in [&b"x"[..], b"sem.y", &long] {
        hidden.link(file.as_fd(), name).unwrap();
        assert_eq!(hidden.link(file.as_fd(), name), Err(Errno::EEXIST));
        assert_eq!(hidden.create(name, 0o600).err(), Some(Errno::EEXIST));
    }
    assert_eq!(fd::facts(&file).unwrap().links, 3);
    for name in [&b"x"[..], b"sem.y", &long] {
        hidden.unlink(name).unwrap();
        assert_eq!(hidden.unlink(name), Err(Errno::ENOENT));
    }
    renamed_and_looked_up(hidden);
    let again = fd::reopen(file.as_fd(), OpenFlags::RDWR | OpenFlags::APPEND).unwrap();
    assert!(fd::access(&again).unwrap().contains(OpenFlags::APPEND));
}

fn renamed_and_looked_up(hidden: &Hidden) {
    hidden.create(b"one", 0o600).unwrap();
    hidden.link_name(b"one", b"two").unwrap();
    assert_eq!(hidden.link_name(b"one", b"two"), Err(Errno::EEXIST));
    hidden.rename(b"one", b"three", 0).unwrap();
    assert_eq!(hidden.rename(b"two", b"three", 1), Err(Errno::EEXIST), "RENAME_NOREPLACE");
    hidden.rename(b"two", b"three", 2).unwrap();
    let root = hidden.root().unwrap();
    let facts = fd::facts(&root).unwrap();
    assert_eq!((facts.mode, facts.uid), (0o040_755, process::euid()));
    let looked_up = format!("/proc/self/fd/{}/three", root.as_raw_fd());
    assert_eq!(fs::metadata(looked_up).unwrap().len(), 0);
    let listed = format!("/proc/self/fd/{}", root.as_raw_fd());
    assert_eq!(fs::read_dir(listed).unwrap().count(), 2);
    hidden.unlink(b"two").unwrap();
    hidden.unlink(b"three").unwrap();
}

/// 16 inodes asked for are 16 files.
fn count_inodes(hidden: &Hidden) {
    let files: Vec<_> = (0..16).map(|_| hidden.create_unnamed(0o600).unwrap()).collect();
    assert_eq!(hidden.create_unnamed(0o600).err(), Some(Errno::ENOSPC));
    assert_eq!(hidden.room().unwrap().inodes_free, 0);
    drop(files);
}

fn available(made: Result<Hidden, Errno>) -> Option<Hidden> {
    match made {
        Ok(hidden) => Some(hidden),
        Err(error @ (Errno::EPERM | Errno::EACCES | Errno::ENOSPC | Errno::EINVAL)) => {
            println!("skipped: no hidden tmpfs for {:?} here ({})", process::euid(), error.name());
            None
        }
        Err(error) => panic!("{error:?}"),
    }
}

#[test]
fn made_with_privilege_or_else_by_a_child() {
    let _alone = common::alone();
    let Some(hidden) = available(Hidden::make(SIZE, 16)) else { return };
    check(&hidden);
    count_inodes(&hidden);
}

#[test]
fn made_by_a_child_in_a_user_namespace() {
    let _alone = common::alone();
    let Some(hidden) = available(Hidden::make_by_child(SIZE, 16)) else { return };
    check(&hidden);
    count_inodes(&hidden);
}

#[test]
fn made_by_another_user() {
    let _alone = common::alone();
    const NAME: &str = "made_by_another_user";
    if common::is_again(NAME) {
        let Some(hidden) = available(Hidden::make(SIZE, 16)) else { return };
        check(&hidden);
        count_inodes(&hidden);
        assert_eq!(hidden.resize(SIZE * 2), Err(Errno::EPERM), "the right to mount went with the child");
        println!("as {:?}: served", process::euid());
        return;
    }
    for user in [65534, 1001] {
        common::again_as(user, NAME);
    }
}

#[test]
fn its_size_can_change() {
    let _alone = common::alone();
    if process::euid().0 != 0 {
        return println!("skipped: resizing needs the right to mount");
    }
    let Some(hidden) = available(Hidden::make(SIZE, 16)) else { return };
    let file = hidden.create_unnamed(0o600).unwrap();
    hidden.resize(SIZE * 2).unwrap();
    filled(&file, SIZE * 2).unwrap();
    assert_eq!(hidden.resize(SIZE), Err(Errno::EINVAL), "below what is in use");
    assert_eq!(hidden.room().unwrap().size, ByteLen(SIZE * 2));
}

#[test]
fn files_outlive_the_maker_and_the_mount() {
    let _alone = common::alone();
    let (ours, theirs) = socket::pair().unwrap();
    let maker = common::fork(|| {
        let made = Hidden::make(SIZE, 16).and_then(|hidden| hidden.create_unnamed(0o600));
        let Ok(file) = made else { return 1 };
        let given = fd::truncate(&file, ByteLen(4096)).and_then(|()| fd::write_all(&file, b"kept"));
        u8::from(given.and_then(|()| socket::send(&theirs, b"file", &[file.as_fd()], true)).is_err())
    });
    drop(theirs);
    if common::wait(maker) != 0 {
        return println!("skipped: no hidden tmpfs here");
    }
    let received = socket::receive(&ours, &mut [0; 8], true).unwrap();
    let [file, _] = received.fds;
    let file = file.unwrap();
    let place_ = Place { address: 0, fixed: Fixed::Anywhere, write: true, exec: false };
    let address = place(&file, 4096, &place_).unwrap();
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    assert_eq!(&fs::read(path).unwrap()[..4], b"kept");
    assert_eq!(filled(&file, SIZE * 2), Err(Errno::ENOSPC), "the limit outlives the mount");
    unplace(address, 4096).unwrap();
}
