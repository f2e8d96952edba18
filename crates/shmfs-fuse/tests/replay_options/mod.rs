//! Arbitrary bytes as mount options: what holds for each text. Shared with the fuzz target.

use rustix::mount::MountFlags;
use shmfs_fuse::options::{Options, TEXT_BYTES};

/// The flags that options can ask for; `MS_REMOUNT`, `MS_BIND` and their like would be another call of mount(2).
const FLAGS: MountFlags = MountFlags::RDONLY
    .union(MountFlags::NOSUID)
    .union(MountFlags::NODEV)
    .union(MountFlags::NOEXEC)
    .union(MountFlags::NOATIME)
    .union(MountFlags::NODIRATIME)
    .union(MountFlags::RELATIME)
    .union(MountFlags::STRICTATIME)
    .union(MountFlags::LAZYTIME)
    .union(MountFlags::SYNCHRONOUS)
    .union(MountFlags::DIRSYNC)
    .union(MountFlags::NOSYMFOLLOW);

/// Reads `text`; what is taken is in bounds and is taken in parts as well, what is refused is refused in printable words.
pub fn replay(text: &[u8]) {
    let options = match Options::parse(text) {
        Ok(options) => options,
        Err(refused) => {
            let said = format!("{refused}{}", refused.hint());
            assert!(said.chars().all(|c| c.is_ascii_graphic() || c == ' '), "{said:?}");
            assert!(said.len() < 400, "{said}");
            return;
        }
    };
    assert!(text.len() <= TEXT_BYTES);
    assert!(FLAGS.contains(options.flags), "{:?}", options.flags);
    assert!(options.mode.is_none_or(|mode| mode <= 0o7777), "{options:?}");
    for ram in [0, 4096, 1 << 34, u64::MAX] {
        let bytes = options.size.and_then(|size| size.bytes(ram));
        assert!(bytes.is_none_or(|bytes| bytes % 4096 == 0 && bytes <= 1 << 63), "{options:?}");
    }
    let mut parts = Options::default();
    for item in text.split(|byte| *byte == b',') {
        assert_eq!(parts.add(item), Ok(()), "what is taken as a whole is taken in parts");
    }
    assert_eq!(parts, options);
}
