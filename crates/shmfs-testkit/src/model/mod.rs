//! The naive model: lists that are searched.

mod posix;
mod sysv;

pub(crate) use posix::{Fresh, Object};
pub(crate) use sysv::{Got, Segment, huge};

use crate::setting::{PAGES, Setting};
use shmfs_abi::{Cred, ObjectId, Shmid, limits};

/// What nobody finds and somebody holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Held {
    pub(crate) object: ObjectId,
    pub(crate) pages: u64,
    pub(crate) resident: u64,
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

impl Model {
    pub(crate) fn new(setting: &Setting) -> Model {
        let (shmmax, shmmni) = (limits::DEFAULT_SHMMAX, u64::from(limits::DEFAULT_SHMMNI));
        let limits = Limits { pages: PAGES, shmmax, shmall: shmmax, shmmni, forced: false, next_id: None };
        Model {
            segments: Vec::new(),
            gone: Vec::new(),
            objects: Vec::new(),
            held: Vec::new(),
            fresh: Vec::new(),
            limits,
            setting: *setting,
        }
    }

    /// Charges and pages in memory of everything.
    fn costs(&self) -> impl Iterator<Item = (u64, u64)> {
        let segments = self.segments.iter().map(|segment| (segment.mapped(), segment.resident));
        let objects = self.objects.iter().chain(self.fresh.iter().map(|fresh| &fresh.object));
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
