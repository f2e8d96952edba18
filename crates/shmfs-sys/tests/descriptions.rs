//! Who else has a file: leases and inotify events, with descriptors and mappings of other processes.
#![allow(unsafe_code, reason = "processes are made by raw calls")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "this is a test")]

mod common;

use shmfs_abi::{ByteLen, Errno, OpenFlags};
use shmfs_sys::{
    AsFd, AsRawFd, OwnedFd, fd, lease,
    map::{Fixed, Place, place, unplace},
    memfd, socket,
    tmpfs::Hidden,
    watch::{Drained, Watch},
};

const LEN: usize = 8192;
const READ: Place = Place { address: 0, fixed: Fixed::Anywhere, write: false, exec: false };
const WRITE: Place = Place { write: true, ..READ };

/// A file of each backing: sealed memfd, memfd, named and unnamed file of a hidden tmpfs.
fn files() -> Vec<(&'static str, OwnedFd)> {
    let sealed = memfd::create(c"sealed", true).unwrap();
    let plain = memfd::create(c"plain", false).unwrap();
    let mut files = vec![("sealed memfd", sealed), ("memfd", plain)];
    match Hidden::make(1 << 20, 16) {
        Ok(hidden) => {
            files.push(("tmpfs, unnamed", hidden.create_unnamed(0o600).unwrap()));
            files.push(("tmpfs, named", hidden.create(b"name", 0o600).unwrap()));
        }
        Err(error) => println!("skipped: no hidden tmpfs here ({})", error.name()),
    }
    for (_, file) in &files {
        fd::truncate(file, ByteLen(LEN as u64)).unwrap();
    }
    memfd::seal_size(&files[0].1).unwrap();
    files
}

fn only(file: &OwnedFd) -> bool {
    lease::is_only_description(file).unwrap()
}

#[test]
fn another_description_is_seen_while_it_is_open_or_mapped() {
    let _alone = common::alone();
    for (name, file) in files() {
        assert!(only(&file), "{name}: alone");
        let duplicate = file.try_clone().unwrap();
        let own = place(&file, LEN, &WRITE).unwrap();
        assert!(only(&file), "{name}: own duplicates and mappings do not count");
        drop(duplicate);
        unplace(own, LEN).unwrap();
        for (access, how) in
            [(OpenFlags::RDWR, &WRITE), (OpenFlags::RDWR, &READ), (OpenFlags::empty(), &READ)]
        {
            let other = fd::reopen(file.as_fd(), access).unwrap();
            assert!(!only(&file), "{name}: {access:?} open");
            let address = place(&other, LEN, how).unwrap();
            drop(other);
            assert!(!only(&file), "{name}: {access:?} mapped, closed");
            unplace(address, LEN).unwrap();
            assert!(only(&file), "{name}: {access:?} gone");
        }
    }
}

#[test]
fn a_write_only_description_is_seen_too() {
    let _alone = common::alone();
    for (name, file) in files() {
        let other = fd::reopen(file.as_fd(), OpenFlags::WRONLY).unwrap();
        assert!(!only(&file), "{name}");
        drop(other);
        assert!(only(&file), "{name}");
    }
}

/// How a process that has a mapping of its own description can lose it.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Unmap,
    Exit,
    Kill,
    Exec,
}

/// A child that maps `other`, closes it, says so, waits for a word, and ends as `end` says.
fn mapped_in_child(other: OwnedFd, end: End) -> (i32, OwnedFd) {
    let (ours, theirs) = socket::pair().unwrap();
    let (other_number, program) = (other.as_raw_fd(), c"/bin/true");
    let child = common::fork(|| {
        let Ok(address) = place(&other, LEN, &WRITE) else { return 2 };
        close(other_number);
        close(ours.as_raw_fd());
        let mut word = [0; 8];
        if socket::send(&theirs, b"mapped", &[], true).is_err() {
            return 3;
        }
        let Ok(_) = socket::receive(&theirs, &mut word, true) else { return 4 };
        match end {
            End::Unmap => {
                let unmapped = unplace(address, LEN).and_then(|()| socket::send(&theirs, b"gone", &[], true));
                let _ = socket::receive(&theirs, &mut word, true);
                u8::from(unmapped.is_err())
            }
            End::Exit => 0,
            End::Kill => loop {
                std::hint::spin_loop();
            },
            End::Exec => exec(program),
        }
    });
    drop(other);
    assert_eq!(socket::receive(&ours, &mut [0; 8], true).unwrap().len, 6);
    (child, ours)
}

fn close(number: i32) {
    #[cfg(target_arch = "x86_64")]
    const CLOSE: usize = 3;
    #[cfg(target_arch = "aarch64")]
    const CLOSE: usize = 57;
    // SAFETY: the call takes a number; the child does not use its owner again.
    unsafe { shmfs_sys::raw::syscall6(CLOSE, number as usize, 0, 0, 0, 0, 0) };
}

fn exec(program: &std::ffi::CStr) -> u8 {
    #[cfg(target_arch = "x86_64")]
    const EXECVE: usize = 59;
    #[cfg(target_arch = "aarch64")]
    const EXECVE: usize = 221;
    let arguments = [program.as_ptr(), std::ptr::null()];
    let at = arguments.as_ptr() as usize;
    // SAFETY: path and arguments are terminated and outlive the call.
    unsafe { shmfs_sys::raw::syscall6(EXECVE, program.as_ptr() as usize, at, 0, 0, 0, 0) };
    5
}

fn closes(watch: &Watch) -> usize {
    let mut closes = 0;
    watch.drain(|event| closes += usize::from(matches!(event, Drained::Closed(_)))).unwrap();
    closes
}

#[test]
fn the_last_mapping_of_another_process_is_missed() {
    let _alone = common::alone();
    for end in [End::Unmap, End::Exit, End::Kill, End::Exec] {
        for (name, file) in files() {
            let watch = Watch::new().unwrap();
            let id = watch.add_close(file.as_fd()).unwrap();
            let other = fd::reopen(file.as_fd(), OpenFlags::RDWR).unwrap();
            let (child, line) = mapped_in_child(other, end);
            assert_eq!(closes(&watch), 0, "{name}, {end:?}: the mapping keeps the description");
            assert!(!only(&file), "{name}, {end:?}: mapped there");
            socket::send(&line, b"go", &[], true).unwrap();
            match end {
                End::Unmap => assert_eq!(socket::receive(&line, &mut [0; 8], true).unwrap().len, 4),
                End::Kill => {
                    common::kill(child);
                    assert_eq!(common::wait(child), 137);
                }
                End::Exit | End::Exec => assert_eq!(common::wait(child), 0),
            }
            let mut told = Vec::new();
            watch.drain(|event| told.push(event)).unwrap();
            assert_eq!(told, [Drained::Closed(id)], "{name}, {end:?}");
            assert!(only(&file), "{name}, {end:?}: gone");
            drop(line);
            if end == End::Unmap {
                assert_eq!(common::wait(child), 0);
            }
        }
    }
}

#[test]
fn a_watch_ends_when_it_is_removed() {
    let _alone = common::alone();
    let (_, file) = files().remove(0);
    let watch = Watch::new().unwrap();
    let id = watch.add_close(file.as_fd()).unwrap();
    assert_eq!(watch.add_close(file.as_fd()), Ok(id), "one file, one id");
    drop(fd::reopen(file.as_fd(), OpenFlags::empty()).unwrap());
    watch.remove(id).unwrap();
    let mut told = Vec::new();
    watch.drain(|event| told.push(event)).unwrap();
    assert_eq!(told, [Drained::Closed(id), Drained::Ended(id)]);
    assert_eq!(watch.remove(id), Err(Errno::EINVAL));
}

#[test]
fn an_open_file_mode_is_enforced_for_others() {
    let _alone = common::alone();
    const NAME: &str = "an_open_file_mode_is_enforced_for_others";
    if common::is_again(NAME) {
        let number = std::env::var("SHMFS_TEST_FD").unwrap().parse().unwrap();
        let refused = fd::with_number(number, |fd| fd::reopen(fd, OpenFlags::RDWR)).err();
        assert_eq!(refused, Some(Errno::EACCES));
        fd::with_number(number, |fd| fd::reopen(fd, OpenFlags::empty())).unwrap();
        return;
    }
    use std::os::unix::process::CommandExt;
    if shmfs_sys::process::euid().0 != 0 {
        println!("skipped: changing the user needs root");
        return;
    }
    for (name, file) in files() {
        fd::chmod(&file, 0o644).unwrap();
        let given = fd::reopen(file.as_fd(), OpenFlags::empty()).unwrap();
        fd::set_cloexec(&given, false).unwrap();
        let mut child = common::again(NAME);
        child.env("SHMFS_TEST_FD", given.as_raw_fd().to_string()).uid(1001).gid(1001);
        assert!(child.status().unwrap().success(), "{name}");
    }
}
