//! The naive model: lists that are searched.

use shmfs_abi::{Caps, Cred, Errno, ObjectId, Shmid, Ticket};

/// A segment as the model sees it.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    pub(crate) id: Shmid,
    pub(crate) object: ObjectId,
    pub(crate) key: i32,
    pub(crate) pages: u64,
    pub(crate) mode: u32,
    pub(crate) owner: u32,
    pub(crate) creator: u32,
    /// Who attaches it, once for each attach.
    pub(crate) attached_by: Vec<u8>,
    pub(crate) removed: bool,
    /// Somebody detached it since it was last looked at.
    pub(crate) detached: bool,
    pub(crate) orphaned: bool,
    pub(crate) locked: bool,
}

/// A POSIX object as the model sees it.
#[derive(Clone, Debug)]
pub(crate) struct Object {
    pub(crate) object: ObjectId,
    pub(crate) names: Vec<u8>,
    /// What it is charged.
    pub(crate) pages: u64,
    /// What it has.
    pub(crate) size: u64,
    /// When more was reserved than it has.
    pub(crate) reserved: Option<i64>,
    pub(crate) mode: u32,
    pub(crate) owner: u32,
    pub(crate) creator: u8,
    pub(crate) orphaned: bool,
    /// It finds nothing yet: its name waits for this ticket.
    pub(crate) waits: Option<Ticket>,
}

/// A semaphore that is not published.
#[derive(Clone, Debug)]
pub(crate) struct Fresh {
    pub(crate) ticket: Ticket,
    /// What it is to be; its name is not taken.
    pub(crate) object: Object,
}

/// A store as the model sees it.
#[derive(Clone, Debug, Default)]
pub struct Model {
    pub(crate) segments: Vec<Segment>,
    pub(crate) objects: Vec<Object>,
    /// Charges of what nobody finds and somebody holds.
    pub(crate) held: Vec<(ObjectId, u64)>,
    pub(crate) fresh: Vec<Fresh>,
    /// `shm_rmid_forced`
    pub(crate) forced: bool,
}

const READ: u32 = 4;
const WRITE: u32 = 2;

/// Users of the model: 0 is root with its capabilities, the others are alone in their groups.
fn is_root(caller: &Cred) -> bool {
    caller.caps == Caps::all()
}

/// What one class of a mode gives to an owner or to a stranger.
fn allows(mode: u32, owns: bool, asked: u32) -> bool {
    let class = if owns { mode >> 6 } else { mode };
    asked & !class == 0
}

impl Model {
    /// Pages charged.
    pub(crate) fn used(&self) -> u64 {
        let segments: u64 = self.segments.iter().map(|segment| segment.pages).sum();
        let objects: u64 = self.objects.iter().map(|object| object.pages).sum();
        segments + objects + self.fresh.len() as u64 + self.held.iter().map(|(_, pages)| pages).sum::<u64>()
    }

    /// What has this name, whether it can be found or not.
    pub(crate) fn named(&self, name: u8) -> Option<usize> {
        self.objects.iter().position(|object| object.names.contains(&name))
    }

    /// What is found by this name.
    pub(crate) fn lookup(&self, name: u8) -> Result<Option<usize>, Errno> {
        match self.named(name) {
            Some(found) if self.objects[found].waits.is_some() => Err(Errno::EAGAIN),
            found => Ok(found),
        }
    }

    /// What `shmget` must say: the segment that is found, nothing for one that is created, or the errno.
    pub(crate) fn get(
        &self,
        caller: &Cred,
        key: i32,
        pages: u64,
        flags: i32,
        free: u64,
    ) -> Result<Option<Shmid>, Errno> {
        let found = self.segments.iter().find(|segment| key != 0 && segment.key == key && !segment.removed);
        let Some(found) = found else {
            return match (key, flags & 0o1000) {
                (1.., 0) => Err(Errno::ENOENT),
                _ if pages == 0 => Err(Errno::EINVAL),
                _ if pages > free => Err(Errno::ENOSPC),
                _ => Ok(None),
            };
        };
        if flags & 0o3000 == 0o3000 {
            return Err(Errno::EEXIST);
        }
        if pages > found.pages {
            return Err(Errno::EINVAL);
        }
        let mode = flags as u32 & 0o777;
        let asked = (mode >> 6 | mode >> 3 | mode) & 7;
        if !self.segment_allows(found, caller, asked) {
            return Err(Errno::EACCES);
        }
        Ok(Some(found.id))
    }

    pub(crate) fn segment_allows(&self, segment: &Segment, caller: &Cred, asked: u32) -> bool {
        let owns = caller.uid.0 == segment.owner || caller.uid.0 == segment.creator;
        is_root(caller) || allows(segment.mode, owns, asked)
    }

    pub(crate) fn attach_errno(&self, segment: &Segment, caller: &Cred, read_only: bool) -> Option<Errno> {
        let asked = if read_only { READ } else { READ | WRITE };
        (!self.segment_allows(segment, caller, asked)).then_some(Errno::EACCES)
    }

    pub(crate) fn control_errno(&self, segment: &Segment, caller: &Cred) -> Option<Errno> {
        let may = is_root(caller) || caller.uid.0 == segment.owner || caller.uid.0 == segment.creator;
        (!may).then_some(Errno::EPERM)
    }

    /// What `shm_open` must say: the object that is found, nothing for one that is created, or the errno.
    pub(crate) fn open(&self, caller: &Cred, name: u8, flags: i32) -> Result<Option<usize>, Errno> {
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
        let object = &self.objects[found];
        if is_root(caller) || allows(object.mode, caller.uid.0 == object.owner, asked) {
            Ok(Some(found))
        } else {
            Err(Errno::EACCES)
        }
    }

    /// The directory is sticky and root's.
    pub(crate) fn may_delete(&self, object: usize, caller: &Cred) -> bool {
        is_root(caller) || self.objects[object].owner == caller.uid.0
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
        self.held.push((gone.object, gone.pages));
    }

    /// A marked segment goes with its last attach, and where that is so set every other.
    pub(crate) fn sweep(&mut self) {
        let forced = self.forced;
        self.destroy(|segment| segment.removed || forced && segment.detached);
        for segment in &mut self.segments {
            segment.detached = false;
        }
    }

    /// What nobody attaches goes, if it is chosen.
    pub(crate) fn destroy(&mut self, chosen: impl Fn(&Segment) -> bool) {
        let goes = |segment: &Segment| segment.attached_by.is_empty() && chosen(segment);
        let (gone, stay) = self.segments.drain(..).partition::<Vec<_>, _>(goes);
        self.segments = stay;
        self.held.extend(gone.into_iter().map(|segment| (segment.object, segment.pages)));
    }

    /// A process has ended: what it created is orphaned.
    pub(crate) fn exit(&mut self, who: u8) {
        for segment in self.segments.iter_mut().filter(|segment| segment.creator == u32::from(who)) {
            segment.orphaned = true;
        }
        let fresh = self.fresh.iter_mut().map(|fresh| &mut fresh.object);
        for object in self.objects.iter_mut().chain(fresh).filter(|object| object.creator == who) {
            object.orphaned = true;
        }
        if self.forced {
            self.destroy(|segment| segment.creator == u32::from(who));
        }
    }

    /// What may be reaped if nobody uses it.
    pub(crate) fn orphans(&self) -> Vec<ObjectId> {
        let segments = self.segments.iter();
        let segments = segments.filter(|segment| segment.orphaned && segment.attached_by.is_empty());
        let objects = self.objects.iter().filter(|object| object.orphaned && object.waits.is_none());
        let mut orphans: Vec<_> = segments.map(|segment| segment.object).collect();
        orphans.extend(objects.map(|object| object.object));
        orphans.sort();
        orphans
    }
}

impl Object {
    /// One that a process has just created under a name.
    pub(crate) fn new(object: ObjectId, name: u8, pages: u64, mode: u32, who: u8) -> Object {
        Object {
            object,
            names: vec![name],
            pages,
            size: pages,
            reserved: None,
            mode,
            owner: u32::from(who),
            creator: who,
            orphaned: false,
            waits: None,
        }
    }

    /// Its inode says so many pages. A fresh reservation stands against less.
    pub(crate) fn measured(&mut self, size: u64, now: i64) {
        self.size = size;
        let young = self.reserved.is_some_and(|since| now - since < 10);
        if size >= self.pages || !young {
            (self.pages, self.reserved) = (size, None);
        }
    }
}
