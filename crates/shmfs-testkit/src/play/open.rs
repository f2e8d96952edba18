//! Opening POSIX objects, and what only programs of the library ask for.

use super::{Play, posix::name};
use crate::model::{Object, Wanted};
use crate::step::{BEYOND, Fault};
use shmfs_abi::{ByteLen, Call, Errno, Lifetime, ObjectId, OpenFlags, PAGE_SIZE, Part, Reply};
use shmfs_core::{Effect, Event};

/// How a name is opened.
pub(super) struct Opening {
    pub(super) who: u8,
    pub(super) number: u8,
    pub(super) flags: i32,
    pub(super) mode: u32,
    pub(super) fault: Fault,
    /// What `Call::Want` asks for besides.
    pub(super) wanted: Option<Wanted>,
}

/// One byte less than these pages: charges are rounded up.
fn bytes(pages: u8) -> ByteLen {
    match pages {
        BEYOND => ByteLen(u64::MAX),
        pages => ByteLen((u64::from(pages) * PAGE_SIZE).saturating_sub(1)),
    }
}

impl Opening {
    fn call(&self) -> Call {
        let (name, flags, mode) = (name(self.number), OpenFlags::from_bits_retain(self.flags), self.mode);
        match self.wanted {
            None => Call::Open { name, flags, mode },
            Some(Wanted { pages, lifetime, guarded }) => {
                let size = bytes(pages);
                Call::Want(shmfs_abi::Wanted { name, flags, mode, size, lifetime, guarded })
            }
        }
    }

    /// What is answered where the object is this one.
    fn reply(&self, object: ObjectId, lifetime: Lifetime, created: bool) -> Reply {
        match self.wanted {
            None => Reply::Opened { object },
            Some(_) => Reply::Wanted { object, lifetime, created },
        }
    }

    /// The object, if it is made.
    fn object(&self, object: ObjectId) -> Object {
        let none = Wanted { pages: 0, lifetime: Lifetime::UntilRemoved, guarded: false };
        let Wanted { pages, lifetime, guarded } = self.wanted.unwrap_or(none);
        let made = Object::new(object, self.number, u64::from(pages), self.mode, self.who);
        Object { lifetime, guarded, ..made }
    }
}

impl Play {
    pub(super) fn open(&mut self, asked: &Opening) {
        let (cred, fault) = (self.cred(asked.who), asked.fault);
        let expected = match asked.wanted {
            None => self.model.open(&cred, asked.number, asked.flags),
            Some(wanted) => self.model.want(&cred, (asked.number, asked.flags), wanted),
        };
        let upcoming = self.engine.image().numbers.0 + 1;
        match (expected, self.call(asked.who, asked.call(), fault)) {
            (Err(expected), Err(errno)) => assert_eq!(errno, expected),
            (Ok(None), Err(errno)) => {
                assert!(matches!(fault, Fault::Make | Fault::Link) && errno == Errno::ENFILE, "{errno:?}");
                if fault == Fault::Link {
                    // Its backing was made, and a descriptor may be on its way.
                    self.model.hold(&asked.object(ObjectId(upcoming)));
                }
            }
            (Ok(Some(found)), Ok(called)) => {
                let object = &mut self.model.objects[found];
                let reply = asked.reply(object.object, object.lifetime, false);
                assert_eq!((called.made, called.reply), (None, reply));
                if asked.flags & 0o1000 != 0 {
                    object.resize(0);
                    object.measured(self.now.seconds);
                }
            }
            (Ok(None), Ok(called)) => {
                let Some(object) = called.made else { panic!("nothing was made") };
                let opened = asked.object(object);
                assert_eq!(called.reply, asked.reply(object, opened.lifetime, true));
                assert_eq!(called.waits.is_some(), fault == Fault::Wait);
                self.model.objects.push(Object { waits: called.waits, ..opened });
            }
            (Err(expected), Ok(called)) => {
                panic!("opening: expected {expected:?}, got {:?}", called.reply);
            }
            (Ok(Some(_)), Err(errno)) => panic!("opening: {errno:?} for what exists"),
        }
    }

    pub(super) fn anonymous(&mut self, who: u8, label: u8, pages: u8, fails: bool) {
        let expected = self.model.anonymous_errno(pages).or(fails.then_some(Errno::ENFILE));
        let fault = if fails { Fault::Make } else { Fault::None };
        let got = self.call(who, Call::Anonymous { label: name(label), size: bytes(pages) }, fault);
        match (expected, got.map(|called| (called.made, called.reply))) {
            (Some(expected), Err(errno)) => assert_eq!(errno, expected),
            (None, Ok((Some(object), Reply::Opened { object: opened }))) => {
                assert_eq!(opened, object);
                let made = Object::new(object, label, u64::from(pages), 0o777, who);
                self.model.anonymous.push(made);
            }
            (expected, got) => panic!("anonymous memory: expected {expected:?}, got {got:?}"),
        }
    }

    /// What is there can be had in parts; what is made, waits or is gone can not.
    pub(super) fn fetch(&mut self, who: u8, which: u8, part: Part) {
        let (known, unshown) = (self.model.known(), self.model.unshown());
        let gone = ObjectId(self.engine.image().numbers.0 + 1);
        let which = usize::from(which) % (known.len() + unshown.len() + 1);
        let found = known.get(which);
        let other = unshown.get(which.saturating_sub(known.len())).copied().unwrap_or(gone);
        let object = found.map_or(other, |known| known.object);
        let expected = found.map_or(Some(Errno::ENOENT), |known| known.errno(&self.cred(who), part));
        let got = self.call(who, Call::Fetch { object, part }, Fault::None).map(|called| called.reply);
        match (expected, found, got) {
            (Some(expected), _, Err(errno)) => assert_eq!(errno, expected, "{part:?} of {object:?}"),
            (None, Some(known), Ok(Reply::Fetched { size, held: false })) => {
                assert_eq!(size.pages().0, known.size, "{object:?}");
            }
            (expected, _, got) => panic!("{part:?} of {object:?}: expected {expected:?}, got {got:?}"),
        }
    }

    /// Nobody holds an object any more: its names go, if it was to live so long.
    pub(super) fn unheld(&mut self, which: u8) {
        let Some(index) = usize::from(which).checked_rem(self.model.objects.len()) else { return };
        let Object { object, lifetime, waits, ref names, .. } = self.model.objects[index];
        let mut expected = Vec::new();
        if lifetime == Lifetime::LastUser && waits.is_none() {
            let mut names = names.clone();
            names.sort_unstable();
            expected.extend(names.into_iter().map(|number| Effect::Unlink { object, name: name(number) }));
            expected.push(Effect::Release { object });
            self.model.release(index);
        }
        assert_eq!(self.engine.lives_by_users(object), !expected.is_empty());
        let effects = self.observe(Event::Unheld { object });
        assert_eq!(effects, expected, "nobody holds {object:?}");
        self.note(&effects);
    }
}
