//! What /proc says of a process that may have ended.

use shmfs_abi::Pid;
use std::io::{BufRead, BufReader};

/// Lines of /proc/PID/maps that are read: vm.max_map_count is 65,530 by default.
const MAPS_LINES: usize = 1 << 20;

/// Whether a process maps the memfd with this inode number (proc_pid_maps(5)).
pub(super) fn maps_inode(pid: Pid, ino: u64) -> bool {
    let Ok(maps) = std::fs::File::open(format!("/proc/{}/maps", pid.0)) else { return false };
    let number = ino.to_string();
    BufReader::new(maps)
        .lines()
        .take(MAPS_LINES)
        .map_while(Result::ok)
        .any(|line| line.split_ascii_whitespace().nth(4) == Some(&number) && line.contains("/memfd:"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use shmfs_abi::ClientId;

    #[test]
    fn a_mapped_memfd_is_found_and_another_is_not() {
        let (file, table) = shmfs_index::Table::create(ClientId(1), 2).unwrap();
        let ino = shmfs_sys::fd::facts(&file).unwrap().identity.ino;
        let this = Pid(std::process::id() as i32);
        assert!(maps_inode(this, ino));
        drop(table);
        assert!(!maps_inode(this, ino));
    }
}
