//! Random changes of a few names: by calls of a store, and in its tree.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test's frame fails by panicking")]

use rustix::fd::OwnedFd;
use rustix::fs::{self, AtFlags, Mode, OFlags};
use shmfs_abi::{Call, Errno, Name, ObjectId, OpenFlags, Reply};
use shmfs_client::Client;
use shmfs_sys::fd;

const O_RDWR: i32 = 2;
const O_CREAT: i32 = 0o100;
const O_EXCL: i32 = 0o200;

const NAMES: [&str; 5] = ["a", "b", "c", "sem.d", "e"];

pub fn next(random: &mut u64) -> u64 {
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    *random >> 20
}

fn pick(random: &mut u64) -> &'static str {
    NAMES[next(random) as usize % NAMES.len()]
}

/// One change as any program makes it.
pub fn change(tree: &OwnedFd, random: &mut u64) {
    let (which, to) = (pick(random), pick(random));
    match next(random) % 4 {
        0 => drop(fs::openat(tree, which, OFlags::CREATE | OFlags::RDWR, Mode::from_raw_mode(0o600))),
        1 => drop(fs::unlinkat(tree, which, AtFlags::empty())),
        2 => drop(fs::renameat(tree, which, tree, to)),
        _ => drop(fs::linkat(tree, which, tree, to, AtFlags::empty())),
    }
}

/// One call. It fails with what Linux might say alone, whoever is quicker.
pub fn call(program: &Client, random: &mut u64) {
    let (which, to) = (pick(random), pick(random));
    let path = format!("/{which}");
    let (done, errnos): (_, &[Errno]) = match next(random) % 6 {
        0 => (program.shm_open(path.as_bytes(), O_CREAT | O_RDWR, 0o600).map(drop), &[]),
        1 => {
            let flags = O_CREAT | O_EXCL | O_RDWR;
            (program.shm_open(path.as_bytes(), flags, 0o600).map(drop), &[Errno::EEXIST])
        }
        2 => (program.shm_open(path.as_bytes(), O_RDWR, 0).map(drop), &[Errno::ENOENT]),
        3 => (program.shm_unlink(path.as_bytes()), &[Errno::ENOENT]),
        4 => (program.path_rename(which.as_bytes(), to.as_bytes(), 0), &[Errno::ENOENT]),
        _ => (program.path_link(which.as_bytes(), to.as_bytes()), &[Errno::ENOENT, Errno::EEXIST]),
    };
    if let Err(errno) = done {
        assert!(errnos.contains(&errno), "{} of {which} {to}", errno.name());
    }
}

/// What the store says of each name, and lists, is what the tree shows.
pub fn agree(program: &Client, tree: &OwnedFd) {
    let mut shown = Vec::new();
    for which in NAMES {
        let ino = fs::statat(tree, which, AtFlags::empty()).ok().map(|stat| stat.st_ino);
        let (name, flags) = (Name::new(which.as_bytes()).unwrap(), OpenFlags::RDWR);
        let opened = program.call(Call::Open { name, flags, mode: 0 }, None).ok().and_then(|(_, file)| file);
        assert_eq!(opened.map(|file| fd::facts(file).unwrap().identity.ino), ino, "{which}");
        shown.extend(ino);
    }
    shown.sort_unstable();
    shown.dedup();
    let (mut named, mut after) = (0, ObjectId(0));
    while let Ok((Reply::Row(row), _)) = program.call(Call::Next { after }, None) {
        after = row.object;
        named += usize::from(row.name.is_some());
    }
    assert_eq!(named, shown.len());
}
