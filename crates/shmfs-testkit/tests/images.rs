//! A namespace that is restored from its images goes on as the one that they are of.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod kept;

use kept::Kept;
use proptest::prelude::*;
use shmfs_abi::{Call, Caps, Cred, Gid, Groups, ObjectId, Pid, ProcFile, Reply, Shmid, Slot, Time, Uid};
use shmfs_core::{Answer, Namespace};
use shmfs_testkit::{Play, Step, steps};

const ROOT: Cred = Cred { pid: Pid(1), uid: Uid(0), gid: Gid(0), groups: Groups::NONE, caps: Caps::all() };

fn ask(engine: &mut Namespace, call: Call) -> Result<Answer, i32> {
    engine.call(&ROOT, call, Time::default()).map_err(|refusal| refusal.errno.0)
}

/// Everything that can be seen of a store.
fn look(engine: &mut Namespace) -> Vec<Result<Answer, i32>> {
    let mut seen = Vec::new();
    let mut after = ObjectId(0);
    while let Ok(Answer { reply: Reply::Row(row), effects }) = ask(engine, Call::Next { after }) {
        after = row.object;
        seen.push(Ok(Answer { reply: Reply::Row(row), effects }));
        let shmid = row.shmid.unwrap_or(Shmid(-1));
        seen.push(ask(engine, Call::ShmStat { shmid }));
    }
    for Slot(slot) in engine.slots() {
        seen.push(ask(engine, Call::ShmStatIndex { index: slot as i32, any: false }));
    }
    let texts = [ProcFile::SysvipcShm, ProcFile::ShmRmidForced, ProcFile::ShmNextId, ProcFile::Shmmax];
    for call in [Call::Usage, Call::ShmInfo].into_iter().chain(texts.map(|file| Call::ProcText { file })) {
        seen.push(ask(engine, call));
    }
    seen
}

/// Two engines that nothing can tell apart, inside or outside. `left` has told all its changes.
fn assert_same(left: &mut Namespace, right: &mut Namespace) {
    assert_eq!(left.image(), right.image());
    assert_eq!(look(left), look(right));
    assert_eq!(left.released(), right.released());
    assert_eq!(left.pending_links(), right.pending_links());
    assert_eq!(left.orphans(), right.orphans());
    assert_eq!(format!("{left:?}"), format!("{right:?}"));
}

/// Plays a sequence with a look at the changes after every `pause` steps, and from `turn` on a second time on the
/// engine that is restored there.
fn check(sequence: &[Step], pause: usize, turn: usize) {
    let mut play = Play::default();
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
    fn a_restored_engine_goes_on(sequence in steps(60), pause in 1..6usize, turn in 0..60usize) {
        check(&sequence, pause, turn);
    }
}
