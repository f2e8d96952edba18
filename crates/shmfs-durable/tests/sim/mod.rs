//! A machine with two files, a page cache and a disk, that can be stopped at any byte.
//!
//! A write is in the cache at once and *pending* until a sync. A kill leaves the cache as it is. A power cut leaves the
//! disk, and of what was pending any set of sectors, some of them torn. A sync that fails leaves nothing pending: what
//! did not reach the disk never will, unless it is written again.
#![allow(dead_code, clippy::unwrap_used, reason = "each test uses some of it, and fails by panicking")]

use shmfs_durable::{DurableError, Medium, RolledBack, Undo};
use std::cell::RefCell;
use std::io;
use std::rc::Rc;

pub const OBJECT: u64 = 7;
const SECTOR: usize = 512;

/// Numbers that look random, the same for the same seed (xorshift64*).
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    pub fn new(seed: u64) -> Rng {
        Rng((seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    pub fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.next() as u8).collect()
    }
}

#[derive(Clone, Debug)]
pub enum Op {
    Write(usize, Vec<u8>),
    Len(usize),
}

impl Op {
    pub fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Op::Write(at, part) => {
                bytes.resize(bytes.len().max(at + part.len()), 0);
                bytes[*at..at + part.len()].copy_from_slice(part);
            }
            Op::Len(len) => bytes.resize(*len, 0),
        }
    }

    /// Its first bytes; nothing of a change of length.
    pub fn prefix(&self, len: usize) -> Option<Op> {
        match self {
            Op::Write(at, part) if len > 0 => Some(Op::Write(*at, part[..len.min(part.len())].to_vec())),
            _ => None,
        }
    }

    pub fn len(&self) -> usize {
        match self {
            Op::Write(_, part) => part.len(),
            Op::Len(_) => 0,
        }
    }

    /// What of it reached a disk that nobody synced: any of its sectors, perhaps torn.
    fn some(&self, rng: &mut Rng) -> Vec<Op> {
        let Op::Write(at, part) = self else {
            return if rng.one_in(2) { vec![self.clone()] } else { Vec::new() };
        };
        let mut kept = Vec::new();
        let mut from = 0;
        while from < part.len() {
            let to = part.len().min((at + from) / SECTOR * SECTOR + SECTOR - at);
            let (mut start, mut end) = (from, to);
            match rng.below(6) {
                0..3 => {}
                3 => start += rng.below(to - from),
                4 => end -= rng.below(to - from),
                _ => end = start,
            }
            if start < end {
                kept.push(Op::Write(at + start, part[start..end].to_vec()));
            }
            from = to;
        }
        if rng.one_in(8) { Vec::new() } else { kept }
    }
}

#[derive(Clone, Default, Debug)]
pub struct SimFile {
    pub cache: Vec<u8>,
    pub disk: Vec<u8>,
    pub pending: Vec<Op>,
}

impl SimFile {
    pub fn on_disk(bytes: Vec<u8>) -> SimFile {
        SimFile { cache: bytes.clone(), disk: bytes, pending: Vec::new() }
    }

    pub fn write(&mut self, op: Op) {
        op.apply(&mut self.cache);
        self.pending.push(op);
    }

    pub fn sync(&mut self) {
        for op in self.pending.drain(..) {
            op.apply(&mut self.disk);
        }
    }

    /// The disk takes some of what is pending, and the rest is forgotten.
    pub fn lose(&mut self, rng: &mut Rng) {
        for op in self.pending.drain(..) {
            op.some(rng).iter().for_each(|op| op.apply(&mut self.disk));
        }
    }

    /// The machine stops and starts.
    pub fn cut(&mut self, rng: &mut Rng) {
        self.lose(rng);
        self.cache = self.disk.clone();
    }
}

/// What happened, for playing it again.
#[derive(Clone, Debug)]
pub enum Event {
    Op(usize, Op),
    Sync(usize),
    /// The object may be like this from now on.
    Committing(Vec<u8>),
    /// It is.
    Committed(Vec<u8>),
}

pub const UNDO: usize = 0;
pub const PAGES: usize = 1;

#[derive(Clone, Default, Debug)]
pub struct World {
    /// The undo log and the pages.
    pub files: [SimFile; 2],
    /// What happened, if somebody wants to know.
    pub events: Option<Vec<Event>>,
    /// Writes and syncs until the process is killed in the middle of one; never without.
    pub left: Option<usize>,
    pub dead: bool,
    /// One in so many writes and syncs fails; none at 0.
    pub fails: usize,
    /// A file whose disk says that it has synced, and has not.
    pub liar: Option<usize>,
    pub rng: Option<Rng>,
}

impl World {
    pub fn new(object: Vec<u8>, seed: u64) -> World {
        let files = [SimFile::default(), SimFile::on_disk(object)];
        World { files, rng: Some(Rng::new(seed)), ..World::default() }
    }

    fn rng(&mut self) -> &mut Rng {
        self.rng.get_or_insert_with(|| Rng::new(0))
    }

    pub fn note(&mut self, event: Event) {
        if let Some(events) = &mut self.events {
            events.push(event);
        }
    }

    /// Whether the process dies in this step.
    fn dies(&mut self) -> bool {
        if let Some(left) = &mut self.left {
            self.dead |= *left == 0;
            *left = left.saturating_sub(1);
        }
        self.dead
    }

    fn fails(&mut self) -> bool {
        let fails = self.fails;
        fails > 0 && self.rng().one_in(fails)
    }

    fn change(&mut self, file: usize, op: Op) -> io::Result<()> {
        if self.dead {
            return Err(io::Error::other("dead"));
        }
        let (dies, fails) = (self.dies(), self.fails());
        if !dies && !fails {
            self.note(Event::Op(file, op.clone()));
            self.files[file].write(op);
            return Ok(());
        }
        let kept = self.rng().below(op.len() + 1);
        if let Some(part) = op.prefix(kept) {
            self.files[file].write(part);
        }
        Err(if dies { io::Error::other("dead") } else { io::Error::from_raw_os_error(28) })
    }

    fn sync(&mut self, file: usize) -> io::Result<()> {
        if self.dead || self.dies() {
            return Err(io::Error::other("dead"));
        }
        if self.fails() {
            let mut rng = self.rng().clone();
            self.files[file].lose(&mut rng);
            self.rng = Some(rng);
            return Err(io::Error::from_raw_os_error(5));
        }
        self.note(Event::Sync(file));
        if self.liar != Some(file) {
            self.files[file].sync();
        }
        Ok(())
    }

    /// The machine stops and starts.
    pub fn cut(&mut self, rng: &mut Rng) {
        self.files.iter_mut().for_each(|file| file.cut(rng));
    }

    pub fn pages(&self) -> &[u8] {
        &self.files[PAGES].cache
    }
}

/// One of the machine's files.
#[derive(Clone, Debug)]
pub struct Handle(pub Rc<RefCell<World>>, pub usize);

pub fn handles(world: World) -> (Handle, Handle) {
    let world = Rc::new(RefCell::new(world));
    (Handle(world.clone(), UNDO), Handle(world, PAGES))
}

impl Handle {
    pub fn world(&self) -> World {
        self.0.borrow().clone()
    }

    /// A store into the mapped pages: it never fails, and the process may be killed before or in it.
    pub fn store(&self, at: usize, bytes: &[u8]) {
        let mut world = self.0.borrow_mut();
        let fails = std::mem::take(&mut world.fails);
        let _ = world.change(self.1, Op::Write(at, bytes.to_vec()));
        world.fails = fails;
    }
}

impl Medium for Handle {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.borrow().files[self.1].cache.len() as u64)
    }

    fn read_at(&self, bytes: &mut [u8], at: u64) -> io::Result<usize> {
        let world = self.0.borrow();
        let rest = world.files[self.1].cache.get(at as usize..).unwrap_or_default();
        // Files may give less than was asked for.
        let count = rest.len().min(bytes.len()).min(3000);
        bytes[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    fn write_all_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        self.0.borrow_mut().change(self.1, Op::Write(at as usize, bytes.to_vec()))
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.borrow_mut().change(self.1, Op::Len(len as usize))
    }

    fn sync(&self) -> io::Result<()> {
        self.0.borrow_mut().sync(self.1)
    }
}

/// What a store does when it begins: opens the log, and rolls back what is there.
pub fn recover(undo: &Handle, pages: &Handle) -> Result<(u64, RolledBack), DurableError> {
    let mut undo = Undo::open(undo.clone(), OBJECT)?;
    let rolled = undo.roll_back(pages)?;
    assert!(!undo.is_dirty());
    Ok((undo.epoch(), rolled))
}
