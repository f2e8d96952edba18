//! Steps of the System V door.

use super::{PAGES, Play, cred, pid};
use crate::model::Segment;
use crate::step::Fault;
use shmfs_abi::sysv::SHM_LOCKED;
use shmfs_abi::{
    AttachFlags, ByteLen, Call, Errno, GetFlags, Gid, Key, LimitsChange, PAGE_SIZE, Reply, Shmid, Uid,
};
use shmfs_core::Event;

impl Play {
    /// Tells the engine the counts that the model knows, as tables would.
    pub(super) fn count_all(&mut self) {
        for segment in self.model.segments.clone() {
            let Some(slot) = segment.id.slot() else { continue };
            let nattch = segment.attached_by.len() as u64;
            let event = Event::Counted { slot, object: segment.object, nattch, last_detach: None };
            let effects = self.observe(event);
            self.note(&effects);
        }
    }

    fn pick(&self, which: u8) -> Option<usize> {
        (!self.model.segments.is_empty()).then(|| usize::from(which) % self.model.segments.len())
    }

    pub(super) fn get(&mut self, who: u8, key: u8, pages: u64, flags: i32, fails: bool) {
        let free = PAGES.saturating_sub(self.model.used());
        let expected = self.model.get(&cred(who), i32::from(key), pages, flags, free);
        // One byte less than the pages: charges are rounded up.
        let size = ByteLen((pages * PAGE_SIZE).saturating_sub(u64::from(pages > 0)));
        let asked = Call::ShmGet { key: Key(i32::from(key)), size, flags: GetFlags::from_bits_retain(flags) };
        let fault = if fails { Fault::Make } else { Fault::None };
        let got = self.call(who, asked, fault).map(|called| (called.made, called.reply));
        match (expected, got) {
            (Err(expected), Err(errno)) => assert_eq!(errno, expected),
            (Ok(None), Err(errno)) => assert!(fails && errno == Errno::ENFILE, "{errno:?}"),
            (Ok(Some(expected)), Ok((None, Reply::Shmid(id)))) => assert_eq!(id, expected),
            (Ok(None), Ok((Some(object), Reply::Shmid(id)))) => {
                assert!(self.model.segments.iter().all(|segment| segment.id != id), "an id is given twice");
                self.model.segments.push(Segment {
                    id,
                    object,
                    key: i32::from(key),
                    pages,
                    mode: flags as u32 & 0o777,
                    owner: u32::from(who),
                    creator: u32::from(who),
                    attached_by: Vec::new(),
                    removed: false,
                    detached: false,
                    orphaned: false,
                    locked: false,
                });
            }
            (expected, got) => panic!("shmget: expected {expected:?}, got {got:?}"),
        }
    }

    pub(super) fn attach(&mut self, who: u8, which: u8, read_only: bool) {
        let Some(index) = self.pick(which) else { return };
        let segment = &self.model.segments[index];
        let expected = self.model.attach_errno(segment, &cred(who), read_only);
        let flags = if read_only { AttachFlags::RDONLY } else { AttachFlags::empty() };
        let got = self.call(who, Call::ShmAttach { shmid: segment.id, flags }, Fault::None);
        assert_eq!(got.as_ref().err().copied(), expected, "shmat");
        if got.is_ok() {
            self.model.segments[index].attached_by.push(who);
        }
    }

    pub(super) fn detach(&mut self, who: u8, which: u8) {
        let Some(index) = self.pick(which) else { return };
        let segment = &mut self.model.segments[index];
        if let Some(at) = segment.attached_by.iter().position(|by| *by == who) {
            segment.attached_by.remove(at);
            segment.detached = true;
        }
        self.count_all();
        self.model.sweep();
    }

    pub(super) fn die(&mut self, who: u8, exits: bool) {
        for segment in &mut self.model.segments {
            let before = segment.attached_by.len();
            segment.attached_by.retain(|by| *by != who);
            segment.detached = segment.attached_by.len() < before;
        }
        self.count_all();
        self.model.sweep();
        if exits {
            let effects = self.observe(Event::Exited { pid: pid(who) });
            self.note(&effects);
            self.model.exit(who);
        }
    }

    pub(super) fn stat(&mut self, who: u8, which: u8) {
        self.count_all();
        let Some(index) = self.pick(which) else {
            let stale = Call::ShmStat { shmid: Shmid(i32::from(which)) };
            assert_eq!(self.call(who, stale, Fault::None).err(), Some(Errno::EINVAL));
            return;
        };
        let segment = self.model.segments[index].clone();
        let allowed = self.model.segment_allows(&segment, &cred(who), 4);
        match self.call(who, Call::ShmStat { shmid: segment.id }, Fault::None).map(|called| called.reply) {
            Ok(Reply::Stat { stat, .. }) => {
                assert!(allowed);
                assert_eq!(stat.nattch as usize, segment.attached_by.len());
                assert_eq!(stat.perm.mode & 0o777, segment.mode);
                assert_eq!(stat.perm.mode & SHM_LOCKED != 0, segment.locked);
                assert_eq!((stat.perm.uid.0, stat.perm.cuid.0), (segment.owner, segment.creator));
                assert_eq!(stat.key.0, if segment.removed { 0 } else { segment.key });
            }
            got => assert_eq!(got.err(), (!allowed).then_some(Errno::EACCES)),
        }
    }

    pub(super) fn set(&mut self, who: u8, which: u8, owner: u8, mode: u32) {
        let Some(index) = self.pick(which) else { return };
        let expected = self.model.control_errno(&self.model.segments[index], &cred(who));
        let (uid, gid) = (Uid(u32::from(owner)), Gid(u32::from(owner)));
        let shmid = self.model.segments[index].id;
        let got = self.call(who, Call::ShmSet { shmid, uid, gid, mode }, Fault::None);
        assert_eq!(got.err(), expected, "IPC_SET");
        if expected.is_none() {
            let segment = &mut self.model.segments[index];
            (segment.owner, segment.mode) = (u32::from(owner), mode & 0o777);
        }
    }

    pub(super) fn remove(&mut self, who: u8, which: u8) {
        self.count_all();
        let Some(index) = self.pick(which) else { return };
        let expected = self.model.control_errno(&self.model.segments[index], &cred(who));
        let shmid = self.model.segments[index].id;
        let got = self.call(who, Call::ShmRemove { shmid }, Fault::None);
        assert_eq!(got.err(), expected, "IPC_RMID");
        if expected.is_none() {
            self.model.segments[index].removed = true;
            self.model.sweep();
        }
    }

    pub(super) fn lock(&mut self, who: u8, which: u8, lock: bool, fails: bool) {
        let Some(index) = self.pick(which) else { return };
        let segment = &self.model.segments[index];
        let (shmid, locked) = (segment.id, segment.locked);
        let fails = fails && locked != lock;
        let refused = self.model.control_errno(segment, &cred(who));
        let expected = refused.or(fails.then_some(Errno::ENFILE));
        let fault = if fails { Fault::Make } else { Fault::None };
        let got = self.call(who, Call::ShmLock { shmid, lock, allowance: u64::MAX }, fault);
        assert_eq!(got.err(), expected, "SHM_LOCK");
        if expected.is_none() {
            self.model.segments[index].locked = lock;
        }
    }

    pub(super) fn forced(&mut self, on: bool) {
        let change = LimitsChange { rmid_forced: Some(u64::from(on)), ..LimitsChange::default() };
        let set = self.call(0, Call::SetLimits { change }, Fault::None);
        assert!(set.is_ok(), "shm_rmid_forced");
        self.model.forced = on;
        if on {
            self.model.destroy(|segment| segment.orphaned);
        }
    }
}
