//! Points in time, as the outside tells them to the engine.

/// A point in real time: seconds and nanoseconds since the epoch.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Time {
    /// Whole seconds since the epoch.
    pub seconds: i64,
    /// Nanoseconds within the second.
    pub nanos: u32,
}

impl Time {
    /// Nanoseconds since the epoch; 0 before it.
    pub const fn as_nanos(self) -> u64 {
        if self.seconds < 0 { 0 } else { self.seconds as u64 * NANOS + self.nanos as u64 }
    }

    /// The point that is so many nanoseconds after the epoch.
    pub const fn from_nanos(nanos: u64) -> Time {
        Time { seconds: (nanos / NANOS) as i64, nanos: (nanos % NANOS) as u32 }
    }
}

const NANOS: u64 = 1_000_000_000;
