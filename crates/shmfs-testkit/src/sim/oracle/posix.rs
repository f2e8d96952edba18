//! What must be true of POSIX objects, semaphores and their names.
//!
//! Owns: names, unpublished semaphores. Leaves to others: costs (`charge`), rules of permission (`rules`).

use super::rules::Named;
use super::sysv::check_file;
use super::{Asked, Verdict, charge::Charge, nonsense, refused};
use crate::sim::kernel::FileId;
use crate::sim::world::World;
use shmfs_abi::{Call, Errno, Lifetime, Name, ObjectId, OpenFlags, Part, Reply, Ticket};
use shmfs_wire::Response;

type Outcome<'a> = Result<&'a Reply, Errno>;

/// A semaphore that is not published.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fresh {
    pub(super) who: usize,
    ticket: Ticket,
    pub(super) object: ObjectId,
    name: u8,
    mode: u32,
}

impl Fresh {
    pub(super) fn is(&self, who: usize, ticket: Ticket) -> bool {
        (self.who, self.ticket) == (who, ticket)
    }

    pub(super) fn name(&self) -> u8 {
        self.name
    }
}

/// The number of a name.
pub(super) fn number_of(name: &Name) -> u8 {
    name.as_bytes().last().map_or(0, |letter| letter - b'a')
}

impl World {
    /// Remembers which file an object is.
    pub(super) fn learn_files(
        &mut self,
        who: usize,
        call: &Call,
        response: &Response,
        files: &[Option<FileId>],
    ) {
        let object = match (response, call) {
            (Response::Reply(Reply::Opened { object } | Reply::Fresh { object, .. }), _)
            | (Response::Reply(Reply::Wanted { object, .. } | Reply::Attached { object, .. }), _) => object,
            (Response::Reply(Reply::Fetched { .. }), Call::Fetch { object, part }) if *part != Part::Undo => {
                object
            }
            _ => return,
        };
        let note = self.oracle.notes.values_mut().find(|note| note.object == Some(*object));
        if let Some(Err(what)) = note.map(|note| check_file(&mut note.file, files)) {
            self.complain(format!("program {who}, {response:?}: {what}"));
        }
        let charge = self.oracle.charges.get_mut(object);
        if let Some(Err(what)) = charge.map(|charge| check_file(&mut charge.file, files)) {
            self.complain(format!("program {who}, {response:?}: {what}"));
        }
    }

    pub(super) fn enter_charge(
        &mut self,
        asked: &Asked,
        object: ObjectId,
        (pages, anonymous): (u64, bool),
    ) -> Result<(), String> {
        let mut charge = Charge { file: None, low: pages, high: pages, anonymous, durable: false };
        if let Some(files) = &asked.files {
            check_file(&mut charge.file, files)?;
        }
        match self.oracle.charges.insert(object, charge) {
            None => Ok(()),
            Some(_) => Err("the object was there before".to_owned()),
        }
    }

    pub(super) fn judge_open(
        &mut self,
        asked: &Asked,
        (name, flags, mode): (Name, OpenFlags, u32),
        outcome: Outcome<'_>,
    ) -> Verdict {
        let number = number_of(&name);
        let expected = self.oracle.rules.open(&asked.cred, number, flags);
        match (expected, outcome) {
            (Err(expected), Err(errno)) => refused(errno, &[expected]),
            (Ok(_), Err(errno)) => refused(errno, &[]),
            (Ok(found), Ok(&Reply::Opened { object })) => match found {
                Some(at) => self.found(asked, at, object, flags.contains(OpenFlags::TRUNC)),
                None => {
                    self.enter_charge(asked, object, (0, false))?;
                    self.oracle.rules.objects.push(Named::new(object, number, mode, &asked.cred));
                    Ok(true)
                }
            },
            (Err(errno), Ok(_)) => Err(format!("{} was right", errno.name())),
            (_, Ok(other)) => nonsense(other),
        }
    }

    pub(super) fn found(&mut self, asked: &Asked, at: usize, object: ObjectId, cuts: bool) -> Verdict {
        let known = &mut self.oracle.rules.objects[at];
        if known.object != object {
            return Err(format!("the name is that of object {}", known.object.0));
        }
        // Who has found it holds it.
        known.may_be_gone &= known.lifetime != Lifetime::LastUser;
        if cuts {
            self.check_cut(asked, object)?;
            if let Some(charge) = self.oracle.charges.get_mut(&object) {
                charge.low = 0;
            }
        }
        Ok(cuts)
    }

    pub(super) fn judge_unlink(&mut self, asked: &Asked, name: &Name, outcome: Outcome<'_>) -> Verdict {
        let number = number_of(name);
        let found = self.oracle.rules.named(number);
        let expected = match found {
            None => Some(Errno::ENOENT),
            Some(at) => (!self.oracle.rules.may_delete(at, &asked.cred)).then_some(Errno::EPERM),
        };
        match (expected, outcome, found) {
            (None, Ok(Reply::Done), Some(at)) => {
                self.oracle.rules.take_name(at, number);
                Ok(true)
            }
            (Some(errno), Ok(_), _) => Err(format!("{} was right", errno.name())),
            (expected, Err(errno), _) => refused(errno, &Vec::from_iter(expected)),
            (_, Ok(other), _) => nonsense(other),
        }
    }

    pub(super) fn judge_rename(
        &mut self,
        asked: &Asked,
        (from, to): (&Name, &Name),
        flags: u32,
        outcome: Outcome<'_>,
    ) -> Verdict {
        let rules = &mut self.oracle.rules;
        let (from, to) = (number_of(from), number_of(to));
        let (old, new) = (rules.named(from), rules.named(to));
        let may = |at| rules.may_delete(at, &asked.cred);
        let expected = match (flags, old, new) {
            (3, ..) => Some(Errno::EINVAL),
            (_, None, _) => Some(Errno::ENOENT),
            (1, _, Some(_)) => Some(Errno::EEXIST),
            (2, _, None) => Some(Errno::ENOENT),
            (_, Some(old), Some(new)) if old == new => None,
            (_, Some(old), new) => (!may(old) || new.is_some_and(|new| !may(new))).then_some(Errno::EPERM),
        };
        let old = match (expected, outcome, old) {
            (None, Ok(Reply::Done), Some(old)) => old,
            (Some(errno), Ok(_), _) => return Err(format!("{} was right", errno.name())),
            (expected, Err(errno), _) => return refused(errno, &Vec::from_iter(expected)),
            (_, Ok(other), _) => return nonsense(other),
        };
        if Some(old) == new {
            return Ok(false);
        }
        let swap =
            |names: &mut Vec<u8>, from, to| names.iter_mut().filter(|n| **n == from).for_each(|n| *n = to);
        swap(&mut rules.objects[old].names, from, to);
        match (new, flags) {
            (Some(new), 2) => swap(&mut rules.objects[new].names, to, from),
            (Some(new), _) => rules.take_name(new, to),
            (None, _) => {}
        }
        Ok(true)
    }

    pub(super) fn judge_link(&mut self, (from, to): (&Name, &Name), outcome: Outcome<'_>) -> Verdict {
        let rules = &mut self.oracle.rules;
        let (from, to) = (number_of(from), number_of(to));
        let durable = |at: usize| rules.objects[at].lifetime == Lifetime::Durable;
        let expected = match (rules.named(from), rules.named(to)) {
            (None, _) => Err(Errno::ENOENT),
            (_, Some(_)) => Err(Errno::EEXIST),
            (Some(at), None) if durable(at) => Err(Errno::EPERM),
            (Some(at), None) => Ok(at),
        };
        match (expected, outcome) {
            (Ok(at), Ok(Reply::Done)) => {
                rules.objects[at].names.push(to);
                Ok(true)
            }
            (Err(errno), Ok(_)) => Err(format!("{} was right", errno.name())),
            (expected, Err(errno)) => refused(errno, &Vec::from_iter(expected.err())),
            (_, Ok(other)) => nonsense(other),
        }
    }

    pub(super) fn judge_sem_open(
        &mut self,
        asked: &Asked,
        (name, flags, mode): (Name, OpenFlags, u32),
        outcome: Outcome<'_>,
    ) -> Verdict {
        let number = number_of(&name);
        let free = self.free();
        let expected = self.oracle.rules.open(&asked.cred, number, flags);
        match (expected, outcome) {
            (Ok(None), Err(Errno::ENOSPC)) if free.0 == 0 => Ok(false),
            (Err(expected), Err(errno)) => refused(errno, &[expected]),
            (Ok(_), Err(errno)) => refused(errno, &[]),
            (Ok(Some(at)), Ok(&Reply::Opened { object })) => self.found(asked, at, object, false),
            (Ok(None), Ok(&Reply::Fresh { object, ticket })) => {
                if free.1 == 0 {
                    return Err("no page is free".to_owned());
                }
                self.enter_charge(asked, object, (1, false))?;
                self.oracle.fresh.push(Fresh { who: asked.who, ticket, object, name: number, mode });
                Ok(true)
            }
            (Err(errno), Ok(_)) => Err(format!("{} was right", errno.name())),
            (_, Ok(other)) => nonsense(other),
        }
    }

    /// The semaphore will never be published; says whether it was to be.
    pub(super) fn give_up_fresh(&mut self, asked: &Asked, ticket: Ticket) -> bool {
        let at = self.oracle.fresh.iter().position(|fresh| fresh.is(asked.who, ticket));
        at.map(|at| self.oracle.fresh.swap_remove(at)).is_some()
    }

    pub(super) fn judge_publish(&mut self, asked: &Asked, ticket: Ticket, outcome: Outcome<'_>) -> Verdict {
        let Some(at) = self.oracle.fresh.iter().position(|fresh| fresh.is(asked.who, ticket)) else {
            return outcome.map_or_else(|errno| refused(errno, &[Errno::EINVAL]), nonsense);
        };
        let Fresh { object, name, mode, .. } = self.oracle.fresh[at];
        let taken = self.oracle.rules.named(name).is_some();
        match outcome {
            Ok(Reply::Done) if !taken => {
                self.oracle.fresh.swap_remove(at);
                self.oracle.rules.objects.push(Named::new(object, name, mode, &asked.cred));
                Ok(true)
            }
            Ok(Reply::Done) => Err("EEXIST was right".to_owned()),
            Ok(other) => nonsense(other),
            Err(Errno::EEXIST) if taken => {
                self.oracle.fresh.swap_remove(at);
                Ok(true)
            }
            Err(errno) => refused(errno, &[]),
        }
    }
}
