//! What every tree obeys, whoever made it.

use shmfs_testkit::tree::{Kind, Picture};

/// Bytes of a directory entry (`BOGO_DIRENT_SIZE`, mm/shmem.c).
const ENTRY_SIZE: u64 = 20;

/// Link counts are those of the names, and directories have tmpfs' sizes.
pub(crate) fn check_links(picture: &Picture) {
    for (path, shown) in picture {
        let name = String::from_utf8_lossy(path);
        let is_below = |other: &[u8]| {
            let rest = if path.is_empty() {
                Some(other)
            } else {
                other.strip_prefix([path, &b"/"[..]].concat().as_slice())
            };
            rest.is_some_and(|rest| !rest.is_empty() && !rest.contains(&b'/'))
        };
        let links = match shown.look.kind {
            Kind::Directory => {
                let below: Vec<_> = picture.iter().filter(|(other, _)| is_below(other)).collect();
                assert_eq!(shown.look.size, ENTRY_SIZE * (2 + below.len() as u64), "size of {name:?}");
                let dirs = below.iter().filter(|(_, shown)| shown.look.kind == Kind::Directory);
                2 + dirs.count()
            }
            _ => picture.values().filter(|other| other.same_as == shown.same_as).count(),
        };
        assert_eq!(shown.look.links, links as u64, "links of {name:?}");
    }
}
