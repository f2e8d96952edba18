//! Storms of processes on one tree, on the kernel's tmpfs and on ours: random plans beside the model, processes on names
//! of their own and on the same names.

#![allow(clippy::expect_used, reason = "a test that cannot be set up fails, and says why")]

use shmfs_tests::{DevShm, Setting, full, is_root, setting, skip};
use std::ffi::OsStr;
use std::path::Path;

/// What runs, how much of it in the quick tests and how much in the full ones.
const STORMS: [(&str, u32, u32); 4] =
    [("plans", 300, 5000), ("own", 20, 400), ("shared", 4000, 200_000), ("replacing", 4000, 200_000)];

/// Runs one storm in a directory that is there only for it. $0 is the storm's program, $1 its name, $2 its amount,
/// $3 the program `shm`, $4 a folder.
fn storm(setting: &Setting, script: &str) {
    let program = Path::new(env!("CARGO_BIN_EXE_mount_storm"));
    for (name, quick, long) in STORMS {
        let amount = if full() { long } else { quick }.to_string();
        let shm = setting.shm().as_os_str();
        let folder = setting.scratch().path().as_os_str();
        let words = [program.as_os_str(), OsStr::new(name), OsStr::new(&amount), shm, folder];
        println!("{name}: {}", setting.world().shell(script, &words).expect_success(name));
    }
}

#[test]
fn storms_on_the_kernels_tmpfs() {
    if !is_root() {
        skip!("only root can be several users");
    }
    let setting = setting!("storm-kernel", DevShm::Ample);
    storm(&setting, "mkdir /dev/shm/\"$1\" && \"$0\" \"$1\" /dev/shm/\"$1\" 1 \"$2\"");
}

#[test]
fn storms_on_a_mount_of_a_store() {
    if !is_root() {
        skip!("only root can mount");
    }
    let setting = setting!("storm-mount", DevShm::Ample);
    // In a directory of the mount: its root shows `.sysv` besides.
    let script = "mkdir \"$4/$1\" && \"$3\" mount --store \"$1\" \"$4/$1\" && mkdir \"$4/$1/in\" \
        && \"$0\" \"$1\" \"$4/$1/in\" 1 \"$2\" && \"$3\" umount \"$4/$1\" && rmdir \"$4/$1\"";
    storm(&setting, script);
}
