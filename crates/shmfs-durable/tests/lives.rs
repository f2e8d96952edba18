//! Many editors one after the other, on a disk that fails now and then; each is killed or the machine stops. Whoever
//! comes next finds the last commit, or the one that was being made.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod sim;

use shmfs_durable::{DurableError, Undo};
use sim::{Handle, OBJECT, PAGES, Rng, UNDO, World, handles};

/// What the object is to be.
struct Model {
    committed: Vec<u8>,
    /// It may have become this: a commit was begun, and nobody knows.
    maybe: Option<Vec<u8>>,
}

#[derive(Default, Debug)]
struct Counts {
    lives: usize,
    commits: usize,
    roll_backs: usize,
    recoveries: usize,
    refused_saves: usize,
    doubts: usize,
    taken_back: usize,
    unsynced: usize,
}

struct Life<'c> {
    editors: [Undo<Handle>; 2],
    who: usize,
    pages: Handle,
    model: Model,
    rng: Rng,
    counts: &'c mut Counts,
}

/// Violations in place of panics: a disk that lies is to be caught.
type Outcome = Result<(), String>;

impl Life<'_> {
    fn dead(&self) -> bool {
        self.pages.0.borrow().dead
    }

    fn now(&self) -> Vec<u8> {
        self.pages.0.borrow().pages().to_vec()
    }

    fn undo(&mut self) -> &mut Undo<Handle> {
        &mut self.editors[self.who]
    }

    /// Rolls back what the editor before has left, and looks whether it is what it was.
    fn begin(&mut self) -> Outcome {
        for _ in 0..50 {
            let pages = self.pages.clone();
            let dirty = self.undo().is_dirty();
            // What is seen as committed is, whatever becomes of the machine.
            if self.undo().roll_back(&pages).is_ok() && self.undo().settle().is_ok() {
                self.counts.recoveries += usize::from(dirty);
                return self.settle_for(self.now());
            }
            if self.dead() {
                return Ok(());
            }
        }
        Err("the roll-back never succeeds".to_owned())
    }

    /// The object is found like this by somebody who knows nothing else.
    fn settle_for(&mut self, found: Vec<u8>) -> Outcome {
        if found != self.model.committed && Some(&found) != self.model.maybe.as_ref() {
            return Err("the object is neither as it was committed nor as it would be".to_owned());
        }
        self.model = Model { committed: found, maybe: None };
        Ok(())
    }

    fn step(&mut self) -> Outcome {
        let dirty = self.undo().is_dirty();
        match self.rng.below(10) {
            0..5 => self.edit(),
            5..7 => self.commit(),
            7 => self.roll_back(),
            // Another editor's turn: it has been there all the time, and knows nothing of this one.
            8 if !dirty => {
                self.who = 1 - self.who;
                Ok(())
            }
            // This editor ends, perhaps in the middle, and another takes its place.
            8 => {
                let log = self.undo().medium().clone();
                *self.undo() = Undo::attach(log, OBJECT).map_err(|error| error.to_string())?;
                self.who = if self.rng.one_in(2) { self.who } else { 1 - self.who };
                self.look_again()
            }
            // This editor gives up what it was doing, even a commit that it does not know the end of.
            _ => self.look_again(),
        }
    }

    fn look_again(&mut self) -> Outcome {
        self.undo().refresh().map_err(|error| error.to_string())?;
        self.begin()
    }

    fn edit(&mut self) -> Outcome {
        let len = self.now().len();
        let start = self.rng.below(len);
        let end = start + 1 + self.rng.below((len - start).min(300));
        let pages = self.pages.clone();
        match self.undo().save(&pages, start as u64..end as u64) {
            Ok(()) => {
                let at = start + self.rng.below(end - start);
                let bytes = self.rng.bytes(end - at);
                self.pages.store(at, &bytes);
                Ok(())
            }
            Err(DurableError::InDoubt { .. }) => {
                self.counts.doubts += 1;
                if self.rng.one_in(2) { self.commit() } else { self.roll_back() }
            }
            Err(DurableError::MustRollBack { .. }) => self.begin(),
            Err(DurableError::Io { .. }) => {
                self.counts.refused_saves += 1;
                Ok(())
            }
            Err(error) => Err(error.to_string()),
        }
    }

    fn commit(&mut self) -> Outcome {
        if !self.undo().is_dirty() {
            return Ok(());
        }
        let (pages, now) = (self.pages.clone(), self.now());
        match self.undo().commit(&pages) {
            Ok(_) => {
                self.counts.commits += 1;
                self.model = Model { committed: now, maybe: None };
                Ok(())
            }
            Err(DurableError::Io { what: "sync the pages", .. }) => {
                self.counts.unsynced += 1;
                Ok(())
            }
            Err(DurableError::MustRollBack { .. }) => self.roll_back(),
            Err(_) => {
                self.model.maybe = Some(now);
                Ok(())
            }
        }
    }

    fn roll_back(&mut self) -> Outcome {
        let pages = self.pages.clone();
        if !self.undo().is_dirty() {
            return Ok(());
        }
        if self.undo().roll_back(&pages).is_err() {
            return Ok(());
        }
        self.counts.roll_backs += 1;
        self.counts.taken_back += usize::from(self.model.maybe.take().is_some());
        if self.now() == self.model.committed {
            Ok(())
        } else {
            Err("rolled back to something else".to_owned())
        }
    }
}

/// Plays lives until the number of them is used up, or something is wrong.
fn play(seed: u64, liar: Option<usize>, fails: usize, counts: &mut Counts) -> Outcome {
    let mut rng = Rng::new(seed);
    let len = 100 + rng.below(1200);
    let object = rng.bytes(len);
    let mut world = World { liar: None, ..World::new(object.clone(), seed) };
    let (log, _) = handles(world.clone());
    Undo::create(log.clone(), OBJECT).map_err(|error| error.to_string())?;
    world = World { liar, ..log.world() };
    let mut model = Model { committed: object, maybe: None };
    for _ in 0..12 {
        counts.lives += 1;
        world = World { dead: false, left: Some(rng.below(60)), fails, ..world };
        let (log, pages) = handles(world);
        let open = || Undo::open(log.clone(), OBJECT).map_err(|error| format!("seed {seed}: {error}"));
        let editors = [open()?, open()?];
        let mut life = Life { editors, who: 0, pages, model, rng: rng.clone(), counts };
        life.begin()?;
        while !life.dead() {
            life.step().map_err(|error| format!("seed {seed}: {error}"))?;
        }
        (rng, model) = (life.rng.clone(), life.model);
        world = log.world();
        if rng.one_in(2) {
            world.cut(&mut rng);
        }
    }
    Ok(())
}

#[test]
fn every_life_begins_with_a_commit() {
    let mut counts = Counts::default();
    for seed in 0..4000 {
        let fails = [0, 6, 25][seed as usize % 3];
        play(seed, None, fails, &mut counts).unwrap_or_else(|error| panic!("{error}"));
    }
    println!("{counts:?}");
    for count in [counts.commits, counts.roll_backs, counts.recoveries, counts.refused_saves, counts.doubts] {
        assert!(count > 500, "{counts:?}");
    }
    assert!(counts.taken_back > 100 && counts.unsynced > 100, "{counts:?}");
}

/// The test sees what it is for: a disk that syncs nothing breaks the promise.
#[test]
fn a_disk_that_lies_is_caught() {
    for liar in [UNDO, PAGES] {
        let caught = (0..300).filter(|&seed| play(seed, Some(liar), 0, &mut Counts::default()).is_err());
        let caught = caught.count();
        println!("file {liar}: {caught} of 300");
        assert!(caught > 30, "file {liar}: {caught}");
    }
}
