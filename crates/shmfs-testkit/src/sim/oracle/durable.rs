//! What must lie in the state directory when everything rests: the durable objects that the store has, each with the
//! head that it should have, and nothing else; and a store that begins with that directory has the same objects.
//!
//! Owns: that comparison. Leaves to others: what objects there are (`rules`), the files (`kernel::state`).

use super::Seen;
use super::posix::number_of;
use crate::sim::kernel::Log;
use crate::sim::os::{BROKER, cred_of};
use crate::sim::world::World;
use shmfs_abi::{Call, Kind, Lifetime, ObjectId, PageCount, Reply, Row, Slot, Time};
use shmfs_broker::heads::{self, Pages};
use shmfs_core::{Namespace, ObjectImage, StoreImage};
use shmfs_durable::Head;
use std::collections::BTreeMap;

/// What of an object comes back, in the order of objects: name or key, owner, mode, pages, and whether it is guarded.
type Kept = (Option<u8>, i32, u32, u32, u64, bool);

impl World {
    /// What must come back: of each object that is durable and has a name or an id.
    fn durable_objects(&self, rows: &[Row]) -> BTreeMap<ObjectId, Kept> {
        let pages = |object: ObjectId| {
            let row = rows.iter().find(|row| row.object == object);
            row.map_or(0, |row| row.size.pages().0)
        };
        let named = self.oracle.rules.objects.iter().filter(|named| named.lifetime == Lifetime::Durable);
        let named = named.map(|named| {
            let name = named.names.first().copied();
            (named.object, (name, 0, named.owner, named.mode, pages(named.object), named.guarded))
        });
        let segments =
            self.oracle.rules.segments.iter().filter(|segment| segment.durable && !segment.removed);
        let segments = segments.filter_map(|segment| {
            let object = self.oracle.notes.get(&segment.id)?.object?;
            Some((object, (None, segment.key, segment.owner, segment.mode, segment.pages, false)))
        });
        named.chain(segments).collect()
    }

    pub(super) fn check_state(&self, seen: &Seen) -> Result<(), String> {
        let expected = self.durable_objects(&seen.rows);
        let mut got = BTreeMap::new();
        let mut images = Vec::new();
        for (number, files) in &self.kernel.state.numbers {
            let object = ObjectId(*number);
            let whole = (files.undo.is_some(), files.tmp.is_none(), files.gone) == (true, true, false);
            let (Some(head), Some(pages), true) = (&files.head, files.pages, whole) else {
                return Err(format!("files of the durable object {number} are left: {files:?}"));
            };
            let left = |log: &Log| log.is_dirty && log.by == self.instance && !self.kernel.is_edited(log);
            if files.undo.as_ref().is_some_and(left) {
                return Err(format!("half an edit of the durable object {number} is left"));
            }
            let head = Head::decode(*number, head).map_err(|error| error.to_string())?;
            let facts = self.kernel.facts(pages);
            let record = seen.objects().find(|record| record.image.object == object);
            if record.is_some_and(|record| record.identity != facts.identity) {
                return Err(format!("the durable object {number} has other pages"));
            }
            let size = if head.kind == Kind::Segment { head.size } else { facts.size };
            let name = head.name.as_ref().map(number_of);
            let (owner, mode) = (head.perm.uid.0, head.perm.mode);
            got.insert(object, (name, head.key.0, owner, mode, size.pages().0, head.guarded));
            let segments = images.iter().filter(|image: &&ObjectImage| image.kind == Kind::Segment).count();
            let pages = Pages { size, allocated: facts.allocated };
            let (slot, now) = (Slot(segments as u32), self.kernel.now());
            images.push(heads::image(object, &head, pages, slot, (false, now)));
        }
        if got != expected {
            return Err(format!("durable objects are {got:?}, not {expected:?}"));
        }
        let store = seen.store().map(|store| store.image);
        store.map_or(Ok(()), |store| begins_again(store, &images, &got))
    }
}

/// A store that is founded on this directory has these objects.
fn begins_again(
    store: StoreImage,
    images: &[ObjectImage],
    kept: &BTreeMap<ObjectId, Kept>,
) -> Result<(), String> {
    let mut fresh = StoreImage { peak: PageCount(0), next_id: None, cursor: (0, None, 0), ..store };
    let highest = images.last().map_or(0, |image| image.object.0);
    heads::make_room(&mut fresh, highest, images.iter());
    let namespace = Namespace::restore(&fresh, images, &[]);
    let mut namespace =
        namespace.map_err(|damage| format!("no store can begin with the directory: {damage:?}"))?;
    let mut after = ObjectId(0);
    let mut found = BTreeMap::new();
    let root = cred_of(&BROKER);
    while let Ok(Reply::Row(row)) =
        namespace.call(&root, Call::Next { after }, Time::default()).map(|answer| answer.reply)
    {
        after = row.object;
        let name = row.name.as_ref().map(number_of);
        let key = row.key.map_or(0, |key| key.0);
        if row.lifetime != Lifetime::Durable {
            return Err(format!("the object {} comes back and is not durable", row.object.0));
        }
        found.insert(row.object, (name, key, row.uid.0, row.mode, row.size.pages().0, row.guarded));
    }
    if found == *kept { Ok(()) } else { Err(format!("a fresh store has {found:?}, not {kept:?}")) }
}
