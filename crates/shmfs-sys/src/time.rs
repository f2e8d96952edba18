//! The clock on the wall.
//!
//! Owns: nothing. Leaves to others: what a time is for.

use crate::raw::{self, number};
use shmfs_abi::Time;

/// `CLOCK_REALTIME`.
const REALTIME: usize = 0;

/// The real time. By the system call: under valgrind the vDSO that rustix finds is not mapped.
pub fn now() -> Time {
    let mut time = [0_i64; 2];
    let place = &raw mut time as usize;
    // SAFETY: the kernel writes two words of 64 bits, which are there.
    let outcome = raw::check(unsafe { raw::syscall6(number::CLOCK_GETTIME, REALTIME, place, 0, 0, 0, 0) });
    debug_assert!(outcome.is_ok(), "there is such a clock");
    let [seconds, nanos] = time;
    Time { seconds, nanos: nanos as u32 }
}
