//! Messages between two real processes: bytes, descriptors, senders, hang-ups.
#![allow(unsafe_code, reason = "processes are made by raw calls")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "this is a test")]

mod common;

use shmfs_abi::{ByteLen, Errno, limits::MESSAGE_FDS};
use shmfs_sys::{AsFd, IntoRawFd, fd, memfd, process, socket};
use std::{fs, path::PathBuf};

fn scratch(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("shmfs-sys-{}-{name}", std::process::id()));
    let _ = fs::remove_file(&path);
    path
}

#[test]
fn a_message_keeps_its_bounds_and_its_descriptors() {
    let _alone = common::alone();
    let (one, other) = socket::pair().unwrap();
    let file = memfd::create(c"passed", true).unwrap();
    fd::truncate(&file, ByteLen(12345)).unwrap();
    socket::send(&one, b"first", &[file.as_fd(), one.as_fd()], true).unwrap();
    socket::send(&one, b"second", &[], true).unwrap();
    let mut buffer = [0; 64];
    let first = socket::receive(&other, &mut buffer, true).unwrap();
    assert_eq!(&buffer[..first.len], b"first");
    assert!(!first.truncated && first.sender.is_none());
    let [passed, again] = first.fds.map(Option::unwrap);
    assert_eq!(fd::facts(&passed).unwrap(), fd::facts(&file).unwrap());
    assert_eq!(fd::facts(&again).unwrap().identity, fd::facts(&one).unwrap().identity);
    let second = socket::receive(&other, &mut buffer, true).unwrap();
    assert_eq!(&buffer[..second.len], b"second");
    assert!(second.fds.iter().all(Option::is_none));
}

#[test]
fn the_kernel_names_the_sender() {
    let _alone = common::alone();
    let (one, other) = socket::pair().unwrap();
    socket::pass_credentials(&other).unwrap();
    let child = common::fork(|| u8::from(socket::send(&one, b"x", &[one.as_fd()], true).is_err()));
    assert_eq!(common::wait(child), 0);
    let mut buffer = [0; 64];
    let received = socket::receive(&other, &mut buffer, true).unwrap();
    let sender = received.sender.unwrap();
    assert_eq!((sender.pid.0, sender.uid, sender.gid), (child, process::euid(), process::egid()));
    assert!(received.fds[0].is_some() && !received.truncated);
    assert_eq!(socket::peer(&one).unwrap().pid, process::pid(), "the peer is who made the pair");
}

#[test]
fn what_does_not_fit_is_told() {
    let _alone = common::alone();
    let (one, other) = socket::pair().unwrap();
    let mut buffer = [0; 4];
    socket::send(&one, b"12345", &[], true).unwrap();
    let received = socket::receive(&other, &mut buffer, true).unwrap();
    assert!(received.truncated && received.len == 4);
    assert_eq!(socket::send(&one, b"", &[], true), Err(Errno::EINVAL));
    let many = [one.as_fd(); MESSAGE_FDS + 1];
    assert_eq!(socket::send(&one, b"x", &many, true), Err(Errno::EINVAL));
}

/// A stranger can send up to 253 descriptors (`SCM_MAX_FD`); none of them may stay open here.
#[test]
fn a_stranger_cannot_leave_descriptors_behind() {
    let _alone = common::alone();
    let (one, other) = socket::pair().unwrap();
    let open = || fs::read_dir("/proc/self/fd").unwrap().count();
    let before = open();
    for count in [3, 9, 10, 11, 40] {
        for credentials in [false, true] {
            if credentials {
                socket::pass_credentials(&other).unwrap();
            }
            let many = vec![one.as_fd(); count];
            let mut space = vec![std::mem::MaybeUninit::uninit(); 1024];
            let mut control = rustix::net::SendAncillaryBuffer::new(&mut space);
            assert!(control.push(rustix::net::SendAncillaryMessage::ScmRights(&many)));
            let bytes = [rustix::io::IoSlice::new(b"x")];
            rustix::net::sendmsg(&one, &bytes, &mut control, rustix::net::SendFlags::empty()).unwrap();
            let received = socket::receive(&other, &mut [0; 8], true).unwrap();
            assert!(received.truncated, "{count}");
            drop(received);
            assert_eq!(open(), before, "{count}");
        }
    }
}

#[test]
fn nothing_there_is_not_a_hang_up() {
    let _alone = common::alone();
    let (one, other) = socket::pair().unwrap();
    let mut buffer = [0; 64];
    assert_eq!(socket::receive(&other, &mut buffer, false).err(), Some(Errno::EAGAIN));
    drop(one);
    assert_eq!(socket::receive(&other, &mut buffer, false).unwrap().len, 0);
    assert_eq!(socket::send(&other, b"x", &[], true), Err(Errno::EPIPE));
}

#[test]
fn a_full_socket_does_not_block_who_does_not_wait() {
    let _alone = common::alone();
    let (one, _other) = socket::pair().unwrap();
    let refused = (0..100_000).find_map(|_| socket::send(&one, &[7; 1024], &[], false).err());
    assert_eq!(refused, Some(Errno::EAGAIN));
}

#[test]
fn a_listener_tells_who_connected() {
    let _alone = common::alone();
    let path = scratch("listener");
    let bytes = path.as_os_str().as_encoded_bytes();
    let listener = socket::listen(bytes, 8).unwrap();
    assert_eq!(socket::accept(&listener).err(), Some(Errno::EAGAIN));
    let child = common::fork(|| {
        let Ok(connection) = socket::connect(bytes) else { return 1 };
        let mut buffer = [0; 8];
        u8::from(!socket::receive(connection, &mut buffer, true).is_ok_and(|received| received.len == 2))
    });
    let connection = loop {
        match socket::accept(&listener) {
            Err(Errno::EAGAIN) => std::thread::yield_now(),
            accepted => break accepted.unwrap(),
        }
    };
    let peer = socket::peer(&connection).unwrap();
    assert_eq!((peer.pid.0, peer.uid, peer.gid), (child, process::euid(), process::egid()));
    socket::peer_groups(&connection).unwrap();
    match socket::peer_pidfd(&connection) {
        Ok(pidfd) => drop(pidfd),
        Err(Errno(92)) => println!("skipped: no SO_PEERPIDFD before Linux 6.5"),
        Err(error) => panic!("{error:?}"),
    }
    socket::send(&connection, b"ok", &[], true).unwrap();
    assert_eq!(common::wait(child), 0);
    fs::remove_file(&path).unwrap();
    assert_eq!(socket::connect(bytes).err(), Some(Errno::ENOENT));
    assert_eq!(socket::connect(&[b'x'; 200]).err(), Some(Errno::ENAMETOOLONG));
}

#[test]
fn a_raised_descriptor_is_high_and_the_same_file() {
    let _alone = common::alone();
    let file = memfd::create(c"raised", false).unwrap();
    let facts = fd::facts(&file).unwrap();
    let number = fd::raise(file).into_raw_fd();
    let soft = rustix::process::getrlimit(rustix::process::Resource::Nofile).current.unwrap_or(u64::MAX);
    assert!(number as u64 >= soft.saturating_sub(64).min(960), "{number}");
    assert_eq!(fd::identify_raw(number), Some(facts));
    assert_eq!(fd::identify_raw(-1), None);
    assert_eq!(fd::identify_raw(-100), None);
    assert_eq!(fd::identify_raw(i32::MAX), None);
}

#[test]
fn a_message_that_was_looked_at_is_still_there() {
    let (here, there) = socket::pair().unwrap();
    socket::send(&there, b"one", &[there.as_fd()], false).unwrap();
    socket::send(&there, b"two", &[], false).unwrap();
    let mut buffer = [0; 8];
    for _ in 0..2 {
        let peeked = socket::peek(&here, &mut buffer).unwrap();
        assert_eq!((peeked.len, &buffer[..3], peeked.fds[0].is_some()), (3, &b"one"[..], true));
    }
    socket::discard(&here).unwrap();
    assert_eq!(socket::receive(&here, &mut buffer, false).unwrap().len, 3);
    assert_eq!(&buffer[..3], b"two");
    assert_eq!(socket::peek(&here, &mut buffer).err(), Some(Errno::EAGAIN));
    assert_eq!(socket::discard(&here), Err(Errno::EAGAIN));
}
