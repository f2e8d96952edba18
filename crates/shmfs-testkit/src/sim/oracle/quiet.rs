//! What must be true when everything rests: every call is answered, every death is noticed.
//!
//! Then nothing is uncertain: what the broker lists, what the journal names, what lies in the descriptor table, and what
//! the kernel still has, are all exactly what programs can reach or hold.
//!
//! Owns: the comparison. Leaves to others: bringing everything to rest, and asking (`driver`).

use super::posix::number_of;
use super::rules::Named;
use crate::sim::actor::{Actor, Life};
use crate::sim::kernel::{FileId, What};
use crate::sim::world::World;
use shmfs_abi::{ByteLen, Kind, Lifetime, ObjectId, PAGE_SIZE, Row, Usage};
use shmfs_journal::{ClientRecord, ConnectionRecord, ObjectRecord, Record, StoreRecord};
use std::collections::{BTreeMap, BTreeSet};

/// What the broker and its journal say of everything.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) rows: Vec<Row>,
    pub(crate) usage: Usage,
    pub(crate) records: Vec<Record>,
}

impl Seen {
    pub(super) fn objects(&self) -> impl Iterator<Item = &ObjectRecord> {
        self.records.iter().filter_map(|record| match record {
            Record::Object(object) => Some(object),
            _ => None,
        })
    }

    fn clients(&self) -> impl Iterator<Item = &ClientRecord> {
        self.records.iter().filter_map(|record| match record {
            Record::Client(client) => Some(client),
            _ => None,
        })
    }

    fn connections(&self) -> impl Iterator<Item = &ConnectionRecord> {
        self.records.iter().filter_map(|record| match record {
            Record::Connection(connection) => Some(connection),
            _ => None,
        })
    }

    pub(super) fn store(&self) -> Option<&StoreRecord> {
        self.records.iter().find_map(|record| match record {
            Record::Store(store) => Some(store),
            _ => None,
        })
    }
}

/// Images that run and are clients.
fn clients(actors: &[Actor]) -> impl Iterator<Item = &Actor> {
    actors.iter().filter(|actor| actor.runs() && actor.known.is_some())
}

impl World {
    /// Compares everything. Complains about the first difference of each kind.
    pub(crate) fn check(&mut self, seen: &Seen) {
        let all = [
            self.check_segments(&seen.rows),
            self.check_objects(&seen.rows),
            self.check_unnamed(&seen.rows),
            self.check_costs(&seen.usage),
            self.check_files(seen),
            self.check_names(),
            self.check_numbers(seen),
            self.check_locks(seen),
            self.check_state(seen),
        ];
        for what in all.into_iter().filter_map(Result::err) {
            self.complain(format!("at rest: {what}"));
        }
        // Nobody can be answered any more on what was asked before.
        let ended = |who: usize| self.actors[who].life == Life::Ended;
        self.oracle.pending.retain(|(who, _), pending| !ended(*who) && pending.accepted.is_some());
    }

    fn check_segments(&mut self, rows: &[Row]) -> Result<(), String> {
        let listed: BTreeMap<_, _> = rows.iter().filter_map(|row| Some((row.shmid?, row))).collect();
        for segment in self.oracle.rules.segments.clone() {
            let Some(note) = self.oracle.notes.get(&segment.id).copied() else { continue };
            let attached =
                note.object.map_or(0, |object| self.oracle.attaches_of(object) + self.stranded_count(object));
            let Some(row) = listed.get(&segment.id) else {
                if note.may_be_gone {
                    self.oracle.forget_segment(segment.id);
                    continue;
                }
                return Err(format!("the segment {} is gone, with {attached} attaches", segment.id.0));
            };
            if segment.removed && attached == 0 {
                return Err(format!(
                    "the segment {} is removed and not attached, and is there",
                    segment.id.0
                ));
            }
            if let Some(note) = self.oracle.notes.get_mut(&segment.id) {
                note.may_be_gone = false;
                note.object.get_or_insert(row.object);
            }
            let key = if segment.removed { 0 } else { segment.key };
            let expected =
                (Some(attached), Some(key), segment.mode, segment.owner, segment.pages, segment.removed);
            let key = row.key.map(|key| key.0);
            let got = (row.nattch, key, row.mode, row.uid.0, row.size.pages().0, row.removed);
            if got != expected {
                let what = "attaches, key, mode, owner, pages, removed";
                return Err(format!("the segment {}: {what}: {got:?}, not {expected:?}", segment.id.0));
            }
        }
        let known = |id| self.oracle.rules.segments.iter().any(|segment| segment.id == id);
        match listed.keys().find(|id| !known(**id)) {
            Some(id) => Err(format!("the segment {} is there, and nobody has made it", id.0)),
            None => Ok(()),
        }
    }

    fn check_objects(&mut self, rows: &[Row]) -> Result<(), String> {
        let named = rows.iter().filter(|row| row.name.is_some() && row.kind != Kind::Anonymous);
        let listed: BTreeMap<_, _> = named.map(|row| (row.object, row)).collect();
        for object in self.oracle.rules.objects.clone() {
            let Some(row) = listed.get(&object.object) else {
                if object.may_be_gone {
                    self.oracle.forget_named(object.object);
                    continue;
                }
                return Err(format!(
                    "the object {} is gone, with the names {:?}",
                    object.object.0, object.names
                ));
            };
            self.check_lifetime(&object)?;
            let name = row.name.map(|name| number_of(&name));
            if !name.is_some_and(|name| object.names.contains(&name)) {
                return Err(format!(
                    "the object {} has the names {:?}, not {name:?}",
                    object.object.0, object.names
                ));
            }
            let size = self.size_of(object.object);
            let expected =
                (object.mode, object.owner, size.unwrap_or(row.size.0), object.lifetime, object.guarded);
            let got = (row.mode, row.uid.0, row.size.0, row.lifetime, row.guarded);
            if got != expected {
                let what = "mode, owner, size, lifetime, guarded";
                return Err(format!("the object {}: {what}: {got:?}, not {expected:?}", object.object.0));
            }
        }
        let known = |id| self.oracle.rules.objects.iter().any(|object| object.object == id);
        match listed.keys().find(|id| !known(**id)) {
            Some(id) => Err(format!("the object {} is there, and nobody has made it", id.0)),
            None => Ok(()),
        }
    }

    /// What has a name has it rightly.
    fn check_lifetime(&self, object: &Named) -> Result<(), String> {
        let file = self.oracle.charges.get(&object.object).and_then(|charge| charge.file);
        let held = file.is_some_and(|file| self.is_held(file));
        match object.lifetime {
            Lifetime::LastUser if !held => {
                Err(format!("nobody holds the object {}, and it is there", object.object.0))
            }
            Lifetime::Process if self.kernel.has_ended(object.creator) => {
                Err(format!("the creator of the object {} has ended, and it is there", object.object.0))
            }
            _ => Ok(()),
        }
    }

    fn size_of(&self, object: ObjectId) -> Option<u64> {
        let file = self.oracle.charges.get(&object)?.file?;
        self.kernel.exists(file).then(|| self.kernel.file(file).size)
    }

    /// What has neither name nor id is there as long as a program holds it, and so is anonymous memory.
    fn check_unnamed(&mut self, rows: &[Row]) -> Result<(), String> {
        let (actors, kernel) = (&self.actors, &self.kernel);
        self.oracle.fresh.retain(|fresh| actors[fresh.who].runs());
        let held = |file: Option<FileId>| {
            file.is_some_and(|file| kernel.exists(file) && kernel.is_held_by_programs(file))
        };
        let (named, fresh) = (&self.oracle.rules.objects, &self.oracle.fresh);
        self.oracle.charges.retain(|object, charge| {
            let is_named = named.iter().any(|named| named.object == *object);
            is_named || fresh.iter().any(|fresh| fresh.object == *object) || held(charge.file)
        });
        self.oracle.lingering.retain(|(file, _)| held(*file));
        let unnamed = |kind| {
            let rows = rows.iter().filter(|row| row.shmid.is_none() && row.name.is_none());
            rows.filter(|row| (row.kind == Kind::Segment) == kind)
                .map(|row| row.object)
                .collect::<BTreeSet<_>>()
        };
        let segments = unnamed(true).len();
        if segments != self.oracle.lingering.len() {
            let held = self.oracle.lingering.len();
            return Err(format!("{segments} destroyed segments are kept, {held} are held by programs"));
        }
        let objects = unnamed(false);
        let is_known = |object: &ObjectId| {
            let is_named = self.oracle.rules.objects.iter().any(|named| named.object == *object);
            let is_fresh = self.oracle.fresh.iter().any(|fresh| fresh.object == *object);
            is_named || is_fresh
        };
        let charges = self.oracle.charges.iter().filter(|(object, _)| !is_known(object));
        let (anonymous, unlinked): (Vec<_>, Vec<_>) = charges.partition(|(_, charge)| charge.anonymous);
        let numbers =
            |of: Vec<(&ObjectId, _)>| of.into_iter().map(|(object, _)| *object).collect::<BTreeSet<_>>();
        let expected = numbers(unlinked);
        if objects != expected {
            return Err(format!("unlinked objects are {objects:?}, not {expected:?}"));
        }
        let listed: BTreeSet<_> =
            rows.iter().filter(|row| row.kind == Kind::Anonymous).map(|row| row.object).collect();
        let expected = numbers(anonymous);
        if listed != expected {
            return Err(format!("anonymous memory is {listed:?}, not {expected:?}"));
        }
        Ok(())
    }

    fn check_costs(&mut self, usage: &Usage) -> Result<(), String> {
        self.oracle.spoilt = 0;
        for charge in self.oracle.charges.values_mut() {
            let there = charge.file.filter(|file| self.kernel.exists(*file));
            let pages = there.map(|file| ByteLen(self.kernel.file(file).size).pages().0);
            let pages = pages.unwrap_or(charge.high);
            (charge.low, charge.high) = (pages, pages);
        }
        let segments: u64 = self.oracle.rules.segments.iter().map(|segment| segment.pages).sum();
        let objects: u64 = self.oracle.charges.values().map(|charge| charge.high).sum();
        let lingering: u64 = self.oracle.lingering.iter().map(|(_, pages)| pages).sum();
        let anonymous = self.oracle.charges.values().filter(|charge| charge.anonymous).count();
        let unnamed =
            self.oracle.charges.len() - anonymous - self.oracle.rules.objects.len() - self.oracle.fresh.len();
        let expected = [
            ("bytes used", (segments + objects + lingering) * PAGE_SIZE, usage.used.0),
            ("size", self.oracle.limit * PAGE_SIZE, usage.size.0),
            ("segments", self.oracle.rules.segments.len() as u64, usage.sysv),
            ("objects", self.oracle.rules.objects.len() as u64, usage.posix),
            ("anonymous", anonymous as u64, usage.anon),
            ("unnamed", (unnamed + self.oracle.lingering.len()) as u64, usage.unnamed),
            ("clients", (clients(&self.actors).count() + self.stranded().len()) as u64, usage.clients),
        ];
        match expected.iter().find(|(_, expected, got)| expected != got) {
            Some((what, expected, got)) => Err(format!("{what}: {got}, not {expected}")),
            None => Ok(()),
        }
    }

    /// Tables of children that were never made: they lie in the socket of a parent that was killed before it read the
    /// answer, and copies of that parent hold the socket, which do not read it either. Nobody can tell until those end.
    fn stranded(&self) -> Vec<FileId> {
        let tables = self.kernel.tables().into_iter();
        tables.filter(|table| self.is_held(*table) && !self.kernel.is_mapped(*table)).collect()
    }

    /// What they count of an object.
    fn stranded_count(&self, object: ObjectId) -> u64 {
        let counts = self.stranded().into_iter().flat_map(|table| self.kernel.rows(table).used());
        counts.filter(|(_, counted, _)| *counted == object).map(|(_, _, count)| u64::from(count)).sum()
    }

    /// Files are exactly the objects, each with its content, owner and mode.
    fn check_files(&mut self, seen: &Seen) -> Result<(), String> {
        let mut files = BTreeSet::new();
        for object in seen.objects() {
            let id = object.image.object;
            let file = self.kernel.at(object.fd).and_then(|description| self.kernel.file_of(description));
            let Ok(file) = file else { return Err(format!("the object {} has no file", id.0)) };
            let found = self.kernel.file(file);
            if found.identity != object.identity {
                return Err(format!("the object {} has another's file", id.0));
            }
            let of_segment = self.oracle.notes.values().find(|note| note.object == Some(id));
            let of_object = self.oracle.charges.get(&id);
            let known = of_segment.and_then(|note| note.file).or(of_object.and_then(|charge| charge.file));
            if known.is_some_and(|known| known != file) {
                return Err(format!("the object {} is {file:?}, and was {known:?}", id.0));
            }
            let stamp = self.oracle.stamps.get(&file).copied().unwrap_or(0);
            if found.stamp != stamp {
                return Err(format!("the object {} has the content {}, not {stamp}", id.0, found.stamp));
            }
            let mirrored = (found.uid, found.mode & 0o7777);
            let is_named = self.oracle.rules.objects.iter().any(|named| named.object == id);
            if (of_segment.is_some() || is_named) && mirrored != (object.image.uid, object.image.mode) {
                return Err(format!("the object {}: owner and mode of its inode are {mirrored:?}", id.0));
            }
            files.insert(file);
        }
        let (clients, tables) = (clients(&self.actors).count(), self.kernel.tables().len());
        if tables != clients + self.stranded().len() {
            return Err(format!("{tables} attach tables exist for {clients} clients"));
        }
        match self.kernel.objects().find(|(file, _)| !files.contains(file)) {
            Some((file, _)) => Err(format!("{file:?} is left over")),
            None => Ok(()),
        }
    }

    fn check_names(&mut self) -> Result<(), String> {
        let mut expected = BTreeMap::new();
        let objects = self.oracle.rules.objects.iter();
        for object in objects.filter(|object| self.plan.hidden && object.lifetime != Lifetime::Durable) {
            let file = self.oracle.charges.get(&object.object).and_then(|charge| charge.file);
            expected.extend(object.names.iter().map(|name| (*name, file)));
        }
        let got: BTreeMap<_, _> =
            self.kernel.names().iter().map(|(name, file)| (number_of(name), *file)).collect();
        let differs = |(name, file): (&u8, &Option<FileId>)| {
            got.get(name).is_none_or(|got| file.is_some_and(|file| file != *got))
        };
        if got.len() != expected.len() || expected.iter().any(|(name, file)| differs((name, file))) {
            return Err(format!("the names of the hidden tmpfs are {got:?}, not {expected:?}"));
        }
        if self.plan.hidden
            && self.kernel.hidden_size() != self.oracle.limit * PAGE_SIZE
            && self.refused.is_empty()
        {
            return Err(format!("the hidden tmpfs has {} bytes", self.kernel.hidden_size()));
        }
        Ok(())
    }

    /// The table of numbers holds what the records name, and the living broker's two queues.
    fn check_numbers(&mut self, seen: &Seen) -> Result<(), String> {
        let Some(store) = seen.store() else { return Err("the journal has no store".to_owned()) };
        let mut expected = BTreeSet::from([store.listener, store.hidden, store.hold, store.state_lock]);
        expected.extend(seen.objects().map(|object| object.fd));
        expected.extend(seen.clients().flat_map(|client| [client.table, client.pidfd]));
        expected.extend(seen.connections().map(|connection| connection.socket));
        for record in &seen.records {
            match record {
                Record::Writer(writer) => drop(expected.insert(writer.pipe)),
                Record::Intent(_, intent) => return Err(format!("{intent:?} is still to be done")),
                _ => {}
            }
        }
        expected.remove(&-1);
        let queues = self.kernel.numbers.iter().filter(|(_, held)| self.kernel.what(**held) == What::Queue);
        let queues: Vec<_> = queues.map(|(number, _)| *number).collect();
        if queues.len() != 2 {
            return Err(format!("{} queues of events are open", queues.len()));
        }
        expected.extend(queues);
        let got: BTreeSet<_> = self.kernel.numbers.keys().copied().collect();
        if got == expected {
            return Ok(());
        }
        let over: Vec<_> = got
            .difference(&expected)
            .map(|number| (*number, self.kernel.at(*number).map(|held| self.kernel.what(held))))
            .collect();
        let missing: Vec<_> = expected.difference(&got).collect();
        Err(format!("numbers left over: {over:?}; missing: {missing:?}"))
    }

    fn check_locks(&mut self, seen: &Seen) -> Result<(), String> {
        if !self.refused.is_empty() {
            // Where a lock was refused to a new broker, it says so and goes on.
            return Ok(());
        }
        let locked = self.oracle.notes.values().filter(|note| note.locked).filter_map(|note| note.object);
        let expected: BTreeSet<_> = locked.collect();
        let mut got = BTreeSet::new();
        for object in seen.objects() {
            let file = self.kernel.at(object.fd).and_then(|description| self.kernel.file_of(description));
            if file.is_ok_and(|file| self.kernel.locked.contains(&file)) {
                got.insert(object.image.object);
            }
        }
        if expected == got {
            Ok(())
        } else {
            Err(format!("objects locked in memory are {got:?}, not {expected:?}"))
        }
    }
}
