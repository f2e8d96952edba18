//! Playing a sequence on the engine and on the model.

mod ask;
mod limits;
mod open;
mod posix;
mod sysv;

use crate::model::{Model, Wanted};
use crate::setting::Setting;
use crate::step::{Fault, Step};
use open::Opening;
use shmfs_abi::{ByteLen, Call, Cred, Errno, ObjectId, PAGE_SIZE, Refusal, Reply, Ticket, Time};
use shmfs_core::{Answer, Effect, Event, Facts, Namespace};

/// The engine and the model side by side.
#[derive(Clone)]
pub struct Play {
    engine: Namespace,
    model: Model,
    now: Time,
    /// Objects that the engine has released and the world still holds.
    released: Vec<ObjectId>,
    heard: Vec<Heard>,
}

/// One word of the engine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Heard {
    /// The answer to a call.
    Answer(Box<(Call, Result<Answer, Refusal>)>),
    /// What followed from an event, or from an effect's outcome.
    Effects(Vec<Effect>),
}

/// How a call went.
struct Called {
    /// The object that was made for it.
    made: Option<ObjectId>,
    /// The ticket that a name waits for.
    waits: Option<Ticket>,
    reply: Reply,
}

const NO_FACTS: Facts = Facts { size: ByteLen(0), allocated: ByteLen(0) };

impl Default for Play {
    fn default() -> Play {
        Play::new(&Setting::default())
    }
}

impl Play {
    /// An empty store of this setting.
    pub fn new(setting: &Setting) -> Play {
        let (engine, model) = (Namespace::new(setting.config()), Model::new(setting));
        Play { engine, model, now: Time::default(), released: Vec::new(), heard: Vec::new() }
    }

    /// The engine as it stands.
    pub fn engine(&mut self) -> &mut Namespace {
        &mut self.engine
    }

    /// The same play with another engine.
    #[must_use]
    pub fn with(&self, engine: Namespace) -> Play {
        Play { engine, ..self.clone() }
    }

    /// What the engine said in the last step.
    pub fn heard(&self) -> &[Heard] {
        &self.heard
    }

    /// Plays one step on both sides. Panics where they differ, or where the engine's invariants break.
    pub fn play(&mut self, step: Step) {
        self.now.seconds += 1;
        self.heard.clear();
        self.play_one(step);
        self.engine.check();
        let Ok(Reply::Usage(usage)) = self.call(0, Call::Usage, Fault::None).map(|called| called.reply)
        else {
            panic!("no usage");
        };
        let found = self.model.objects.iter().filter(|object| object.waits.is_none());
        assert_eq!(usage.used.0, self.model.used() * PAGE_SIZE, "charges differ after {step:?}");
        assert_eq!(usage.allocated.0, self.model.resident() * PAGE_SIZE, "pages differ after {step:?}");
        assert_eq!(usage.size.0, self.model.limits.pages * PAGE_SIZE, "limits differ after {step:?}");
        assert_eq!(usage.sysv as usize, self.model.segments.len(), "segments differ after {step:?}");
        assert_eq!(usage.posix as usize, found.count(), "objects differ after {step:?}");
        assert_eq!(usage.unnamed as usize, self.model.held.len(), "held objects differ after {step:?}");
        assert_eq!(
            usage.anon as usize,
            self.model.anonymous.len(),
            "anonymous memory differs after {step:?}"
        );
        assert_eq!(self.engine.orphans(), self.model.orphans(), "orphans differ after {step:?}");
    }

    fn play_one(&mut self, step: Step) {
        match step {
            Step::Get { who, key, pages, flags, fails, durable } => {
                self.get(who, (key, u64::from(pages), flags), durable, fails);
            }
            Step::Attach { who, which, read_only } => self.attach(who, which, read_only),
            Step::Detach { who, which } => self.detach(who, which),
            Step::Fork { who, child } => self.fork(who, child),
            Step::Die { who, exits } => self.die(who, exits),
            Step::Stat { who, which } => self.stat(who, which),
            Step::StatIndex { who, which, any } => self.stat_index(who, which, any),
            Step::Set { who, which, owner, mode } => self.set(who, which, owner, mode),
            Step::Remove { who, which } => self.remove(who, which),
            Step::Lock { who, which, lock, allowance, fails } => {
                self.lock(who, which, lock, allowance, fails);
            }
            Step::Stale { who, which, call } => self.stale(who, which, call),
            Step::Limit { who, limit, amount } => self.limit(who, limit, amount),
            Step::Open { who, name: number, flags, mode, fault } => {
                self.open(&Opening { who, number, flags, mode, fault, wanted: None });
            }
            Step::Want { who, name: number, flags, mode, fault, pages, lifetime, guarded } => {
                let wanted = Some(Wanted { pages, lifetime, guarded });
                self.open(&Opening { who, number, flags, mode, fault, wanted });
            }
            Step::Anonymous { who, label, pages, fails } => self.anonymous(who, label, pages, fails),
            Step::Fetch { who, which, part } => self.fetch(who, which, part),
            Step::Unheld { which } => self.unheld(which),
            Step::Unlink { who, name } => self.unlink(who, name),
            Step::Rename { who, from, to, flags } => self.rename(who, from, to, flags),
            Step::Link { who, from, to } => self.link(who, from, to),
            Step::Resize { name, pages, dies } => self.resize(name, pages, dies),
            Step::Measure { name } => self.measure(name),
            Step::Own { name, owner, mode } => self.own(name, owner, mode),
            Step::Semaphore { who, name, flags, fails } => self.semaphore(who, name, flags, fails),
            Step::Publish { which, fault } => self.publish(which, fault),
            Step::Settle { which, fails } => self.settle_name(which, fails),
            Step::Touch { which, pages } => self.touch(which, u64::from(pages)),
            Step::LetGo { which } => self.let_go(which),
            Step::Reap { which } => self.reap(which),
            Step::Ask { who, question } => self.ask(who, question),
            Step::Pass { seconds } => self.now.seconds += i64::from(seconds),
        }
    }

    fn cred(&self, who: u8) -> Cred {
        self.model.setting.cred(who)
    }

    /// Asks the engine and carries out what it wants, as a broker would. What fails ends the call.
    fn call(&mut self, who: u8, call: Call, fault: Fault) -> Result<Called, Errno> {
        let answer = self.engine.call(&self.cred(who), call, self.now);
        self.heard.push(Heard::Answer(Box::new((call, answer.clone()))));
        let Answer { reply, effects } = answer.map_err(|refusal| refusal.errno)?;
        let mut called = Called { made: None, waits: None, reply };
        let mut waiting = effects;
        while !waiting.is_empty() {
            let mut next = Vec::new();
            for effect in waiting {
                match effect {
                    Effect::Make { ticket, object, size, .. } => {
                        called.made = Some(object);
                        let made = Ok(Facts { size, ..NO_FACTS });
                        next.extend(self.settle(ticket, made, fault == Fault::Make)?);
                    }
                    Effect::Link { ticket, .. } if fault == Fault::Wait => called.waits = Some(ticket),
                    Effect::Link { ticket, .. } => {
                        next.extend(self.settle(ticket, Ok(NO_FACTS), fault == Fault::Link)?);
                    }
                    Effect::Lock { ticket, .. } => {
                        next.extend(self.settle(ticket, Ok(NO_FACTS), fault == Fault::Make)?);
                    }
                    Effect::Truncate { object } => {
                        let measured = Event::Measured { object, facts: NO_FACTS };
                        next.extend(self.observe(measured));
                    }
                    Effect::Mark { .. } => self.count_all(),
                    released @ Effect::Release { .. } => self.note(&[released]),
                    _ => {}
                }
            }
            waiting = next;
        }
        Ok(called)
    }

    fn settle(
        &mut self,
        ticket: Ticket,
        outcome: Result<Facts, Errno>,
        fails: bool,
    ) -> Result<Vec<Effect>, Errno> {
        let outcome = if fails { Err(Errno::ENFILE) } else { outcome };
        let effects = self.engine.settle(ticket, outcome);
        self.heard.push(Heard::Effects(effects.clone()));
        if fails {
            self.note(&effects);
            return Err(Errno::ENFILE);
        }
        Ok(effects)
    }

    fn observe(&mut self, event: Event) -> Vec<Effect> {
        let effects = self.engine.observe(event, self.now);
        self.heard.push(Heard::Effects(effects.clone()));
        effects
    }

    fn note(&mut self, effects: &[Effect]) {
        for effect in effects {
            if let Effect::Release { object } = effect {
                self.released.push(*object);
            }
        }
    }

    /// The last holder of a released object goes.
    fn let_go(&mut self, which: u8) {
        let held = self.model.held.len() + self.model.anonymous.len();
        assert_eq!(self.released.len(), held, "released and held differ");
        if self.released.is_empty() {
            return;
        }
        let object = self.released.remove(usize::from(which) % self.released.len());
        self.observe(Event::Unused { object });
        self.model.held.retain(|held| held.object != object);
        self.model.anonymous.retain(|anonymous| anonymous.object != object);
        let gone = Call::Reserve { object, size: ByteLen(0) };
        assert_eq!(self.call(0, gone, Fault::None).err(), Some(Errno::EBADF));
    }

    /// An orphan goes that nobody uses; what is none stays.
    fn reap(&mut self, which: u8) {
        let orphans = self.model.orphans();
        let stranger = self.engine.objects().find(|object| !orphans.contains(object));
        if let Some(object) = stranger {
            assert_eq!(self.observe(Event::Reaped { object }), [], "what is no orphan was reaped");
        }
        let Some(&object) = orphans.get(usize::from(which) % orphans.len().max(1)) else { return };
        let mut expected = Vec::new();
        if let Some(index) = self.model.objects.iter().position(|named| named.object == object) {
            let mut names = self.model.objects[index].names.clone();
            names.sort_unstable();
            expected.extend(names.into_iter().map(|name| Effect::Unlink { object, name: posix::name(name) }));
            self.model.release(index);
        } else {
            self.model.destroy(|segment| segment.object == object);
        }
        expected.push(Effect::Release { object });
        let effects = self.observe(Event::Reaped { object });
        assert_eq!(effects, expected, "reaping");
        self.note(&effects);
    }
}
