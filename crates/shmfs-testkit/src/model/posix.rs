//! POSIX objects and semaphores of the model.

use super::{Held, Model, READ, WRITE, file_allows};
use crate::step::BEYOND;
use shmfs_abi::{Caps, Cred, Errno, Lifetime, ObjectId, Ticket};

/// A POSIX object as the model sees it.
#[derive(Clone, Debug)]
pub(crate) struct Object {
    pub(crate) object: ObjectId,
    pub(crate) names: Vec<u8>,
    /// What it is charged where sizes are.
    pub(crate) pages: u64,
    /// What it has.
    pub(crate) size: u64,
    /// Pages that it has in memory.
    pub(crate) resident: u64,
    /// When more was reserved than it has.
    pub(crate) reserved: Option<i64>,
    pub(crate) mode: u32,
    /// User and group.
    pub(crate) owner: u32,
    pub(crate) creator: u8,
    pub(crate) orphaned: bool,
    pub(crate) lifetime: Lifetime,
    pub(crate) guarded: bool,
    /// It finds nothing yet: its name waits for this ticket.
    pub(crate) waits: Option<Ticket>,
}

/// What an object is to be if it is created.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Wanted {
    pub(crate) pages: u8,
    pub(crate) lifetime: Lifetime,
    pub(crate) guarded: bool,
}

/// A semaphore that is not published.
#[derive(Clone, Debug)]
pub(crate) struct Fresh {
    pub(crate) ticket: Ticket,
    /// What it is to be; its name is not taken.
    pub(crate) object: Object,
}

impl Object {
    /// One that a process has just created under a name.
    pub(crate) fn new(object: ObjectId, name: u8, pages: u64, mode: u32, who: u8) -> Object {
        Object {
            object,
            names: vec![name],
            pages,
            size: pages,
            resident: 0,
            reserved: None,
            mode,
            owner: u32::from(who),
            creator: who,
            orphaned: false,
            lifetime: Lifetime::UntilRemoved,
            guarded: false,
            waits: None,
        }
    }

    /// It has this size.
    pub(crate) fn resize(&mut self, size: u64) {
        (self.size, self.resident) = (size, self.resident.min(size));
    }

    /// Its inode is looked at. A fresh reservation stands against less.
    pub(crate) fn measured(&mut self, now: i64) {
        let young = self.reserved.is_some_and(|since| now - since < 10);
        if self.size >= self.pages || !young {
            (self.pages, self.reserved) = (self.size, None);
        }
    }

    fn allows(&self, caller: &Cred, asked: u32) -> bool {
        file_allows(self.mode, self.owner, caller, asked)
    }

    fn is_owned_by(&self, caller: &Cred) -> bool {
        caller.caps.contains(Caps::FOWNER) || caller.uid.0 == self.owner
    }
}

impl Model {
    /// What has this name, whether it can be found or not.
    pub(crate) fn named(&self, name: u8) -> Option<usize> {
        self.objects.iter().position(|object| object.names.contains(&name))
    }

    /// What has a size that a program can change: what has this name, or else anonymous memory with this label.
    pub(crate) fn sized(&mut self, name: u8) -> Option<&mut Object> {
        let mut all = self.objects.iter_mut().chain(&mut self.anonymous);
        all.find(|object| object.names.contains(&name))
    }

    /// What is found by this name.
    pub(crate) fn lookup(&self, name: u8) -> Result<Option<usize>, Errno> {
        match self.named(name) {
            Some(found) if self.objects[found].waits.is_some() => Err(Errno::EAGAIN),
            found => Ok(found),
        }
    }

    /// What opening must say that may ask for a size and a lifetime.
    pub(crate) fn want(
        &self,
        caller: &Cred,
        (name, flags): (u8, i32),
        wanted: Wanted,
    ) -> Result<Option<usize>, Errno> {
        if wanted.pages == BEYOND {
            return Err(Errno::EFBIG);
        }
        if wanted.lifetime == Lifetime::Durable && !self.setting.durable {
            return Err(Errno::EOPNOTSUPP);
        }
        match self.open(caller, name, flags)? {
            None if !self.has_room_for(u64::from(wanted.pages)) => Err(Errno::ENOSPC),
            opened => Ok(opened),
        }
    }

    /// What a call for anonymous memory is refused with.
    pub(crate) fn anonymous_errno(&self, pages: u8) -> Option<Errno> {
        match pages {
            BEYOND => Some(Errno::EFBIG),
            pages => (!self.has_room_for(u64::from(pages))).then_some(Errno::ENOSPC),
        }
    }

    /// What `shm_open` must say: the object that is found, nothing for one that is created, or the errno.
    pub(crate) fn open(&self, caller: &Cred, name: u8, flags: i32) -> Result<Option<usize>, Errno> {
        let opened = self.open_any(caller, name, flags)?;
        let created = flags & 0o100 != 0;
        match opened {
            Some(found) if created && !self.may_create_over(&self.objects[found], caller) => {
                Err(Errno::EACCES)
            }
            None if !self.has_room_for(0) => Err(Errno::ENOSPC),
            opened => Ok(opened),
        }
    }

    /// The same of `sem_open`: glibc first opens without `O_CREAT`.
    pub(crate) fn open_semaphore(&self, caller: &Cred, name: u8, flags: i32) -> Result<Option<usize>, Errno> {
        match self.open_any(caller, name, flags & 0o300 | 2)? {
            None if !self.has_room_for(1) => Err(Errno::ENOSPC),
            opened => Ok(opened),
        }
    }

    fn open_any(&self, caller: &Cred, name: u8, flags: i32) -> Result<Option<usize>, Errno> {
        let Some(found) = self.lookup(name)? else {
            return if flags & 0o100 == 0 { Err(Errno::ENOENT) } else { Ok(None) };
        };
        if flags & 0o300 == 0o300 {
            return Err(Errno::EEXIST);
        }
        let mut asked = match flags & 3 {
            0 => READ,
            1 => WRITE,
            _ => READ | WRITE,
        };
        if flags & 0o1000 != 0 {
            asked |= WRITE;
        }
        if self.objects[found].allows(caller, asked) { Ok(Some(found)) } else { Err(Errno::EACCES) }
    }

    /// fs.protected_regular: the directory is sticky, and everybody may write there.
    fn may_create_over(&self, object: &Object, caller: &Cred) -> bool {
        let owners = [caller.uid.0, u32::from(self.setting.owner)];
        self.setting.protected_regular == 0 || owners.contains(&object.owner)
    }

    /// fs.protected_hardlinks
    pub(crate) fn may_link(&self, object: usize, caller: &Cred) -> bool {
        let object = &self.objects[object];
        let set_id = object.mode & 0o4000 != 0 || object.mode & 0o2010 == 0o2010;
        !self.setting.protected_hardlinks
            || object.is_owned_by(caller)
            || !set_id && object.allows(caller, READ | WRITE)
    }

    /// The directory is sticky.
    pub(crate) fn may_delete(&self, object: usize, caller: &Cred) -> bool {
        self.objects[object].is_owned_by(caller) || caller.uid.0 == u32::from(self.setting.owner)
    }

    /// A name goes; without another the object is only held.
    pub(crate) fn take_name(&mut self, index: usize, name: u8) {
        self.objects[index].names.retain(|known| *known != name);
        if self.objects[index].names.is_empty() {
            self.release(index);
        }
    }

    /// Nothing finds an object any more.
    pub(crate) fn release(&mut self, index: usize) {
        let gone = self.objects.remove(index);
        self.hold(&gone);
    }

    pub(crate) fn hold(&mut self, gone: &Object) {
        let &Object { object, pages, size, resident, mode, owner, lifetime, .. } = gone;
        let durable = lifetime == Lifetime::Durable;
        self.held.push(Held { object, pages, size, resident, mode, owner, durable });
    }
}
