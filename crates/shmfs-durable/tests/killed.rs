//! `kill -9` of a process that edits a mapped object: recovery gives the last commit, or the one that was being made.
//!
//! `SHMFS_KILLS=1000 cargo test -p shmfs-durable --test killed -- --nocapture` kills that many times within a commit.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod writer;

use shmfs_abi::{ByteLen, IpcPerm, Key, Kind, Name, Time};
use shmfs_durable::{Head, Outcome, StateDir, Why};
use std::env;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use writer::{BYTES, Board, Numbers, OBJECT, Phase, advance, generation};

/// Kills within a commit when nothing is said.
const QUICK: usize = 100;

/// The folder, in the environment of a process that is to be killed.
const FOLDER: &str = "SHMFS_TEST_KILLED";

fn head(size: usize) -> Head {
    Head {
        kind: Kind::Object,
        name: Some(Name::new(b"frames").unwrap()),
        key: Key::PRIVATE,
        perm: IpcPerm { mode: 0o600, ..IpcPerm::default() },
        guarded: false,
        size: ByteLen(size as u64),
        created: Time::default(),
    }
}

fn folder() -> TempDir {
    TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

/// This test again, as another process. It ends with this one: its standard input is a pipe from here.
fn spawn(test: &str, folder: &Path) -> Child {
    let mut again = Command::new(env::current_exe().unwrap());
    again.args(["--exact", test, "--nocapture"]).env(FOLDER, folder);
    again.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap()
}

fn lives(child: &mut Child) {
    let ended = child.try_wait().unwrap();
    assert!(ended.is_none(), "the writer ended by itself: {ended:?}");
}

#[derive(Default, Debug)]
struct Kills {
    in_persist: usize,
    /// Of those: while the pages are synced, the slot is written, the log is synced, and before or after them.
    persist_steps: [usize; 4],
    in_edit: usize,
    in_roll_back: usize,
    elsewhere: usize,
    rolled_back: usize,
    /// Commits that nobody had been told of, and that are there.
    untold: usize,
}

impl Kills {
    fn count(&mut self, board: &Board) {
        match board.phase() {
            Phase::Outside => self.elsewhere += 1,
            Phase::Edit => self.in_edit += 1,
            Phase::RollBack => self.in_roll_back += 1,
            Phase::Persist => {
                self.in_persist += 1;
                self.persist_steps[board.step() as usize % 4] += 1;
            }
        }
    }
}

#[test]
fn an_object_is_always_one_that_was_committed() {
    const NAME: &str = "an_object_is_always_one_that_was_committed";
    if let Ok(folder) = env::var(FOLDER) {
        writer::run(Path::new(&folder));
    }
    let wanted = env::var("SHMFS_KILLS").map_or(QUICK, |count| count.parse().expect("a number of kills"));
    let (folder, numbers) = (folder(), Numbers::of(u64::from(std::process::id())));
    let state = StateDir::open(folder.path()).unwrap();
    let head = head(BYTES);
    state.create(OBJECT, &head).unwrap();
    let board = Board::create(folder.path());
    let mut kills = Kills::default();
    // What the object must be, and its generation.
    let (mut model, mut last) = (vec![0; BYTES], 0);
    let mut all = 0;
    while kills.in_persist < wanted {
        all += 1;
        assert!(all < wanted * 20, "too few kills hit a commit: {kills:?}");
        board.set_begun(0);
        let mut child = spawn(NAME, folder.path());
        aim(&mut child, &board, &numbers);
        child.kill().unwrap();
        child.wait().unwrap();
        kills.count(&board);

        let recovery = state.recover(OBJECT, &head).unwrap();
        kills.rolled_back += usize::from(matches!(recovery.outcome, Outcome::RolledBack { .. }));
        assert_ne!(recovery.outcome, Outcome::Edited, "the kernel has dropped the lock of the dead");
        let object = fs::read(state.pages_path(OBJECT)).unwrap();
        let found = generation(&object).expect("a checksum that is right");
        let told = board.committed();
        let allowed = found == told || (found == told + 1 && board.phase() == Phase::Persist);
        assert!(allowed, "generation {found} after {told} was committed, killed in {:?}", board.phase());
        kills.untold += usize::from(found > told);
        (last + 1..=found).for_each(|generation| advance(&mut model, generation));
        assert!(object == model, "generation {found} is not what it was");
        last = found;
        board.set_committed(found);
        board.set_phase(Phase::Outside);
    }
    println!("{all} kills, {last} generations: {kills:?}");
    assert!(kills.rolled_back > 0 && kills.untold > 0 && kills.in_edit > 0, "{kills:?}");
}

/// Waits for a moment to kill: most often within a commit, sometimes within an edit, sometimes anywhere.
fn aim(child: &mut Child, board: &Board, numbers: &Numbers) {
    let wait = |child: &mut Child, what: &dyn Fn() -> bool| {
        for turn in 1_u64.. {
            if what() {
                return;
            }
            if turn.is_multiple_of(10_000) {
                lives(child);
            }
            std::thread::yield_now();
        }
    };
    let epochs = 1 + numbers.below(4) as u64;
    wait(child, &|| board.begun() >= epochs);
    let most = board.persist_nanos().clamp(1000, 20_000_000);
    let longest = match numbers.below(10) {
        0 => 3_000_000,
        1 => {
            wait(child, &|| board.phase() == Phase::Edit);
            most
        }
        _ => {
            // The syncs take nearly all of the time; the slot is written between them.
            let step = 1 + numbers.below(3) as u32;
            wait(child, &|| board.phase() == Phase::Persist && board.step() >= step);
            if step == 2 { most / 50 } else { most / 2 }
        }
    };
    pause(Duration::from_nanos(numbers.next() % longest));
}

/// A moment that is too short to sleep. It decides when a process is killed, and nothing else.
fn pause(time: Duration) {
    let begin = Instant::now();
    while begin.elapsed() < time {
        std::hint::spin_loop();
    }
}

/// Objects that are made, renamed, resized and removed: each is there wholly, or a leftover that says so.
#[test]
fn a_directory_is_always_one_that_can_be_used() {
    const NAME: &str = "a_directory_is_always_one_that_can_be_used";
    if let Ok(folder) = env::var(FOLDER) {
        let state = StateDir::open(folder).unwrap();
        let first = state.scan().unwrap().highest + 1;
        for object in first..first + 10_000 {
            state.create(object, &head(5000)).unwrap();
            state.resize(object, &head(9000)).unwrap();
            state.write_head(object, &Head { name: Some(Name::new(b"x").unwrap()), ..head(9000) }).unwrap();
            state.resize(object, &head(100)).unwrap();
            if object % 3 != 0 {
                state.remove(object).unwrap();
            }
        }
        return;
    }
    let (folder, numbers) = (folder(), Numbers::of(u64::from(std::process::id())));
    let state = StateDir::open(folder.path()).unwrap();
    let (mut whole, mut cleared) = (0, 0);
    for _ in 0..40 {
        let highest = state.scan().unwrap().highest + numbers.below(5) as u64;
        let mut child = spawn(NAME, folder.path());
        while state.scan().unwrap().highest <= highest {
            lives(&mut child);
        }
        pause(Duration::from_micros(numbers.below(4000) as u64));
        child.kill().unwrap();
        child.wait().unwrap();
        let scan = state.scan().unwrap();
        assert_eq!(scan.stranger_count, 0);
        for leftover in scan.leftovers {
            assert_ne!(leftover.why, Why::Unknown, "{leftover:?}");
            state.clear(leftover).unwrap();
            cleared += 1;
        }
        for (object, head) in scan.objects {
            let head = head.unwrap_or_else(|error| panic!("{error}"));
            let recovery = state.recover(object, &head).unwrap();
            assert!(recovery.size >= head.size && recovery.outcome == Outcome::Clean { epoch: 0 });
            state.remove(object).unwrap();
            whole += 1;
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
    println!("{whole} objects were whole, {cleared} were left over");
    assert!(whole > 0 && cleared > 0);
}
