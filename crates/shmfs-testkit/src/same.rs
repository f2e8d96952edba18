//! Whether two engines can be told apart.

use shmfs_abi::{Call, Caps, Cred, Gid, Groups, ObjectId, Pid, ProcFile, Reply, Shmid, Slot, Time, Uid};
use shmfs_core::{Answer, Namespace};

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

/// Panics unless nothing can tell the two engines apart, inside or outside. `left` has told all its changes.
pub fn assert_same(left: &mut Namespace, right: &mut Namespace) {
    assert_eq!(left.image(), right.image());
    assert_eq!(look(left), look(right));
    assert_eq!(left.released(), right.released());
    assert_eq!(left.pending_links(), right.pending_links());
    assert_eq!(left.orphans(), right.orphans());
    assert_eq!(format!("{left:?}"), format!("{right:?}"));
}
