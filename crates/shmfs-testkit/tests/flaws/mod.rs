//! Flaws of images.

use proptest::prelude::*;
use shmfs_abi::{
    Backing, ByteLen, Gid, Key, Kind, Lifetime, Name, ObjectId, PageCount, Pid, Shmid, Slot, Ticket, Time,
    Uid,
};
use shmfs_core::{ObjectImage, PlaceImage, StoreImage};

/// One flaw. Numbers are reduced to what exists.
#[derive(Clone, Copy, Debug)]
pub enum Flaw {
    Drop(u8),
    Double(u8),
    /// An object gets a field, or its whole place, of another.
    Mix(u8, u8, u8),
    Set(u8, u8, u64),
    DropName(u8),
    Name(u8, u64),
    Store(u8, u64),
}

pub fn value() -> impl Strategy<Value = u64> {
    let edges =
        [0, 1, 2, 3, 0o1000, 0o10000, 4096, 4097, 32767, 32768, 65535, 1 << 31, 1 << 32, i64::MAX as u64];
    let edges = edges.into_iter().chain([1 << 63, u64::MAX - 1, u64::MAX]).collect::<Vec<_>>();
    prop_oneof![3 => 0..40u64, 2 => prop::sample::select(edges), 1 => any::<u64>()]
}

pub fn flaw() -> impl Strategy<Value = Flaw> {
    prop_oneof![
        1 => any::<u8>().prop_map(Flaw::Drop),
        1 => any::<u8>().prop_map(Flaw::Double),
        4 => (any::<u8>(), any::<u8>(), 0..FIELDS).prop_map(|(into, from, field)| Flaw::Mix(into, from, field)),
        6 => (any::<u8>(), 0..FIELDS, value()).prop_map(|(object, field, value)| Flaw::Set(object, field, value)),
        1 => any::<u8>().prop_map(Flaw::DropName),
        1 => (any::<u8>(), 0..12u64).prop_map(|(name, object)| Flaw::Name(name, object)),
        2 => (0..STORE_FIELDS, value()).prop_map(|(field, value)| Flaw::Store(field, value)),
    ]
}

pub fn name(number: u64) -> Name {
    Name::new(&[b's', b'e', b'm', b'.', b'a' + (number % 6) as u8]).unwrap()
}

const FIELDS: u8 = 34;
const STORE_FIELDS: u8 = 15;
const KINDS: [Kind; 4] = [Kind::Segment, Kind::Object, Kind::Semaphore, Kind::Anonymous];
const LIFETIMES: [Lifetime; 4] =
    [Lifetime::UntilRemoved, Lifetime::Process, Lifetime::LastUser, Lifetime::Durable];

fn set(image: &mut ObjectImage, field: u8, value: u64) {
    let time = Time { seconds: value as i64, nanos: value as u32 };
    match (field, &mut image.place) {
        (0, _) => image.object = ObjectId(value),
        (1, _) => image.kind = KINDS[(value % 4) as usize],
        (2, _) => image.size = ByteLen(value),
        (3, _) => image.allocated = ByteLen(value),
        (4, _) => image.charged = PageCount(value),
        (5, _) => image.uid = Uid(value as u32),
        (6, _) => image.mode = value as u32,
        (7, _) => image.links = value as u32,
        (8, _) => image.creator = Pid(value as i32),
        (9, _) => image.created = time,
        (10, _) => image.reserved = (!value.is_multiple_of(4)).then_some(time),
        (11, _) => image.orphaned = !image.orphaned,
        // The size and what goes with it.
        (12, _) => {
            (image.size, image.charged) = (ByteLen(value), ByteLen(value).pages());
            if let PlaceImage::Slot(_, segment) = &mut image.place {
                segment.size = image.size;
            }
        }
        (13, place) => *place = PlaceImage::Released,
        (14, place) => *place = PlaceImage::Name(name(value)),
        (15, place) => *place = PlaceImage::Pending(name(value), Ticket(value)),
        (16, place) => *place = PlaceImage::Fresh(name(value), Ticket(value)),
        (17, PlaceImage::Pending(_, ticket) | PlaceImage::Fresh(_, ticket)) => *ticket = Ticket(value),
        (18, PlaceImage::Slot(slot, _)) => *slot = Slot(value as u32),
        (19, PlaceImage::Slot(_, segment)) => segment.seq = value as u16,
        (20, PlaceImage::Slot(_, segment)) => segment.key = Key(value as i32),
        (21, PlaceImage::Slot(_, segment)) => segment.perm.mode = value as u32,
        (22, PlaceImage::Slot(_, segment)) => segment.perm.uid = Uid(value as u32),
        (23, PlaceImage::Slot(_, segment)) => segment.size = ByteLen(value),
        (24, PlaceImage::Slot(_, segment)) => segment.nattch = value,
        (25, PlaceImage::Slot(_, segment)) => segment.touched = time,
        (26, PlaceImage::Slot(_, segment)) => segment.huge = !segment.huge,
        (27, PlaceImage::Slot(_, segment)) => segment.cpid = Pid(value as i32),
        (28, PlaceImage::Slot(_, segment)) => (segment.atime, segment.dtime) = (value as i64, value as i64),
        (29, PlaceImage::Slot(_, segment)) => segment.durable = !segment.durable,
        (30, place) => *place = PlaceImage::Anonymous(name(value)),
        (31, _) => image.lifetime = LIFETIMES[(value % 4) as usize],
        (32, _) => image.guarded = !image.guarded,
        (_, _) => image.gid = Gid(value as u32),
    }
}

fn set_store(store: &mut StoreImage, field: u8, value: u64) {
    match field {
        0 => store.limit = PageCount(value),
        1 => store.peak = PageCount(value),
        2 => store.sparse = !store.sparse,
        3 => store.limits.shmmni = value as u32,
        4 => store.limits.shmall = value,
        5 => store.rmid_forced = !store.rmid_forced,
        6 => store.next_id = Some(Shmid(value as i32)),
        7 => store.cursor.0 = value as u32,
        8 => store.cursor.1 = Some(value as u32),
        9 => store.cursor.2 = value as u16,
        10 => store.numbers.0 = value,
        11 => store.numbers.1 = value,
        12 => store.created.objects = value,
        13 => (store.created.anonymous, store.durable) = (value, !store.durable),
        _ => store.posix = Backing::Huge,
    }
}

/// The images as lists, with these flaws.
pub type Lists = (StoreImage, Vec<ObjectImage>, Vec<(Name, ObjectId)>);

pub fn spoil((store, objects, names): &mut Lists, flaw: Flaw) {
    let at = |len: usize, which: u8| (len > 0).then(|| usize::from(which) % len);
    match flaw {
        Flaw::Drop(which) => drop(at(objects.len(), which).map(|at| objects.remove(at))),
        Flaw::Double(which) => objects.extend(at(objects.len(), which).map(|at| objects[at])),
        Flaw::Mix(into, from, field) => {
            let (Some(into), Some(from)) = (at(objects.len(), into), at(objects.len(), from)) else { return };
            let other = objects[from];
            let mixed = &mut objects[into];
            match field % 6 {
                0 => mixed.place = other.place,
                1 => mixed.object = other.object,
                2 => mixed.kind = other.kind,
                3 => (mixed.size, mixed.charged) = (other.size, other.charged),
                4 => (mixed.lifetime, mixed.guarded) = (other.lifetime, other.guarded),
                _ => match (&mut mixed.place, other.place) {
                    (PlaceImage::Slot(slot, _), PlaceImage::Slot(others, _)) if field % 2 == 0 => {
                        *slot = others
                    }
                    (PlaceImage::Slot(_, segment), PlaceImage::Slot(_, others)) => segment.key = others.key,
                    _ => mixed.links = other.links,
                },
            }
        }
        Flaw::Set(which, field, value) => {
            if let Some(at) = at(objects.len(), which) {
                set(&mut objects[at], field, value);
            }
        }
        Flaw::DropName(which) => drop(at(names.len(), which).map(|at| names.remove(at))),
        Flaw::Name(which, object) => names.push((name(u64::from(which)), ObjectId(object))),
        Flaw::Store(field, value) => set_store(store, field, value),
    }
}
