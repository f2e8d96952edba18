//! The engine against the naive model: 10,000 random sequences, its invariants after each step.

use proptest::prelude::*;
use shmfs_testkit::{Play, settings, steps};

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn engine_and_model_agree(setting in settings(), sequence in steps(60)) {
        let mut play = Play::new(&setting);
        for step in sequence {
            play.play(step);
        }
    }
}
