//! The files beside the store's socket that name its processes, and what is removed with a store that ended badly.
//!
//! Owns: the files `pid` and `broker` once the store runs. Leaves to others: making the directory and the first `pid`.

use shmfs_abi::Pid;
use shmfs_abi::store::{BROKER_FILE, PID_FILE, SOCKET_FILE};
use std::fs;
use std::path::Path;

/// Lets the file name a process: whoever reads it finds the old number or the new one. What a process that was killed
/// here leaves aside is used up by the next.
pub(crate) fn name(dir: &Path, file: &str, Pid(number): Pid) {
    let aside = dir.join(format!(".{file}"));
    let named = fs::write(&aside, format!("{number}\n")).and_then(|()| fs::rename(&aside, dir.join(file)));
    if let Err(error) = named {
        tracing::warn!(file, dir = %dir.display(), %error, "the file that names a process is not up to date");
        drop(fs::remove_file(&aside));
    }
}

/// Removes what the store left: nothing if another process has the directory by now. A socket that the supervisor
/// made stays, and the directory with it.
pub(crate) fn remove(dir: &Path, Pid(number): Pid, activated: bool) {
    let keeper = fs::read_to_string(dir.join(PID_FILE)).unwrap_or_default();
    if keeper.trim() != number.to_string() {
        return;
    }
    let socket = if activated { &[][..] } else { &[SOCKET_FILE] };
    for file in socket.iter().chain(&[BROKER_FILE, PID_FILE]) {
        drop(fs::remove_file(dir.join(file)));
    }
    if !activated {
        drop(fs::remove_dir(dir));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(test: &str) -> std::path::PathBuf {
        let folder = std::env::temp_dir().join(format!("shmfs-keeper-{test}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    fn content(dir: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(dir)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_names_the_latest_process_and_nothing_else_is_left() {
        let dir = folder("names");
        for number in [7, 123_456, 8] {
            name(&dir, BROKER_FILE, Pid(number));
            assert_eq!(fs::read_to_string(dir.join(BROKER_FILE)).unwrap(), format!("{number}\n"));
        }
        assert_eq!(content(&dir), [BROKER_FILE]);
        name(&dir.join("absent"), BROKER_FILE, Pid(9));
        fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn only_ones_own_directory_is_removed() {
        let dir = folder("removal");
        fs::write(dir.join(SOCKET_FILE), "").unwrap();
        name(&dir, BROKER_FILE, Pid(8));
        name(&dir, PID_FILE, Pid(7));
        remove(&dir, Pid(70), false);
        assert_eq!(content(&dir).len(), 3, "another keeper's");
        remove(&dir, Pid(7), true);
        assert_eq!(content(&dir), [SOCKET_FILE], "the supervisor's");
        name(&dir, PID_FILE, Pid(7));
        remove(&dir, Pid(7), false);
        assert!(!dir.exists());
        remove(&dir, Pid(7), false);
    }
}
