//! A process that edits a durable object until it is killed, and says what it is doing.
//!
//! It maps the object, as programs do. Each generation of the object follows from its number alone, so whoever looks
//! at it later knows every byte that it should have.

use shmfs_durable::{Medium, StateDir, Undo, lock_editor};
use shmfs_sys::map::SharedMap;
use std::cell::Cell;
use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Instant;

pub const OBJECT: u64 = 1;
pub const BYTES: usize = 96 << 10;
/// Generation and checksum.
const HEADER: usize = 16;

/// The file on which the writer says what it is doing: one page.
pub const BOARD: &str = "board";
const AT_PHASE: usize = 0;
const AT_STEP: usize = 4;
const AT_COMMITTED: usize = 8;
const AT_PERSIST_NANOS: usize = 16;
const AT_BEGUN: usize = 24;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    Outside,
    Edit,
    Persist,
    RollBack,
}

/// What it says, for both processes.
pub struct Board(SharedMap);

impl Board {
    pub fn create(folder: &Path) -> Board {
        File::create(folder.join(BOARD)).unwrap().set_len(4096).unwrap();
        Board::open(folder)
    }

    pub fn open(folder: &Path) -> Board {
        let file = File::options().read(true).write(true).open(folder.join(BOARD)).unwrap();
        Board(SharedMap::new(&file, 4096).unwrap())
    }

    pub fn phase(&self) -> Phase {
        match self.0.atomic_u32(AT_PHASE).load(SeqCst) {
            0 => Phase::Outside,
            1 => Phase::Edit,
            2 => Phase::Persist,
            _ => Phase::RollBack,
        }
    }

    pub fn set_phase(&self, phase: Phase) {
        self.0.atomic_u32(AT_STEP).store(0, SeqCst);
        self.0.atomic_u32(AT_PHASE).store(phase as u32, SeqCst);
    }

    /// Reads, writes and syncs that were begun in this phase.
    pub fn step(&self) -> u32 {
        self.0.atomic_u32(AT_STEP).load(SeqCst)
    }

    /// The last generation whose commit has returned.
    pub fn committed(&self) -> u64 {
        self.0.atomic_u64(AT_COMMITTED).load(SeqCst)
    }

    pub fn set_committed(&self, generation: u64) {
        self.0.atomic_u64(AT_COMMITTED).store(generation, SeqCst);
    }

    /// How long the last commit took.
    pub fn persist_nanos(&self) -> u64 {
        self.0.atomic_u64(AT_PERSIST_NANOS).load(SeqCst)
    }

    /// Epochs that this writer has begun.
    pub fn begun(&self) -> u64 {
        self.0.atomic_u64(AT_BEGUN).load(SeqCst)
    }

    pub fn set_begun(&self, epochs: u64) {
        self.0.atomic_u64(AT_BEGUN).store(epochs, SeqCst);
    }
}

/// A file whose syncs and writes are counted on the board.
struct Watched<'b>(&'b File, &'b Board);

impl Watched<'_> {
    fn begin(&self) {
        self.1.0.atomic_u32(AT_STEP).fetch_add(1, SeqCst);
    }
}

impl Medium for Watched<'_> {
    fn len(&self) -> io::Result<u64> {
        Medium::len(self.0)
    }

    fn read_at(&self, bytes: &mut [u8], at: u64) -> io::Result<usize> {
        Medium::read_at(self.0, bytes, at)
    }

    fn write_all_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        self.begin();
        Medium::write_all_at(self.0, bytes, at)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.begin();
        Medium::set_len(self.0, len)
    }

    fn sync(&self) -> io::Result<()> {
        self.begin();
        self.0.sync()
    }
}

/// Numbers that follow from a seed (splitmix64).
pub struct Numbers(pub Cell<u64>);

impl Numbers {
    pub fn of(seed: u64) -> Numbers {
        Numbers(Cell::new(seed))
    }

    pub fn next(&self) -> u64 {
        self.0.set(self.0.get().wrapping_add(0x9e37_79b9_7f4a_7c15));
        let mut z = self.0.get();
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }
}

/// The ranges in which generation `generation` differs from the one before it, the header apart.
fn ranges(generation: u64) -> Vec<Range<usize>> {
    let numbers = Numbers::of(generation);
    let one = |_| {
        let start = HEADER + numbers.below(BYTES - HEADER);
        let most = if numbers.below(4) == 0 { 20_000 } else { 300 };
        start..start + 1 + numbers.below((BYTES - start).min(most))
    };
    (0..1 + numbers.below(5)).map(one).collect()
}

/// Makes of the generation before it this one.
pub fn advance(object: &mut [u8], generation: u64) {
    let numbers = Numbers::of(!generation);
    for range in ranges(generation) {
        object[range].iter_mut().for_each(|byte| *byte = numbers.next() as u8);
    }
    object[..8].copy_from_slice(&generation.to_le_bytes());
    let crc = checksum(object);
    object[8..HEADER].copy_from_slice(&crc.to_le_bytes());
}

/// Of generation and content.
fn checksum(object: &[u8]) -> u64 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&object[..8]);
    crc.update(&object[HEADER..]);
    u64::from(crc.finalize())
}

/// The generation that an object is, if it is one.
pub fn generation(object: &[u8]) -> Option<u64> {
    let word = |at: usize| u64::from_le_bytes(object[at..at + 8].try_into().unwrap());
    (word(8) == checksum(object) || object.iter().all(|&byte| byte == 0)).then(|| word(0))
}

/// Edits until somebody kills it, or nobody is left who could.
pub fn run(folder: &Path) -> ! {
    // The other end of this pipe closes when the parent ends.
    std::thread::spawn(|| {
        let _ = io::stdin().read(&mut [0]);
        std::process::exit(0);
    });
    let board = Board::open(folder);
    let state = StateDir::open(folder).unwrap();
    let (pages, log) = (state.open_pages(OBJECT).unwrap(), state.open_undo(OBJECT).unwrap());
    let map = SharedMap::new(&pages, BYTES).unwrap();
    assert!(lock_editor(&log, true).unwrap());
    let mut undo = Undo::open(Watched(&log, &board), OBJECT).unwrap();
    assert!(!undo.is_dirty(), "somebody has recovered it");
    let pages = Watched(&pages, &board);
    let mut object = vec![0; BYTES];
    map.read_bytes(0, &mut object);
    let mut generation = generation(&object).expect("a whole generation");
    let numbers = Numbers::of(u64::from(std::process::id()));
    for epoch in 1.. {
        board.set_begun(epoch);
        let give_up = numbers.below(6) == 0;
        // What is given up has bytes that no generation has.
        let next = if give_up { u64::MAX - numbers.next() % 1000 } else { generation + 1 };
        let before = give_up.then(|| object.clone());
        advance(&mut object, next);
        board.set_phase(Phase::Edit);
        for range in ranges(next).into_iter().chain(std::iter::once(0..HEADER)) {
            undo.save(&pages, range.start as u64..range.end as u64).unwrap();
            map.write_bytes(range.start, &object[range]);
        }
        if let Some(before) = before {
            board.set_phase(Phase::RollBack);
            undo.roll_back(&pages).unwrap();
            object = before;
        } else {
            board.set_phase(Phase::Persist);
            let begin = Instant::now();
            undo.commit(&pages).unwrap();
            board.0.atomic_u64(AT_PERSIST_NANOS).store(begin.elapsed().as_nanos() as u64, SeqCst);
            generation = next;
            board.set_committed(generation);
        }
        board.set_phase(Phase::Outside);
        let mut mapped = vec![0; BYTES];
        map.read_bytes(0, &mut mapped);
        assert!(mapped == object, "another object than the one that was stored");
    }
    unreachable!("epochs do not end")
}
