//! Random numbers that a seed gives again (splitmix64).

/// The state of the dice.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Dice {
        Dice(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    /// A number below `bound`, which is not 0.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        (self.next() >> 16) % bound
    }

    /// Bytes that are a plan of so many steps: few paths are odd.
    pub(crate) fn plan(&mut self, steps: u64) -> Vec<u8> {
        let mut bytes = vec![self.below(8) as u8];
        for _ in 0..steps {
            bytes.push(0x80 | self.below(0x80) as u8);
            for place in 0..7 {
                let odd = (place == 1 || place == 3) && self.below(9) > 0;
                bytes.push(self.below(if odd { 4 } else { 0x80 }) as u8);
            }
        }
        bytes
    }
}
