//! Whoever edits is killed, or the machine stops, at every byte of every write: recovery finds the last commit.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod sim;

use shmfs_durable::{DurableError, Undo};
use sim::{Event, Handle, OBJECT, PAGES, Rng, UNDO, World, handles, recover};

/// How many cuts of a kind, and how many of them were within a commit.
#[derive(Default, Debug)]
struct Counts {
    kills: usize,
    power_cuts: usize,
    in_recovery: usize,
    rolled_back: usize,
    went_on: usize,
}

/// A few epochs of edits, most of them committed; every event of them.
fn history(seed: u64) -> (World, Vec<Event>) {
    let mut rng = Rng::new(seed);
    let len = 700 + rng.below(1500);
    let mut world = World::new(rng.bytes(len), seed);
    world.events = Some(vec![Event::Committed(world.pages().to_vec())]);
    let (log, pages) = handles(world);
    let mut undo = Undo::create(log.clone(), OBJECT).unwrap();
    let created = log.0.borrow_mut().events.replace(Vec::new()).unwrap();
    let start = log.world();
    for _ in 0..6 {
        for _ in 0..1 + rng.below(4) {
            edit(&mut undo, &pages, &mut rng);
        }
        if rng.one_in(3) {
            undo.roll_back(&pages).unwrap();
            continue;
        }
        let state = log.world().pages().to_vec();
        log.0.borrow_mut().note(Event::Committing(state.clone()));
        undo.commit(&pages).unwrap();
        log.0.borrow_mut().note(Event::Committed(state));
        if rng.one_in(3) {
            undo = Undo::open(log.clone(), OBJECT).unwrap();
        }
    }
    edit(&mut undo, &pages, &mut rng);
    let events = log.0.borrow_mut().events.take().unwrap();
    let first = created.into_iter().filter(|event| matches!(event, Event::Committed(_)));
    (World { events: None, ..start }, first.chain(events).collect())
}

fn edit(undo: &mut Undo<Handle>, pages: &Handle, rng: &mut Rng) {
    let len = pages.world().pages().len();
    let start = rng.below(len);
    let most = if rng.one_in(4) { 1500 } else { 60 };
    let count = 1 + rng.below((len - start).min(most));
    undo.save(pages, start as u64..(start + count) as u64).unwrap();
    for _ in 0..rng.below(4) {
        let at = start + rng.below(count);
        let len = 1 + rng.below(start + count - at);
        pages.store(at, &rng.bytes(len));
    }
}

/// What the object may be.
#[derive(Clone, Default, Debug)]
struct Allowed {
    committed: Vec<u8>,
    committing: Option<Vec<u8>>,
}

impl Allowed {
    fn check(&self, world: &World, what: &str) {
        let found = world.pages();
        let allowed = found == self.committed || Some(found) == self.committing.as_deref();
        assert!(allowed, "{what}: the object is neither as it was committed nor as it would be");
    }
}

/// Recovers, and goes on: the next edit is rolled back or committed as any other.
fn check(world: &World, allowed: &Allowed, rng: &mut Rng, counts: &mut Counts, what: &str) {
    let (log, pages) = handles(world.clone());
    let (epoch, rolled) = recover(&log, &pages).unwrap_or_else(|error| panic!("{what}: {error}"));
    counts.rolled_back += usize::from(rolled.restored > 0);
    assert_eq!(rolled.beyond_end, 0, "{what}");
    allowed.check(&log.world(), what);
    if !rng.one_in(40) {
        return;
    }
    counts.went_on += 1;
    let before = log.world().pages().to_vec();
    let mut undo = Undo::open(log.clone(), OBJECT).unwrap();
    edit(&mut undo, &pages, rng);
    edit(&mut undo, &pages, rng);
    drop(undo);
    let mut world = log.world();
    if rng.one_in(2) {
        world.cut(rng);
    }
    let (log, pages) = handles(world);
    let again = recover(&log, &pages).unwrap_or_else(|error| panic!("{what}, then edited: {error}")).0;
    assert!(again == epoch || again == epoch + 1, "{what}");
    assert_eq!(log.world().pages(), before, "{what}, then edited");
}

/// Recovery is stopped as well, at each of its steps, by a kill or a power cut.
fn check_recovery(world: &World, allowed: &Allowed, rng: &mut Rng, counts: &mut Counts, what: &str) {
    for left in 0.. {
        let (log, pages) = handles(World { left: Some(left), ..world.clone() });
        let finished = recover(&log, &pages).is_ok();
        let mut world = World { left: None, dead: false, ..log.world() };
        if rng.one_in(2) {
            world.cut(rng);
        }
        counts.in_recovery += 1;
        check(&world, allowed, rng, counts, &format!("{what}, recovery stopped after {left} steps"));
        if finished {
            break;
        }
    }
}

/// Plays a history and stops everywhere.
fn stop_everywhere(seed: u64, counts: &mut Counts) {
    let (mut world, events) = history(seed);
    let mut rng = Rng::new(seed ^ 0x5eed);
    let mut allowed = Allowed::default();
    for (number, event) in events.iter().enumerate() {
        match event {
            Event::Committing(state) => allowed.committing = Some(state.clone()),
            Event::Committed(state) => allowed = Allowed { committed: state.clone(), committing: None },
            Event::Sync(file) => world.files[*file].sync(),
            Event::Op(file, op) => {
                let whole = op.len();
                // Bytes of a store are as good as another; each of the log's counts.
                let cuts: Vec<usize> =
                    if *file == UNDO { (0..=whole).collect() } else { vec![0, rng.below(whole + 1), whole] };
                for at in cuts {
                    let what = format!("seed {seed}, event {number}, file {file}, byte {at} of {whole}");
                    let mut stopped = world.clone();
                    if let Some(part) = op.prefix(at) {
                        stopped.files[*file].write(part);
                    }
                    counts.kills += 1;
                    check(&stopped, &allowed, &mut rng, counts, &what);
                    if rng.one_in(100) {
                        check_recovery(&stopped, &allowed, &mut rng, counts, &what);
                    }
                    stopped.cut(&mut rng);
                    counts.power_cuts += 1;
                    check(&stopped, &allowed, &mut rng, counts, &format!("{what}, power cut"));
                    if rng.one_in(100) {
                        check_recovery(&stopped, &allowed, &mut rng, counts, &format!("{what}, power cut"));
                    }
                }
                world.files[*file].write(op.clone());
            }
        }
    }
}

#[test]
fn stopped_at_every_byte() {
    let mut counts = Counts::default();
    for seed in 0..4 {
        stop_everywhere(seed, &mut counts);
    }
    println!("{counts:?}");
    assert!(counts.kills > 50_000 && counts.rolled_back > 10_000 && counts.in_recovery > 1000, "{counts:?}");
}

#[test]
fn a_log_that_was_being_made_is_refused() {
    let world = World { events: Some(Vec::new()), ..World::new(vec![1; 10], 0) };
    let (log, _) = handles(world);
    Undo::create(log.clone(), OBJECT).unwrap();
    let events = log.0.borrow_mut().events.take().unwrap();
    let Event::Op(UNDO, op) = &events[0] else { panic!("a log begins with a write") };
    assert!(matches!(events[1..], [Event::Sync(UNDO)]));
    let mut refused = 0;
    for at in 0..op.len() {
        let mut world = World::new(vec![1; 10], 0);
        op.prefix(at).into_iter().for_each(|part| world.files[UNDO].write(part));
        let (log, pages) = handles(world);
        let made = recover(&log, &pages);
        assert!(matches!(made, Err(DurableError::LogCut { .. })), "cut at {at}: {made:?}");
        assert_eq!(log.world().files[PAGES].pending.len(), 0);
        refused += 1;
    }
    assert_eq!(refused, 8192);
}
