//! Random numbers that a seed gives again (splitmix64).

use std::time::Duration;

/// The state of the dice.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Dice {
        Dice(seed)
    }

    /// A number below `bound`, which is not 0.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((x ^ (x >> 31)) >> 16) % bound
    }

    /// A time shorter than so many microseconds.
    pub(crate) fn microseconds(&mut self, bound: u64) -> Duration {
        Duration::from_micros(self.below(bound))
    }
}
