//! `shm daemon --reap`: what no living process uses and whose creator has died goes, and nothing else; and without
//! the option nothing goes, as on Linux.

#![allow(clippy::expect_used, reason = "a test that cannot be set up fails, and says why")]

use shmfs_tests::{DevShm, Scratch, World, eventually, shm, skip};
use std::ffi::OsStr;
use std::fs;

/// Makes a segment and an object by programs that end, and an object that another program holds open; prints what
/// becomes of them until the holder is gone.
const SCRIPT: &str = r#"
set -e
"$0" daemon --background --store s --size 64M $1
names() { "$0" ls --store s --json | tr ',' '\n' | grep -c '"kind"' || true; }
"$0" run --store s -- ipcmk -M 8192 > /dev/null
"$0" run --store s -- sh -c 'echo left > /dev/shm/left'
# The holder says on a fifo that it has the file open, and ends when it hears something on another.
mkfifo "$2/open" "$2/end"
"$0" run --store s -- sh -c 'echo held > /dev/shm/held; exec sh -c "exec 3< /dev/shm/held; echo > \"$0/open\"; read end < \"$0/end\"" "$0"' "$2" &
read open < "$2/open"
for wait in 1 2 3 4 5 6 7 8 9 10; do test "$(names)" = "$3" && break; sleep 0.1; done
echo "while it is held: $(names)"
"$0" run --store s -- cat /dev/shm/held
echo > "$2/end"
wait $!
for wait in 1 2 3 4 5 6 7 8 9 10; do test "$(names)" = "$4" && break; sleep 0.1; done
echo "afterwards: $(names)"
kill "$(cat /run/shmfs/s/pid)"
"#;

#[track_caller]
fn check(option: &str, held: &str, afterwards: &str) {
    let world = match World::start(DevShm::Ample) {
        Ok(world) => world,
        Err(reason) => skip!("{reason}"),
    };
    let scratch = Scratch::new("reap");
    let shm = scratch.copy_of(&shm(), "shm");
    let folder = scratch.join("fifos");
    fs::create_dir(&folder).expect("a folder");
    let arguments =
        [shm.as_os_str(), OsStr::new(option), folder.as_os_str(), OsStr::new(held), OsStr::new(afterwards)];
    let said = world.shell(SCRIPT, &arguments).expect_success("a store whose programs end");
    assert_eq!(said, format!("while it is held: {held}\nheld\nafterwards: {afterwards}\n"));
    let log = fs::read_to_string(world.outside("/run/shmfs/s.log")).expect("the store's log");
    let reaped = log.lines().filter(|line| line.contains("reaped: its creator has ended")).count();
    assert_eq!(reaped, if option.is_empty() { 0 } else { 3 }, "{log}");
    eventually("the store is gone", || world.processes(&shm).is_empty());
}

#[test]
fn orphans_that_nobody_uses_are_removed() {
    check("--reap", "1", "0");
}

#[test]
fn without_the_option_everything_stays() {
    check("", "3", "3");
}
