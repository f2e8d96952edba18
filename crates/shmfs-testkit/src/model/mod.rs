//! The naive model: lists that are searched.

mod fetch;
mod posix;
mod sysv;

pub(crate) use posix::{Fresh, Object, Wanted};
pub(crate) use sysv::{Got, Segment, huge};

use crate::setting::{PAGES, Setting};
use shmfs_abi::{Caps, Cred, Gid, Lifetime, ObjectId, Shmid, limits};

/// What nobody finds and somebody holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Held {
    pub(crate) object: ObjectId,
    /// What it is charged where sizes are.
    pub(crate) pages: u64,
    /// What it has.
    pub(crate) size: u64,
    pub(crate) resident: u64,
    pub(crate) mode: u32,
    pub(crate) owner: u32,
    pub(crate) durable: bool,
}

/// What can be set while a store runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Pages of the store.
    pub(crate) pages: u64,
    /// Bytes of one segment.
    pub(crate) shmmax: u64,
    /// Pages of all segments.
    pub(crate) shmall: u64,
    /// Segments.
    pub(crate) shmmni: u64,
    /// `shm_rmid_forced`
    pub(crate) forced: bool,
    /// `shm_next_id`
    pub(crate) next_id: Option<Shmid>,
}

/// A store as the model sees it.
#[derive(Clone, Debug)]
pub struct Model {
    pub(crate) segments: Vec<Segment>,
    /// Ids that segments had.
    pub(crate) gone: Vec<Shmid>,
    pub(crate) objects: Vec<Object>,
    /// What nobody finds and somebody holds, from the beginning on; its name is a label.
    pub(crate) anonymous: Vec<Object>,
    pub(crate) held: Vec<Held>,
    pub(crate) fresh: Vec<Fresh>,
    pub(crate) limits: Limits,
    pub(crate) setting: Setting,
}

const READ: u32 = 4;
const WRITE: u32 = 2;

/// What one class of a mode gives to an owner, to a member of its group or to a stranger.
fn allows(mode: u32, owns: bool, in_group: bool, asked: u32) -> bool {
    let class = match (owns, in_group) {
        (true, _) => mode >> 6,
        (false, true) => mode >> 3,
        (false, false) => mode,
    };
    asked & !class == 0
}

/// Whether a file of this mode and owner may be used so.
fn file_allows(mode: u32, owner: u32, caller: &Cred, asked: u32) -> bool {
    caller.caps.contains(Caps::DAC_OVERRIDE)
        || asked == READ && caller.caps.contains(Caps::DAC_READ_SEARCH)
        || allows(mode, caller.uid.0 == owner, caller.in_group(Gid(owner)), asked)
}

impl Model {
    pub(crate) fn new(setting: &Setting) -> Model {
        let (shmmax, shmmni) = (limits::DEFAULT_SHMMAX, u64::from(limits::DEFAULT_SHMMNI));
        let limits = Limits { pages: PAGES, shmmax, shmall: shmmax, shmmni, forced: false, next_id: None };
        Model {
            segments: Vec::new(),
            gone: Vec::new(),
            objects: Vec::new(),
            anonymous: Vec::new(),
            held: Vec::new(),
            fresh: Vec::new(),
            limits,
            setting: *setting,
        }
    }

    /// Charges and pages in memory of everything.
    fn costs(&self) -> impl Iterator<Item = (u64, u64)> {
        let segments = self.segments.iter().map(|segment| (segment.mapped(), segment.resident));
        let objects =
            self.objects.iter().chain(&self.anonymous).chain(self.fresh.iter().map(|fresh| &fresh.object));
        let objects = objects.map(|object| (object.pages, object.resident));
        segments.chain(objects).chain(self.held.iter().map(|held| (held.pages, held.resident)))
    }

    /// Pages in memory.
    pub(crate) fn resident(&self) -> u64 {
        self.costs().map(|(_, resident)| resident).sum()
    }

    /// Pages charged.
    pub(crate) fn used(&self) -> u64 {
        if self.setting.sparse { self.resident() } else { self.costs().map(|(pages, _)| pages).sum() }
    }

    /// Whether something that costs so much can be created.
    pub(crate) fn has_room_for(&self, pages: u64) -> bool {
        let asked = if self.setting.sparse { 1 } else { pages };
        asked <= self.limits.pages.saturating_sub(self.used())
    }

    /// Who may change limits.
    pub(crate) fn is_administrator(&self, caller: &Cred) -> bool {
        caller.uid.0 == 0 || caller.uid.0 == u32::from(self.setting.owner)
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
        if self.limits.forced {
            self.destroy(|segment| segment.creator == u32::from(who) && !segment.durable);
        }
        for index in (0..self.objects.len()).rev() {
            self.end_with_process(index);
        }
    }

    /// A named object goes if it was to live as long as its creator, and that has ended. Says whether it does.
    pub(crate) fn end_with_process(&mut self, index: usize) -> bool {
        let Object { lifetime, orphaned, waits, .. } = self.objects[index];
        let ends = lifetime == Lifetime::Process && orphaned && waits.is_none();
        if ends {
            self.release(index);
        }
        ends
    }

    /// What may be reaped if nobody uses it.
    pub(crate) fn orphans(&self) -> Vec<ObjectId> {
        let segments = self.segments.iter();
        let segments = segments.filter(|segment| segment.orphaned && segment.attached_by.is_empty());
        let segments = segments.filter(|segment| !segment.durable);
        let objects = self.objects.iter().filter(|object| object.orphaned && object.waits.is_none());
        let objects = objects.filter(|object| object.lifetime != Lifetime::Durable);
        let mut orphans: Vec<_> = segments.map(|segment| segment.object).collect();
        orphans.extend(objects.map(|object| object.object));
        orphans.sort();
        orphans
    }
}
