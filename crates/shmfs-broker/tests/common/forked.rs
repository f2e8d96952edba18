//! Processes of a test that has no harness: workers, and brokers that share the test's descriptor table.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test's frame fails by panicking")]
#![allow(dead_code, reason = "each test uses a part")]

use shmfs_abi::Pid;
use shmfs_broker::{Broker, DoorMaker, End, Fittings, Surroundings};
use shmfs_sys::child;
use shmfs_sys::{process, table};
use std::collections::BTreeSet;
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A copy of this process that does this and ends.
pub fn begin(act: impl FnOnce()) -> Pid {
    as_told(child::fork().unwrap(), act)
}

/// A broker of the store with this journal, until the store is over.
pub fn serve(journal: i32, door: Option<DoorMaker>) -> Pid {
    as_told(table::clone_sharing().unwrap(), || {
        // What it says of a failure is to be seen.
        let keep = Some(BTreeSet::from([0, 1, 2]));
        let surroundings = Surroundings { pid: process::pid(), stop: None, keeper: None, keep };
        let broker = Broker::go_on(journal, surroundings, &Fittings { door, wakeful: false }).unwrap();
        assert_eq!(ManuallyDrop::new(broker).run().unwrap(), End::Over);
    })
}

fn as_told(cloned: table::Cloned, act: impl FnOnce()) -> Pid {
    match cloned {
        table::Cloned::Parent(pid) => pid,
        table::Cloned::Child => child::exit(i32::from(catch_unwind(AssertUnwindSafe(act)).is_err())),
    }
}

pub fn kill(pid: Pid) {
    let pid = rustix::process::Pid::from_raw(pid.0).unwrap();
    let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
}
