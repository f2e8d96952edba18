//! While requests come one upon another, a system's store asks the kernel that idle cores stay awake, if this is a
//! machine where that is of use; then it takes that back. `SHMFS_CPU_LATENCY=any` forbids it.

#![allow(clippy::expect_used, reason = "a test that cannot be set up fails, and says why")]

use shmfs_tests::{DevShm, Scratch, World, eventually, shm, skip};
use std::ffi::OsStr;
use std::fs::{self, File};

/// Hundreds of requests at a stretch, thrice, with silence between them.
const SCRIPT: &str = r#"
set -e
SHMFS_LOG=debug SHMFS_CPU_LATENCY=$1 "$0" daemon --background --store s --size 64M
for burst in 1 2 3; do
    "$0" run --store s -- sh -c 'for i in $(seq 300); do : > /dev/shm/$i; done'
    sleep 0.1
done
ls -l /proc/$(cat /run/shmfs/s/broker)/fd | grep -c /dev/cpu_dma_latency || true
kill "$(cat /run/shmfs/s/pid)"
"#;

/// Whether the kernel would let an idle core look for work if it were asked to, and only then.
fn is_of_use() -> Result<(), String> {
    let says = |path: &str| fs::read_to_string(path).unwrap_or_default().trim().to_owned();
    let governor = says("/sys/devices/system/cpu/cpuidle/current_governor");
    let halt_poll = says("/sys/module/haltpoll/parameters/guest_halt_poll_ns");
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    if (governor.as_str(), halt_poll.as_str()) != ("haltpoll", "0") || !(2..=8).contains(&cores) {
        return Err(format!("idle governor {governor:?}, halt poll {halt_poll:?}, {cores} cores"));
    }
    let request = "/dev/cpu_dma_latency";
    File::options().write(true).open(request).map(drop).map_err(|error| format!("{request}: {error}"))
}

/// How many requests a store has open, and what it asks for.
fn asked(setting: &str) -> Result<(String, Vec<String>), String> {
    let world = World::start(DevShm::Ample)?;
    let scratch = Scratch::new("cores");
    let shm = scratch.copy_of(&shm(), "shm");
    let open = world.shell(SCRIPT, &[shm.as_os_str(), OsStr::new(setting)]).expect_success("three bursts");
    eventually("the store is gone", || world.processes(&shm).is_empty());
    let log = fs::read_to_string(world.outside("/run/shmfs/s.log")).expect("the store's log");
    let asked = log.lines().filter(|line| line.contains("what waking a core may take"));
    let values = asked.filter_map(|line| line.split_once("microseconds=").map(|(_, value)| value.to_owned()));
    Ok((open, values.collect()))
}

#[test]
fn cores_stay_awake_for_a_burst_and_no_longer() {
    if let Err(reason) = is_of_use() {
        skip!("{reason}");
    }
    let (open, values) = match asked("") {
        Ok(asked) => asked,
        Err(reason) => skip!("{reason}"),
    };
    assert_eq!(open, "1\n", "the broker has a request");
    assert!(values.len() >= 6, "each burst is asked for and taken back: {values:?}");
    let in_turn: Vec<&str> = ["0", "2000000000"].into_iter().cycle().take(values.len()).collect();
    assert_eq!(values, in_turn);
    assert_eq!(values.len() % 2, 0, "at rest nothing is asked for: {values:?}");
}

#[test]
fn they_may_sleep_where_that_is_said() {
    let (open, values) = match asked("any") {
        Ok(asked) => asked,
        Err(reason) => skip!("{reason}"),
    };
    assert_eq!((open.as_str(), values), ("0\n", Vec::new()));
}
