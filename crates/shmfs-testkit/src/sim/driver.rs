//! One run: brokers are started, killed and started again, programs move in between, and when everything rests it is
//! looked at.
//!
//! Owns: the keeper's part, the phases of a run.
//! Leaves to others: each step (`world`), each comparison (`oracle`).

use super::handle::Killed;
use super::kernel::What;
use super::oracle::Seen;
use super::os::{BROKER, SimOs};
use super::pages::{Bytes, SimPages};
use super::trace::Trace;
use super::world::{Idle, Shared, World};
use super::{Failure, Stats};
use shmfs_abi::store::Admission;
use shmfs_abi::{
    Backing, ByteLen, Call, Gid, Kind, ObjectId, OpenFlags, PAGE_SIZE, Reply, ShmLimits, Shmid, Uid, limits,
};
use shmfs_broker::{Broker, Surroundings};
use shmfs_core::{Config, Namespace, PlaceImage};
use shmfs_journal::{Answered, Intent, Journal, MountRecord, Record, Role, StoreRecord, VecPages};
use shmfs_wire::{Request, Response, decode_response};
use std::any::Any;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

/// Rounds after which something that should come to rest never will.
const MOST_ROUNDS: usize = 6000;

/// Pauses after which a broker has asked everything that it can have to ask.
const MOST_PAUSES: u32 = 16;

/// Nanoseconds after which it also looks again at a listener for which it had no descriptor or memory (`crowd`), twice over.
const LONG_ENOUGH: u64 = 200_000_000;

/// How a broker's work ended for now.
enum Work<T> {
    Done(T),
    /// It was killed, or gave up: another follows.
    Dead,
}

type Wrong = Result<(), String>;

struct Run {
    world: Shared,
    bytes: Bytes,
    broker: Option<Broker<SimOs>>,
    kills: u64,
    stats: Stats,
}

/// Runs what a seed determines.
pub(super) fn run(seed: u64, keep: bool) -> (Result<Stats, Failure>, Vec<String>) {
    let mut world = World::new(seed, Trace::new(keep));
    let plan = world.plan.clone();
    world.trace.say(|| format!("{plan:?}"));
    let bytes = found(&mut world);
    let world = Rc::new(RefCell::new(world));
    let kills = plan.kills;
    let mut run = Run { world, bytes, broker: None, kills, stats: Stats::default() };
    let outcome = run.go();
    run.broker = None;
    let mut world = run.world.borrow_mut();
    run.stats.steps = world.steps;
    run.stats.digest = world.trace.digest();
    run.stats.answers = world.oracle.accepted;
    run.stats.repeated = world.oracle.repeated;
    run.stats.failures = world.refused.len() as u64;
    run.stats.programs = world.actors.len() as u64;
    let lines = std::mem::take(&mut world.trace).into_lines();
    (outcome.map(|()| run.stats).map_err(|what| Failure { seed, what }), lines)
}

/// Founds a store: what the first record names, and that record.
fn found(world: &mut World) -> Bytes {
    let kernel = &mut world.kernel;
    let mut make = |what| {
        let made = kernel.describe(what, OpenFlags::RDWR);
        kernel.install(made)
    };
    let listener = make(What::Listener);
    let hidden = if world.plan.hidden { make(What::Mount) } else { -1 };
    let state_lock = if world.plan.durable { make(What::Text) } else { -1 };
    let size = world.plan.pages * PAGE_SIZE;
    world.kernel.resize_hidden(size);
    let posix = if world.plan.hidden { Backing::TmpfsFile } else { Backing::Memfd };
    let shmmax = limits::DEFAULT_SHMMAX;
    let namespace = Namespace::new(Config {
        size: ByteLen(size),
        sparse: false,
        reserve: false,
        limits: ShmLimits { shmmax, shmmni: limits::DEFAULT_SHMMNI, shmall: shmmax },
        posix,
        durable: world.plan.durable,
        protected_regular: 0,
        protected_hardlinks: false,
        owner: (Uid(0), Gid(0)),
        boot: world.kernel.now(),
    });
    let record = StoreRecord {
        image: namespace.image(),
        dir: b"/sim".to_vec(),
        state: if world.plan.durable { b"/state".to_vec() } else { Vec::new() },
        state_lock,
        listener,
        hidden,
        hold: -1,
        kill: false,
        reap: false,
        command_ended: false,
        mount: MountRecord::default(),
        until_unmounted: false,
        admission: Admission::Everyone,
        posix_dev: if world.plan.hidden { 2 } else { 1 },
        next_connection: 1,
        next_client: 1,
        next_writer: 0,
    };
    let journal = Journal::create(VecPages::default()).and_then(|mut journal| {
        journal.put(&Record::Store(record))?;
        journal.commit();
        Ok(journal)
    });
    match journal {
        Ok(journal) => Rc::new(RefCell::new(journal.pages().0.clone())),
        Err(errno) => unreachable!("a fresh journal: {}", errno.name()),
    }
}

/// The last answer of each connection, by its socket's number.
fn stored_answers(records: &[Record]) -> Vec<(i32, Answered)> {
    let of_client = |client| {
        records.iter().find_map(|record| match record {
            Record::Client(found) if found.client == client => found.answered,
            _ => None,
        })
    };
    let of = |record: &Record| match record {
        Record::Connection(connection) => match connection.role {
            Role::Client(client) => Some((connection.socket, of_client(client)?)),
            _ => Some((connection.socket, connection.answered?)),
        },
        _ => None,
    };
    records.iter().filter_map(of).collect()
}

impl Run {
    fn go(&mut self) -> Wrong {
        let programs = self.world().plan.programs;
        for _ in 0..programs {
            self.world().spawn(false);
        }
        let pause = {
            let mut world = self.world();
            let actions = world.actions;
            world.dice.below(actions)
        };
        self.play(pause)?;
        self.rest()?;
        self.look()?;
        self.unrest();
        self.play(0)?;
        self.rest()?;
        self.look()?;
        self.end()
    }

    fn world(&self) -> std::cell::RefMut<'_, World> {
        self.world.borrow_mut()
    }

    /// Until programs may begin only so much more.
    fn play(&mut self, left: u64) -> Wrong {
        for _ in 0..MOST_ROUNDS {
            if self.world().actions <= left {
                return Ok(());
            }
            let moves = self.world().dice.below(4);
            let mut moved = false;
            for _ in 0..moves {
                moved |= self.world().move_somebody();
            }
            self.ensure_somebody();
            if moves == 0 || !moved || self.world().dice.percent(60) {
                self.turn()?;
            }
            self.complaint()?;
        }
        Err("the programs never come to an end".to_owned())
    }

    /// Where everybody has died, somebody new comes.
    fn ensure_somebody(&mut self) {
        let mut world = self.world();
        if !world.actors.iter().any(|actor| actor.runs() && !actor.is_told) {
            world.spawn(false);
        }
    }

    fn complaint(&self) -> Wrong {
        match &self.world.borrow().wrong {
            Some(what) => Err(what.clone()),
            None => Ok(()),
        }
    }

    /// Nothing is begun, refused or killed any more, until nobody has anything to do.
    fn rest(&mut self) -> Wrong {
        let began = {
            let mut world = self.world();
            (world.crowded, world.failing, world.kill_in) = (false, false, None);
            std::mem::take(&mut world.actions)
        };
        self.stats.left = began;
        // A reservation ends ten seconds after it was granted.
        for _ in 0..2 {
            self.settle()?;
            self.world().kernel.pass(11_000_000_000);
        }
        self.settle()
    }

    fn settle(&mut self) -> Wrong {
        let (mut idle, mut since) = (0, 0);
        for _ in 0..MOST_ROUNDS {
            while self.world().move_somebody() {}
            self.world().idle = Idle::No;
            self.turn()?;
            self.complaint()?;
            let world = self.world.borrow();
            let now = world.kernel.now().as_nanos();
            idle = if world.idle == Idle::No || world.can_anybody_move() { 0 } else { idle + 1 };
            since = if idle > 1 { since } else { now };
            // Where no watch was to be had, a broker asks again and again.
            let is_over = idle > MOST_PAUSES && now - since > LONG_ENOUGH;
            if idle > 0 && (world.idle == Idle::Forever || is_over) {
                return match world.actors.iter().position(|actor| !actor.rests()) {
                    Some(who) => Err(format!("program {who} is never answered: {:?}", world.actors[who])),
                    None => Ok(()),
                };
            }
        }
        Err("the broker never comes to rest".to_owned())
    }

    fn unrest(&mut self) {
        let left = self.stats.left;
        let kills = self.kills;
        let mut world = self.world();
        (world.crowded, world.failing, world.actions) = (true, true, left);
        world.draw_end(kills);
    }

    /// One turn of the broker, which is started where none lives.
    fn turn(&mut self) -> Wrong {
        let Some(mut broker) = self.broker.take() else { return self.start() };
        self.stats.turns += 1;
        let done = catch_unwind(AssertUnwindSafe(|| broker.turn()));
        match self.judge(done)? {
            Work::Done(None) => {
                self.broker = Some(broker);
                Ok(())
            }
            Work::Done(Some(end)) => Err(format!("the broker returns: {end:?}")),
            Work::Dead => {
                self.bury(Some(broker));
                Ok(())
            }
        }
    }

    fn start(&mut self) -> Wrong {
        let kills = self.kills;
        {
            let mut world = self.world();
            world.instance += 1;
            world.is_killed = false;
            let crowded = world.crowded;
            world.draw_end(if crowded { kills } else { 0 });
            let instance = world.instance;
            world.trace.say(|| format!("broker {instance} begins"));
        }
        self.stats.brokers += 1;
        let os = SimOs::new(&self.world);
        let pages = SimPages::new(&os.handle(), &self.bytes);
        let surroundings =
            Surroundings { pid: BROKER.pid, stop: None, keeper: None, keep: Some(BTreeSet::new()) };
        let begun = catch_unwind(AssertUnwindSafe(|| Broker::recover(os, pages, surroundings)));
        match self.judge(begun)? {
            Work::Done(broker) => {
                self.broker = Some(broker);
                self.review();
            }
            Work::Dead => self.bury(None),
        }
        Ok(())
    }

    /// How the broker's work ended. Giving up is right only where something was refused to it.
    fn judge<T, E: std::fmt::Display>(
        &mut self,
        done: Result<Result<T, E>, Box<dyn Any + Send>>,
    ) -> Result<Work<T>, String> {
        match done {
            Ok(Ok(done)) => Ok(Work::Done(done)),
            Ok(Err(error)) if self.world().refused.is_empty() => Err(format!("the broker gives up: {error}")),
            Ok(Err(error)) => {
                let mut world = self.world();
                world.trace.say(|| format!("the broker gives up: {error}"));
                world.is_killed = true;
                Ok(Work::Dead)
            }
            Err(panic) if panic.is::<Killed>() => {
                self.kills = self.kills.saturating_sub(1);
                self.stats.kills += 1;
                Ok(Work::Dead)
            }
            Err(panic) => {
                self.world().is_killed = true;
                Err(format!("the broker panics: {}", super::message_of(panic.as_ref())))
            }
        }
    }

    /// What a dead broker leaves: its numbers, and in the journal what it had decided.
    fn bury(&mut self, broker: Option<Broker<SimOs>>) {
        drop(broker);
        self.world().kernel.broker_ended();
        self.review();
    }

    /// Takes what the journal says of answers that nobody has seen. Where something is still to be done for one, it may
    /// become a refusal.
    fn review(&mut self) {
        let Ok(records) = self.records() else {
            return self.world().complain("the journal cannot be read".to_owned());
        };
        let is_open = records.iter().any(|record| match record {
            // What is to be done to the state directory is done, sooner or later.
            Record::Intent(_, Intent::Record { .. } | Intent::Erase { .. }) => false,
            Record::Intent(..) => true,
            Record::Object(object) => matches!(object.image.place, PlaceImage::Pending(..)),
            _ => false,
        });
        let mut world = self.world();
        let objects = |record: &Record| match record {
            Record::Object(object) => Some((object.image.object, object.fd)),
            _ => None,
        };
        for (socket, answered) in stored_answers(&records) {
            let Ok((sequence, response)) = decode_response(answered.response()) else {
                return world.complain("a stored answer cannot be read".to_owned());
            };
            let end = world.kernel.at(socket).and_then(|description| world.kernel.end_of(description));
            let who = end.ok().and_then(|end| world.sessions.get(&world.kernel.other(end)).copied());
            if let Some(who) = who {
                world.stored(who, sequence, response, is_open);
            }
        }
        for (object, number) in records.iter().filter_map(objects) {
            world.recorded(object, number);
        }
        if !is_open {
            world.oracle.settle();
        }
    }

    fn records(&self) -> Result<Vec<Record>, String> {
        let copy = VecPages(self.bytes.borrow().clone());
        Journal::open(copy).map(|(_, records)| records).map_err(|broken| broken.to_string())
    }

    /// Asks as somebody who only looks, until the answer comes.
    fn ask(&mut self, who: usize, call: Call) -> Result<Reply, String> {
        let mut asked_again = false;
        self.world().tell(who, Request::Call(call));
        for _ in 0..MOST_ROUNDS {
            while self.world().move_one(who) {}
            let answer = self.world().actors[who].answer.take();
            match answer {
                Some(Response::Reply(reply)) => return Ok(reply),
                // It was removed when this was asked first, and the connection was lost.
                Some(Response::Refused(_)) if asked_again => return Ok(Reply::Done),
                Some(other) => return Err(format!("{call:?} of somebody who looks is answered {other:?}")),
                None if self.world().actors[who].rests() => {
                    asked_again = true;
                    self.world().tell(who, Request::Call(call));
                }
                None => self.turn()?,
            }
            self.complaint()?;
        }
        Err(format!("{call:?} of somebody who looks is never answered"))
    }

    /// Everything rests: compares all there is with what must be.
    fn look(&mut self) -> Wrong {
        let who = self.inspector();
        let mut rows = Vec::new();
        let mut after = ObjectId(0);
        while let Reply::Row(row) = self.ask(who, Call::Next { after })? {
            after = row.object;
            rows.push(row);
        }
        let Reply::Usage(usage) = self.ask(who, Call::Usage)? else {
            return Err("usage is answered by something else".to_owned());
        };
        // What the questions themselves have changed is concluded.
        self.settle()?;
        let seen = Seen { rows, usage, records: self.records()? };
        self.world().check(&seen);
        self.complaint()?;
        self.stats.looks += 1;
        Ok(())
    }

    fn inspector(&mut self) -> usize {
        let mut world = self.world();
        if let Some(who) = world.actors.iter().position(|actor| actor.is_told && actor.runs()) {
            return who;
        }
        let who = world.spawn_root();
        world.actors[who].is_told = true;
        who
    }

    /// Everybody ends and everything is removed: nothing is left.
    fn end(&mut self) -> Wrong {
        let kills_late = self.world().plan.kills_late;
        if kills_late {
            self.unrest();
            self.world().actions = 0;
        }
        let inspector = self.inspector();
        let all = self.world().actors.len();
        for who in 0..all {
            if who != inspector && self.world().actors[who].runs() {
                self.world().kill(who);
                if self.world().dice.percent(40) {
                    self.turn()?;
                }
            }
        }
        self.rest()?;
        self.look()?;
        if kills_late {
            self.unrest();
            self.world().actions = 0;
        }
        self.remove_all(inspector)?;
        self.rest()?;
        self.look()?;
        let world = self.world.borrow();
        let left = world.kernel.objects().count();
        if left == 0 { Ok(()) } else { Err(format!("{left} files are left of an empty store")) }
    }

    fn remove_all(&mut self, who: usize) -> Wrong {
        loop {
            let mut removed = false;
            let mut after = ObjectId(0);
            while let Reply::Row(row) = self.ask(who, Call::Next { after })? {
                after = row.object;
                let call = match (row.shmid, row.name) {
                    (Some(shmid), _) => Call::ShmRemove { shmid: Shmid(shmid.0) },
                    _ if row.kind == Kind::Anonymous => continue,
                    (None, Some(name)) => Call::Unlink { name },
                    _ => continue,
                };
                self.ask(who, call)?;
                removed = true;
            }
            if !removed {
                return Ok(());
            }
        }
    }
}
