//! Programs: what a process that uses a store does, in moves between which anything else may happen.
//!
//! A program does as `shmfs-client` does: it repeats a call with the same number until it is answered, ignores answers
//! with older numbers, and counts its attaches in its table. It is also killed anywhere, and at times it breaks rules.
//!
//! Owns: each program's own memory. Leaves to others: the kernel's (`kernel`), what is right (`oracle`).
//! Not done: children of vfork; programs that speak on a socket that they inherited.

mod answer;
mod ask;
mod choose;
mod detach;
mod library;
mod life;

use super::kernel::{DescId, FileId};
use super::world::World;
use shmfs_abi::{ClientId, Name, ObjectId, Pid, Shmid, Slot, Ticket, Uid};
use shmfs_wire::{Request, Response};

/// Numbers from here on are those of messages that break a rule.
pub(crate) const NONSENSE: u64 = 1 << 40;

/// One image of a process: an exec ends it and begins another.
#[derive(Debug)]
pub(crate) struct Actor {
    pub(crate) pid: Pid,
    pub(crate) uid: Uid,
    pub(crate) life: Life,
    /// It only looks and administers.
    pub(crate) is_visitor: bool,
    /// It does what the driver tells it and nothing else.
    pub(crate) is_told: bool,
    /// The number of its last request.
    sequence: u64,
    session: Option<DescId>,
    /// A socket of its parent's, which it closes at its first call.
    inherited: Option<DescId>,
    pub(crate) known: Option<Known>,
    pub(crate) attaches: Vec<Attach>,
    opened: Vec<Opened>,
    /// Undo logs.
    logs: Vec<(DescId, ObjectId)>,
    unborn: Option<Unborn>,
    doing: Doing,
    /// What the driver's request was answered.
    pub(crate) answer: Option<Response>,
}

/// Whether an image runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Life {
    Running,
    /// Its end is so far: memory, descriptors, and then those are told who wait for it.
    Ending(u8),
    Ended,
}

/// What the broker knows a program by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known {
    pub(crate) client: ClientId,
    cookie: u64,
    /// The description that it maps its attach table by.
    table: DescId,
    pub(crate) file: FileId,
}

/// One attach.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attach {
    mapping: DescId,
    pub(crate) file: FileId,
    slot: Slot,
    pub(crate) object: ObjectId,
    pub(crate) shmid: Shmid,
    writes: bool,
    /// The program wrote it into its table itself.
    inherited: bool,
}

/// An open POSIX object.
#[derive(Clone, Copy, Debug)]
struct Opened {
    description: DescId,
    object: ObjectId,
    file: FileId,
    writes: bool,
}

/// What a parent has fetched for its child.
#[derive(Clone, Copy, Debug)]
struct Unborn {
    client: ClientId,
    cookie: u64,
    table: DescId,
    file: FileId,
    socket: DescId,
}

/// What a program is in the middle of.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant, reason = "each program has one")]
enum Doing {
    Nothing,
    Asking(Asking),
    /// The answer is taken from the socket, and the table does not say so yet.
    Hearing(Asking, Response, Vec<DescId>),
    /// The semaphore behind this description is to be initialised and published.
    Publishing(Opened, Ticket, Name),
    /// The store has granted this size in bytes.
    Resizing(Opened, u64),
    /// Everything for a child is there.
    Forking,
    /// The child lives, or will never.
    Forked,
    /// A child's first moves.
    Waking,
    SayingBorn,
    /// The mapping is gone; the count is to go.
    Uncounting(Attach),
    /// The count is gone; the mark is to be looked at.
    Looking(Attach, u32),
}

/// A request on its way.
#[derive(Clone, Debug)]
struct Asking {
    request: Request,
    sequence: u64,
    /// The descriptor that comes along.
    with: Option<Opened>,
    stage: Stage,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    Connect,
    Greet,
    AwaitWelcome,
    Send,
    AwaitAnswer,
}

impl Actor {
    fn new(pid: Pid, uid: Uid) -> Actor {
        Actor {
            pid,
            uid,
            life: Life::Running,
            is_visitor: false,
            is_told: false,
            sequence: 0,
            session: None,
            inherited: None,
            known: None,
            attaches: Vec::new(),
            opened: Vec::new(),
            logs: Vec::new(),
            unborn: None,
            doing: Doing::Nothing,
            answer: None,
        }
    }

    pub(crate) fn runs(&self) -> bool {
        self.life == Life::Running
    }

    /// Whether its memory is there: it can still take an answer.
    pub(crate) fn has_memory(&self) -> bool {
        matches!(self.life, Life::Running | Life::Ending(0))
    }

    pub(crate) fn rests(&self) -> bool {
        self.life == Life::Ended || self.runs() && matches!(self.doing, Doing::Nothing)
    }
}

impl World {
    /// Lets some program that can do something make one move; says whether there was one.
    pub(crate) fn move_somebody(&mut self) -> bool {
        let all = self.actors.len();
        if all == 0 {
            return false;
        }
        let first = self.dice.index(all);
        (0..all).any(|more| self.move_one((first + more) % all))
    }

    /// One move of one program; says whether it could.
    pub(crate) fn move_one(&mut self, who: usize) -> bool {
        match self.actors[who].life {
            Life::Ended => return false,
            Life::Ending(so_far) => {
                self.end_further(who, so_far);
                return true;
            }
            Life::Running => {}
        }
        if self.is_struck(who) {
            self.kill(who);
            return true;
        }
        if self.waits(who) && !self.is_unlucky(who) {
            return false;
        }
        match self.actors[who].doing.clone() {
            Doing::Nothing => self.choose(who),
            Doing::Asking(asking) => self.ask_further(who, asking),
            Doing::Hearing(asking, response, held) => self.hear_out(who, &asking, response, held),
            Doing::Publishing(opened, ticket, name) => self.publish(who, opened, ticket, name),
            Doing::Resizing(opened, size) => self.resize(who, opened, size),
            Doing::Forking => self.fork(who),
            Doing::Forked => self.end_fork(who),
            Doing::Waking => self.wake(who),
            Doing::SayingBorn => self.say_born(who),
            Doing::Uncounting(attach) => self.uncount(who, attach),
            Doing::Looking(attach, left) => self.look_at_mark(who, attach, left),
        }
    }

    /// Whether a program in the middle of something is killed just here.
    fn is_struck(&mut self, who: usize) -> bool {
        let actor = &self.actors[who];
        let busy = !actor.is_told && !matches!(actor.doing, Doing::Nothing);
        busy && self.crowded && self.dice.below(2000) < self.plan.mortality
    }

    /// Whether some program could make a move.
    pub(crate) fn can_anybody_move(&self) -> bool {
        self.actors.iter().enumerate().any(|(who, actor)| match (actor.life, &actor.doing) {
            (Life::Ended, _) => false,
            (Life::Ending(_), _) => true,
            (Life::Running, Doing::Nothing) => self.actions > 0 && !actor.is_told,
            (Life::Running, _) => !self.waits(who),
        })
    }

    /// Whether a program waits for an answer that is not there.
    fn waits(&self, who: usize) -> bool {
        let actor = &self.actors[who];
        let Doing::Asking(asking) = &actor.doing else { return false };
        let waits = matches!(asking.stage, Stage::AwaitWelcome | Stage::AwaitAnswer);
        let end = actor.session.and_then(|session| self.kernel.end_of(session).ok());
        waits && end.is_some_and(|end| !self.kernel.is_readable(end))
    }

    /// A new program.
    pub(crate) fn spawn(&mut self, is_visitor: bool) -> usize {
        let uid = Uid(self.dice.below(self.plan.users) as u32);
        self.spawn_as(uid, is_visitor)
    }

    /// A program of root's that looks and administers.
    pub(crate) fn spawn_root(&mut self) -> usize {
        self.spawn_as(Uid(0), true)
    }

    fn spawn_as(&mut self, uid: Uid, is_visitor: bool) -> usize {
        let pid = self.kernel.spawn(uid);
        let actor = Actor { is_visitor, ..Actor::new(pid, uid) };
        self.trace.say(|| format!("program {}: process {}, user {}", self.actors.len(), pid.0, uid.0));
        self.actors.push(actor);
        self.actors.len() - 1
    }
}
