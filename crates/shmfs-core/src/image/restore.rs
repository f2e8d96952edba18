//! From images to the namespace that they are of.
//!
//! Images may come from memory that others have written, or from another program: nothing is believed of them. What
//! they say besides is checked here as it is put together, and what holds between them by the invariants (`check`).

use super::{Damage, ObjectImage, PlaceImage, SegmentImage, StoreImage};
use crate::account::Account;
use crate::doors::sysv::{Segment, Segments};
use crate::ids::{Counter, SlotCursor};
use crate::inode::Inode;
use crate::mount::Mount;
use crate::namespace::{Namespace, Pending};
use crate::object::{Object, Objects, Place};
use shmfs_abi::{Backing, Created, Name, ObjectId, PAGE_SIZE, Ticket};
use std::collections::BTreeMap;

type Restored<T> = std::result::Result<T, Damage>;

/// Counters beyond this were never counted up to.
const COUNT: u64 = i64::MAX as u64;

fn ensure(holds: bool, damage: &'static str) -> Restored<()> {
    if holds { Ok(()) } else { Err(Damage(damage)) }
}

impl Namespace {
    /// The namespace of which these are all images, in any order.
    ///
    /// # Errors
    /// Images that do not belong together, or that no namespace has.
    pub fn restore(
        store: &StoreImage,
        objects: &[ObjectImage],
        names: &[(Name, ObjectId)],
    ) -> std::result::Result<Namespace, Damage> {
        let mut namespace = empty(store)?;
        for image in objects {
            namespace.put(image)?;
        }
        namespace.objects.account.restore_peak(store.peak);
        for (name, object) in names {
            let place = namespace.objects.find(*object).map(|found| found.place);
            ensure(matches!(place, Some(Place::Name(_))), "a further name is of no named object")?;
            namespace.mount.names.restore(*name, *object).map_err(|()| TWO_NAMES)?;
        }
        namespace.verify()?;
        namespace.mount.names.told(names);
        Ok(namespace)
    }

    fn put(&mut self, image: &ObjectImage) -> Restored<()> {
        let id = image.object;
        ensure(id.0 > 0 && id.0 <= self.numbers.last(), "an object has a number that was never given")?;
        let place = match image.place {
            PlaceImage::Pending(name, ticket) => {
                self.mount.names.restore(name, id).map_err(|()| TWO_NAMES)?;
                self.wait(ticket, Pending::Name(id))?;
                Place::Pending(name, ticket)
            }
            PlaceImage::Name(name) => {
                self.mount.names.restore(name, id).map_err(|()| TWO_NAMES)?;
                Place::Name(name)
            }
            PlaceImage::Fresh(name, ticket) => {
                self.wait(ticket, Pending::Unpublished(id))?;
                Place::Fresh(name, ticket)
            }
            PlaceImage::Slot(slot, segment) => {
                self.segments.restore(slot, segment.segment(id)).map_err(Damage)?;
                Place::Slot(slot)
            }
            PlaceImage::Anonymous(label) => Place::Anonymous(label, None),
            PlaceImage::Released => Place::Released,
        };
        let &ObjectImage { uid, gid, mode, links, creator, created, orphaned, .. } = image;
        let inode = Inode { uid, gid, mode, links, creator, created, orphaned };
        let &ObjectImage { kind, size, allocated, charged, lifetime, guarded, reserved, .. } = image;
        let object = Object { kind, size, allocated, charged, inode, place, lifetime, guarded, reserved };
        let former = self.objects.put(id, object);
        ensure(former.is_none(), "two objects have one number")
    }

    fn wait(&mut self, ticket: Ticket, pending: Pending) -> Restored<()> {
        let given = ticket.0 > 0 && ticket.0 <= self.tickets.last();
        ensure(given, "something waits for a ticket that was never given")?;
        ensure(self.pending.insert(ticket, pending).is_none(), "two things wait for one ticket")
    }
}

const TWO_NAMES: Damage = Damage("two objects have one name");

/// The store without its objects.
fn empty(store: &StoreImage) -> Restored<Namespace> {
    let created = store.created;
    let Created { segments, objects: made, semaphores, anonymous } = created;
    for counted in [segments, made, semaphores, anonymous, store.numbers.0, store.numbers.1] {
        ensure(counted <= COUNT, "a counter has run over")?;
    }
    ensure(matches!(store.posix, Backing::TmpfsFile | Backing::Memfd), "POSIX objects have no such backing")?;
    ensure(store.limit.0 <= u64::MAX / PAGE_SIZE, "the store's limit is more than a number of bytes")?;
    ensure(store.next_id.is_none_or(|id| id.slot().is_some()), "the next segment's id is none")?;
    let Some(cursor) = SlotCursor::restore(store.cursor) else {
        return Err(Damage("the search for a slot begins nowhere"));
    };
    Ok(Namespace {
        objects: Objects::new(Account::restore(store.limit), store.sparse, store.posix == Backing::TmpfsFile),
        segments: Segments::empty(store.limits, cursor, (store.rmid_forced, store.next_id)),
        mount: Mount::new(store.owner, store.protected, store.boot),
        pending: BTreeMap::new(),
        created,
        posix: store.posix,
        durable: store.durable,
        reserve: store.reserve,
        numbers: Counter::after(store.numbers.0),
        tickets: Counter::after(store.numbers.1),
    })
}

impl SegmentImage {
    fn segment(self, object: ObjectId) -> Segment {
        let SegmentImage { seq, key, perm, size, atime, dtime, ctime, cpid, lpid, nattch, touched, .. } =
            self;
        let (made, huge, durable, orphaned) = (true, self.huge, self.durable, self.orphaned);
        Segment {
            object,
            seq,
            key,
            perm,
            size,
            atime,
            dtime,
            ctime,
            cpid,
            lpid,
            nattch,
            touched,
            made,
            huge,
            durable,
            orphaned,
        }
    }
}
