//! Room: a full store, and who tells how much is left.

use crate::house::{House, Side};
use crate::segments::segment;
use crate::{CREATE, CREATE_EXCL, PAGE, SIZE};
use shmfs_tests::skip;

const SMALL: u64 = 16 << 20;

#[test]
fn a_full_mount_on_the_kernel() {
    full(&house!(Side::Kernel, "16M"));
}

#[test]
fn a_full_store() {
    full(&house!(Side::Store, "16M"));
}

fn full(house: &House) {
    let (caller, plain) = (house.caller(), house.plain());
    plain.done(format!("open 0 {} {CREATE_EXCL} 0600", house.path("kept")));
    plain.done(format!("resize 0 {SIZE}"));
    plain.done(format!("write 0 {PAGE} 4711"));
    for round in 0..3 {
        let (big, more) = (house.path("big"), house.path("more"));
        plain.done(format!("open 1 {big} {CREATE_EXCL} 0600"));
        let written = plain.number(format!("fill 1 {}", 2 * SMALL));
        assert!((SMALL / 2..=SMALL).contains(&written), "{written} bytes went in");
        plain.says(format!("write 1 {} 1", written + SMALL), "ENOSPC");
        // As on any tmpfs there is a size, and SIGBUS where there is no page for it.
        plain.done(format!("open 2 {more} {CREATE_EXCL} 0600"));
        plain.done(format!("resize 2 {SMALL}"));
        plain.done(format!("map 2 {SMALL}"));
        let touched = plain.number("touch 2") * PAGE;
        assert!(written + touched <= SMALL, "{written} and {touched} bytes in a store of {SMALL}");
        plain.says(format!("write 2 {} 1", SMALL - PAGE), "ENOSPC");
        // The calls of others are refused, too, and what is there stays.
        caller.done(format!("shm_open 0 /object {CREATE} 0600"));
        let refused = caller.ask(format!("resize 0 {}", 4 * PAGE));
        if house.side == Side::Store {
            assert_eq!(refused, "ENOSPC", "a growth of an object in a full store");
        }
        plain.says(format!("read 0 {PAGE}"), 4711);
        plain.done(format!("write 0 {PAGE} 4711"));
        let [size, used, left] = house.df();
        assert_eq!(size, SMALL);
        assert!(left <= PAGE && used + left <= size, "df: {used} used, {left} left of {size}");
        plain.done("unmap 2");
        for (slot, name) in [(1, &big), (2, &more)] {
            let orders = [format!("close {slot}"), format!("unlink {name}")];
            let [first, second] = if round == 0 { [1, 0] } else { [0, 1] };
            plain.done(&orders[first]);
            plain.done(&orders[second]);
        }
        caller.done(format!("resize 0 {PAGE}"));
        caller.done("shm_unlink /object");
        caller.done("close 0");
    }
    plain.says(format!("read 0 {PAGE}"), 4711);
}

#[test]
fn df_and_du_and_shm_df_agree() {
    let house = house!(Side::Store, "64M");
    let (caller, plain) = (house.caller(), house.plain());
    let agree = |what: &str| {
        let (usage, [size, used, left]) = (house.usage(), house.df());
        assert_eq!(size, 64 << 20, "{what}");
        assert_eq!(usage["size_bytes"], size, "{what}: {usage}");
        let [objects, files] = ["used_bytes", "files_bytes"].map(|part| usage[part].as_u64().expect("bytes"));
        assert_eq!(objects + files, used, "{what}: df(1) tells {used} used: {usage}");
        assert_eq!(size - used, left, "{what}");
        used
    };
    let before = agree("empty");
    plain.done(format!("mkdir {}", house.path("folder")));
    plain.done(format!("open 0 {} {CREATE_EXCL} 0600", house.path("folder/file")));
    plain.says(format!("fill 0 {}", 3 << 20), 3 << 20);
    assert_eq!(agree("a file of 3 MiB") - before, 3 << 20);
    let du = house.shell("du -s -B1 \"$1\" | cut -f1", &[&house.path("folder")]);
    assert_eq!(du.trim(), (3 << 20).to_string(), "du");
    caller.done(format!("shm_open 0 /object {CREATE_EXCL} 0600"));
    caller.done(format!("resize 0 {SIZE}"));
    caller.done(format!("map 0 {SIZE}"));
    caller.says("touch 0", SIZE / PAGE);
    agree("an object, touched");
    caller.done("unmap 0");
    let id = segment(&caller);
    agree("a segment");
    caller.done(format!("rmid {id}"));
    caller.done("shmdt 0");
    caller.done("close 0");
    caller.done("shm_unlink /object");
    plain.done("close 0");
    house.shell("rm -r \"$1\"", &[&house.path("folder")]);
    assert_eq!(agree("empty again"), before);
}
