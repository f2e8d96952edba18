//! The text of /proc/sysvipc/shm, byte for byte (`sysvipc_shm_proc_show`, ipc/shm.c, v6.18, 64 bits).

use super::Segments;
use crate::object::Objects;
use shmfs_abi::PageCount;
use std::fmt::Write;

const HEADER: &str = "       key      shmid perms                  size  cpid  lpid nattch   uid   gid  cuid  cgid      \
                      atime      dtime      ctime                   rss                  swap\n";

impl Segments {
    pub(crate) fn text(&self, objects: &Objects) -> String {
        let mut text = String::from(HEADER);
        for (slot, segment) in self.iter().filter(|(_, segment)| segment.made) {
            let stat = self.stat_of(segment, objects);
            let perm = stat.perm;
            let rss = PageCount(stat.resident.0).bytes().0;
            let line = writeln!(
                text,
                "{:>10} {:>10}  {:>4o} {:>21} {:>5} {:>5}  {:>5} {:>5} {:>5} {:>5} {:>5} {:>10} {:>10} {:>10} {:>21} {:>21}",
                stat.key.0,
                segment.shmid(slot).0,
                perm.mode,
                stat.size.0,
                stat.cpid.0,
                stat.lpid.0,
                stat.nattch,
                perm.uid.0,
                perm.gid.0,
                perm.cuid.0,
                perm.cgid.0,
                stat.atime,
                stat.dtime,
                stat.ctime,
                rss,
                0,
            );
            // Writing to a String cannot fail.
            let Ok(()) = line else { break };
        }
        text
    }
}
