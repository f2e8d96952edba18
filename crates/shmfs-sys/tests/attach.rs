//! The hidden tmpfs at a place of one thread's own.
#![allow(clippy::unwrap_used, reason = "this is a test")]

use shmfs_sys::{AsFd, Errno, attach, process, tmpfs::Hidden};
use std::os::unix::ffi::OsStrExt;
use std::{fs, thread};

#[test]
fn a_tree_is_attached_twice_and_seen_by_nobody_else() {
    if process::euid().0 != 0 {
        println!("SKIP: a mount namespace needs root");
        return;
    }
    let dir = std::env::temp_dir().join(format!("shmfs-attach-{}", std::process::id()));
    let (first, second) = (dir.join("first"), dir.join("second"));
    fs::create_dir_all(&first).unwrap();
    fs::create_dir_all(&second).unwrap();
    let hidden = Hidden::make(1 << 20, 16).unwrap();
    hidden.create(b"made-before", 0o600).unwrap();
    // A thread that enters a namespace of its own leaves the others where they are.
    let (places, tree) = ([first.clone(), second.clone()], hidden.as_fd().try_clone_to_owned().unwrap());
    let inside = thread::spawn(move || {
        attach::enter_mounts().unwrap();
        for place in &places {
            let clone = match attach::clone_of(tree.as_fd()) {
                Err(Errno::EINVAL) => return false,
                clone => clone.unwrap(),
            };
            attach::attach(&clone, place.as_os_str().as_bytes()).unwrap();
        }
        fs::write(places[0].join("x"), "told").unwrap();
        assert_eq!(fs::read(places[1].join("x")).unwrap(), b"told");
        assert!(places[1].join("made-before").exists());
        let nowhere = attach::attach(&attach::clone_of(tree.as_fd()).unwrap(), b"/nowhere/at/all");
        assert_eq!(nowhere, Err(Errno::ENOENT));
        assert_eq!(attach::attach(&tree, b""), Err(Errno::ENOENT));
        let third = attach::clone_at(places[0].as_os_str().as_bytes()).unwrap();
        attach::attach(&third, b"/mnt").unwrap();
        assert_eq!(fs::read("/mnt/x").unwrap(), b"told");
        true
    });
    let done = inside.join().unwrap();
    assert!(!first.join("x").exists() && !first.join("made-before").exists());
    if done {
        assert!(hidden.named(b"x").unwrap().is_some(), "it is the tree itself, and no copy");
    } else {
        println!("SKIP: a mount without a place can be cloned from Linux 6.15 on");
    }
    fs::remove_dir_all(&dir).unwrap();
}

#[test]
fn a_user_namespace_is_refused_to_a_process_with_threads() {
    // The harness has the test in a thread of its own, beside its main thread.
    let refused = thread::spawn(attach::enter_mounts_as_user).join().unwrap();
    assert!(matches!(refused, Err(Errno::EINVAL | Errno::EPERM | Errno::ENOSPC)), "{refused:?}");
}
