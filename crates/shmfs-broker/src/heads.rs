//! What is written down of a durable object, and the object that a store begins with where it is found.
//!
//! Owns: from images to heads and back. Leaves to others: the files (`shmfs-durable`), which of them count (`state`).

use shmfs_abi::sysv::SHM_DEST;
use shmfs_abi::{ByteLen, Errno, IpcPerm, Key, Kind, Lifetime, ObjectId, Pid, Slot, Time, limits};
use shmfs_core::{ObjectImage, PlaceImage, SegmentImage, StoreImage};
use shmfs_durable::Head;

/// The file of an object's pages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pages {
    /// Its size.
    pub size: ByteLen,
    /// What it takes on the disk.
    pub allocated: ByteLen,
}

/// Whether an object is to come back: something finds it, and it is not a removed segment that is still attached.
pub fn is_kept(image: &ObjectImage) -> bool {
    match image.place {
        PlaceImage::Name(_) | PlaceImage::Pending(..) => true,
        PlaceImage::Slot(_, segment) => segment.perm.mode & SHM_DEST == 0,
        PlaceImage::Fresh(..) | PlaceImage::Anonymous(_) | PlaceImage::Released => false,
    }
}

/// What is written down of an object.
///
/// # Errors
/// `EINVAL` for one that nothing finds.
pub fn head(image: &ObjectImage) -> Result<Head, Errno> {
    let (name, key, perm) = match image.place {
        PlaceImage::Slot(_, segment) => (None, segment.key, segment.perm),
        PlaceImage::Name(name) | PlaceImage::Pending(name, _) => {
            let (uid, gid, mode) = (image.uid, image.gid, image.mode);
            (Some(name), Key::PRIVATE, IpcPerm { uid, gid, cuid: uid, cgid: gid, mode })
        }
        _ => return Err(Errno::EINVAL),
    };
    // The marks of a removed or locked segment are not its own.
    let perm = IpcPerm { mode: perm.mode & if name.is_some() { 0o7777 } else { 0o777 }, ..perm };
    let size = if let PlaceImage::Slot(_, segment) = image.place { segment.size } else { image.size };
    Ok(Head { kind: image.kind, name, key, perm, guarded: image.guarded, size, created: image.created })
}

/// The head with the size that the pages have at least: a program may have cut a POSIX object and died before its head
/// said so. A segment's size is fixed.
pub fn least(head: &Head) -> Head {
    let size = if head.kind == Kind::Segment { head.size } else { ByteLen(0) };
    Head { size, ..*head }
}

/// The object that a store begins with. A segment comes into this slot. In a sparse store what it takes on the disk is
/// charged.
pub fn image(
    object: ObjectId,
    head: &Head,
    pages: Pages,
    slot: Slot,
    (sparse, now): (bool, Time),
) -> ObjectImage {
    let perm = head.perm;
    let place = match head.name {
        Some(name) => PlaceImage::Name(name),
        None => PlaceImage::Slot(slot, segment(head, now)),
    };
    let cost = if sparse { pages.allocated } else { pages.size };
    ObjectImage {
        object,
        kind: head.kind,
        size: pages.size,
        allocated: pages.allocated,
        charged: cost.pages(),
        uid: perm.uid,
        gid: perm.gid,
        mode: perm.mode,
        links: u32::from(head.name.is_some()),
        creator: Pid(0),
        created: head.created,
        lifetime: Lifetime::Durable,
        guarded: head.guarded,
        reserved: None,
        // Its creator may live; nobody knows.
        orphaned: false,
        place,
    }
}

/// Lets a fresh store go on after these objects' slots and charges, and after the highest number that is taken.
pub fn make_room<'a>(store: &mut StoreImage, highest: u64, objects: impl Iterator<Item = &'a ObjectImage>) {
    let (mut slots, mut charged) = (0, 0_u64);
    for image in objects {
        slots += u32::from(image.kind == Kind::Segment);
        charged = charged.saturating_add(image.charged.0);
    }
    store.numbers.0 = highest;
    if slots > 0 {
        store.cursor = (slots % limits::SLOTS, Some(slots - 1), 0);
    }
    store.peak.0 = store.peak.0.max(charged);
}

fn segment(head: &Head, now: Time) -> SegmentImage {
    SegmentImage {
        seq: 0,
        key: head.key,
        perm: head.perm,
        size: head.size,
        atime: 0,
        dtime: 0,
        ctime: head.created.seconds,
        cpid: Pid(0),
        lpid: Pid(0),
        nattch: 0,
        touched: now,
        huge: false,
        durable: true,
        orphaned: false,
    }
}
