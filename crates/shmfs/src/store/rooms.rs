//! Directories for stores of this process.
//!
//! Owns: their names, run-PID-N; the removal of those that a killed process has left.
//! Leaves to others: the folder that they are in (`places`).

use crate::{Places, Result};
use shmfs_abi::Errno;
use shmfs_abi::store::{BROKER_FILE, PID_FILE, SOCKET_FILE};
use shmfs_sys::socket;
use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// The directory for one more store; it does not exist.
pub(super) fn next() -> Result<PathBuf> {
    static NUMBER: AtomicU32 = AtomicU32::new(1);
    let pid = std::process::id();
    loop {
        let name = OsString::from(format!("run-{pid}-{}", NUMBER.fetch_add(1, Relaxed)));
        let dir = Places::here().make(&name)?;
        if let Some(folder) = dir.parent() {
            clear(folder);
        }
        // A process of another pid namespace may have the same number.
        if fs::symlink_metadata(&dir).is_err() {
            return Ok(dir);
        }
    }
}

/// Takes a store's directory away.
pub(super) fn remove(dir: &Path) {
    for file in [SOCKET_FILE, PID_FILE, BROKER_FILE] {
        // What is not there need not go.
        let _ = fs::remove_file(dir.join(file));
    }
    let _ = fs::remove_dir(dir);
}

/// Takes the directories away whose broker was a thread of a process that was killed: nobody listens there, and the
/// process is gone.
fn clear(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let dir = entry.path();
        if is_left_over(&dir) {
            remove(&dir);
        }
    }
}

fn is_left_over(dir: &Path) -> bool {
    let Some(pid) = dir.file_name().and_then(|name| pid_of(name.as_bytes())) else { return false };
    let socket_path = dir.join(SOCKET_FILE);
    let exists = socket_path.exists() && !Path::new("/proc").join(pid.to_string()).exists();
    exists && socket::connect(socket_path.as_os_str().as_bytes()).err() == Some(Errno::ECONNREFUSED)
}

/// The process in the name of a directory of ours.
fn pid_of(name: &[u8]) -> Option<u32> {
    let rest = std::str::from_utf8(name.strip_prefix(b"run-")?).ok()?;
    let (pid, number) = rest.split_once('-')?;
    number.parse::<u32>().ok()?;
    pid.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_nobody_serves_is_cleared() {
        let folder = tempfile::tempdir().unwrap();
        let dir = |name: &str| {
            let dir = folder.path().join(name);
            fs::create_dir(&dir).unwrap();
            dir
        };
        // No process has so high a number (PID_MAX_LIMIT, include/linux/threads.h, is 1 << 22).
        let (dead, served, other, starting) =
            (dir("run-9999999-1"), dir("run-9999999-2"), dir("run-9999999"), dir("run-9999999-3"));
        let path = |dir: &Path| dir.join(SOCKET_FILE).into_os_string().into_encoded_bytes();
        drop(socket::listen(&path(&dead), 1).unwrap());
        fs::write(dead.join(PID_FILE), "9999999\n").unwrap();
        let _listens = socket::listen(&path(&served), 1).unwrap();
        drop(socket::listen(&path(&other), 1).unwrap());
        clear(folder.path());
        assert_eq!([&dead, &served, &other, &starting].map(|dir| dir.exists()), [false, true, true, true]);
    }

    #[test]
    fn a_name_tells_the_process() {
        let check = |name: &str, expected| assert_eq!(pid_of(name.as_bytes()), expected, "{name}");
        check("run-7-1", Some(7));
        check("run-7", None);
        check("run-7-x", None);
        check("user", None);
    }
}
