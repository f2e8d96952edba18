//! What must be true of lifetimes, anonymous memory and parts of objects.
//!
//! When exactly nobody holds an object any more, or its creator has ended, is the broker's to notice. An object that was
//! to live as long may be there or not from the moment at which it could be noticed, until everything rests.
//!
//! Owns: that doubt. Leaves to others: names and permission (`posix`, `rules`).

use super::posix::number_of;
use super::rules::{Named, READ, Rules, Segment, WRITE};
use super::{Asked, Oracle, Pending, Verdict, nonsense, refused};
use crate::sim::kernel::FileId;
use crate::sim::world::World;
use shmfs_abi::{ByteLen, Call, Errno, Lifetime, ObjectId, OpenFlags, Part, Pid, Reply, Wanted};
use shmfs_wire::Response;

type Outcome<'a> = Result<&'a Reply, Errno>;

/// The object that an answer gives.
fn given(response: Response) -> Option<ObjectId> {
    match response {
        Response::Reply(Reply::Opened { object } | Reply::Wanted { object, .. }) => Some(object),
        _ => None,
    }
}

impl Oracle {
    /// Every object whose number somebody can know.
    pub(crate) fn numbers(&self) -> Vec<ObjectId> {
        let segments = self.notes.values().filter_map(|note| note.object);
        self.charges.keys().copied().chain(segments).collect()
    }

    /// Those of durable objects.
    pub(crate) fn durable_numbers(&self) -> Vec<ObjectId> {
        let named = self.rules.objects.iter().filter(|named| named.lifetime == Lifetime::Durable);
        let segments = self.rules.segments.iter().filter(|segment| segment.durable);
        let segments = segments.filter_map(|segment| self.notes.get(&segment.id)?.object);
        named.map(|named| named.object).chain(segments).collect()
    }

    /// A process has ended: what was to live as long may go.
    pub(crate) fn process_ended(&mut self, pid: Pid) {
        for named in &mut self.rules.objects {
            named.may_be_gone |= named.lifetime == Lifetime::Process && named.creator == pid;
        }
    }

    /// An object has lost every name.
    pub(super) fn forget_named(&mut self, object: ObjectId) {
        self.rules.objects.retain(|named| named.object != object);
    }

    /// An answer that has changed something and gives this object.
    fn gives(pending: &Pending, object: ObjectId) -> bool {
        pending.accepted.is_none() && pending.done.and_then(given) == Some(object)
    }
}

impl World {
    /// An image ends. Where no pidfd was to be had, the broker takes its process for ended too.
    pub(crate) fn image_ended(&mut self, pid: Pid) {
        if !self.refused.is_empty() {
            self.oracle.process_ended(pid);
        }
    }

    /// The broker sees that nobody else holds a file: an object that lives as long as somebody does may go, unless a
    /// living program is still to be given it.
    pub(crate) fn seen_unused(&mut self, file: FileId) {
        let of_file = self.oracle.charges.iter().find(|(_, charge)| charge.file == Some(file));
        let Some((&object, _)) = of_file else { return };
        let promised = self
            .oracle
            .pending
            .iter()
            .any(|((who, _), pending)| self.actors[*who].has_memory() && Oracle::gives(pending, object));
        let named = self.oracle.rules.objects.iter_mut().find(|named| named.object == object);
        if let Some(named) = named.filter(|named| named.lifetime == Lifetime::LastUser && !promised) {
            named.may_be_gone = true;
        }
    }

    /// Objects that this call may find or not.
    pub(super) fn doubtful(&self, asked: &Asked, call: &Call) -> Vec<ObjectId> {
        let names = match call {
            Call::Open { name, .. } | Call::SemOpen { name, .. } | Call::Unlink { name } => {
                vec![number_of(name)]
            }
            Call::Want(wanted) => vec![number_of(&wanted.name)],
            Call::Rename { from, to, .. } | Call::Link { from, to } => vec![number_of(from), number_of(to)],
            Call::SemPublish { ticket } => {
                let fresh = self.oracle.fresh.iter().filter(|fresh| fresh.is(asked.who, *ticket));
                fresh.map(|fresh| fresh.name()).collect()
            }
            _ => Vec::new(),
        };
        let objects = self.oracle.rules.objects.iter().filter(|named| named.may_be_gone);
        let affected = objects.filter(|named| named.names.iter().any(|name| names.contains(name)));
        affected.map(|named| named.object).collect()
    }

    /// An answer is right if it is right with or without each of these.
    pub(super) fn judge_in_doubt(
        &mut self,
        asked: &Asked,
        call: &Call,
        outcome: Outcome<'_>,
        doubtful: &[ObjectId],
    ) -> Verdict {
        let oracle = &self.oracle;
        let before = (oracle.rules.clone(), oracle.charges.clone(), oracle.fresh.clone());
        let mut first = None;
        for gone in 0..1_u32 << doubtful.len() {
            let oracle = &mut self.oracle;
            (oracle.rules, oracle.charges, oracle.fresh) = before.clone();
            for (bit, object) in doubtful.iter().enumerate() {
                if gone >> bit & 1 == 1 {
                    oracle.forget_named(*object);
                }
            }
            let verdict = self.judge_call(asked, call, outcome);
            if verdict.is_ok() {
                return verdict;
            }
            first.get_or_insert(verdict);
        }
        first.unwrap_or(Ok(false))
    }

    pub(super) fn judge_want(&mut self, asked: &Asked, wanted: &Wanted, outcome: Outcome<'_>) -> Verdict {
        let &Wanted { name, flags, mode, size, lifetime, guarded } = wanted;
        if lifetime == Lifetime::Durable && !self.plan.durable {
            return outcome.map_or_else(|errno| refused(errno, &[Errno::EOPNOTSUPP]), nonsense);
        }
        let (free, pages, number) = (self.free(), size.pages().0, number_of(&name));
        let expected = self.oracle.rules.open(&asked.cred, number, flags);
        match (expected, outcome) {
            (Ok(None), Err(Errno::ENOSPC)) if pages > free.0 => Ok(false),
            (Err(expected), Err(errno)) => refused(errno, &[expected]),
            (Ok(_), Err(errno)) => refused(errno, &[]),
            (Ok(Some(at)), Ok(&Reply::Wanted { object, lifetime, created: false })) => {
                let known = self.oracle.rules.objects[at].lifetime;
                if known != lifetime {
                    return Err(format!("it lives {}", known.text()));
                }
                self.found(asked, at, object, flags.contains(OpenFlags::TRUNC))
            }
            (Ok(None), Ok(&Reply::Wanted { object, lifetime: given, created: true }))
                if given == lifetime =>
            {
                if pages > free.1 {
                    return Err(format!("at most {} pages are free", free.1));
                }
                self.enter_charge(asked, object, (pages, false))?;
                if let Some(charge) = self.oracle.charges.get_mut(&object) {
                    charge.durable = lifetime == Lifetime::Durable;
                }
                let ends = lifetime == Lifetime::Process && !asked.lives;
                let named = Named::new(object, number, mode, &asked.cred);
                self.oracle.rules.objects.push(Named { lifetime, guarded, may_be_gone: ends, ..named });
                Ok(true)
            }
            (Err(errno), Ok(_)) => Err(format!("{} was right", errno.name())),
            (_, Ok(other)) => nonsense(other),
        }
    }

    pub(super) fn judge_anonymous(&mut self, asked: &Asked, size: ByteLen, outcome: Outcome<'_>) -> Verdict {
        let (free, pages) = (self.free(), size.pages().0);
        match outcome {
            Ok(&Reply::Opened { object }) if pages <= free.1 => {
                self.enter_charge(asked, object, (pages, true))?;
                Ok(true)
            }
            Ok(Reply::Opened { .. }) => Err(format!("at most {} pages are free", free.1)),
            Ok(other) => nonsense(other),
            Err(Errno::ENOSPC) if pages > free.0 => Ok(false),
            Err(errno) => refused(errno, &[]),
        }
    }

    /// Whether an object can be had is known while it has a name or an id; who may have it, too.
    pub(super) fn judge_fetch(
        &mut self,
        asked: &Asked,
        object: ObjectId,
        part: Part,
        outcome: Outcome<'_>,
    ) -> Verdict {
        let rights = if part == Part::Read { READ } else { READ | WRITE };
        let named = self.oracle.rules.objects.iter().find(|named| named.object == object);
        let noted = self.oracle.notes.iter().find(|(_, note)| note.object == Some(object));
        let segment = noted.and_then(|(id, note)| {
            let segment = self.oracle.rules.segments.iter().find(|segment| segment.id == *id)?;
            Some((segment, note.may_be_gone))
        });
        let file = self.oracle.charges.get(&object).and_then(|charge| charge.file);
        let held = file.is_some_and(|file| self.is_held(file));
        // Whether it is there for certain; owner, mode, and whether it is durable and its log is there.
        let known = match (named, segment) {
            (Some(named), _) => {
                let durable = named.lifetime == Lifetime::Durable;
                Some((!named.may_be_gone || held, named.owner, named.mode, durable, true))
            }
            (None, Some((segment, may_be_gone))) => {
                let Segment { owner, mode, durable, removed, .. } = *segment;
                Some((!may_be_gone, owner, mode, durable, !removed))
            }
            (None, None) => None,
        };
        // Not before it is published, or given up by who died.
        let fresh = self.oracle.fresh.iter().find(|fresh| fresh.object == object);
        let fresh = fresh.map(|fresh| self.actors[fresh.who].has_memory());
        let certain = fresh.is_none() && known.map_or(held, |known| known.0);
        let allowed = known.map(|(_, owner, mode, ..)| Rules::file_allows(&asked.cred, owner, mode, rights));
        let durable = known.map(|known| known.3);
        match outcome {
            Ok(&Reply::Fetched { held: told, .. }) => {
                let there =
                    self.oracle.charges.contains_key(&object) || self.oracle.destroyed.contains(&object);
                if fresh == Some(true) || known.is_none() && !there {
                    return Err("nothing of this is known".to_owned());
                }
                if allowed == Some(false) {
                    return Err("EACCES was right".to_owned());
                }
                if part == Part::Undo && durable == Some(false) {
                    return Err("EINVAL was right".to_owned());
                }
                if held && !told {
                    return Err("it is held".to_owned());
                }
                Ok(false)
            }
            Ok(other) => nonsense(other),
            Err(Errno::ENOENT) if !certain => Ok(false),
            // Its log went with its name.
            Err(Errno::ENOENT) if part == Part::Undo && known.is_none_or(|known| !known.4) => Ok(false),
            Err(Errno::EACCES) if allowed != Some(true) => Ok(false),
            Err(Errno::EINVAL) if part == Part::Undo && durable != Some(true) => Ok(false),
            Err(errno) => refused(errno, &[]),
        }
    }
}
