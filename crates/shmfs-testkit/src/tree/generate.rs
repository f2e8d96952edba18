//! Random plans for proptest: bytes that are steps.

use super::step::Plan;
use proptest::prelude::*;

/// Directories `a`, `b` and `a/b` for all, a file `b/a` and the directory `a` open: what steps need to meet more.
const GROWN: [u8; 25] =
    [0x80, 0x00, 0, 1, 0x80, 0x01, 0, 1, 0x80, 0x14, 0, 1, 0x92, 0x11, 0, 0, 0, 1, 0x92, 0x00, 0, 1, 5, 0, 0];

/// Plans of up to `most` steps, behind the first few of those that have any.
pub fn plans(most: usize) -> impl Strategy<Value = Plan> {
    let odd = prop_oneof![8 => 0..4u8, 1 => 0..0x80u8];
    let path = move || (0..0x80u8, odd.clone());
    let args = (path(), path(), prop::array::uniform3(0..0x80u8));
    let step = (0x80..=u8::MAX, args).prop_map(|(kind, ((one, two), (three, four), others))| {
        [vec![kind, one, two, three, four], others.to_vec()].concat()
    });
    let first = prop_oneof![Just(Vec::new()), Just(GROWN.to_vec())];
    (0..8u8, first, prop::collection::vec(step, 1..=most))
        .prop_map(|(root, first, steps)| Plan::decode(&[vec![root], first, steps.concat()].concat()))
}
