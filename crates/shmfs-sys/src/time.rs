//! The clock on the wall.
//!
//! Owns: nothing. Leaves to others: what a time is for.

use rustix::time::{ClockId, clock_gettime};
use shmfs_abi::Time;

/// The real time.
pub fn now() -> Time {
    let time = clock_gettime(ClockId::Realtime);
    Time { seconds: time.tv_sec, nanos: time.tv_nsec as u32 }
}
