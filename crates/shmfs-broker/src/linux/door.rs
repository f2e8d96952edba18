//! Connections of FUSE.

use rustix::fd::OwnedFd;
use rustix::fs::{self, FileType};

/// The device numbers of /dev/fuse (Documentation/admin-guide/devices.txt).
const FUSE: (u32, u32) = (10, 229);

pub(super) fn is_device(fd: &OwnedFd) -> bool {
    fs::fstat(fd).is_ok_and(|stat| {
        FileType::from_raw_mode(stat.st_mode) == FileType::CharacterDevice
            && (fs::major(stat.st_rdev), fs::minor(stat.st_rdev)) == FUSE
    })
}
