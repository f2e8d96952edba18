//! Playing a sequence on the engine and on the model.

use crate::model::{Model, Object, Segment};
use crate::step::Step;
use shmfs_abi::{
    AttachFlags, Backing, ByteLen, Call, Caps, Cred, Errno, GetFlags, Gid, Groups, Key, Name, ObjectId,
    OpenFlags, PAGE_SIZE, Pid, Reply, ShmLimits, Shmid, Time, Uid, limits,
};
use shmfs_core::{Answer, Config, Effect, Event, Facts, Namespace};

/// Pages of the store: few, so that it is full now and then.
const PAGES: u64 = 24;

/// The engine and the model side by side.
pub struct Play {
    engine: Namespace,
    model: Model,
    now: Time,
    /// Objects that the engine has released and the world still holds.
    released: Vec<ObjectId>,
}

fn cred(who: u8) -> Cred {
    let caps = if who == 0 { Caps::all() } else { Caps::empty() };
    let (pid, uid, gid) = (Pid(100 + i32::from(who)), Uid(u32::from(who)), Gid(u32::from(who)));
    Cred { pid, uid, gid, groups: Groups::NONE, caps }
}

/// Objects and semaphores share names, as `shm_open("/sem.a")` opens a semaphore.
fn name(number: u8) -> Name {
    match Name::new(&[b's', b'e', b'm', b'.', b'a' + number]) {
        Ok(name) => name,
        Err(_) => unreachable!("a letter behind a prefix is a name"),
    }
}

const NO_FACTS: Facts = Facts { size: ByteLen(0), allocated: ByteLen(0) };

impl Default for Play {
    fn default() -> Play {
        let shmmax = limits::DEFAULT_SHMMAX;
        let engine = Namespace::new(Config {
            size: ByteLen(PAGES * PAGE_SIZE),
            sparse: false,
            reserve: false,
            limits: ShmLimits { shmmax, shmmni: limits::DEFAULT_SHMMNI, shmall: shmmax },
            posix: Backing::TmpfsFile,
            protected_regular: 0,
            protected_hardlinks: false,
            owner: (Uid(0), Gid(0)),
            boot: Time::default(),
        });
        Play { engine, model: Model::default(), now: Time::default(), released: Vec::new() }
    }
}

impl Play {
    /// Plays one step on both sides. Panics where they differ, or where the engine's invariants break.
    pub fn play(&mut self, step: Step) {
        self.now.seconds += 1;
        self.play_one(step);
        self.engine.check();
        let (_, Reply::Usage(usage)) = self.call(0, Call::Usage, false).unwrap_or((None, Reply::End)) else {
            panic!("no usage");
        };
        assert_eq!(usage.used.0, self.model.used() * PAGE_SIZE, "charges differ after {step:?}");
        assert_eq!(usage.sysv as usize, self.model.segments.len(), "segments differ after {step:?}");
        assert_eq!(usage.posix as usize, self.model.objects.len(), "objects differ after {step:?}");
    }

    fn play_one(&mut self, step: Step) {
        match step {
            Step::Get { who, key, pages, flags, fails } => self.get(who, key, u64::from(pages), flags, fails),
            Step::Attach { who, which, read_only } => self.attach(who, which, read_only),
            Step::Detach { who, which } => self.detach(who, which),
            Step::Die { who } => self.die(who),
            Step::Stat { who, which } => self.stat(who, which),
            Step::Set { who, which, owner, mode } => self.set(who, which, owner, mode),
            Step::Remove { who, which } => self.remove(who, which),
            Step::Open { who, name, flags, mode, fails } => self.open(who, name, flags, mode, fails),
            Step::Unlink { who, name } => self.unlink(who, name),
            Step::Rename { who, from, to, flags } => self.rename(who, from, to, flags),
            Step::Link { who, from, to } => self.link(who, from, to),
            Step::Resize { name, pages } => self.resize(name, u64::from(pages)),
            Step::Semaphore { who, name, exclusive, publishes } => {
                self.semaphore(who, name, exclusive, publishes)
            }
            Step::LetGo { which } => self.let_go(which),
        }
    }

    /// Asks the engine and carries out what it wants, as a broker would; `fails`: what is to be made cannot be.
    fn call(&mut self, who: u8, call: Call, fails: bool) -> Result<(Option<ObjectId>, Reply), Errno> {
        let Answer { reply, effects } =
            self.engine.call(&cred(who), call, self.now).map_err(|refusal| refusal.errno)?;
        let mut made = None;
        let mut waiting = effects;
        while !waiting.is_empty() {
            let mut next = Vec::new();
            for effect in waiting {
                match effect {
                    Effect::Make { ticket, object, size, .. } => {
                        made = Some(object);
                        let outcome = if fails { Err(Errno::ENFILE) } else { Ok(Facts { size, ..NO_FACTS }) };
                        next.extend(self.engine.settle(ticket, outcome, self.now));
                        if fails {
                            self.note(&next);
                            return Err(Errno::ENFILE);
                        }
                    }
                    Effect::Link { ticket, .. } | Effect::Lock { ticket, .. } => {
                        next.extend(self.engine.settle(ticket, Ok(NO_FACTS), self.now));
                    }
                    Effect::Truncate { object, size } => {
                        let facts = Facts { size, ..NO_FACTS };
                        next.extend(self.engine.observe(Event::Measured { object, facts }, self.now));
                    }
                    Effect::Mark { .. } => self.count_all(),
                    released @ Effect::Release { .. } => self.note(&[released]),
                    _ => {}
                }
            }
            waiting = next;
        }
        Ok((made, reply))
    }

    fn note(&mut self, effects: &[Effect]) {
        for effect in effects {
            if let Effect::Release { object } = effect {
                self.released.push(*object);
            }
        }
    }

    /// Tells the engine the counts that the model knows, as tables would.
    fn count_all(&mut self) {
        for segment in self.model.segments.clone() {
            let Some(slot) = segment.id.slot() else { continue };
            let nattch = segment.attached_by.len() as u64;
            let event = Event::Counted { slot, object: segment.object, nattch, last_detach: None };
            let effects = self.engine.observe(event, self.now);
            self.note(&effects);
        }
    }

    fn pick(&self, which: u8) -> Option<usize> {
        (!self.model.segments.is_empty()).then(|| usize::from(which) % self.model.segments.len())
    }

    fn get(&mut self, who: u8, key: u8, pages: u64, flags: i32, fails: bool) {
        let free = PAGES.saturating_sub(self.model.used());
        let expected = self.model.get(&cred(who), i32::from(key), pages, flags, free);
        // One byte less than the pages: charges are rounded up.
        let size = ByteLen((pages * PAGE_SIZE).saturating_sub(u64::from(pages > 0)));
        let asked = Call::ShmGet { key: Key(i32::from(key)), size, flags: GetFlags::from_bits_retain(flags) };
        match (expected, self.call(who, asked, fails)) {
            (Err(expected), Err(errno)) => assert_eq!(errno, expected),
            (Ok(None), Err(errno)) => assert!(fails && errno == Errno::ENFILE, "{errno:?}"),
            (Ok(Some(expected)), Ok((None, Reply::Shmid(id)))) => assert_eq!(id, expected),
            (Ok(None), Ok((Some(object), Reply::Shmid(id)))) => {
                assert!(self.model.segments.iter().all(|segment| segment.id != id), "an id is given twice");
                let (owner, creator) = (u32::from(who), u32::from(who));
                let (key, mode) = (i32::from(key), flags as u32 & 0o777);
                let attached_by = Vec::new();
                let segment =
                    Segment { id, object, key, pages, mode, owner, creator, attached_by, removed: false };
                self.model.segments.push(segment);
            }
            (expected, got) => panic!("shmget: expected {expected:?}, got {got:?}"),
        }
    }

    fn attach(&mut self, who: u8, which: u8, read_only: bool) {
        let Some(index) = self.pick(which) else { return };
        let segment = &self.model.segments[index];
        let expected = self.model.attach_errno(segment, &cred(who), read_only);
        let flags = if read_only { AttachFlags::RDONLY } else { AttachFlags::empty() };
        let got = self.call(who, Call::ShmAttach { shmid: segment.id, flags }, false);
        assert_eq!(got.as_ref().err().copied(), expected, "shmat");
        if got.is_ok() {
            self.model.segments[index].attached_by.push(who);
        }
    }

    fn detach(&mut self, who: u8, which: u8) {
        let Some(index) = self.pick(which) else { return };
        let attached_by = &mut self.model.segments[index].attached_by;
        if let Some(at) = attached_by.iter().position(|by| *by == who) {
            attached_by.remove(at);
        }
        self.count_all();
        self.model.sweep();
    }

    fn die(&mut self, who: u8) {
        for segment in &mut self.model.segments {
            segment.attached_by.retain(|by| *by != who);
        }
        self.count_all();
        self.model.sweep();
    }

    fn stat(&mut self, who: u8, which: u8) {
        self.count_all();
        let Some(index) = self.pick(which) else {
            let stale = Call::ShmStat { shmid: Shmid(i32::from(which)) };
            assert_eq!(self.call(who, stale, false).err(), Some(Errno::EINVAL));
            return;
        };
        let segment = self.model.segments[index].clone();
        let allowed = self.model.segment_allows(&segment, &cred(who), 4);
        match self.call(who, Call::ShmStat { shmid: segment.id }, false) {
            Ok((_, Reply::Stat { stat, .. })) => {
                assert!(allowed);
                assert_eq!(stat.nattch as usize, segment.attached_by.len());
                assert_eq!(stat.perm.mode & 0o777, segment.mode);
                assert_eq!((stat.perm.uid.0, stat.perm.cuid.0), (segment.owner, segment.creator));
                assert_eq!(stat.key.0, if segment.removed { 0 } else { segment.key });
            }
            got => assert_eq!(got.err(), (!allowed).then_some(Errno::EACCES)),
        }
    }

    fn set(&mut self, who: u8, which: u8, owner: u8, mode: u32) {
        let Some(index) = self.pick(which) else { return };
        let expected = self.model.control_errno(&self.model.segments[index], &cred(who));
        let (uid, gid) = (Uid(u32::from(owner)), Gid(u32::from(owner)));
        let shmid = self.model.segments[index].id;
        let got = self.call(who, Call::ShmSet { shmid, uid, gid, mode }, false);
        assert_eq!(got.err(), expected, "IPC_SET");
        if expected.is_none() {
            let segment = &mut self.model.segments[index];
            (segment.owner, segment.mode) = (u32::from(owner), mode & 0o777);
        }
    }

    fn remove(&mut self, who: u8, which: u8) {
        self.count_all();
        let Some(index) = self.pick(which) else { return };
        let expected = self.model.control_errno(&self.model.segments[index], &cred(who));
        let got = self.call(who, Call::ShmRemove { shmid: self.model.segments[index].id }, false);
        assert_eq!(got.err(), expected, "IPC_RMID");
        if expected.is_none() {
            self.model.segments[index].removed = true;
            self.model.sweep();
        }
    }

    fn open(&mut self, who: u8, number: u8, flags: i32, mode: u32, fails: bool) {
        let expected = self.model.open(&cred(who), number, flags);
        let asked = Call::Open { name: name(number), flags: OpenFlags::from_bits_retain(flags), mode };
        match (expected, self.call(who, asked, fails)) {
            (Err(expected), Err(errno)) => assert_eq!(errno, expected),
            (Ok(None), Err(errno)) => assert!(fails && errno == Errno::ENFILE),
            (Ok(Some(found)), Ok((None, Reply::Opened { object }))) => {
                assert_eq!(object, self.model.objects[found].object);
                if flags & 0o1000 != 0 {
                    self.model.objects[found].pages = 0;
                }
            }
            (Ok(None), Ok((Some(object), Reply::Opened { .. }))) => {
                let (names, owner) = (vec![number], u32::from(who));
                self.model.objects.push(Object { object, names, pages: 0, mode, owner });
            }
            (expected, got) => panic!("shm_open: expected {expected:?}, got {got:?}"),
        }
    }

    fn unlink(&mut self, who: u8, number: u8) {
        let found = self.model.named(number);
        let expected = match found {
            None => Some(Errno::ENOENT),
            Some(found) => (!self.model.may_delete(found, &cred(who))).then_some(Errno::EPERM),
        };
        assert_eq!(self.call(who, Call::Unlink { name: name(number) }, false).err(), expected, "unlink");
        if let (Some(found), None) = (found, expected) {
            self.model.take_name(found, number);
        }
    }

    fn rename(&mut self, who: u8, from: u8, to: u8, flags: u8) {
        let (old, new) = (self.model.named(from), self.model.named(to));
        let may = |object| self.model.may_delete(object, &cred(who));
        let expected = match (flags, old, new) {
            (3, ..) => Some(Errno::EINVAL),
            (_, None, _) => Some(Errno::ENOENT),
            (1, _, Some(_)) => Some(Errno::EEXIST),
            (2, _, None) => Some(Errno::ENOENT),
            (_, Some(old), Some(new)) if old == new => None,
            (_, Some(old), new) => (!may(old) || new.is_some_and(|new| !may(new))).then_some(Errno::EPERM),
        };
        let asked = Call::Rename { from: name(from), to: name(to), flags: u32::from(flags) };
        assert_eq!(self.call(who, asked, false).err(), expected, "rename");
        let (Some(old), None) = (old, expected) else { return };
        if Some(old) == new {
            return;
        }
        let swap =
            |names: &mut Vec<u8>, from, to| names.iter_mut().filter(|n| **n == from).for_each(|n| *n = to);
        swap(&mut self.model.objects[old].names, from, to);
        match (new, flags) {
            (Some(new), 2) => swap(&mut self.model.objects[new].names, to, from),
            (Some(new), _) => self.model.take_name(new, to),
            (None, _) => {}
        }
    }

    fn link(&mut self, who: u8, from: u8, to: u8) {
        let old = self.model.named(from);
        let expected = match (old, self.model.named(to)) {
            (None, _) => Some(Errno::ENOENT),
            (_, Some(_)) => Some(Errno::EEXIST),
            _ => None,
        };
        assert_eq!(
            self.call(who, Call::Link { from: name(from), to: name(to) }, false).err(),
            expected,
            "link"
        );
        if let (Some(old), None) = (old, expected) {
            self.model.objects[old].names.push(to);
        }
    }

    fn resize(&mut self, number: u8, pages: u64) {
        let Some(found) = self.model.named(number) else { return };
        let (object, before) = (self.model.objects[found].object, self.model.objects[found].pages);
        let size = ByteLen(pages * PAGE_SIZE);
        let free = PAGES.saturating_sub(self.model.used());
        let expected = (pages > before && pages - before > free).then_some(Errno::ENOSPC);
        assert_eq!(self.call(0, Call::Reserve { object, size }, false).err(), expected, "reserve");
        if expected.is_none() {
            let facts = Facts { size, ..NO_FACTS };
            self.engine.observe(Event::Measured { object, facts }, self.now);
            assert!(self.call(0, Call::Settle { object }, false).is_ok());
            self.model.objects[found].pages = pages;
        }
    }

    fn semaphore(&mut self, who: u8, number: u8, exclusive: bool, publishes: bool) {
        let flags = if exclusive { 0o300 } else { 0o100 };
        let expected = match self.model.open(&cred(who), number, flags | 2) {
            Ok(None) if self.model.used() >= PAGES => Err(Errno::ENOSPC),
            other => other,
        };
        let asked =
            Call::SemOpen { name: name(number), flags: OpenFlags::from_bits_retain(flags), mode: 0o600 };
        match (expected, self.call(who, asked, false)) {
            (Err(expected), Err(errno)) => assert_eq!(errno, expected),
            (Ok(Some(found)), Ok((_, Reply::Opened { object }))) => {
                assert_eq!(object, self.model.objects[found].object);
            }
            (Ok(None), Ok((_, Reply::Fresh { object, ticket }))) if publishes => {
                assert!(self.call(who, Call::SemPublish { ticket }, false).is_ok());
                let (names, owner) = (vec![number], u32::from(who));
                self.model.objects.push(Object { object, names, pages: 1, mode: 0o600, owner });
            }
            (Ok(None), Ok((_, Reply::Fresh { object, ticket }))) => {
                let effects = self.engine.settle(ticket, Err(Errno::ECONNRESET), self.now);
                self.note(&effects);
                self.model.held.push((object, 1));
            }
            (expected, got) => panic!("sem_open: expected {expected:?}, got {got:?}"),
        }
    }

    /// The last holder of a released object goes.
    fn let_go(&mut self, which: u8) {
        assert_eq!(self.released.len(), self.model.held.len(), "released and held differ");
        if self.released.is_empty() {
            return;
        }
        let object = self.released.remove(usize::from(which) % self.released.len());
        self.engine.observe(Event::Unused { object }, self.now);
        self.model.held.retain(|(held, _)| *held != object);
    }
}
