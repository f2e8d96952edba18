//! A store whose broker may open few files: objects leave some to processes, which can always look and remove.

#![allow(clippy::expect_used, reason = "a test that cannot be set up fails, and says why")]

use shmfs_tests::{DevShm, Scratch, World, eventually, shm, skip};
use std::fs;

/// Fills a store with objects; then others look, remove, and make one more. Each sh is a process of its own.
const SCRIPT: &str = r#"
ulimit -S -n 256 && ulimit -H -n 256
# Whoever may raise the limit would.
setpriv --bounding-set=-sys_resource "$0" daemon --background --store s --size 64M
in_store() { "$0" run --store s -- "$@" 2>&1; }
in_store sh -c 'for i in $(seq 300); do true 2> /dev/null > /dev/shm/o$i || break; done'
full=$(in_store ls /dev/shm | wc -l)
test "$full" -gt 150 && test "$full" -lt 192 && echo "it is full in time"
in_store sh -c 'true > /dev/shm/more' | grep -o 'No space left on device'
in_store ipcmk -M 4096 | grep -o 'No space left on device'
in_store ipcs -m | grep -c '^0x'
# As many processes as the reserve is for are there at once.
in_store sh -c 'for i in 1 2 3 4 5 6 7 8 9 10; do (cat /dev/shm/o1; sleep 0.2) & done; wait' && echo "they are served"
in_store rm /dev/shm/o1 && echo "removed"
in_store sh -c 'true > /dev/shm/more' && echo "made"
kill "$(cat /run/shmfs/s/pid)"
"#;

#[test]
fn a_store_full_of_objects_is_open_to_processes() {
    let world = match World::start(DevShm::Ample) {
        Ok(world) => world,
        Err(reason) => skip!("{reason}"),
    };
    let scratch = Scratch::new("crowd");
    let shm = scratch.copy_of(&shm(), "shm");
    let said = world.shell(SCRIPT, &[shm.as_os_str()]).expect_success("a full store");
    let no_space = "No space left on device";
    assert_eq!(
        said,
        format!("it is full in time\n{no_space}\n{no_space}\n0\nthey are served\nremoved\nmade\n")
    );
    let log = fs::read_to_string(world.outside("/run/shmfs/s.log")).expect("the store's log");
    let refused: Vec<_> = log.lines().filter(|line| line.contains("objects are refused")).collect();
    assert_eq!(refused.len(), 1, "{log}");
    assert!(refused[0].contains("limit=256"), "{log}");
    eventually("the store is gone", || world.processes(&shm).is_empty());
}
