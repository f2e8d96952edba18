//! What must be true: a naive model to which each call is applied once, in the order in which the broker decided them.
//!
//! The broker serves one request after another, so this order is that of its answers. For a broker that was killed
//! between its commit and its answer, the journal says what it had decided. What depends on deaths and detaches that
//! happen meanwhile is known within bounds, and exactly when everything rests.
//!
//! Owns: the order, what each request was answered.
//! Leaves to others: rules of permission and existence (`rules`), the world itself (`kernel`).

mod charge;
mod durable;
mod library;
mod posix;
mod quiet;
mod rules;
mod sysv;

pub(crate) use quiet::Seen;

use super::kernel::{DescId, EndId, FileId};
use super::os::cred_of;
use super::world::World;
use charge::Charge;
use rules::Rules;
use shmfs_abi::{Call, Cred, Errno, GetFlags, ObjectId, OpenFlags, Reply, Shmid, Wanted};
use shmfs_wire::{Request, Response, decode_response};
use std::collections::{BTreeMap, BTreeSet};
use sysv::Note;

/// What is known to be true.
pub(crate) struct Oracle {
    rules: Rules,
    /// Pages of the store.
    limit: u64,
    shmmni: usize,
    /// What the rules do not know of segments.
    notes: BTreeMap<Shmid, Note>,
    /// What POSIX objects cost, those without names included.
    charges: BTreeMap<ObjectId, Charge>,
    /// Destroyed segments that programs may still hold: their files, where they were seen, and pages.
    lingering: Vec<(Option<FileId>, u64)>,
    /// Pages of what could not be made, which may be charged until everything rests.
    spoilt: u64,
    /// The objects of destroyed segments.
    destroyed: BTreeSet<ObjectId>,
    /// Semaphores that are not published: whose, their ticket, object, name and mode.
    fresh: Vec<posix::Fresh>,
    /// Counted attaches of each image and object.
    attached: BTreeMap<(usize, ObjectId), u32>,
    /// The step at which a copy of a program last counted an attach of the object that it had inherited.
    late: BTreeMap<ObjectId, u64>,
    pending: BTreeMap<(usize, u64), Pending>,
    /// A request whose stored answer may still become a refusal, and what was true before it.
    open: Option<Box<Before>>,
    /// The content of files that programs wrote to.
    stamps: BTreeMap<FileId, u64>,
    /// The step of a program's last change of a file.
    touched: BTreeMap<FileId, u64>,
    /// Every id that was given.
    pub(crate) ids: Vec<Shmid>,
    /// Answers that came to their clients.
    pub(crate) accepted: u64,
    /// Answers that were sent once more.
    pub(crate) repeated: u64,
}

/// A request that was sent.
#[derive(Clone, Debug)]
struct Pending {
    request: Request,
    /// The object that its descriptor shows.
    shown: Option<ObjectId>,
    /// When it was first sent.
    step: u64,
    /// The answer with which it has changed something.
    done: Option<Response>,
    /// The last answer that was sent.
    last: Option<Response>,
    accepted: Option<Response>,
}

/// What was true before a request.
struct Before {
    request: (usize, u64),
    rules: Rules,
    charges: BTreeMap<ObjectId, Charge>,
    fresh: Vec<posix::Fresh>,
}

/// A request that is being judged.
struct Asked {
    who: usize,
    cred: Cred,
    /// Whether the asking image still has its memory.
    lives: bool,
    shown: Option<ObjectId>,
    step: u64,
    /// Errnos of planned failures since it was sent.
    failures: Vec<Errno>,
    /// The files of the descriptors that go along; nothing where the answer was only found in the journal.
    files: Option<Vec<Option<FileId>>>,
}

/// Whether an answer has changed something; or what is wrong with it.
type Verdict = Result<bool, String>;

impl Oracle {
    pub(crate) fn new(limit: u64) -> Oracle {
        Oracle {
            rules: Rules::default(),
            limit,
            shmmni: 4096,
            notes: BTreeMap::new(),
            charges: BTreeMap::new(),
            lingering: Vec::new(),
            spoilt: 0,
            destroyed: BTreeSet::new(),
            fresh: Vec::new(),
            attached: BTreeMap::new(),
            open: None,
            late: BTreeMap::new(),
            pending: BTreeMap::new(),
            stamps: BTreeMap::new(),
            touched: BTreeMap::new(),
            ids: Vec::new(),
            accepted: 0,
            repeated: 0,
        }
    }

    /// A copy of a program counts what it inherited. Until then nobody knew.
    pub(crate) fn attached_late(&mut self, who: usize, object: ObjectId, step: u64) {
        self.late.insert(object, step);
        self.attached(who, object);
    }

    /// A client's table counts one attach more.
    pub(crate) fn attached(&mut self, who: usize, object: ObjectId) {
        *self.attached.entry((who, object)).or_default() += 1;
    }

    /// A client's table counts one attach less.
    pub(crate) fn detached(&mut self, who: usize, object: ObjectId) {
        if let Some(count) = self.attached.get_mut(&(who, object)) {
            *count -= 1;
        }
        self.doubt_unattached();
    }

    /// A child has the counts of its parent.
    pub(crate) fn copied(&mut self, parent: usize, child: usize) {
        let counts: Vec<_> = self.attached.range((parent, ObjectId(0))..(parent + 1, ObjectId(0))).collect();
        let copies: Vec<_> =
            counts.into_iter().map(|((_, object), count)| ((child, *object), *count)).collect();
        self.attached.extend(copies);
    }

    /// An image has ended.
    pub(crate) fn died(&mut self, who: usize) {
        self.attached.retain(|(whose, _), _| *whose != who);
        self.doubt_unattached();
    }

    /// Attaches of an object by all images.
    fn attaches_of(&self, object: ObjectId) -> u64 {
        let of = self.attached.iter().filter(|((_, attached), _)| *attached == object);
        of.map(|(_, count)| u64::from(*count)).sum()
    }
}

/// Whether a call can change something, so that it must be done once.
fn can_change(call: &Call) -> bool {
    match call {
        Call::ShmGet { flags, .. } | Call::ShmGetDurable { flags, .. } => flags.contains(GetFlags::CREAT),
        Call::Open { flags, .. } => flags.intersects(OpenFlags::CREAT | OpenFlags::TRUNC),
        Call::Want(wanted) => wanted.flags.intersects(OpenFlags::CREAT | OpenFlags::TRUNC),
        Call::SemOpen { flags, .. } => flags.contains(OpenFlags::CREAT),
        Call::ShmAttach { .. }
        | Call::ShmSet { .. }
        | Call::ShmRemove { .. }
        | Call::ShmLock { .. }
        | Call::Unlink { .. }
        | Call::Rename { .. }
        | Call::Link { .. }
        | Call::SemPublish { .. }
        | Call::Reserve { .. }
        | Call::Settle { .. }
        | Call::Anonymous { .. }
        | Call::SetLimits { .. } => true,
        _ => false,
    }
}

impl Oracle {
    /// Nothing is to be done any more: what is stored stays so.
    pub(crate) fn settle(&mut self) {
        self.open = None;
    }

    /// Whether a stored answer may still become a refusal.
    pub(crate) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// What was decided last was not: its answer has become a refusal.
    fn take_back(&mut self, request: (usize, u64), response: Response) {
        let Some(before) = self.open.take_if(|open| open.request == request) else { return };
        let doubtful = std::mem::take(&mut self.rules.objects).into_iter().filter(|named| named.may_be_gone);
        let doubtful: Vec<_> = doubtful.map(|named| named.object).collect();
        (self.rules, self.charges, self.fresh) = (before.rules, before.charges, before.fresh);
        for named in &mut self.rules.objects {
            named.may_be_gone |= doubtful.contains(&named.object);
        }
        if let Some(pending) = self.pending.get_mut(&request) {
            pending.done = None;
            pending.last = Some(response);
            if let Request::Call(Call::SemPublish { ticket }) = pending.request {
                // It had one chance.
                self.fresh.retain(|fresh| !fresh.is(request.0, ticket));
            }
        }
    }
}

impl World {
    /// The journal says which file an object is.
    pub(crate) fn recorded(&mut self, object: ObjectId, number: i32) {
        let file = self.kernel.at(number).and_then(|description| self.kernel.file_of(description));
        let charge = self.oracle.charges.get_mut(&object).filter(|charge| charge.file.is_none());
        if let (Ok(file), Some(charge)) = (file, charge) {
            charge.file = Some(file);
        }
    }

    /// The journal has this answer to a request. While something is to be done for it, it is not certain.
    pub(crate) fn stored(&mut self, who: usize, sequence: u64, response: Response, is_open: bool) {
        let request = (who, sequence);
        let before = self.oracle.pending.get(&request).and_then(|pending| pending.done);
        if before.is_some() && matches!(response, Response::Refused(_)) {
            return self.oracle.take_back(request, response);
        }
        if is_open && before.is_none() && self.oracle.open.is_none() {
            let Oracle { rules, charges, fresh, .. } = &self.oracle;
            let (rules, charges, fresh) = (rules.clone(), charges.clone(), fresh.clone());
            self.decided(who, sequence, response, None);
            let done = self.oracle.pending.get(&request).and_then(|pending| pending.done);
            if done.is_some() {
                self.oracle.open = Some(Box::new(Before { request, rules, charges, fresh }));
            }
            return;
        }
        self.decided(who, sequence, response, None);
    }

    /// A program is about to send a request, perhaps once more.
    pub(crate) fn asked(&mut self, who: usize, sequence: u64, request: Request, shown: Option<ObjectId>) {
        let step = self.steps;
        let fresh = Pending { request, shown, step, done: None, last: None, accepted: None };
        self.oracle.pending.entry((who, sequence)).or_insert(fresh);
    }

    /// A program takes an answer for that of its request.
    pub(crate) fn accepted(&mut self, who: usize, sequence: u64, response: &Response) {
        self.oracle.accepted += 1;
        let Some(pending) = self.oracle.pending.get_mut(&(who, sequence)) else { return };
        pending.accepted = Some(*response);
        if let Some(done) = pending.done.filter(|done| done != response) {
            self.complain(format!(
                "program {who}, request {sequence}: it was done with {done:?} and answered {response:?}"
            ));
        }
    }

    /// The broker sends an answer to this end of a connection.
    pub(crate) fn answered(&mut self, to: EndId, bytes: &[u8], descriptions: &[DescId]) {
        let Some(&who) = self.sessions.get(&to) else { return };
        match decode_response(bytes) {
            Ok((sequence, response)) => {
                self.trace.say(|| format!("       answer to {who}: {sequence} {response:?}"));
                let files = descriptions.iter().map(|description| self.kernel.file_of(*description).ok());
                let files = files.collect();
                self.decided(who, sequence, response, Some(files));
            }
            Err(malformed) => self.complain(format!("the broker sends nonsense: {malformed}")),
        }
    }

    /// The broker has decided a request: by an answer that it sends, or by one that it has stored.
    pub(crate) fn decided(
        &mut self,
        who: usize,
        sequence: u64,
        response: Response,
        files: Option<Vec<Option<FileId>>>,
    ) {
        if matches!(response, Response::Welcome(_) | Response::Reconnect) || sequence == 0 {
            return;
        }
        if sequence >= super::actor::NONSENSE {
            return;
        }
        let Some(pending) = self.oracle.pending.get(&(who, sequence)).cloned() else {
            return self.complain(format!("program {who} never asked {sequence}, answered {response:?}"));
        };
        let Request::Call(call) = pending.request else { return };
        if let Some(files) = &files {
            self.learn_files(who, &call, &response, files);
        }
        // The same words can come of doing it once more, where it had changed nothing: then something is committed.
        let anew = pending.done.is_none() && files.is_some() && self.written > 0;
        if pending.last == Some(response) && !anew {
            // What was once decided so stays so, whatever has changed since.
            self.oracle.repeated += u64::from(files.is_some());
            return;
        }
        if pending.accepted.is_some() && (self.written == 0 || matches!(response, Response::Refused(_))) {
            // Nobody waits for it any more, and it changes nothing.
            return;
        }
        if let Some(done) = pending.done {
            let what =
                format!("program {who}, request {sequence} {call:?}: done with {done:?}, then {response:?}");
            return self.complain(what);
        }
        let asked = self.asked_by(who, &pending, files);
        match self.judge(&asked, &call, &response) {
            Ok(changes) => {
                if let (true, Some(accepted)) = (changes, pending.accepted) {
                    let what = "it was answered and then done otherwise";
                    self.complain(format!(
                        "program {who}, request {sequence}: {what}: {accepted:?}, {response:?}"
                    ));
                }
                if let Some(pending) = self.oracle.pending.get_mut(&(who, sequence)) {
                    pending.last = Some(response);
                    pending.done = (changes && can_change(&call)).then_some(response);
                }
            }
            Err(what) => {
                self.complain(format!("program {who}, request {sequence} {call:?}: {response:?}: {what}"))
            }
        }
    }

    fn asked_by(&self, who: usize, pending: &Pending, files: Option<Vec<Option<FileId>>>) -> Asked {
        let actor = &self.actors[who];
        let failures = self.refused.iter().filter(|(step, _)| *step >= pending.step);
        Asked {
            who,
            cred: cred_of(&self.kernel.peer(actor.pid)),
            lives: actor.has_memory(),
            shown: pending.shown,
            step: pending.step,
            failures: failures.map(|(_, errno)| *errno).collect(),
            files,
        }
    }

    /// A planned failure ended a call. Only a semaphore that was to be published goes with it.
    fn failed(&mut self, asked: &Asked, call: &Call) -> bool {
        match call {
            Call::SemPublish { ticket } => self.give_up_fresh(asked, *ticket),
            // It was made and goes again, as soon as nobody holds it.
            Call::Want(Wanted { size, .. }) | Call::Anonymous { size, .. } => {
                self.oracle.spoilt += size.pages().0;
                false
            }
            // It may be charged for some seconds all the same.
            Call::Reserve { size, .. } => {
                let charge = asked.shown.and_then(|object| self.oracle.charges.get_mut(&object));
                charge.into_iter().for_each(|charge| charge.high = charge.high.max(size.pages().0));
                false
            }
            _ => false,
        }
    }

    /// Whether an answer is right, and what is true after it.
    fn judge(&mut self, asked: &Asked, call: &Call, response: &Response) -> Verdict {
        let outcome = match response {
            Response::Reply(reply) => Ok(reply),
            // What a planned failure brings about is no rule's matter, and changes nothing.
            Response::Refused(refused) if asked.failures.contains(&refused.errno) => {
                return Ok(self.failed(asked, call));
            }
            Response::Refused(refused) => Err(refused.errno),
            _ => return Err("it is no answer to a call".to_owned()),
        };
        let doubtful = self.doubtful(asked, call);
        if doubtful.is_empty() {
            return self.judge_call(asked, call, outcome);
        }
        self.judge_in_doubt(asked, call, outcome, &doubtful)
    }

    fn judge_call(&mut self, asked: &Asked, call: &Call, outcome: Result<&Reply, Errno>) -> Verdict {
        match *call {
            Call::ShmGet { key, size, flags } => self.judge_get(asked, (key, size, flags), false, outcome),
            Call::ShmGetDurable { key, size, flags } => {
                self.judge_get(asked, (key, size, flags), true, outcome)
            }
            Call::ShmAttach { shmid, flags } => self.judge_attach(asked, shmid, flags, outcome),
            Call::ShmStat { shmid } => self.judge_stat(asked, shmid, outcome),
            Call::ShmSet { shmid, uid, mode, .. } => self.judge_set(asked, shmid, uid, mode, outcome),
            Call::ShmRemove { shmid } => self.judge_remove(asked, shmid, outcome),
            Call::ShmLock { shmid, lock, .. } => self.judge_lock(asked, shmid, lock, outcome),
            Call::Open { name, flags, mode } => self.judge_open(asked, (name, flags, mode), outcome),
            Call::Want(wanted) => self.judge_want(asked, &wanted, outcome),
            Call::Anonymous { size, .. } => self.judge_anonymous(asked, size, outcome),
            Call::Fetch { object, part } => self.judge_fetch(asked, object, part, outcome),
            Call::Unlink { name } => self.judge_unlink(asked, &name, outcome),
            Call::Rename { from, to, flags } => self.judge_rename(asked, (&from, &to), flags, outcome),
            Call::Link { from, to } => self.judge_link((&from, &to), outcome),
            Call::SemOpen { name, flags, mode } => self.judge_sem_open(asked, (name, flags, mode), outcome),
            Call::SemPublish { ticket } => self.judge_publish(asked, ticket, outcome),
            Call::Reserve { size, .. } => self.judge_reserve(asked, size, outcome),
            Call::SetLimits { change } => self.judge_limits(asked, &change, outcome),
            Call::Next { .. } => self.judge_row(outcome),
            Call::ShmStatIndex { .. } => Ok(false),
            _ => outcome.map(|_| false).map_err(|errno| format!("{} is not among its errnos", errno.name())),
        }
    }
}

/// Compares a refusal with what was expected.
fn refused(errno: Errno, expected: &[Errno]) -> Verdict {
    if expected.contains(&errno) {
        return Ok(false);
    }
    let expected: Vec<_> = expected.iter().map(|errno| errno.name()).collect();
    Err(format!("{} in place of {expected:?}", errno.name()))
}

/// A reply of another kind than the call has.
fn nonsense(reply: &Reply) -> Verdict {
    Err(format!("{reply:?} is no reply to it"))
}
