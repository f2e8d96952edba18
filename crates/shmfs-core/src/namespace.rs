//! The namespace: where the doors meet.
//!
//! [`Namespace::call`] answers a process, [`Namespace::settle`] hears how an effect went that could fail, and
//! [`Namespace::observe`] hears what happened outside.
//!
//! Owns: the state of a store, tickets, the numbers of objects.
//! Leaves to others: the rules of each door (`doors`), carrying out effects (the broker).

use crate::account::Account;
use crate::answer::{Answer, Effect, Event, Facts};
use crate::doors::posix::{self, Opened};
use crate::doors::sysv::{Asked, Got, Removed, Segments};
use crate::ids::Counter;
use crate::mount::Mount;
use crate::object::{Object, Objects, Place};
use shmfs_abi::{
    Backing, ByteLen, Call, Created, Cred, Errno, Gid, Kind, Lifetime, LimitsChange, ObjectId, OpenFlags,
    ProcFile, Reply, Result, ShmLimits, Slot, Ticket, Time, Uid, Wanted, limits, refuse,
};
use std::collections::BTreeMap;

/// What a namespace is to be.
#[derive(Clone, Debug)]
pub struct Config {
    /// The limit of both doors together, in bytes.
    pub size: ByteLen,
    /// Whether pages in memory are charged in place of sizes.
    pub sparse: bool,
    /// Whether every page is made when its size is charged.
    pub reserve: bool,
    /// The limits of System V segments.
    pub limits: ShmLimits,
    /// What stands behind the POSIX door.
    pub posix: Backing,
    /// Whether there can be durable objects.
    pub durable: bool,
    /// fs.protected_regular of the host.
    pub protected_regular: u8,
    /// fs.protected_hardlinks of the host.
    pub protected_hardlinks: bool,
    /// Who owns the root directory of the mount `shm`.
    pub owner: (Uid, Gid),
    /// When the store began.
    pub boot: Time,
}

/// What waits for its ticket to be settled.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Pending {
    /// A segment whose backing is being made.
    Segment(Slot),
    /// An object whose backing is being made.
    Object(ObjectId),
    /// An object whose backing is being given its name.
    Name(ObjectId),
    /// Anonymous memory whose backing is being made.
    Anonymous(ObjectId),
    /// A semaphore whose backing is being made.
    Fresh(ObjectId),
    /// A semaphore whose creator is to publish it.
    Unpublished(ObjectId),
    /// A segment whose pages are being locked, or unlocked.
    Lock(Slot, bool),
}

/// One store: all objects, and the doors to them.
#[derive(Clone, Debug)]
pub struct Namespace {
    pub(crate) objects: Objects,
    pub(crate) segments: Segments,
    pub(crate) mount: Mount,
    pub(crate) pending: BTreeMap<Ticket, Pending>,
    pub(crate) created: Created,
    pub(crate) posix: Backing,
    pub(crate) durable: bool,
    pub(crate) reserve: bool,
    pub(crate) numbers: Counter,
    pub(crate) tickets: Counter,
}

impl Namespace {
    /// An empty store.
    pub fn new(config: Config) -> Namespace {
        Namespace {
            objects: Objects::new(
                Account::new(config.size),
                config.sparse,
                config.posix == Backing::TmpfsFile,
            ),
            segments: Segments::new(config.limits),
            mount: Mount::new(
                config.owner,
                (config.protected_regular, config.protected_hardlinks),
                config.boot,
            ),
            pending: BTreeMap::new(),
            created: Created::default(),
            posix: config.posix,
            durable: config.durable,
            reserve: config.reserve,
            numbers: Counter::default(),
            tickets: Counter::default(),
        }
    }

    /// Answers one call.
    ///
    /// # Errors
    /// The refusal that Linux would give, in Linux's order; and `ENOSPC` where the store is full.
    pub fn call(&mut self, caller: &Cred, call: Call, now: Time) -> Result<Answer> {
        match call {
            Call::ShmGet { key, size, flags } => {
                self.shmget(caller, Asked { key, size, flags, durable: false }, now)
            }
            Call::ShmGetDurable { key, size, flags } => {
                self.may_outlive()?;
                self.shmget(caller, Asked { key, size, flags, durable: true }, now)
            }
            Call::ShmAttach { shmid, flags } => self.shmat(caller, shmid, flags, now),
            // The count that came before the call has done what there was to do.
            Call::ShmDetached { .. } => Ok(Answer::done()),
            Call::ShmStat { shmid } => {
                let stat = self.segments.stat(&self.objects, caller, shmid)?;
                Ok(Answer::new(Reply::Stat { shmid, stat }, Vec::new()))
            }
            Call::ShmStatIndex { index, any } => {
                let (shmid, stat) = self.segments.stat_index(&self.objects, caller, index, any)?;
                Ok(Answer::new(Reply::Stat { shmid, stat }, Vec::new()))
            }
            Call::ShmSet { shmid, uid, gid, mode } => {
                let (object, mode) = self.segments.set(caller, shmid, (uid, gid, mode), now)?;
                self.objects.change(object, |found| {
                    (found.inode.uid, found.inode.gid, found.inode.mode) = (uid, gid, mode);
                });
                Ok(Answer::new(Reply::Done, vec![Effect::Own { object, uid, gid, mode }]))
            }
            Call::ShmRemove { shmid } => {
                let effect = match self.segments.remove(caller, shmid)? {
                    Removed::Destroyed(object) => self.release(object),
                    Removed::Marked(object, slot) => Effect::Mark { object, slot },
                };
                Ok(Answer::new(Reply::Done, vec![effect]))
            }
            Call::ShmInfo => {
                let usage = self.segments.usage(&self.objects);
                let (limits, highest) = (self.segments.limits, self.segments.highest());
                Ok(Answer::new(Reply::ShmInfo { limits, usage, highest }, Vec::new()))
            }
            Call::Open { name, flags, mode } => self.open(caller, (name, flags, mode), now),
            Call::Want(wanted) => self.want(caller, &wanted, now),
            Call::Anonymous { label, size } => self.anonymous(caller, (label, size), now),
            Call::Fetch { object, part } => self.fetch(caller, object, part),
            Call::SemOpen { name, flags, mode } => self.sem_open(caller, (name, flags, mode), now),
            Call::SemPublish { ticket } => self.sem_publish(ticket),
            Call::Unlink { name } => {
                let object = posix::unlink(&mut self.mount, &mut self.objects, caller, &name)?;
                let mut effects = vec![Effect::Unlink { object, name }];
                effects.extend(self.is_released(object).then_some(Effect::Release { object }));
                Ok(Answer::new(Reply::Done, effects))
            }
            Call::Rename { from, to, flags } => self.rename(caller, (from, to), flags),
            Call::Link { from, to } => {
                let object = posix::link(&mut self.mount, &mut self.objects, caller, (&from, &to))?;
                Ok(Answer::new(Reply::Done, vec![Effect::LinkName { object, from, to }]))
            }
            Call::ShmLock { shmid, lock, allowance } => {
                let found = self.segments.lock(caller, shmid, lock, allowance)?;
                let effect = found.map(|(object, slot)| {
                    let ticket = Ticket(self.tickets.next());
                    self.pending.insert(ticket, Pending::Lock(slot, lock));
                    Effect::Lock { ticket, object, lock }
                });
                Ok(Answer::new(Reply::Done, effect.into_iter().collect()))
            }
            Call::SetLimits { change } => self.set_limits(caller, &change),
            Call::Replace => {
                if !self.is_administrator(caller) {
                    return refuse(Errno::EPERM, "only the store's owner and root may replace its broker");
                }
                Ok(Answer::done())
            }
            Call::Mount { .. } => self.may_open(caller, Reply::Done),
            Call::Tree => self.may_open(caller, Reply::Tree),
            Call::Reserve { object, size } => self.reserve(object, size, now),
            Call::Settle { object } => {
                self.objects.settle(object);
                Ok(Answer::done())
            }
            Call::ProcText { file } => Ok(Answer::new(Reply::Text, vec![Effect::Text(self.text(file))])),
            Call::ProcWrite { file } => {
                if file == ProcFile::SysvipcShm || !self.is_administrator(caller) {
                    return refuse(Errno::EACCES, "only the store's owner and root may write limits");
                }
                Ok(Answer::new(Reply::Text, vec![Effect::Hear { file }]))
            }
            Call::Next { after } => Ok(Answer::new(self.next_row(after), Vec::new())),
            Call::Usage => Ok(Answer::new(self.usage(), Vec::new())),
        }
    }

    fn shmget(&mut self, caller: &Cred, asked: Asked, now: Time) -> Result<Answer> {
        let (new, ticket) = self.upcoming();
        let admitted = match self.segments.get(&mut self.objects, new, caller, asked, now)? {
            Got::Found(shmid) => return Ok(Answer::new(Reply::Shmid(shmid), Vec::new())),
            Got::Created(admitted) => admitted,
        };
        let pending = Pending::Segment(admitted.slot);
        let make = self.make((new, ticket), pending, admitted.backing, admitted.huge_log2);
        Ok(Answer::new(Reply::Shmid(admitted.shmid), vec![make]))
    }

    fn shmat(
        &mut self,
        caller: &Cred,
        shmid: shmfs_abi::Shmid,
        flags: shmfs_abi::AttachFlags,
        now: Time,
    ) -> Result<Answer> {
        let (slot, object, removed) = self.segments.attach(caller, shmid, flags, now)?;
        // What is mapped: whole huge pages, where the segment has those.
        let size = self.objects.get(object).size;
        let writes = !flags.contains(shmfs_abi::AttachFlags::RDONLY);
        let given = if writes { OpenFlags::RDWR } else { OpenFlags::empty() };
        let effects =
            vec![Effect::Give { object, flags: given }, Effect::Introduce { object, slot, removed }];
        Ok(Answer::new(Reply::Attached { slot, object, size }, effects))
    }

    fn open(&mut self, caller: &Cred, asked: (shmfs_abi::Name, OpenFlags, u32), now: Time) -> Result<Answer> {
        let (name, flags, mode) = asked;
        let (size, lifetime) = (ByteLen(0), Lifetime::UntilRemoved);
        let wanted = Wanted { name, flags, mode, size, lifetime, guarded: false };
        let (object, _, effects) = self.open_or_create(caller, &wanted, now)?;
        Ok(Answer::new(Reply::Opened { object }, effects))
    }

    fn sem_open(
        &mut self,
        caller: &Cred,
        asked: (shmfs_abi::Name, OpenFlags, u32),
        now: Time,
    ) -> Result<Answer> {
        let new = self.upcoming();
        let opened = posix::sem_open(&self.mount, &mut self.objects, new, caller, asked, now)?;
        let give = |object| Effect::Give { object, flags: OpenFlags::RDWR };
        match opened {
            Opened::Found { object, .. } => Ok(Answer::new(Reply::Opened { object }, vec![give(object)])),
            Opened::Created { object, pending } => {
                let make = self.make(new, pending, self.posix, 0);
                Ok(Answer::new(Reply::Fresh { object, ticket: new.1 }, vec![make, give(object)]))
            }
        }
    }

    fn rename(
        &mut self,
        caller: &Cred,
        (from, to): (shmfs_abi::Name, shmfs_abi::Name),
        flags: u32,
    ) -> Result<Answer> {
        let renamed = posix::rename(&mut self.mount, &mut self.objects, caller, (&from, &to), flags)?;
        if renamed.same {
            return Ok(Answer::done());
        }
        let object = renamed.object;
        let replaced = renamed.replaced.map(|(replaced, _)| replaced);
        let mut effects = vec![Effect::Rename { object, from, to, flags, replaced }];
        if let Some((object, true)) = renamed.replaced {
            effects.push(Effect::Release { object });
        }
        Ok(Answer::new(Reply::Done, effects))
    }

    fn set_limits(&mut self, caller: &Cred, change: &LimitsChange) -> Result<Answer> {
        if !self.is_administrator(caller) {
            return refuse(Errno::EPERM, "only the store's owner and root may change its limits");
        }
        Segments::check_limits(change)?;
        let mut effects = Vec::new();
        if let Some(size) = change.size {
            self.objects.account.resize(ByteLen(size))?;
            effects.push(Effect::Resize { size: ByteLen(size) });
        }
        let destroyed = self.segments.set_limits(change);
        effects.extend(self.destroy(destroyed));
        if change.rmid_forced.is_some() {
            let marked = self.segments.to_mark().into_iter();
            effects.extend(marked.map(|(slot, object)| Effect::Mark { object, slot }));
        }
        Ok(Answer::new(Reply::Done, effects))
    }

    /// Whether the tree of a store's files may be given to other programs.
    fn may_open(&self, caller: &Cred, reply: Reply) -> Result<Answer> {
        if !self.is_administrator(caller) {
            return refuse(Errno::EPERM, "only the store's owner and root may mount it");
        }
        if self.posix != Backing::TmpfsFile {
            return refuse(Errno::EOPNOTSUPP, "the store has no tmpfs of its own: its objects are memfds");
        }
        Ok(Answer::new(reply, Vec::new()))
    }

    fn is_administrator(&self, caller: &Cred) -> bool {
        caller.uid == Uid(0) || caller.uid == self.mount.owner().0
    }

    fn destroy(&mut self, slots: Vec<Slot>) -> Vec<Effect> {
        let objects: Vec<_> = slots.into_iter().filter_map(|slot| self.segments.forget(slot)).collect();
        objects.into_iter().map(|object| self.release(object)).collect()
    }

    pub(crate) fn is_released(&self, object: ObjectId) -> bool {
        self.objects.find(object).is_some_and(|found| found.place == Place::Released)
    }

    fn sem_publish(&mut self, ticket: Ticket) -> Result<Answer> {
        let Some(&Pending::Unpublished(object)) = self.pending.get(&ticket) else {
            return refuse(Errno::EINVAL, "no semaphore waits for this");
        };
        let name = posix::publish(&mut self.mount, &mut self.objects, object)?;
        self.pending.insert(ticket, Pending::Name(object));
        Ok(Answer::new(Reply::Done, vec![Effect::Link { ticket, object, name }]))
    }

    /// Charges a size before it grows (`ftruncate` beyond the limit is granted by Linux, and then a bus error).
    fn reserve(&mut self, object: ObjectId, size: ByteLen, now: Time) -> Result<Answer> {
        let Some(found) = self.objects.find(object) else {
            return refuse(Errno::EBADF, "the object is gone");
        };
        if found.kind == Kind::Segment {
            // memfd_create(2): F_SEAL_GROW.
            return refuse(Errno::EPERM, "the size of a segment is sealed");
        }
        if size.0 > limits::OBJECT_BYTES {
            // `inode_newsize_ok`, fs/attr.c.
            return refuse(Errno::EFBIG, "no object can be so large");
        }
        let (pages, charged, lifetime) = (size.pages(), found.charged, found.lifetime);
        if pages > charged && !self.objects.sparse {
            self.objects.account.admit(shmfs_abi::PageCount(pages.0 - charged.0))?;
            self.objects.reserve(object, pages, now);
        }
        if self.reserve || lifetime == Lifetime::Durable {
            return Ok(Answer::new(Reply::Done, vec![Effect::Populate { object, size }]));
        }
        Ok(Answer::done())
    }

    /// The numbers of what is created next, if anything is: only [`Namespace::make`] draws them.
    pub(crate) fn upcoming(&self) -> (ObjectId, Ticket) {
        (ObjectId(self.numbers.upcoming()), Ticket(self.tickets.upcoming()))
    }

    pub(crate) fn make(
        &mut self,
        (object, ticket): (ObjectId, Ticket),
        pending: Pending,
        backing: Backing,
        huge_log2: u32,
    ) -> Effect {
        self.numbers.next();
        self.tickets.next();
        self.pending.insert(ticket, pending);
        let made = self.objects.get(object);
        let inode = &made.inode;
        let (size, uid, gid, mode) = (made.size, inode.uid, inode.gid, inode.mode);
        let populate = self.reserve && backing != Backing::Durable;
        Effect::Make { ticket, object, backing, huge_log2, size, uid, gid, mode, populate }
    }

    /// Marks an object as found nowhere.
    pub(crate) fn release(&mut self, object: ObjectId) -> Effect {
        self.objects.change(object, |released| released.place = Place::Released);
        Effect::Release { object }
    }

    /// Hears what happened outside.
    pub fn observe(&mut self, event: Event, now: Time) -> Vec<Effect> {
        match event {
            Event::Counted { slot, object, nattch, last_detach } => {
                if self.segments.counted(slot, object, nattch, last_detach) {
                    self.segments.forget(slot);
                    return vec![self.release(object)];
                }
            }
            Event::Measured { object, facts } => self.measured(object, facts, now),
            Event::Owned { object, uid, gid, mode } => {
                self.objects.change(object, |found| {
                    if found.kind != Kind::Segment {
                        (found.inode.uid, found.inode.gid, found.inode.mode) = (uid, gid, mode & 0o7777);
                    }
                });
            }
            Event::Unused { object } => {
                if self.objects.find(object).is_some_and(Object::is_unfindable) {
                    self.objects.remove(object);
                }
            }
            Event::Exited { pid } => {
                let ended = self.objects.creator_ended(pid);
                let mut effects: Vec<_> =
                    ended.into_iter().flat_map(|object| self.take_names(object)).collect();
                let slots = self.segments.creator_ended(pid);
                effects.extend(self.destroy(slots));
                return effects;
            }
            Event::Unheld { object } => return self.unheld(object),
            Event::Reaped { object } => return self.reap(object),
            Event::Found { .. } => self.found(&event),
            Event::Named { object, name } => self.also_named(object, name),
            Event::Gone { name } => return self.name_gone(&name),
            Event::Rooted { uid, gid, mode } => self.mount.rooted(uid, gid, mode),
            Event::Tree { size } => self.objects.account.set_tree(size.pages()),
            Event::Forked { slot, parent } => self.segments.forked(slot, parent, now),
            Event::Died { slot, object, pid, .. } => self.segments.died(slot, object, pid, now),
        }
        Vec::new()
    }

    /// The charge of a POSIX object follows its size; a segment's size is sealed. In a sparse store both are
    /// charged for what they have in memory.
    fn measured(&mut self, object: ObjectId, facts: Facts, now: Time) {
        self.objects.change(object, |found| {
            // No file is larger (`MAX_LFS_FILESIZE`); what says so is not to be believed.
            found.allocated = facts.allocated.min(ByteLen(limits::OBJECT_BYTES));
            if found.kind != Kind::Segment {
                found.size = facts.size.min(ByteLen(limits::OBJECT_BYTES));
            }
        });
        let Some(found) = self.objects.find(object) else { return };
        let charge = if self.objects.sparse { found.allocated } else { found.size };
        self.objects.measured(object, charge.pages(), now);
    }

    fn text(&self, file: ProcFile) -> String {
        let limits = &self.segments.limits;
        match file {
            ProcFile::SysvipcShm => self.segments.text(&self.objects),
            ProcFile::Shmmax => format!("{}\n", limits.shmmax),
            ProcFile::Shmall => format!("{}\n", limits.shmall),
            ProcFile::Shmmni => format!("{}\n", limits.shmmni),
            ProcFile::ShmRmidForced => format!("{}\n", self.segments.forced().0),
            ProcFile::ShmNextId => format!("{}\n", self.segments.forced().1),
        }
    }
}
