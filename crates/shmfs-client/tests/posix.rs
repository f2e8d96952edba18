//! Objects, their sizes, and named semaphores.

mod mock;

use mock::Fault;
use shmfs_abi::{ByteLen, Call, Errno, ObjectId, OpenFlags};
use shmfs_sys::{AsFd, AsRawFd, fd, memfd, process};
use std::cell::Cell;

const CREAT: i32 = 0o100;
const EXCL: i32 = 0o200;
const RDWR: i32 = 2;
const CLOEXEC: i32 = 0o2000000;

#[test]
fn names_flags_and_modes_are_as_the_store_wants_them() {
    let (client, mock) = client!("open");
    let opened = client.shm_open(b"//x", RDWR | CREAT | CLOEXEC, 0o777).unwrap();
    assert!(fd::access(opened.as_fd()).unwrap().access().writes());
    let [Call::Open { name, flags, mode }] = mock.heard()[..] else { panic!() };
    assert_eq!((name.as_bytes(), flags), (&b"x"[..], OpenFlags::RDWR | OpenFlags::CREAT));
    assert_eq!(mode, 0o777 & !process::umask());
    assert_eq!(client.shm_open(b"/a/b", RDWR, 0).err(), Some(Errno::EINVAL));
    assert_eq!(client.shm_unlink(b"/."), Err(Errno::EISDIR));
    client.shm_unlink(b"/x").unwrap();
    mock.plan(0, Fault::Refuse(Errno::ENOENT));
    assert_eq!(client.shm_open(b"/x", RDWR, 0).err(), Some(Errno::ENOENT));
}

#[test]
fn a_growth_is_asked_for_and_a_shrinking_told() {
    let (client, mock) = client!("resize");
    let opened = client.shm_open(b"/x", RDWR, 0).unwrap();
    let number = opened.as_fd().as_raw_fd();
    let set = |size| client.resize(number, size, &|| fd::truncate(&opened, ByteLen(size as u64)));
    let object = ObjectId(0);
    mock.heard();
    set(8192).unwrap();
    assert_eq!(mock.heard(), [Call::Reserve { object, size: ByteLen(8192) }]);
    set(8192).unwrap();
    assert_eq!(mock.heard(), []);
    set(4096).unwrap();
    assert_eq!(mock.heard(), [Call::Settle { object }]);
    let failed = client.resize(number, 9000, &|| Err(Errno::EINTR));
    assert_eq!(failed, Err(Errno::EINTR));
    assert_eq!(mock.heard(), [Call::Reserve { object, size: ByteLen(9000) }, Call::Settle { object }]);
}

#[test]
fn a_full_store_refuses_and_nobody_else_does() {
    let (client, mock) = client!("full");
    let opened = client.shm_open(b"/x", RDWR, 0).unwrap();
    let ran = Cell::new(0);
    let act = || {
        ran.set(ran.get() + 1);
        Ok(())
    };
    let grow = |number| client.resize(number, 4096, &act);
    mock.plan(0, Fault::Refuse(Errno::ENOSPC));
    assert_eq!((grow(opened.as_fd().as_raw_fd()), ran.get()), (Err(Errno::ENOSPC), 0));
    // The mock's objects are memfds, and so is this one, which no store knows.
    let foreign = memfd::create(c"foreign", false).unwrap();
    mock.plan(0, Fault::Refuse(Errno::EBADF));
    assert_eq!((grow(foreign.as_fd().as_raw_fd()), ran.get()), (Ok(()), 1));
    mock.heard();
    assert_eq!((grow(0), ran.get()), (Ok(()), 2), "no regular file");
    assert_eq!((grow(-1), ran.get()), (Ok(()), 3));
    assert_eq!(mock.heard(), []);
    mock.vanish();
    mock.plan(0, Fault::Unanswered);
    assert_eq!((grow(opened.as_fd().as_raw_fd()), ran.get()), (Ok(()), 4), "nobody is left to charge");
}

#[test]
fn a_semaphore_has_one_address() {
    let (client, mock) = client!("semaphore");
    let made = Cell::new((0, 0));
    let init = |address, value| made.set((address, value));
    assert_eq!(client.sem_open(b"/s", 0, 0, 0, &init), Err(Errno::ENOENT));
    let address = client.sem_open(b"/s", CREAT | EXCL, 0o600, 3, &init).unwrap();
    assert_eq!(made.get(), (address, 3));
    assert_eq!(mock.store().published.as_ref().unwrap().0.as_bytes(), b"sem.s");
    assert_eq!(client.sem_open(b"/s", 0, 0, 0, &init), Ok(address));
    assert_eq!(client.sem_open(b"/s", CREAT | EXCL, 0o600, 3, &init), Err(Errno::EEXIST));
    assert_eq!(client.sem_close(address), Ok(()));
    assert_eq!(client.sem_close(address), Ok(()));
    assert_eq!(client.sem_close(address), Err(Errno::EINVAL));
    client.sem_unlink(b"/s").unwrap();
}

#[test]
fn a_semaphore_that_another_published_first_is_opened() {
    let (client, mock) = client!("race");
    // The fresh one is refused its name, and at the second look there is one.
    let init = |_, _| {
        let mut store = mock.store();
        let other = store.fresh.take().unwrap();
        store.fresh = Some(memfd::create(c"unused", false).unwrap());
        store.published = Some((store.asked.unwrap(), other));
    };
    mock.plan(1, Fault::Refuse(Errno::EEXIST));
    client.sem_open(b"/r", CREAT, 0o600, 0, &init).unwrap();
    let calls = mock.heard();
    assert!(matches!(calls[..], [Call::SemOpen { .. }, Call::SemPublish { .. }, Call::SemOpen { .. }]));
}

#[test]
fn a_bad_value_is_refused_only_to_a_new_semaphore() {
    let (client, _mock) = client!("value");
    let init = |_, _| ();
    assert_eq!(client.sem_open(b"/v", CREAT, 0o600, u32::MAX, &init), Err(Errno::EINVAL));
    let address = client.sem_open(b"/v", CREAT, 0o600, 1, &init).unwrap();
    assert_eq!(client.sem_open(b"/v", CREAT, 0o600, u32::MAX, &init), Ok(address));
}
