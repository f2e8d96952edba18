//! Questions that change nothing.

use super::{Heard, Play, posix};
use crate::setting::pid;
use crate::step::{Fault, Question};
use shmfs_abi::{ByteLen, Call, Door, Errno, Kind, Lifetime, ObjectId, ProcFile, Reply, Row, Shmid};
use shmfs_core::{Answer, Effect};

impl Play {
    pub(super) fn ask(&mut self, who: u8, question: Question) {
        self.count_all();
        let is_administrator = self.model.is_administrator(&self.cred(who));
        match question {
            Question::List => self.list(who),
            Question::Info => self.info(who),
            Question::Text(file) => self.text(who, file),
            Question::Write(file) => {
                let may = is_administrator && file != ProcFile::SysvipcShm;
                let got = self.call(who, Call::ProcWrite { file }, Fault::None);
                assert_eq!(got.err(), (!may).then_some(Errno::EACCES));
            }
            Question::Replace => {
                for call in [Call::Replace, Call::Mount { sysv: true }, Call::Tree] {
                    let got = self.call(who, call, Fault::None);
                    assert_eq!(got.err(), (!is_administrator).then_some(Errno::EPERM), "{call:?}");
                }
            }
            Question::Detached => {
                let Some(slot) = self.pick(0).and_then(|index| self.model.segments[index].id.slot()) else {
                    return;
                };
                assert!(self.call(who, Call::ShmDetached { slot }, Fault::None).is_ok());
            }
            Question::Grow => {
                let Some(index) = self.pick(0) else { return };
                let object = self.model.segments[index].object;
                let got = self.call(who, Call::Reserve { object, size: ByteLen(1) }, Fault::None);
                assert_eq!(got.err(), Some(Errno::EPERM));
            }
        }
    }

    /// Every object is in the listing, in the order of its number.
    fn list(&mut self, who: u8) {
        let mut rows = Vec::new();
        let mut after = ObjectId(0);
        while let Ok(Reply::Row(row)) = self.call(who, Call::Next { after }, Fault::None).map(|row| row.reply)
        {
            assert!(row.object > after, "a listing does not come to its end");
            after = row.object;
            rows.push(row);
        }
        let found = self.model.objects.iter().filter(|object| object.waits.is_none());
        let all =
            self.model.segments.len() + found.count() + self.model.held.len() + self.model.anonymous.len();
        assert_eq!(rows.len(), all, "the listing is of other objects");
        for row in rows {
            self.same_row(&row);
        }
    }

    fn same_row(&self, row: &Row) {
        if let Some(segment) = self.model.segments.iter().find(|segment| segment.object == row.object) {
            let attaches = segment.attached_by.len() as u64;
            assert_eq!((row.kind, row.shmid), (Kind::Segment, Some(segment.id)));
            assert_eq!((row.lifetime == Lifetime::Durable, row.guarded), (segment.durable, false));
            assert_eq!((row.nattch, row.lpid), (Some(attaches), Some(segment.lpid)));
            assert_eq!((row.mode, row.uid.0, row.gid.0), (segment.mode, segment.owner, segment.owner));
            assert_eq!((row.removed, row.cpid), (segment.removed, pid(segment.creator as u8)));
            assert_eq!((row.size.pages().0, row.allocated.pages().0), (segment.mapped(), segment.resident));
        } else if let Some(object) = self.model.objects.iter().find(|object| object.object == row.object) {
            assert!(object.names.iter().any(|name| row.name == Some(posix::name(*name))), "{:?}", row.name);
            assert_eq!((row.mode, row.uid.0, row.gid.0), (object.mode, object.owner, object.owner));
            assert_eq!((row.removed, row.shmid, row.cpid), (false, None, pid(object.creator)));
            assert_eq!((row.door, row.lifetime, row.guarded), (Door::Posix, object.lifetime, object.guarded));
            assert_eq!((row.size.pages().0, row.allocated.pages().0), (object.size, object.resident));
        } else if let Some(object) = self.model.anonymous.iter().find(|object| object.object == row.object) {
            assert_eq!((row.door, row.kind, row.removed), (Door::Anon, Kind::Anonymous, false));
            assert_eq!((row.name, row.cpid), (Some(posix::name(object.names[0])), pid(object.creator)));
            assert_eq!((row.mode, row.uid.0, row.gid.0), (object.mode, object.owner, object.owner));
            assert_eq!((row.size.pages().0, row.allocated.pages().0), (object.size, object.resident));
        } else {
            let held = self.model.held.iter().find(|held| held.object == row.object);
            assert_eq!(held.map(|held| held.resident), Some(row.allocated.pages().0), "{:?}", row.object);
            assert_eq!((row.removed, row.name, row.shmid), (true, None, None));
        }
    }

    fn info(&mut self, who: u8) {
        let got = self.call(who, Call::ShmInfo, Fault::None).map(|called| called.reply);
        let Ok(Reply::ShmInfo { limits, usage, highest }) = got else { panic!("SHM_INFO: {got:?}") };
        let segments = &self.model.segments;
        let set = &self.model.limits;
        assert_eq!(
            (limits.shmmax, limits.shmall, u64::from(limits.shmmni)),
            (set.shmmax, set.shmall, set.shmmni)
        );
        assert_eq!(usage.segments as usize, segments.len());
        assert_eq!(usage.total.0, segments.iter().map(|segment| segment.pages).sum::<u64>());
        assert_eq!(usage.resident.0, segments.iter().map(|segment| segment.resident).sum::<u64>());
        let slots = segments.iter().filter_map(|segment| segment.id.slot());
        assert_eq!(highest as u32, slots.map(|slot| slot.0).max().unwrap_or(0));
    }

    fn text(&mut self, who: u8, file: ProcFile) {
        assert!(self.call(who, Call::ProcText { file }, Fault::None).is_ok());
        let text = self.heard.iter().rev().find_map(|heard| match heard {
            Heard::Answer(asked) => match &asked.1 {
                Ok(Answer { effects, .. }) => match &effects[..] {
                    [Effect::Text(text)] => Some(text.as_str()),
                    _ => None,
                },
                Err(_) => None,
            },
            Heard::Effects(_) => None,
        });
        let Some(text) = text else { panic!("no text of {file:?}") };
        let set = &self.model.limits;
        let expected = match file {
            ProcFile::SysvipcShm => return self.same_table(text),
            ProcFile::Shmmax => set.shmmax.to_string(),
            ProcFile::Shmall => set.shmall.to_string(),
            ProcFile::Shmmni => set.shmmni.to_string(),
            ProcFile::ShmRmidForced => u8::from(set.forced).to_string(),
            ProcFile::ShmNextId => set.next_id.unwrap_or(Shmid(-1)).0.to_string(),
        };
        assert_eq!(text, format!("{expected}\n"), "{file:?}");
    }

    /// The fields key, shmid, size, cpid, lpid and nattch of each line, in the order of slots.
    fn same_table(&self, text: &str) {
        let mut expected: Vec<_> = self.model.segments.iter().collect();
        expected.sort_by_key(|segment| segment.id.slot());
        let lines: Vec<_> = text.lines().skip(1).collect();
        assert_eq!(lines.len(), expected.len(), "{text}");
        for (line, segment) in lines.into_iter().zip(expected) {
            let fields: Vec<_> = line.split_whitespace().collect();
            let key = if segment.removed { 0 } else { segment.key };
            let creator = pid(segment.creator as u8);
            assert_eq!(fields[..2], [key.to_string(), segment.id.0.to_string()], "{text}");
            let numbers =
                [segment.bytes(), creator.0 as u64, segment.lpid.0 as u64, segment.attached_by.len() as u64];
            assert_eq!(fields[3..7], numbers.map(|number| number.to_string()), "{text}");
        }
    }
}
