//! A whole sequence: steps, and restarts of the engine between them.

use crate::kept::Kept;
use crate::play::{Heard, Play};
use crate::same::assert_same;
use crate::setting::Setting;
use crate::step::Step;
use crate::{bytes, seen::Seen};

/// What happens next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Act {
    /// To the store.
    Step(Step),
    /// What has changed is kept.
    Keep,
    /// What has changed is kept, and another engine goes on with what was kept.
    Restart,
}

/// A store and what happens to it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sequence {
    /// What the store is set to.
    pub setting: Setting,
    /// At most 256 when read from bytes.
    pub acts: Vec<Act>,
}

impl Sequence {
    /// The sequence that these bytes are. Any bytes are one.
    pub fn decode(bytes: &[u8]) -> Sequence {
        bytes::decode(bytes)
    }

    /// Plays the sequence, and a restart at its end. Panics where engine and model differ, where an invariant of the
    /// engine breaks, and where the restored engine is another one than that before it.
    pub fn play(&self) {
        self.play_and(|_| ());
    }

    /// Plays the sequence and tells what came to pass.
    pub fn play_and_see(&self) -> Seen {
        let mut seen = Seen::default();
        self.play_and(|heard| seen.note(heard));
        seen
    }

    fn play_and(&self, mut note: impl FnMut(&Heard)) {
        let mut play = Play::new(&self.setting);
        let mut kept = Kept::of(play.engine());
        for act in self.acts.iter().chain([&Act::Restart]) {
            match act {
                Act::Step(step) => {
                    play.play(*step);
                    play.heard().iter().for_each(&mut note);
                }
                Act::Keep => kept.take(play.engine()),
                Act::Restart => restart(&mut play, &mut kept),
            }
        }
    }
}

fn restart(play: &mut Play, kept: &mut Kept) {
    kept.take(play.engine());
    let mut restored = match kept.restore() {
        Ok(restored) => restored,
        Err(damage) => panic!("images of a sound engine are refused: {damage:?}"),
    };
    restored.check();
    assert!(restored.take_changes().is_empty(), "a restored engine tells changes");
    assert_same(play.engine(), &mut restored);
    *play.engine() = restored;
}
