//! What only programs of the library ask for: objects with a size and a lifetime, anonymous memory, parts of objects.
//!
//! Owns: what a lifetime means.
//! Leaves to others: the rules of opening (`doors::posix`), who holds an object (the broker), where durable ones are
//! kept (the broker).

use crate::answer::{Answer, Effect};
use crate::doors::posix::{self, Opened};
use crate::inode::Inode;
use crate::namespace::{Namespace, Pending};
use crate::object::{Object, Place};
use crate::perm::Rights;
use shmfs_abi::{
    Backing, ByteLen, Cred, Errno, Kind, Lifetime, Name, ObjectId, OpenFlags, Part, Reply, Result, Time,
    Wanted, limits, refuse,
};

/// The mode of anonymous memory, as `memfd_create(2)` makes it.
const ANONYMOUS_MODE: u32 = 0o777;

impl Namespace {
    /// Opens an object, or creates it in its whole size before anybody can find it.
    pub(crate) fn want(&mut self, caller: &Cred, wanted: &Wanted, now: Time) -> Result<Answer> {
        self.check_size(wanted.size)?;
        if wanted.lifetime == Lifetime::Durable {
            self.may_outlive()?;
        }
        let (object, created, effects) = self.open_or_create(caller, wanted, now)?;
        let lifetime = self.objects.get(object).lifetime;
        Ok(Answer::new(Reply::Wanted { object, lifetime, created }, effects))
    }

    /// What `shm_open` does as well: the object, whether it is created, and what is to be done.
    pub(crate) fn open_or_create(
        &mut self,
        caller: &Cred,
        wanted: &Wanted,
        now: Time,
    ) -> Result<(ObjectId, bool, Vec<Effect>)> {
        let new = self.upcoming();
        let opened = posix::open(&mut self.mount, &mut self.objects, new, caller, wanted, now)?;
        let (object, created, mut effects) = match opened {
            Opened::Found { object, truncate: true } => (object, false, vec![Effect::Truncate { object }]),
            Opened::Found { object, truncate: false } => (object, false, Vec::new()),
            Opened::Created { object, pending } => {
                let durable = wanted.lifetime == Lifetime::Durable;
                let backing = if durable { Backing::Durable } else { self.posix };
                (object, true, vec![self.make(new, pending, backing, 0)])
            }
        };
        let given = wanted.flags - (OpenFlags::CREAT | OpenFlags::EXCL | OpenFlags::TRUNC);
        effects.push(Effect::Give { object, flags: given });
        Ok((object, created, effects))
    }

    /// Anonymous memory: nothing ever finds it, its label is for people.
    pub(crate) fn anonymous(
        &mut self,
        caller: &Cred,
        (label, size): (Name, ByteLen),
        now: Time,
    ) -> Result<Answer> {
        self.check_size(size)?;
        let new = self.upcoming();
        let (object, ticket) = new;
        let inode = Inode::new(caller, ANONYMOUS_MODE, now);
        let place = Place::Anonymous(label, Some(ticket));
        posix::enter(&mut self.objects, object, Object::new(Kind::Anonymous, size, inode, place))?;
        let make = self.make(new, Pending::Anonymous(object), Backing::SealableMemfd, 0);
        let give = Effect::Give { object, flags: OpenFlags::RDWR };
        Ok(Answer::new(Reply::Opened { object }, vec![make, give, Effect::Release { object }]))
    }

    /// A description of an object, or of its undo log, by its number: what a name or an id gives as well, without
    /// an attach.
    pub(crate) fn fetch(&mut self, caller: &Cred, object: ObjectId, part: Part) -> Result<Answer> {
        let Some(found) = self.objects.find(object).filter(|found| self.is_shown(found)) else {
            return refuse(Errno::ENOENT, "no object has this number");
        };
        let asked = match part {
            Part::Read => Rights::READ,
            Part::Write | Part::Undo => Rights::READ | Rights::WRITE,
        };
        posix::allow(&found.inode, caller, asked)?;
        if part == Part::Undo && found.lifetime != Lifetime::Durable {
            return refuse(Errno::EINVAL, "only a durable object has an undo log");
        }
        let reply = Reply::Fetched { size: found.size, held: false };
        let effect = match part {
            Part::Read => Effect::Give { object, flags: OpenFlags::empty() },
            Part::Write => Effect::Give { object, flags: OpenFlags::RDWR },
            Part::Undo => Effect::GiveUndo { object },
        };
        Ok(Answer::new(reply, vec![effect]))
    }

    /// An object that has got its name when the process had ended as long as which it was to live goes.
    pub(crate) fn end_with_creator(&mut self, object: ObjectId) -> Vec<Effect> {
        let ended = self.objects.find(object).is_some_and(|found| found.inode.orphaned);
        let ends = ended && self.objects.lifetime_of_named(object) == Some(Lifetime::Process);
        if ends { self.take_names(object) } else { Vec::new() }
    }

    /// An object that was to live as long as somebody holds it goes.
    pub(crate) fn unheld(&mut self, object: ObjectId) -> Vec<Effect> {
        if self.lives_by_users(object) { self.take_names(object) } else { Vec::new() }
    }

    /// Whether an object has a name for as long as somebody holds it.
    pub fn lives_by_users(&self, object: ObjectId) -> bool {
        self.objects.lifetime_of_named(object) == Some(Lifetime::LastUser)
    }

    /// Refuses what is to outlive a store that has no place for it.
    pub(crate) fn may_outlive(&self) -> Result<()> {
        if self.durable {
            return Ok(());
        }
        refuse(Errno::EOPNOTSUPP, "the store has no state directory: start it with `shm daemon --state DIR`")
    }

    fn check_size(&self, size: ByteLen) -> Result<()> {
        if size.0 > limits::OBJECT_BYTES {
            // `inode_newsize_ok`, fs/attr.c.
            return refuse(Errno::EFBIG, "no object can be so large");
        }
        Ok(())
    }
}
