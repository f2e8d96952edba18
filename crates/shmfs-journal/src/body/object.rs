//! An object and its descriptor as a body.
//!
//! Owns: its layout, and a segment's. Leaves to others: whether its numbers go together (`shmfs-core`).

use super::Senseless;
use super::part::{backing, backing_number, bits, optional, put_name, slot, take_name, time, zero};
use crate::record::ObjectRecord;
use crate::row::{Rest, Sheet};
use shmfs_abi::{
    ByteLen, Errno, Gid, IpcPerm, Key, Kind, Lifetime, ObjectId, PageCount, Pid, Slot, Ticket, Time, Uid,
};
use shmfs_core::{ObjectImage, PlaceImage, SegmentImage};
use shmfs_sys::fd::Identity;
use zerocopy::{FromBytes, Immutable, IntoBytes};

const HAS_RESERVED: u32 = 1 << 0;
const ORPHANED: u32 = 1 << 1;
const GUARDED: u32 = 1 << 2;
const ALL: u32 = (1 << 3) - 1;

const PENDING: u8 = 1;
const NAMED: u8 = 2;
const FRESH: u8 = 3;
const SLOT: u8 = 4;
const RELEASED: u8 = 5;
const ANONYMOUS: u8 = 6;

/// `ObjectRecord`; its place follows: a ticket and a name, a name, a segment, or nothing.
#[derive(FromBytes, IntoBytes, Immutable)]
#[repr(C)]
struct ObjectBody {
    size: u64,
    allocated: u64,
    charged: u64,
    created_seconds: i64,
    reserved_seconds: i64,
    dev: u64,
    ino: u64,
    created_nanos: u32,
    reserved_nanos: u32,
    uid: u32,
    gid: u32,
    mode: u32,
    links: u32,
    creator: i32,
    fd: i32,
    /// As the file has it: owner, group, mode.
    owner: [u32; 3],
    bits: u32,
    kind: u8,
    backing: u8,
    place: u8,
    lifetime: u8,
    zero: [u8; 4],
}

pub(super) fn encode(object: &ObjectRecord, sheet: &mut Sheet) -> Result<(), Errno> {
    let image = &object.image;
    let reserved = image.reserved.unwrap_or_default();
    let (uid, gid, mode) = object.owner;
    sheet.put(&ObjectBody {
        size: image.size.0,
        allocated: image.allocated.0,
        charged: image.charged.0,
        created_seconds: image.created.seconds,
        reserved_seconds: reserved.seconds,
        dev: object.identity.dev,
        ino: object.identity.ino,
        created_nanos: image.created.nanos,
        reserved_nanos: reserved.nanos,
        uid: image.uid.0,
        gid: image.gid.0,
        mode: image.mode,
        links: image.links,
        creator: image.creator.0,
        fd: object.fd,
        owner: [uid.0, gid.0, mode],
        bits: bits([
            (image.reserved.is_some(), HAS_RESERVED),
            (image.orphaned, ORPHANED),
            (image.guarded, GUARDED),
        ]),
        kind: kind_number(image.kind),
        backing: backing_number(object.backing),
        place: place_number(&image.place),
        lifetime: lifetime_number(image.lifetime),
        zero: [0; 4],
    })?;
    match &image.place {
        PlaceImage::Pending(name, ticket) | PlaceImage::Fresh(name, ticket) => {
            sheet.put(&ticket.0)?;
            put_name(name, sheet)
        }
        PlaceImage::Name(name) | PlaceImage::Anonymous(name) => put_name(name, sheet),
        PlaceImage::Slot(slot, segment) => sheet.put(&SegmentBody::new(*slot, segment)),
        PlaceImage::Released => Ok(()),
    }
}

pub(super) fn decode(object: ObjectId, mut rest: Rest<'_>) -> Result<ObjectRecord, Senseless> {
    let body: ObjectBody = rest.take("object")?;
    zero(body.zero == [0; 4] && body.bits & !ALL == 0, "object")?;
    let absent = (body.reserved_seconds, body.reserved_nanos) == (0, 0);
    let reserved = || time(body.reserved_seconds, body.reserved_nanos);
    let image = ObjectImage {
        object,
        kind: kind(body.kind)?,
        size: ByteLen(body.size),
        allocated: ByteLen(body.allocated),
        charged: PageCount(body.charged),
        uid: Uid(body.uid),
        gid: Gid(body.gid),
        mode: body.mode,
        links: body.links,
        creator: Pid(body.creator),
        created: time(body.created_seconds, body.created_nanos)?,
        lifetime: lifetime(body.lifetime)?,
        guarded: body.bits & GUARDED != 0,
        reserved: optional(body.bits & HAS_RESERVED != 0, absent, reserved, "reserved")?,
        orphaned: body.bits & ORPHANED != 0,
        place: place(body.place, &mut rest)?,
    };
    rest.end("object")?;
    let [uid, gid, mode] = body.owner;
    Ok(ObjectRecord {
        image,
        fd: body.fd,
        identity: Identity { dev: body.dev, ino: body.ino },
        backing: backing(body.backing)?,
        owner: (Uid(uid), Gid(gid), mode),
    })
}

const fn place_number(place: &PlaceImage) -> u8 {
    match place {
        PlaceImage::Pending(..) => PENDING,
        PlaceImage::Name(_) => NAMED,
        PlaceImage::Fresh(..) => FRESH,
        PlaceImage::Slot(..) => SLOT,
        PlaceImage::Anonymous(_) => ANONYMOUS,
        PlaceImage::Released => RELEASED,
    }
}

fn place(number: u8, rest: &mut Rest<'_>) -> Result<PlaceImage, Senseless> {
    match number {
        PENDING => {
            let ticket = Ticket(rest.take("ticket")?);
            Ok(PlaceImage::Pending(take_name(rest)?, ticket))
        }
        NAMED => take_name(rest).map(PlaceImage::Name),
        FRESH => {
            let ticket = Ticket(rest.take("ticket")?);
            Ok(PlaceImage::Fresh(take_name(rest)?, ticket))
        }
        SLOT => {
            let (slot, segment) = rest.take::<SegmentBody>("segment")?.segment()?;
            Ok(PlaceImage::Slot(slot, segment))
        }
        ANONYMOUS => take_name(rest).map(PlaceImage::Anonymous),
        RELEASED => Ok(PlaceImage::Released),
        _ => Err(Senseless("place")),
    }
}

const fn kind_number(kind: Kind) -> u8 {
    match kind {
        Kind::Segment => 1,
        Kind::Object => 2,
        Kind::Semaphore => 3,
        Kind::Anonymous => 4,
    }
}

fn kind(number: u8) -> Result<Kind, Senseless> {
    match number {
        1 => Ok(Kind::Segment),
        2 => Ok(Kind::Object),
        3 => Ok(Kind::Semaphore),
        4 => Ok(Kind::Anonymous),
        _ => Err(Senseless("kind of object")),
    }
}

const fn lifetime_number(lifetime: Lifetime) -> u8 {
    match lifetime {
        Lifetime::UntilRemoved => 1,
        Lifetime::Process => 2,
        Lifetime::LastUser => 3,
        Lifetime::Durable => 4,
    }
}

fn lifetime(number: u8) -> Result<Lifetime, Senseless> {
    match number {
        1 => Ok(Lifetime::UntilRemoved),
        2 => Ok(Lifetime::Process),
        3 => Ok(Lifetime::LastUser),
        4 => Ok(Lifetime::Durable),
        _ => Err(Senseless("lifetime")),
    }
}

const HUGE: u32 = 1 << 0;
const SEGMENT_ORPHANED: u32 = 1 << 1;
const SEGMENT_DURABLE: u32 = 1 << 2;
const SEGMENT_ALL: u32 = (1 << 3) - 1;

/// `SegmentImage` and its slot.
#[derive(FromBytes, IntoBytes, Immutable)]
#[repr(C)]
struct SegmentBody {
    size: u64,
    atime: i64,
    dtime: i64,
    ctime: i64,
    nattch: u64,
    touched_seconds: i64,
    touched_nanos: u32,
    slot: u32,
    key: i32,
    uid: u32,
    gid: u32,
    cuid: u32,
    cgid: u32,
    mode: u32,
    cpid: i32,
    lpid: i32,
    bits: u32,
    seq: u16,
    zero: u16,
}

impl SegmentBody {
    fn new(slot: Slot, segment: &SegmentImage) -> SegmentBody {
        SegmentBody {
            size: segment.size.0,
            atime: segment.atime,
            dtime: segment.dtime,
            ctime: segment.ctime,
            nattch: segment.nattch,
            touched_seconds: segment.touched.seconds,
            touched_nanos: segment.touched.nanos,
            slot: slot.0,
            key: segment.key.0,
            uid: segment.perm.uid.0,
            gid: segment.perm.gid.0,
            cuid: segment.perm.cuid.0,
            cgid: segment.perm.cgid.0,
            mode: segment.perm.mode,
            cpid: segment.cpid.0,
            lpid: segment.lpid.0,
            bits: bits([
                (segment.huge, HUGE),
                (segment.orphaned, SEGMENT_ORPHANED),
                (segment.durable, SEGMENT_DURABLE),
            ]),
            seq: segment.seq,
            zero: 0,
        }
    }

    fn segment(&self) -> Result<(Slot, SegmentImage), Senseless> {
        zero(self.zero == 0 && self.bits & !SEGMENT_ALL == 0, "segment")?;
        let perm = IpcPerm {
            uid: Uid(self.uid),
            gid: Gid(self.gid),
            cuid: Uid(self.cuid),
            cgid: Gid(self.cgid),
            mode: self.mode,
        };
        let touched: Time = time(self.touched_seconds, self.touched_nanos)?;
        let segment = SegmentImage {
            seq: self.seq,
            key: Key(self.key),
            perm,
            size: ByteLen(self.size),
            atime: self.atime,
            dtime: self.dtime,
            ctime: self.ctime,
            cpid: Pid(self.cpid),
            lpid: Pid(self.lpid),
            nattch: self.nattch,
            touched,
            huge: self.bits & HUGE != 0,
            durable: self.bits & SEGMENT_DURABLE != 0,
            orphaned: self.bits & SEGMENT_ORPHANED != 0,
        };
        Ok((slot(self.slot)?, segment))
    }
}
