//! Two processes that edit the same object: one waits for the other, and goes on from what that one has committed.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use shmfs_durable::{StateDir, Undo, lock_editor, unlock_editor};
use shmfs_sys::map::SharedMap;
use std::env;
use std::process::{Command, Stdio};
use std::sync::atomic::Ordering::SeqCst;
use tempfile::TempDir;

const OBJECT: u64 = 1;
const BYTES: usize = 8192;
const TURNS: u64 = 50;
const FOLDER: &str = "SHMFS_TEST_EDITORS";

/// Raises a counter in every turn, and takes every fifth turn back.
fn edit(state: &StateDir) {
    let (pages, log) = (state.open_pages(OBJECT).unwrap(), state.open_undo(OBJECT).unwrap());
    let map = SharedMap::new(&pages, BYTES).unwrap();
    // While the other edits: what it has seen then is old soon.
    let mut undo = Undo::attach(&log, OBJECT).unwrap();
    for turn in 1..=TURNS {
        assert!(lock_editor(&log, true).unwrap());
        undo.save(&pages, 0..8).unwrap();
        undo.save(&pages, 4096 + turn..4096 + turn + 50).unwrap();
        let counter = map.atomic_u64(0);
        counter.store(counter.load(SeqCst) + 1, SeqCst);
        map.write_bytes(4096 + turn as usize, &[turn as u8; 50]);
        if turn % 5 == 0 {
            assert_eq!(undo.roll_back(&pages).unwrap().restored, 58);
        } else {
            undo.commit(&pages).unwrap();
        }
        unlock_editor(&log).unwrap();
    }
}

#[test]
fn two_editors_take_turns() {
    if let Ok(folder) = env::var(FOLDER) {
        return edit(&StateDir::open(folder).unwrap());
    }
    let folder = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let state = StateDir::open(folder.path()).unwrap();
    let head = shmfs_durable::Head {
        kind: shmfs_abi::Kind::Segment,
        name: None,
        key: shmfs_abi::Key(5),
        perm: shmfs_abi::IpcPerm { mode: 0o600, ..Default::default() },
        guarded: false,
        size: shmfs_abi::ByteLen(BYTES as u64),
        created: shmfs_abi::Time::default(),
    };
    let (pages, log) = state.create(OBJECT, &head).unwrap();
    // Nobody begins before both are there.
    assert!(lock_editor(&log, false).unwrap());
    let mut children = [(); 2].map(|()| {
        let mut again = Command::new(env::current_exe().unwrap());
        again.args(["--exact", "two_editors_take_turns"]).env(FOLDER, folder.path());
        again.stdout(Stdio::null()).spawn().unwrap()
    });
    let mine = state.open_undo(OBJECT).unwrap();
    assert!(!lock_editor(&mine, false).unwrap(), "the lock is another description's");
    unlock_editor(&log).unwrap();
    for child in &mut children {
        assert!(child.wait().unwrap().success());
    }
    let undo = Undo::open(&log, OBJECT).unwrap();
    assert_eq!((undo.epoch(), undo.is_dirty()), (2 * TURNS, false));
    let map = SharedMap::new(&pages, BYTES).unwrap();
    assert_eq!(map.atomic_u64(0).load(SeqCst), 2 * TURNS - 2 * (TURNS / 5));
}
