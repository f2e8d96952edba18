//! The course of a storm: objects that all look at, load clients, victims, kills of brokers, rest, removal.

use crate::brokers::{self, Next, median};
use crate::dice::Dice;
use crate::ledger::{Count, LOADS, Ledger, Phase, TREASURES, Wait, monotonic};
use crate::options::Options;
use crate::report::{self, Measured};
use crate::rest;
use crate::store::{PATIENCE, Store};
use shmfs_tests::{Running, wait_for};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How many respawns are measured, while all clients rest.
const RESPAWNS: u64 = 20;
/// Kills of brokers by which they may be ahead of those of clients.
const BURST: u64 = 20;
/// What processes may take to end once they are told.
const END: Duration = Duration::from_secs(60);

/// A storm under way.
struct Storm<'a> {
    store: &'a Store,
    ledger: &'a Ledger,
    options: &'a Options,
    loads: Vec<Running>,
    nursery: Option<Running>,
    /// When each broker was killed.
    killed: Mutex<Vec<u64>>,
    over: AtomicBool,
}

/// Runs it in `folder`; an error says what was wrong.
pub(crate) fn run(folder: &Path, options: &Options) -> Result<(), String> {
    println!("storm: seed {}", options.seed);
    let begin = Instant::now();
    let store = Store::start(folder)?;
    let idle = store.idle_descriptors()?;
    // More victims than kills: some end before their time, and brokers may take longer to kill. No machine starts more
    // than a thousand a second.
    let victims = (options.clients * 4 + options.brokers * 40).min(options.seconds * 1000) + 1000;
    let ledger = Ledger::create(&store.ledger(), victims).map_err(|error| format!("the ledger: {error}"))?;
    let mut measured = Measured {
        took: Duration::ZERO,
        brokers: Vec::new(),
        keepers: 0,
        respawn: 0,
        visits: 0,
        longest_visit: Wait::default(),
        found: rest::Found::default(),
    };
    let played = play(&store, &ledger, options, &mut measured);
    let played =
        played.and_then(|()| rest::expect_empty(&store, idle)).and_then(|()| store.expect_no_errors());
    if let Err(why) = played {
        return Err(format!("{why}\n{}", store.complaints()));
    }
    store.stop()?;
    measured.took = begin.elapsed();
    report::print(&ledger, options, &measured);
    Ok(())
}

fn play(store: &Store, ledger: &Ledger, options: &Options, measured: &mut Measured) -> Result<(), String> {
    let seed = options.seed;
    store.play_role(seed, &["bury"])?;
    let load = |which: u64| store.start_role(seed.wrapping_mul(31) + which, &["load", &which.to_string()]);
    let mut storm = Storm {
        store,
        ledger,
        options,
        loads: (0..LOADS).map(load).collect(),
        nursery: Some(store.start_role(seed.wrapping_mul(31) + LOADS, &["nursery"])),
        killed: Mutex::default(),
        over: AtomicBool::new(false),
    };
    storm.rage(measured)?;
    ledger.set_phase(Phase::Pause);
    wait_for("the rest of all load clients", PATIENCE, || {
        ledger.posts().take(LOADS as usize).all(|post| post.rests).then_some(())
    })?;
    measured.found = rest::compare(store, &ledger.rows())?;
    if options.brokers > 0 {
        measured.respawn = median(brokers::respawns(store, RESPAWNS)?);
        let after = rest::compare(store, &ledger.rows())?;
        if after != measured.found {
            return Err(format!("respawns at rest change the list: {:?}\n{after:?}", measured.found));
        }
    }
    ledger.set_phase(Phase::Finish);
    for load in std::mem::take(&mut storm.loads) {
        expect_good("a load client", load)?;
    }
    if ledger.bad() > 0 {
        return Err("complaints".to_owned());
    }
    store.play_role(seed, &["sweep"])
}

fn expect_good(who: &str, running: Running) -> Result<(), String> {
    let outcome = running.finish(END);
    if outcome.success() {
        Ok(())
    } else {
        Err(format!("{who} ended with {}: {}", outcome.code(), outcome.stderr))
    }
}

impl Storm<'_> {
    /// Lets it rage until there were enough kills of both kinds, or the time is over.
    fn rage(&mut self, measured: &mut Measured) -> Result<(), String> {
        let (store, ledger, options) = (self.store, self.ledger, self.options);
        let dice = Dice::new(options.seed ^ 0xb40c_e400);
        let over = &self.over;
        let killed = &self.killed;
        let nursery = self.nursery.take();
        let mut watch = Watch { ledger, store, loads: &mut self.loads, nursery, progress: None };
        let (watched, killing) = std::thread::scope(|scope| {
            let count = || kills(killed).push(monotonic());
            let next = |broker: u64| {
                // Both kinds of kills reach their counts together; brokers are killed in bursts.
                let clients = ledger.count(Count::Killed);
                let ahead = broker.saturating_sub(BURST) * options.clients > clients * options.brokers;
                match over.load(Ordering::Relaxed) {
                    true => Next::End,
                    false if ahead => Next::Wait,
                    false => Next::Kill,
                }
            };
            let wanted = (options.brokers, options.keepers);
            let killer = scope.spawn(move || brokers::kill_many(store, wanted, dice, count, next));
            let watched = watch.until_enough(options, killed, || killer.is_finished(), measured);
            over.store(true, Ordering::Relaxed);
            (watched, killer.join().unwrap_or_else(|_| Err("the killer of brokers panicked".to_owned())))
        });
        measured.brokers = std::mem::take(&mut kills(killed));
        measured.keepers = killing?;
        watched
    }
}

fn kills(killed: &Mutex<Vec<u64>>) -> MutexGuard<'_, Vec<u64>> {
    killed.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What looks after a storm.
struct Watch<'a> {
    ledger: &'a Ledger,
    store: &'a Store,
    loads: &'a mut Vec<Running>,
    nursery: Option<Running>,
    /// The victims and since when there have been no more.
    progress: Option<(u64, Instant)>,
}

impl Watch<'_> {
    fn until_enough(
        &mut self,
        options: &Options,
        killed: &Mutex<Vec<u64>>,
        killer_ended: impl Fn() -> bool,
        measured: &mut Measured,
    ) -> Result<(), String> {
        let end = Instant::now() + Duration::from_secs(options.seconds);
        loop {
            self.look()?;
            self.visit(measured)?;
            let reached = self.ledger.count(Count::Killed) >= options.clients
                && kills(killed).len() as u64 >= options.brokers;
            if reached || Instant::now() > end {
                break;
            }
            if killer_ended() && (kills(killed).len() as u64) < options.brokers {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        self.ledger.set_enough();
        // Brokers are killed until the last batch has been settled.
        while self.nursery.as_mut().is_some_and(Running::runs) {
            self.look()?;
            self.visit(measured)?;
            std::thread::sleep(Duration::from_millis(20));
        }
        self.nursery.take().map_or(Ok(()), |nursery| expect_good("the nursery", nursery))
    }

    /// Everybody lives, nobody complains, nobody waits for ever, and victims come and go.
    fn look(&mut self) -> Result<(), String> {
        if self.ledger.bad() > 0 {
            return Err("complaints".to_owned());
        }
        if self.loads.iter_mut().any(|load| !load.runs()) {
            return Err("a load client has ended".to_owned());
        }
        let now = monotonic();
        for post in self.ledger.posts() {
            let waited = Duration::from_nanos(now.saturating_sub(post.since));
            if post.since != 0 && waited > PATIENCE {
                return Err(format!("{} is not answered for {waited:?}", crate::ledger::CALLS[post.call]));
            }
        }
        let made = self.ledger.count(Count::Made) + self.ledger.count(Count::Victims);
        match self.progress {
            Some((before, since)) if before == made && since.elapsed() > PATIENCE => {
                Err(format!("nothing happens since {PATIENCE:?}"))
            }
            Some((before, _)) if before == made => Ok(()),
            _ => {
                self.progress = Some((made, Instant::now()));
                Ok(())
            }
        }
    }

    /// A visitor's look at what nobody changes.
    fn visit(&mut self, measured: &mut Measured) -> Result<(), String> {
        let began = monotonic();
        self.store.usage()?;
        measured.visits += 1;
        let visit = Wait { nanoseconds: monotonic() - began, began, call: "a visitor's Usage" };
        measured.longest_visit = measured.longest_visit.max(visit);
        if measured.visits.is_multiple_of(16) {
            let listed = self.store.list()?;
            for row in self.ledger.first_rows(TREASURES) {
                let there = listed.iter().any(|entry| {
                    entry["name"] == row.shown()
                        || entry["key"].as_u64().is_some_and(|key| row.shown() == format!("key {key}"))
                });
                if !there {
                    return Err(format!("not listed while it storms: {row:?}"));
                }
            }
        }
        Ok(())
    }
}
