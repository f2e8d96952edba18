//! Segments as files of `.sysv`.

use crate::door::Door;
use crate::house::{House, STORE, Side};
use crate::{CREATE, RDWR, SIZE};
use shmfs_tests::skip;

/// A segment under key 0x5ea, attached by the caller; its number.
pub(crate) fn segment(caller: &Door) -> u64 {
    let id = caller.number(format!("shmget 0x5ea {SIZE} 01600"));
    caller.done(format!("shmat 0 {id}"));
    id
}

#[test]
fn removing_a_segments_file_is_ipc_rmid() {
    let house = house!(Side::Store);
    let (caller, plain, root) = (house.caller(), house.plain(), house.path(".sysv"));
    let ipcs = || house.shell("\"$0\"/shm run --store $1 -- ipcs -m", &[STORE]);
    for name in ["id", "key"] {
        let id = segment(&caller);
        let (number, key) = (format!("{root}/{id}"), format!("{root}/0x000005ea"));
        for file in [&number, &key] {
            plain.says(format!("stat {file}"), SIZE);
            plain.says(format!("mode {file}"), 0o600);
        }
        assert!(ipcs().contains("0x000005ea"), "{}", ipcs());
        plain.done(format!("chmod {number} 0640"));
        plain.says(format!("mode {key}"), 0o640);
        caller.says(format!("seg_mode {id}"), 0o640);
        plain.done(format!("open 3 {number} {RDWR} 0"));
        plain.says("resize 3 0", "EPERM");
        for refused in [
            format!("open 4 {root}/new {CREATE} 0600"),
            format!("rename {number} {root}/7777"),
            format!("link {number} {root}/7777"),
            format!("mkdir {root}/folder"),
        ] {
            plain.says(refused, "EPERM");
        }
        plain.done(format!("unlink {}", if name == "id" { &number } else { &key }));
        for file in [&number, &key] {
            plain.says(format!("stat {file}"), "ENOENT");
        }
        // SHM_DEST: it lives as long as its attach.
        caller.says(format!("seg_mode {id}"), 0o1640);
        assert!(ipcs().contains("dest"), "{}", ipcs());
        caller.done("put 0 0 9");
        caller.done("shmdt 0");
        caller.says(format!("seg_mode {id}"), "EINVAL");
        assert!(!ipcs().contains(&format!(" {id} ")), "{}", ipcs());
    }
}

#[test]
fn others_than_root_see_segments_by_their_rights() {
    let house = house!(Side::StoreThere);
    let (caller, plain) = (house.caller(), house.plain());
    let id = segment(&caller);
    caller.done("put 0 0 9");
    let as_user = |command: &str| {
        let script = format!("setpriv --reuid 65534 --regid 65534 --clear-groups {command} 2>&1 || true");
        house.shell(&script, &[&house.path(&format!(".sysv/{id}")), &house.path(".sysv")])
    };
    assert_eq!(as_user("stat -c '%a %u' \"$1\""), "600 0\n");
    assert!(as_user("ls \"$2\"").contains(&id.to_string()));
    assert!(as_user("head -c 1 \"$1\"").contains("Permission denied"));
    plain.done(format!("chmod {} 0604", house.path(&format!(".sysv/{id}"))));
    assert_eq!(as_user("head -c 1 \"$1\""), "\t");
    assert!(as_user("rm -f \"$1\"").contains("not permitted"));
    caller.says(format!("seg_mode {id}"), 0o604);
}

on_sides!(a_segment_made_after_a_look: a_segment_is_seen_although_its_absence_was Store);
fn a_segment_made_after_a_look(house: &House) {
    let (caller, plain) = (house.caller(), house.plain());
    let key = house.path(".sysv/0x000005ea");
    for _ in 0..8 {
        plain.says(format!("stat {key}"), "ENOENT");
        let id = segment(&caller);
        plain.says(format!("stat {key}"), SIZE);
        plain.says(format!("listed {} {id}", house.path(".sysv")), 1);
        caller.done(format!("rmid {id}"));
        caller.done("shmdt 0");
        plain.says(format!("stat {key}"), "ENOENT");
        plain.says(format!("listed {} {id}", house.path(".sysv")), 0);
    }
}
