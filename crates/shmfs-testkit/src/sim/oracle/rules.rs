//! A naive store: lists that are searched, and who may do what with what is in them.
//!
//! Written from the manual pages and not from the engine, so that a rule which the engine breaks is broken here alone.
//!
//! Owns: keys, ids, names, modes, owners. Leaves to others: sizes (`charge`), attaches (`sysv`).

use shmfs_abi::{Caps, Cred, Errno, GetFlags, Lifetime, ObjectId, OpenFlags, Pid, Shmid};

/// A System V segment.
#[derive(Clone, Debug)]
pub(super) struct Segment {
    pub(super) id: Shmid,
    pub(super) key: i32,
    pub(super) pages: u64,
    pub(super) mode: u32,
    pub(super) owner: u32,
    pub(super) creator: u32,
    pub(super) removed: bool,
    pub(super) durable: bool,
}

/// A POSIX object or semaphore that has a name.
#[derive(Clone, Debug)]
pub(super) struct Named {
    pub(super) object: ObjectId,
    pub(super) names: Vec<u8>,
    pub(super) mode: u32,
    pub(super) owner: u32,
    pub(super) lifetime: Lifetime,
    pub(super) guarded: bool,
    /// The process that created it.
    pub(super) creator: Pid,
    /// What it was to live as long as may have ended: nobody held it at some time, or its creator ends.
    pub(super) may_be_gone: bool,
}

impl Named {
    /// One that lives until it is removed.
    pub(super) fn new(object: ObjectId, name: u8, mode: u32, cred: &Cred) -> Named {
        Named {
            object,
            names: vec![name],
            mode,
            owner: cred.uid.0,
            lifetime: Lifetime::UntilRemoved,
            guarded: false,
            creator: cred.pid,
            may_be_gone: false,
        }
    }
}

/// What a store has.
#[derive(Clone, Debug, Default)]
pub(super) struct Rules {
    pub(super) segments: Vec<Segment>,
    pub(super) objects: Vec<Named>,
}

pub(super) const READ: u32 = 4;
pub(super) const WRITE: u32 = 2;

/// Users are 0 with every capability, and others without any, each alone in a group.
fn is_root(caller: &Cred) -> bool {
    caller.caps == Caps::all()
}

/// Whether one class of a mode, an owner's or a stranger's, gives this.
fn allows(mode: u32, owns: bool, asked: u32) -> bool {
    let class = if owns { mode >> 6 } else { mode };
    asked & !class == 0
}

impl Segment {
    fn is_owned_by(&self, caller: &Cred) -> bool {
        caller.uid.0 == self.owner || caller.uid.0 == self.creator
    }

    /// The errno of asking for these rights, if it is refused.
    pub(super) fn access_errno(&self, caller: &Cred, asked: u32) -> Option<Errno> {
        let allowed = is_root(caller) || allows(self.mode, self.is_owned_by(caller), asked);
        (!allowed).then_some(Errno::EACCES)
    }

    /// The errno of `IPC_SET`, `IPC_RMID` and `SHM_LOCK`, if that is refused.
    pub(super) fn control_errno(&self, caller: &Cred) -> Option<Errno> {
        (!is_root(caller) && !self.is_owned_by(caller)).then_some(Errno::EPERM)
    }
}

impl Rules {
    /// What `shmget` must say where so many pages are free: the segment that is found, nothing for one that is
    /// created, or the errno.
    pub(super) fn get(
        &self,
        caller: &Cred,
        (key, pages, flags): (i32, u64, GetFlags),
        free: u64,
    ) -> Result<Option<Shmid>, Errno> {
        let found = self.segments.iter().find(|segment| key != 0 && segment.key == key && !segment.removed);
        let Some(found) = found else {
            return match key {
                1.. if !flags.contains(GetFlags::CREAT) => Err(Errno::ENOENT),
                _ if pages == 0 => Err(Errno::EINVAL),
                _ if pages > free => Err(Errno::ENOSPC),
                _ => Ok(None),
            };
        };
        if flags.contains(GetFlags::CREAT | GetFlags::EXCL) {
            return Err(Errno::EEXIST);
        }
        if pages > found.pages {
            return Err(Errno::EINVAL);
        }
        let mode = flags.mode();
        match found.access_errno(caller, (mode >> 6 | mode >> 3 | mode) & 7) {
            None => Ok(Some(found.id)),
            Some(errno) => Err(errno),
        }
    }

    pub(super) fn named(&self, name: u8) -> Option<usize> {
        self.objects.iter().position(|object| object.names.contains(&name))
    }

    /// What `shm_open` must say: the object that is found, nothing for one that is created, or the errno.
    pub(super) fn open(&self, caller: &Cred, name: u8, flags: OpenFlags) -> Result<Option<usize>, Errno> {
        let Some(found) = self.named(name) else {
            return if flags.contains(OpenFlags::CREAT) { Ok(None) } else { Err(Errno::ENOENT) };
        };
        if flags.contains(OpenFlags::CREAT | OpenFlags::EXCL) {
            return Err(Errno::EEXIST);
        }
        let access = flags.access();
        let read = if access.reads() { READ } else { 0 };
        let write = if access.writes() || flags.contains(OpenFlags::TRUNC) { WRITE } else { 0 };
        let object = &self.objects[found];
        if Rules::file_allows(caller, object.owner, object.mode, read | write) {
            Ok(Some(found))
        } else {
            Err(Errno::EACCES)
        }
    }

    /// Whether the file of this owner and mode may be opened so.
    pub(super) fn file_allows(caller: &Cred, owner: u32, mode: u32, asked: u32) -> bool {
        is_root(caller) || allows(mode, caller.uid.0 == owner, asked)
    }

    /// The directory is sticky and root's.
    pub(super) fn may_delete(&self, at: usize, caller: &Cred) -> bool {
        is_root(caller) || self.objects[at].owner == caller.uid.0
    }

    /// A name goes, and with the last one what it leads to.
    pub(super) fn take_name(&mut self, at: usize, name: u8) {
        self.objects[at].names.retain(|known| *known != name);
        if self.objects[at].names.is_empty() {
            self.objects.remove(at);
        }
    }
}
