//! Which bytes of an object are saved in this epoch: ranges that neither touch nor overlap.
//!
//! Owns: the set. Leaves to others: saving.

use std::collections::BTreeMap;
use std::ops::Range;

/// A set of bytes. At most as many ranges as there were insertions.
#[derive(Clone, Default, Debug)]
pub(crate) struct Saved(BTreeMap<u64, u64>);

impl Saved {
    /// The ranges of `range` that are not in the set, in order.
    pub(crate) fn gaps(&self, range: Range<u64>) -> Vec<Range<u64>> {
        let mut gaps = Vec::new();
        let mut at = range.start;
        let before = self.0.range(..range.start).next_back();
        for (&start, &end) in before.into_iter().chain(self.0.range(range.clone())) {
            if at < start {
                gaps.push(at..start);
            }
            at = at.max(end);
        }
        if at < range.end {
            gaps.push(at..range.end);
        }
        gaps
    }

    /// Adds a range, which is not empty.
    pub(crate) fn insert(&mut self, range: Range<u64>) {
        let Range { mut start, mut end } = range;
        // The last that begins at or before the end touches it, or none does.
        while let Some((&other, &last)) = self.0.range(..=end).next_back() {
            if last < start {
                break;
            }
            start = start.min(other);
            end = end.max(last);
            self.0.remove(&other);
        }
        self.0.insert(start, end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn touching_ranges_become_one() {
        let mut saved = Saved::default();
        for range in [10..20, 30..40, 20..30, 50..51, 0..5, 5..6] {
            saved.insert(range);
        }
        assert_eq!(saved.0, BTreeMap::from([(0, 6), (10, 40), (50, 51)]));
        assert_eq!(saved.gaps(0..60), [6..10, 40..50, 51..60]);
        assert_eq!(saved.gaps(15..40), []);
        assert_eq!(saved.gaps(39..52), [40..50, 51..52]);
        assert_eq!(saved.gaps(7..7), []);
    }

    proptest! {
        #[test]
        fn as_single_bytes(ranges in proptest::collection::vec((0..60_u64, 1..12_u64), 0..30), asked in (0..60_u64, 0..20_u64)) {
            let mut saved = Saved::default();
            let mut model = [false; 90];
            for (start, len) in ranges {
                saved.insert(start..start + len);
                model[start as usize..(start + len) as usize].fill(true);
            }
            let asked = asked.0..asked.0 + asked.1;
            let gaps = saved.gaps(asked.clone());
            for at in asked.clone() {
                let in_gap = gaps.iter().filter(|gap| gap.contains(&at)).count();
                prop_assert_eq!(in_gap, usize::from(!model[at as usize]));
            }
            prop_assert!(gaps.iter().all(|gap| gap.start >= asked.start && gap.end <= asked.end && gap.start < gap.end));
            let all: Vec<_> = saved.0.iter().collect();
            prop_assert!(all.windows(2).all(|pair| pair[0].1 < pair[1].0), "ranges that touch are one");
        }
    }
}
