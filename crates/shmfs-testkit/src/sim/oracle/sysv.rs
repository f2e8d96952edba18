//! What must be true of System V segments.
//!
//! A removed segment goes with its last attach. When that is exactly is the broker's to notice, so a segment that is
//! removed and without attaches may be there or not until everything rests.
//!
//! Owns: ids, slots, the doubt. Leaves to others: rules of permission (`rules`).

use super::rules::{READ, Segment, WRITE};
use super::{Asked, Verdict, nonsense, refused};
use crate::sim::kernel::FileId;
use crate::sim::world::World;
use shmfs_abi::{
    AttachFlags, ByteLen, Cred, Errno, GetFlags, Key, ObjectId, Pid, Reply, Shmid, Uid, sysv::SHM_DEST,
    sysv::SHM_LOCKED,
};

/// What the rules do not know of a segment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Note {
    /// Known from the first attach on.
    pub(super) object: Option<ObjectId>,
    pub(super) file: Option<FileId>,
    pub(super) cpid: Pid,
    pub(super) locked: bool,
    /// It was removed, and there was a moment without attaches.
    pub(super) may_be_gone: bool,
}

type Outcome<'a> = Result<&'a Reply, Errno>;

impl super::Oracle {
    /// Removed segments without attaches may be gone from here on.
    pub(super) fn doubt_unattached(&mut self) {
        for segment in self.rules.segments.iter().filter(|segment| segment.removed) {
            let Some(note) = self.notes.get(&segment.id) else { continue };
            let attached = note.object.map_or(0, |object| self.attaches_of(object));
            if attached == 0
                && let Some(note) = self.notes.get_mut(&segment.id)
            {
                note.may_be_gone = true;
            }
        }
    }

    pub(super) fn segment(&self, shmid: Shmid) -> Option<(usize, Note)> {
        let at = self.rules.segments.iter().position(|segment| segment.id == shmid)?;
        Some((at, *self.notes.get(&shmid)?))
    }

    /// The segment is gone.
    pub(super) fn forget_segment(&mut self, shmid: Shmid) {
        let Some((at, note)) = self.segment(shmid) else { return };
        let gone = self.rules.segments.swap_remove(at);
        self.notes.remove(&shmid);
        self.lingering.push((note.file, gone.pages));
        self.destroyed.extend(note.object);
    }

    /// The segment that an id leads to, when the caller may use it so; else the errno that is right. `EINVAL` says
    /// that a doubtful one is gone.
    fn reach(
        &mut self,
        shmid: Shmid,
        outcome: Outcome<'_>,
        expected: impl Fn(&Segment) -> Option<Errno>,
    ) -> Result<Option<usize>, String> {
        let Some((at, note)) = self.segment(shmid) else {
            return match outcome {
                Ok(reply) => Err(format!("the segment is gone, and {reply:?}")),
                Err(errno) => refused(errno, &[Errno::EINVAL]).map(|_| None),
            };
        };
        match (expected(&self.rules.segments[at]), outcome) {
            (_, Err(Errno::EINVAL)) if note.may_be_gone => {
                self.forget_segment(shmid);
                Ok(None)
            }
            (Some(errno), Ok(_)) => Err(format!("{} was right", errno.name())),
            (Some(errno), Err(got)) => refused(got, &[errno]).map(|_| None),
            (None, Err(errno)) => refused(errno, &[]).map(|_| None),
            (None, Ok(_)) => Ok(Some(at)),
        }
    }
}

impl World {
    pub(super) fn judge_get(
        &mut self,
        asked: &Asked,
        (key, size, flags): (Key, ByteLen, GetFlags),
        durable: bool,
        outcome: Outcome<'_>,
    ) -> Verdict {
        if durable && !self.plan.durable {
            return outcome.map_or_else(|errno| refused(errno, &[Errno::EOPNOTSUPP]), nonsense);
        }
        let free = self.free();
        let pages = size.pages().0;
        let expect = |free| self.oracle.rules.get(&asked.cred, (key.0, pages, flags), free);
        let (roomy, tight) = (expect(free.1), expect(free.0));
        match outcome {
            Ok(&Reply::Shmid(id)) if roomy == Ok(Some(id)) || tight == Ok(Some(id)) => Ok(false),
            Ok(&Reply::Shmid(id)) if roomy == Ok(None) => {
                if self.oracle.certain_segments() >= self.oracle.shmmni {
                    return Err("there are SHMMNI segments".to_owned());
                }
                self.enter_segment(&asked.cred, id, (key, pages, flags), durable)
            }
            Ok(Reply::Shmid(_)) => Err(format!("{roomy:?} was right")),
            Ok(other) => nonsense(other),
            Err(errno) => {
                let mut expected: Vec<_> = [roomy, tight].into_iter().filter_map(Result::err).collect();
                if (roomy == Ok(None)) && self.oracle.rules.segments.len() >= self.oracle.shmmni {
                    expected.push(Errno::ENOSPC);
                }
                refused(errno, &expected)
            }
        }
    }

    fn enter_segment(
        &mut self,
        cred: &Cred,
        id: Shmid,
        (key, pages, flags): (Key, u64, GetFlags),
        durable: bool,
    ) -> Verdict {
        let in_slot: Vec<_> = self
            .oracle
            .rules
            .segments
            .iter()
            .map(|segment| segment.id)
            .filter(|known| known.slot() == id.slot())
            .collect();
        for former in in_slot {
            match self.oracle.segment(former) {
                Some((_, note)) if note.may_be_gone => self.oracle.forget_segment(former),
                _ => return Err(format!("the slot is that of {}", former.0)),
            }
        }
        if self.oracle.ids.contains(&id) {
            return Err("the id was given before".to_owned());
        }
        let (mode, owner, creator) = (flags.mode(), cred.uid.0, cred.uid.0);
        let segment = Segment { id, key: key.0, pages, mode, owner, creator, removed: false, durable };
        self.oracle.rules.segments.push(segment);
        let note = Note { object: None, file: None, cpid: cred.pid, locked: false, may_be_gone: false };
        self.oracle.notes.insert(id, note);
        self.oracle.ids.push(id);
        Ok(true)
    }

    pub(super) fn judge_attach(
        &mut self,
        asked: &Asked,
        shmid: Shmid,
        flags: AttachFlags,
        outcome: Outcome<'_>,
    ) -> Verdict {
        let rights = if flags.contains(AttachFlags::RDONLY) { READ } else { READ | WRITE };
        let reached =
            self.oracle.reach(shmid, outcome, |segment| segment.access_errno(&asked.cred, rights))?;
        let (Some(at), Ok(reply)) = (reached, outcome) else { return Ok(false) };
        let &Reply::Attached { slot, object, size } = reply else { return nonsense(reply) };
        let pages = self.oracle.rules.segments[at].pages;
        if Some(slot) != shmid.slot() || size.pages().0 != pages {
            return Err(format!("it has {pages} pages"));
        }
        let taken = self.oracle.notes.iter().any(|(id, note)| *id != shmid && note.object == Some(object));
        let Some(note) = self.oracle.notes.get_mut(&shmid) else { return Ok(true) };
        if taken || note.object.is_some_and(|known| known != object) {
            return Err(format!("its object is {:?}", note.object));
        }
        note.object = Some(object);
        if let Some(files) = &asked.files {
            check_file(&mut note.file, files)?;
        }
        if asked.lives {
            note.may_be_gone = false;
            self.oracle.attached(asked.who, object);
        }
        Ok(true)
    }

    pub(super) fn judge_stat(&mut self, asked: &Asked, shmid: Shmid, outcome: Outcome<'_>) -> Verdict {
        let reached = self.oracle.reach(shmid, outcome, |segment| segment.access_errno(&asked.cred, READ))?;
        let (Some(at), Ok(reply)) = (reached, outcome) else { return Ok(false) };
        let Reply::Stat { stat, .. } = reply else { return nonsense(reply) };
        let segment = &self.oracle.rules.segments[at];
        let Some(note) = self.oracle.notes.get(&shmid) else { return Ok(false) };
        let marks = if segment.removed { SHM_DEST } else { 0 } | if note.locked { SHM_LOCKED } else { 0 };
        let key = if segment.removed { 0 } else { segment.key };
        let expected = (segment.mode | marks, segment.owner, segment.creator, key, segment.pages, note.cpid);
        let got =
            (stat.perm.mode, stat.perm.uid.0, stat.perm.cuid.0, stat.key.0, stat.size.pages().0, stat.cpid);
        if expected == got { Ok(false) } else { Err(format!("{expected:?} was right")) }
    }

    pub(super) fn judge_set(
        &mut self,
        asked: &Asked,
        shmid: Shmid,
        uid: Uid,
        mode: u32,
        outcome: Outcome<'_>,
    ) -> Verdict {
        let Some(at) = self.reach_to_control(asked, shmid, outcome)? else { return Ok(false) };
        let segment = &mut self.oracle.rules.segments[at];
        (segment.owner, segment.mode) = (uid.0, mode & 0o777);
        Ok(true)
    }

    pub(super) fn judge_remove(&mut self, asked: &Asked, shmid: Shmid, outcome: Outcome<'_>) -> Verdict {
        let Some(at) = self.reach_to_control(asked, shmid, outcome)? else { return Ok(false) };
        self.oracle.rules.segments[at].removed = true;
        // The broker may have counted before a copy of a program did.
        if let Some(note) = self.oracle.notes.get_mut(&shmid) {
            let late = note.object.and_then(|object| self.oracle.late.get(&object));
            note.may_be_gone |= late.is_some_and(|step| *step >= asked.step);
        }
        self.oracle.doubt_unattached();
        Ok(true)
    }

    pub(super) fn judge_lock(
        &mut self,
        asked: &Asked,
        shmid: Shmid,
        lock: bool,
        outcome: Outcome<'_>,
    ) -> Verdict {
        if self.reach_to_control(asked, shmid, outcome)?.is_none() {
            return Ok(false);
        }
        let Some(note) = self.oracle.notes.get_mut(&shmid) else { return Ok(false) };
        let changes = note.locked != lock;
        note.locked = lock;
        Ok(changes)
    }

    fn reach_to_control(
        &mut self,
        asked: &Asked,
        shmid: Shmid,
        outcome: Outcome<'_>,
    ) -> Result<Option<usize>, String> {
        let reached = self.oracle.reach(shmid, outcome, |segment| segment.control_errno(&asked.cred))?;
        match outcome {
            Ok(reply) if *reply != Reply::Done => Err(format!("{reply:?} is no reply to it")),
            _ => Ok(reached),
        }
    }

    /// A row of a listing leads to something that exists.
    pub(super) fn judge_row(&mut self, outcome: Outcome<'_>) -> Verdict {
        let row = match outcome {
            Ok(Reply::Row(row)) => row,
            Ok(Reply::End) => return Ok(false),
            Ok(other) => return nonsense(other),
            Err(errno) => return refused(errno, &[]),
        };
        let known = match row.shmid {
            Some(shmid) => self.oracle.segment(shmid).is_some(),
            None => row.removed || self.oracle.charges.contains_key(&row.object),
        };
        if known { Ok(false) } else { Err("nothing of this is known".to_owned()) }
    }
}

impl super::Oracle {
    /// Segments that are there in any case.
    fn certain_segments(&self) -> usize {
        self.notes.values().filter(|note| !note.may_be_gone).count()
    }
}

/// Compares the file that goes along with the one that is known.
pub(super) fn check_file(known: &mut Option<FileId>, files: &[Option<FileId>]) -> Result<(), String> {
    let Some(file) = files.first().copied().flatten() else {
        return Err("no file goes along".to_owned());
    };
    if *known.get_or_insert(file) == file { Ok(()) } else { Err("another's file goes along".to_owned()) }
}
