//! Steps of the System V door.

use super::Play;
use crate::model::{Got, Segment, huge};
use crate::setting::pid;
use crate::step::{BEYOND, Fault, Stale};
use shmfs_abi::sysv::{SHM_DEST, SHM_LOCKED};
use shmfs_abi::{
    AttachFlags, ByteLen, Call, Errno, GetFlags, Gid, Key, PAGE_SIZE, Pid, Reply, SegmentStat, Shmid, Time,
    Uid, limits,
};
use shmfs_core::Event;

impl Play {
    /// Tells the engine the counts that the model knows, as tables would.
    pub(super) fn count_all(&mut self) {
        for segment in self.model.segments.clone() {
            let Some(slot) = segment.id.slot() else { continue };
            let nattch = segment.attached_by.len() as u64;
            let last_detach =
                segment.last_detach.map(|(who, seconds)| (pid(who), Time { seconds, nanos: 0 }));
            let event = Event::Counted { slot, object: segment.object, nattch, last_detach };
            let effects = self.observe(event);
            self.note(&effects);
        }
    }

    pub(super) fn pick(&self, which: u8) -> Option<usize> {
        (!self.model.segments.is_empty()).then(|| usize::from(which) % self.model.segments.len())
    }

    pub(super) fn get(&mut self, who: u8, (key, pages, flags): (u8, u64, i32), durable: bool, fails: bool) {
        let expected = self.model.get(&self.cred(who), (i32::from(key), pages, flags), durable);
        // One byte less than the pages: charges are rounded up.
        let size = ByteLen((pages * PAGE_SIZE).saturating_sub(u64::from(pages > 0)));
        let (asked_key, asked_flags) = (Key(i32::from(key)), GetFlags::from_bits_retain(flags));
        let asked = if durable {
            Call::ShmGetDurable { key: asked_key, size, flags: asked_flags }
        } else {
            Call::ShmGet { key: asked_key, size, flags: asked_flags }
        };
        let fault = if fails { Fault::Make } else { Fault::None };
        let got = self.call(who, asked, fault).map(|called| (called.made, called.reply));
        match (expected, got) {
            (Err(expected), Err(errno)) => assert_eq!(errno, expected),
            (Ok(Got::Created(_)), Err(errno)) => assert!(fails && errno == Errno::ENFILE, "{errno:?}"),
            (Ok(Got::Found(expected)), Ok((None, Reply::Shmid(id)))) => assert_eq!(id, expected),
            (Ok(Got::Created(wanted)), Ok((Some(object), Reply::Shmid(id)))) => {
                assert!(self.model.segments.iter().all(|segment| segment.id != id), "an id is given twice");
                assert_eq!(id, wanted.unwrap_or(id), "another id was wanted");
                self.model.segments.push(Segment {
                    id,
                    object,
                    key: i32::from(key),
                    pages,
                    huge: huge(flags),
                    durable,
                    resident: 0,
                    mode: flags as u32 & 0o777,
                    owner: u32::from(who),
                    creator: u32::from(who),
                    attached_by: Vec::new(),
                    last_detach: None,
                    lpid: Pid(0),
                    atime: 0,
                    dtime: 0,
                    ctime: self.now.seconds,
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
        let expected = segment.attach_errno(&self.cred(who), read_only);
        let flags = if read_only { AttachFlags::RDONLY } else { AttachFlags::empty() };
        let got = self.call(who, Call::ShmAttach { shmid: segment.id, flags }, Fault::None);
        assert_eq!(got.as_ref().err().copied(), expected, "shmat");
        if got.is_ok() {
            let segment = &mut self.model.segments[index];
            segment.attached_by.push(who);
            (segment.atime, segment.lpid) = (self.now.seconds, pid(who));
        }
    }

    pub(super) fn detach(&mut self, who: u8, which: u8) {
        let Some(index) = self.pick(which) else { return };
        let segment = &mut self.model.segments[index];
        if let Some(at) = segment.attached_by.iter().position(|by| *by == who) {
            segment.attached_by.remove(at);
            segment.last_detach = Some((who, self.now.seconds));
            segment.detach(who, self.now.seconds);
        }
        self.count_all();
        self.model.sweep();
    }

    pub(super) fn fork(&mut self, who: u8, child: u8) {
        if self.model.segments.iter().any(|segment| segment.attached_by.contains(&child)) {
            return;
        }
        for index in 0..self.model.segments.len() {
            let segment = &mut self.model.segments[index];
            let attaches = segment.attached_by.iter().filter(|by| **by == who).count();
            if let (1.., Some(slot)) = (attaches, segment.id.slot()) {
                segment.attached_by.extend(std::iter::repeat_n(child, attaches));
                (segment.atime, segment.lpid) = (self.now.seconds, pid(who));
                self.observe(Event::Forked { slot, parent: pid(who) });
            }
        }
        self.count_all();
    }

    pub(super) fn die(&mut self, who: u8, exits: bool) {
        // What only this process's table remembers is counted before it goes.
        self.count_all();
        for index in 0..self.model.segments.len() {
            let segment = &mut self.model.segments[index];
            let before = segment.attached_by.len();
            segment.attached_by.retain(|by| *by != who);
            let count = (before - segment.attached_by.len()) as u32;
            segment.last_detach = segment.last_detach.filter(|(by, _)| *by != who);
            if let (1.., Some(slot)) = (count, segment.id.slot()) {
                segment.detach(who, self.now.seconds);
                let object = segment.object;
                self.observe(Event::Died { slot, object, pid: pid(who), count });
            }
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
        let allowed = segment.allows(&self.cred(who), 4);
        match self.call(who, Call::ShmStat { shmid: segment.id }, Fault::None).map(|called| called.reply) {
            Ok(Reply::Stat { shmid, stat }) => {
                assert!(allowed);
                same_stat(&segment, shmid, &stat);
            }
            got => assert_eq!(got.err(), (!allowed).then_some(Errno::EACCES)),
        }
    }

    pub(super) fn stat_index(&mut self, who: u8, which: u8, any: bool) {
        self.count_all();
        let slots = self.model.segments.iter().filter_map(|segment| segment.id.slot());
        let unused = (0..).find(|slot| !slots.clone().any(|taken| taken.0 == *slot)).unwrap_or_default();
        let found = usize::from(which).checked_rem(self.model.segments.len() + 1);
        let found = found.and_then(|index| self.model.segments.get(index)).cloned();
        let slot = found.as_ref().and_then(|segment| segment.id.slot()).map_or(unused, |slot| slot.0);
        // What is above the slot in an id does not matter here.
        let above = if which < 128 { 0 } else { limits::SLOTS };
        let asked = Call::ShmStatIndex { index: (slot + above) as i32, any };
        let expected = match &found {
            None => Some(Errno::EINVAL),
            Some(segment) => (!any && !segment.allows(&self.cred(who), 4)).then_some(Errno::EACCES),
        };
        match (found, self.call(who, asked, Fault::None).map(|called| called.reply)) {
            (Some(segment), Ok(Reply::Stat { shmid, stat })) => {
                assert_eq!(expected, None);
                same_stat(&segment, shmid, &stat);
            }
            (_, got) => assert_eq!(got.err(), expected, "SHM_STAT"),
        }
    }

    pub(super) fn set(&mut self, who: u8, which: u8, owner: u8, mode: u32) {
        let Some(index) = self.pick(which) else { return };
        let refused = self.model.segments[index].control_errno(&self.cred(who));
        let expected = refused.or((owner == BEYOND).then_some(Errno::EINVAL));
        let number = if owner == BEYOND { u32::MAX } else { u32::from(owner) };
        let (uid, gid) = (Uid(number), Gid(number));
        let shmid = self.model.segments[index].id;
        let got = self.call(who, Call::ShmSet { shmid, uid, gid, mode }, Fault::None);
        assert_eq!(got.err(), expected, "IPC_SET");
        if expected.is_none() {
            let segment = &mut self.model.segments[index];
            (segment.owner, segment.mode, segment.ctime) = (number, mode & 0o777, self.now.seconds);
        }
    }

    pub(super) fn remove(&mut self, who: u8, which: u8) {
        self.count_all();
        let Some(index) = self.pick(which) else { return };
        let expected = self.model.segments[index].control_errno(&self.cred(who));
        let shmid = self.model.segments[index].id;
        let got = self.call(who, Call::ShmRemove { shmid }, Fault::None);
        assert_eq!(got.err(), expected, "IPC_RMID");
        if expected.is_none() {
            self.model.segments[index].removed = true;
            self.model.sweep();
        }
    }

    pub(super) fn lock(&mut self, who: u8, which: u8, lock: bool, allowance: u8, fails: bool) {
        let Some(index) = self.pick(which) else { return };
        let segment = &self.model.segments[index];
        let (shmid, changes) = (segment.id, segment.locked != lock && segment.huge.is_none());
        let pages = if allowance == BEYOND { u64::MAX / PAGE_SIZE } else { u64::from(allowance) };
        let refused = self.model.lock_errno(segment, &self.cred(who), lock, pages);
        let expected = refused.or((fails && changes).then_some(Errno::ENFILE));
        let fault = if fails { Fault::Make } else { Fault::None };
        let asked = Call::ShmLock { shmid, lock, allowance: pages * PAGE_SIZE };
        assert_eq!(self.call(who, asked, fault).err(), expected, "SHM_LOCK");
        if expected.is_none() && changes {
            self.model.segments[index].locked = lock;
        }
    }

    pub(super) fn stale(&mut self, who: u8, which: u8, call: Stale) {
        let given = |id: &Shmid| self.model.segments.iter().any(|segment| segment.id == *id);
        // An id that was wanted may be one that was there before.
        let gone: Vec<_> = self.model.gone.iter().filter(|id| !given(id)).collect();
        let Some(&&shmid) = gone.get(usize::from(which) % gone.len().max(1)) else { return };
        let asked = match call {
            Stale::Attach => Call::ShmAttach { shmid, flags: AttachFlags::RDONLY },
            Stale::Stat => Call::ShmStat { shmid },
            Stale::Set => Call::ShmSet { shmid, uid: Uid(0), gid: Gid(0), mode: 0 },
            Stale::Remove => Call::ShmRemove { shmid },
            Stale::Lock => Call::ShmLock { shmid, lock: true, allowance: u64::MAX },
        };
        assert_eq!(self.call(who, asked, Fault::None).err(), Some(Errno::EINVAL), "{call:?}");
    }
}

/// What a segment says of itself is what the model knows.
#[track_caller]
fn same_stat(segment: &Segment, shmid: Shmid, stat: &SegmentStat) {
    assert_eq!(shmid, segment.id);
    assert_eq!(stat.nattch as usize, segment.attached_by.len());
    let (dest, locked) = (u32::from(segment.removed) * SHM_DEST, u32::from(segment.locked) * SHM_LOCKED);
    assert_eq!(stat.perm.mode, segment.mode | dest | locked);
    assert_eq!((stat.perm.uid.0, stat.perm.gid.0), (segment.owner, segment.owner));
    assert_eq!((stat.perm.cuid.0, stat.perm.cgid.0), (segment.creator, segment.creator));
    assert_eq!(stat.key.0, if segment.removed { 0 } else { segment.key });
    assert_eq!((stat.size.0, stat.resident.0), (segment.bytes(), segment.resident));
    assert_eq!((stat.cpid, stat.lpid), (pid(segment.creator as u8), segment.lpid));
    assert_eq!((stat.atime, stat.dtime, stat.ctime), (segment.atime, segment.dtime, segment.ctime));
}
