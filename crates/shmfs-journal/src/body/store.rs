//! The store itself as a body.
//!
//! Owns: its layout. Leaves to others: whether its numbers go together (`shmfs-core`).

use super::Senseless;
use super::part::{backing, backing_number, bits, optional, time, zero};
use crate::record::{MountRecord, STATE_BYTES, StoreRecord};
use crate::row::{Rest, Sheet};
use shmfs_abi::store::{Admission, Token};
use shmfs_abi::{Created, Errno, Gid, PageCount, ShmLimits, Shmid, Uid};
use shmfs_core::StoreImage;
use zerocopy::{FromBytes, Immutable, IntoBytes};

/// Bytes of the path of a store's directory: `sun_path` without its NUL (unix(7)).
const DIR_BYTES: usize = 107;

const SPARSE: u32 = 1 << 0;
const RESERVE: u32 = 1 << 1;
const RMID_FORCED: u32 = 1 << 2;
const HAS_NEXT_ID: u32 = 1 << 3;
const HAS_LAST_SLOT: u32 = 1 << 4;
const HARDLINKS: u32 = 1 << 5;
const KILL: u32 = 1 << 6;
const REAP: u32 = 1 << 7;
const COMMAND_ENDED: u32 = 1 << 8;
const DURABLE: u32 = 1 << 9;
const SYSV: u32 = 1 << 10;
const OPEN: u32 = 1 << 11;
const SHARED: u32 = 1 << 12;
const UNTIL_UNMOUNTED: u32 = 1 << 13;
const ATTACHED: u32 = 1 << 14;
const ALL: u32 = (1 << 15) - 1;

/// `StoreRecord`; the paths of its directory and of the state directory follow.
#[derive(FromBytes, IntoBytes, Immutable)]
#[repr(C)]
struct StoreBody {
    limit: u64,
    peak: u64,
    shmmax: u64,
    shmall: u64,
    last_object: u64,
    last_ticket: u64,
    created: [u64; 4],
    boot_seconds: i64,
    posix_dev: u64,
    next_connection: u64,
    next_client: u64,
    next_writer: u64,
    boot_nanos: u32,
    shmmni: u32,
    next_id: i32,
    search: u32,
    last_slot: u32,
    owner: [u32; 2],
    listener: i32,
    hidden: i32,
    hold: i32,
    state_lock: i32,
    device: i32,
    door_state: i32,
    bits: u32,
    seq: u16,
    regular: u8,
    posix: u8,
    admission: u8,
    dir: u8,
    state: u8,
    zero: u8,
    token: [u8; 16],
}

pub(super) fn encode(store: &StoreRecord, sheet: &mut Sheet) -> Result<(), Errno> {
    if store.dir.len() > DIR_BYTES || store.state.len() > STATE_BYTES {
        return Err(Errno::E2BIG);
    }
    let image = &store.image;
    let (search, last_slot, seq) = image.cursor;
    let (admission, token) = match store.admission {
        Admission::Everyone => (1, Token::default()),
        Admission::Owner => (2, Token::default()),
        Admission::Token(token) => (3, token),
    };
    sheet.put(&StoreBody {
        limit: image.limit.0,
        peak: image.peak.0,
        shmmax: image.limits.shmmax,
        shmall: image.limits.shmall,
        last_object: image.numbers.0,
        last_ticket: image.numbers.1,
        created: [
            image.created.segments,
            image.created.objects,
            image.created.semaphores,
            image.created.anonymous,
        ],
        boot_seconds: image.boot.seconds,
        posix_dev: store.posix_dev,
        next_connection: store.next_connection,
        next_client: store.next_client,
        next_writer: store.next_writer,
        boot_nanos: image.boot.nanos,
        shmmni: image.limits.shmmni,
        next_id: image.next_id.unwrap_or_default().0,
        search,
        last_slot: last_slot.unwrap_or_default(),
        owner: [image.owner.0.0, image.owner.1.0],
        listener: store.listener,
        hidden: store.hidden,
        hold: store.hold,
        state_lock: store.state_lock,
        device: store.mount.device,
        door_state: store.mount.door_state,
        bits: bits([
            (image.sparse, SPARSE),
            (image.reserve, RESERVE),
            (image.rmid_forced, RMID_FORCED),
            (image.next_id.is_some(), HAS_NEXT_ID),
            (last_slot.is_some(), HAS_LAST_SLOT),
            (image.protected.1, HARDLINKS),
            (store.kill, KILL),
            (store.reap, REAP),
            (store.command_ended, COMMAND_ENDED),
            (image.durable, DURABLE),
            (store.mount.sysv, SYSV),
            (store.mount.open, OPEN),
            (store.mount.shared, SHARED),
            (store.until_unmounted, UNTIL_UNMOUNTED),
            (store.mount.attached, ATTACHED),
        ]),
        seq,
        regular: image.protected.0,
        posix: backing_number(image.posix),
        admission,
        dir: store.dir.len() as u8,
        state: store.state.len() as u8,
        zero: 0,
        token: token.0,
    })?;
    sheet.put(store.dir.as_slice())?;
    sheet.put(store.state.as_slice())
}

pub(super) fn decode(mut rest: Rest<'_>) -> Result<StoreRecord, Senseless> {
    let body: StoreBody = rest.take("store")?;
    zero(body.zero == 0 && body.bits & !ALL == 0, "store")?;
    zero(usize::from(body.dir) <= DIR_BYTES, "directory")?;
    let dir = rest.bytes(body.dir, "directory")?.to_vec();
    let state = rest.bytes(body.state, "state directory")?.to_vec();
    rest.end("store")?;
    Ok(StoreRecord {
        image: body.image()?,
        dir,
        state,
        state_lock: body.state_lock,
        listener: body.listener,
        hidden: body.hidden,
        hold: body.hold,
        kill: body.has(KILL),
        reap: body.has(REAP),
        command_ended: body.has(COMMAND_ENDED),
        mount: MountRecord {
            device: body.device,
            door_state: body.door_state,
            sysv: body.has(SYSV),
            open: body.has(OPEN),
            shared: body.has(SHARED),
            attached: body.has(ATTACHED),
        },
        until_unmounted: body.has(UNTIL_UNMOUNTED),
        admission: body.admission()?,
        posix_dev: body.posix_dev,
        next_connection: body.next_connection,
        next_client: body.next_client,
        next_writer: body.next_writer,
    })
}

impl StoreBody {
    fn has(&self, bit: u32) -> bool {
        self.bits & bit != 0
    }

    fn image(&self) -> Result<StoreImage, Senseless> {
        let next_id = || Ok(Shmid(self.next_id));
        let last_slot = || super::part::slot(self.last_slot).map(|slot| slot.0);
        let [segments, objects, semaphores, anonymous] = self.created;
        Ok(StoreImage {
            limit: PageCount(self.limit),
            peak: PageCount(self.peak),
            sparse: self.has(SPARSE),
            reserve: self.has(RESERVE),
            limits: ShmLimits { shmmax: self.shmmax, shmmni: self.shmmni, shmall: self.shmall },
            rmid_forced: self.has(RMID_FORCED),
            next_id: optional(self.has(HAS_NEXT_ID), self.next_id == 0, next_id, "next id")?,
            cursor: (
                self.search,
                optional(self.has(HAS_LAST_SLOT), self.last_slot == 0, last_slot, "last slot")?,
                self.seq,
            ),
            numbers: (self.last_object, self.last_ticket),
            created: Created { segments, objects, semaphores, anonymous },
            posix: backing(self.posix)?,
            durable: self.has(DURABLE),
            protected: (self.regular, self.has(HARDLINKS)),
            owner: (Uid(self.owner[0]), Gid(self.owner[1])),
            boot: time(self.boot_seconds, self.boot_nanos)?,
        })
    }

    fn admission(&self) -> Result<Admission, Senseless> {
        match self.admission {
            1 => zero(self.token == [0; 16], "token").map(|()| Admission::Everyone),
            2 => zero(self.token == [0; 16], "token").map(|()| Admission::Owner),
            3 => Ok(Admission::Token(Token(self.token))),
            _ => Err(Senseless("admission")),
        }
    }
}
