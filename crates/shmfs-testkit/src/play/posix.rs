//! Steps of the POSIX door.

use super::{NO_FACTS, Play};
use crate::model::{Fresh, Object};
use crate::step::{BEYOND, Fault};
use shmfs_abi::{ByteLen, Call, Errno, Gid, Lifetime, Name, OpenFlags, PAGE_SIZE, Reply, Ticket, Uid};
use shmfs_core::{Event, Facts};

/// Objects and semaphores share names, as `shm_open("/sem.a")` opens a semaphore.
pub(super) fn name(number: u8) -> Name {
    match Name::new(&[b's', b'e', b'm', b'.', b'a' + number]) {
        Ok(name) => name,
        Err(_) => unreachable!("a letter behind a prefix is a name"),
    }
}

impl Play {
    pub(super) fn unlink(&mut self, who: u8, number: u8) {
        let found = self.model.lookup(number);
        let expected = match found {
            Err(errno) => Some(errno),
            Ok(None) => Some(Errno::ENOENT),
            Ok(Some(found)) => (!self.model.may_delete(found, &self.cred(who))).then_some(Errno::EPERM),
        };
        let got = self.call(who, Call::Unlink { name: name(number) }, Fault::None);
        assert_eq!(got.err(), expected, "unlink");
        if let (Ok(Some(found)), None) = (found, expected) {
            self.model.take_name(found, number);
        }
    }

    pub(super) fn rename(&mut self, who: u8, from: u8, to: u8, flags: u8) {
        let (old, new) = (self.model.lookup(from), self.model.lookup(to));
        let may = |object| self.model.may_delete(object, &self.cred(who));
        let expected = match (flags, old, new) {
            (3, ..) => Some(Errno::EINVAL),
            (_, Err(errno), _) => Some(errno),
            (_, Ok(None), _) => Some(Errno::ENOENT),
            (_, _, Err(errno)) => Some(errno),
            (1, _, Ok(Some(_))) => Some(Errno::EEXIST),
            (2, _, Ok(None)) => Some(Errno::ENOENT),
            (_, Ok(Some(old)), Ok(Some(new))) if old == new => None,
            (_, Ok(Some(old)), Ok(new)) => {
                (!may(old) || new.is_some_and(|new| !may(new))).then_some(Errno::EPERM)
            }
        };
        let asked = Call::Rename { from: name(from), to: name(to), flags: u32::from(flags) };
        assert_eq!(self.call(who, asked, Fault::None).err(), expected, "rename");
        let (Ok(Some(old)), Ok(new), None) = (old, new, expected) else { return };
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

    pub(super) fn link(&mut self, who: u8, from: u8, to: u8) {
        let old = self.model.lookup(from);
        let expected = match (old, self.model.named(to)) {
            (Err(errno), _) => Some(errno),
            (Ok(None), _) => Some(Errno::ENOENT),
            (_, Some(_)) => Some(Errno::EEXIST),
            (Ok(Some(old)), None) => {
                let durable = self.model.objects[old].lifetime == Lifetime::Durable;
                (durable || !self.model.may_link(old, &self.cred(who))).then_some(Errno::EPERM)
            }
        };
        let got = self.call(who, Call::Link { from: name(from), to: name(to) }, Fault::None);
        assert_eq!(got.err(), expected, "link");
        if let (Ok(Some(old)), None) = (old, expected) {
            self.model.objects[old].names.push(to);
        }
    }

    pub(super) fn resize(&mut self, number: u8, pages: u8, dies: bool) {
        let Some(&mut Object { object, pages: before, .. }) = self.model.sized(number) else { return };
        let size = if pages == BEYOND { ByteLen(u64::MAX) } else { ByteLen(u64::from(pages) * PAGE_SIZE) };
        let pages = u64::from(pages);
        let grows = pages > before && !self.model.setting.sparse;
        let expected = if size.0 == u64::MAX {
            Some(Errno::EFBIG)
        } else {
            (grows && !self.model.has_room_for(pages - before)).then_some(Errno::ENOSPC)
        };
        let got = self.call(0, Call::Reserve { object, size }, Fault::None);
        assert_eq!(got.err(), expected, "reserve");
        if expected.is_some() {
            return;
        }
        let now = self.now.seconds;
        let Some(resized) = self.model.sized(number) else { return };
        if grows {
            (resized.pages, resized.reserved) = (pages, Some(now));
        }
        if !dies {
            resized.resize(pages);
            (resized.pages, resized.reserved) = (pages, None);
            let facts = facts_of(resized);
            self.observe(Event::Measured { object, facts });
            assert!(self.call(0, Call::Settle { object }, Fault::None).is_ok());
        }
    }

    pub(super) fn measure(&mut self, number: u8) {
        let now = self.now.seconds;
        let Some(measured) = self.model.sized(number) else { return };
        measured.measured(now);
        let (object, facts) = (measured.object, facts_of(measured));
        self.observe(Event::Measured { object, facts });
    }

    pub(super) fn own(&mut self, number: u8, owner: u8, mode: u32) {
        let Some(owned) = self.model.sized(number) else { return };
        (owned.owner, owned.mode) = (u32::from(owner), mode);
        let (uid, gid) = (Uid(u32::from(owner)), Gid(u32::from(owner)));
        let object = owned.object;
        self.observe(Event::Owned { object, uid, gid, mode });
        self.measure(number);
    }

    /// So many pages of a segment or an object are in memory, and its inode is looked at.
    pub(super) fn touch(&mut self, which: u8, pages: u64) {
        let now = self.now.seconds;
        let (segments, objects) = (&mut self.model.segments, &mut self.model.objects);
        let all = segments.len() + objects.len() + self.model.anonymous.len();
        let Some(index) = usize::from(which).checked_rem(all) else { return };
        if let Some(segment) = segments.get_mut(index) {
            segment.resident = pages.min(segment.mapped());
            let (size, allocated) = (segment.mapped() * PAGE_SIZE, segment.resident * PAGE_SIZE);
            let facts = Facts { size: ByteLen(size), allocated: ByteLen(allocated) };
            let object = segment.object;
            self.observe(Event::Measured { object, facts });
        } else {
            let index = index - segments.len();
            let Some(touched) = objects.iter_mut().chain(&mut self.model.anonymous).nth(index) else {
                return;
            };
            touched.resident = pages.min(touched.size);
            touched.measured(now);
            let (object, facts) = (touched.object, facts_of(touched));
            self.observe(Event::Measured { object, facts });
        }
    }

    pub(super) fn semaphore(&mut self, who: u8, number: u8, flags: i32, fails: bool) {
        let expected = match self.model.open_semaphore(&self.cred(who), number, flags) {
            Ok(None) if fails => Err(Errno::ENFILE),
            other => other,
        };
        let fault = if fails { Fault::Make } else { Fault::None };
        let flags = OpenFlags::from_bits_retain(flags);
        let asked = Call::SemOpen { name: name(number), flags, mode: 0o600 };
        match (expected, self.call(who, asked, fault).map(|called| called.reply)) {
            (Err(expected), Err(errno)) => assert_eq!(errno, expected),
            (Ok(Some(found)), Ok(Reply::Opened { object })) => {
                assert_eq!(object, self.model.objects[found].object);
            }
            (Ok(None), Ok(Reply::Fresh { object, ticket })) => {
                let object = Object::new(object, number, 1, 0o600, who);
                self.model.fresh.push(Fresh { ticket, object });
            }
            (expected, got) => panic!("sem_open: expected {expected:?}, got {got:?}"),
        }
    }

    pub(super) fn publish(&mut self, which: u8, fault: Fault) {
        if self.model.fresh.is_empty() {
            let stale = Call::SemPublish { ticket: Ticket(u64::from(which)) };
            assert_eq!(self.call(0, stale, Fault::None).err(), Some(Errno::EINVAL));
            return;
        }
        let Fresh { ticket, object } = self.model.fresh.remove(usize::from(which) % self.model.fresh.len());
        if fault == Fault::Make {
            assert!(self.settle(ticket, Ok(NO_FACTS), true).is_err());
            self.model.hold(&object);
            return;
        }
        let taken = self.model.named(object.names[0]).is_some();
        match (taken, self.call(0, Call::SemPublish { ticket }, fault)) {
            (true, Err(Errno::EEXIST)) => {
                assert!(self.settle(ticket, Ok(NO_FACTS), true).is_err());
                self.model.hold(&object);
            }
            (false, Ok(called)) => {
                assert_eq!(called.waits.is_some(), fault == Fault::Wait);
                self.model.objects.push(Object { waits: called.waits, ..object });
            }
            (false, Err(Errno::ENFILE)) if fault == Fault::Link => {
                self.model.hold(&object);
            }
            (_, got) => panic!("publishing: got {:?}", got.map(|called| called.reply)),
        }
    }

    /// A name that waits is there, or cannot be.
    pub(super) fn settle_name(&mut self, which: u8, fails: bool) {
        let mut waiting = Vec::new();
        for (index, object) in self.model.objects.iter().enumerate() {
            waiting.extend(object.waits.map(|ticket| (ticket, index)));
        }
        waiting.sort();
        let links: Vec<_> = self.engine.pending_links().into_iter().map(|link| (link.0, link.1)).collect();
        let expected: Vec<_> =
            waiting.iter().map(|(ticket, index)| (*ticket, self.model.objects[*index].object)).collect();
        assert_eq!(links, expected, "names wait");
        let Some(&(ticket, index)) = waiting.get(usize::from(which) % waiting.len().max(1)) else { return };
        let settled = self.settle(ticket, Ok(NO_FACTS), fails);
        assert_eq!(settled.is_err(), fails);
        if fails {
            self.model.release(index);
        } else {
            self.model.objects[index].waits = None;
            let effects = settled.unwrap_or_default();
            assert_eq!(self.model.end_with_process(index), !effects.is_empty(), "what waited for its name");
            self.note(&effects);
        }
    }
}

fn facts_of(object: &Object) -> Facts {
    Facts { size: ByteLen(object.size * PAGE_SIZE), allocated: ByteLen(object.resident * PAGE_SIZE) }
}
