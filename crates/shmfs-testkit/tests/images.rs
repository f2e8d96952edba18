//! A namespace that is restored from its images goes on as the one that they are of.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use proptest::prelude::*;
use shmfs_testkit::{Kept, Play, Setting, Step, assert_same, settings, steps};

/// Plays a sequence with a look at the changes after every `pause` steps, and from `turn` on a second time on the
/// engine that is restored there.
fn check(setting: &Setting, sequence: &[Step], pause: usize, turn: usize) {
    let mut play = Play::new(setting);
    let mut kept = Kept::of(play.engine());
    let mut twin: Option<(Play, Kept)> = None;
    for (index, step) in sequence.iter().enumerate() {
        play.play(*step);
        if let Some((twin, _)) = &mut twin {
            twin.play(*step);
            assert_eq!(play.heard(), twin.heard(), "the restored one says something else");
        }
        if index % pause == 0 || index == turn {
            kept.take(play.engine());
        }
        if index == turn {
            let mut restored = kept.restore().unwrap();
            restored.check();
            assert!(restored.take_changes().is_empty());
            assert_same(play.engine(), &mut restored);
            twin = Some((play.with(restored), kept.clone()));
        }
    }
    kept.take(play.engine());
    let mut restored = kept.restore().unwrap();
    assert_same(play.engine(), &mut restored);
    if let Some((mut twin, mut second)) = twin {
        // It has told nothing since it was restored.
        second.take(twin.engine());
        assert!(second.objects == kept.objects && second.names == kept.names);
        assert_same(twin.engine(), &mut restored);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 5_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_restored_engine_goes_on(
        setting in settings(),
        sequence in steps(60),
        pause in 1..6usize,
        turn in 0..60usize,
    ) {
        check(&setting, &sequence, pause, turn);
    }
}
