//! Something that is to be done, as a body.
//!
//! Owns: the layout of each intent. Leaves to others: carrying them out (`shmfs-broker`).

use super::Senseless;
use super::part::{put_name, slot, take_name, zero};
use crate::record::Intent;
use crate::row::{Rest, Sheet};
use shmfs_abi::{ClientId, Errno, Gid, ObjectId, Ticket, Uid};
use zerocopy::{FromBytes, Immutable, IntoBytes};

const LINK: u32 = 1;
const UNLINK: u32 = 2;
const RENAME: u32 = 3;
const LINK_NAME: u32 = 4;
const OWN: u32 = 5;
const TRUNCATE: u32 = 6;
const INTRODUCE: u32 = 7;
const MARK: u32 = 8;
const RESIZE: u32 = 9;
const RECORD: u32 = 10;
const ERASE: u32 = 11;

/// Any of them; the names follow. What an intent has not is zero.
#[derive(Clone, Copy, PartialEq, Eq, Default, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
struct IntentBody {
    kind: u32,
    /// The mode that an object gets, the flags of a rename, the attaches that a row counts.
    word: u32,
    object: u64,
    /// A ticket, a client, a time, a number of bytes.
    long: u64,
    slot: u32,
    uid: u32,
    gid: u32,
    /// 0 or 1.
    removed: u32,
}

pub(super) fn encode(intent: &Intent, sheet: &mut Sheet) -> Result<(), Errno> {
    sheet.put(&body_of(intent))?;
    match intent {
        Intent::Link { name, .. } | Intent::Unlink { name, .. } => put_name(name, sheet),
        Intent::Rename { from, to, .. } | Intent::LinkName { from, to, .. } => {
            put_name(from, sheet)?;
            put_name(to, sheet)
        }
        _ => Ok(()),
    }
}

fn body_of(intent: &Intent) -> IntentBody {
    let body = |kind, object: ObjectId| IntentBody { kind, object: object.0, ..IntentBody::default() };
    match *intent {
        Intent::Link { ticket, object, .. } => IntentBody { long: ticket.0, ..body(LINK, object) },
        Intent::Unlink { object, .. } => body(UNLINK, object),
        Intent::Rename { object, flags, .. } => IntentBody { word: flags, ..body(RENAME, object) },
        Intent::LinkName { object, .. } => body(LINK_NAME, object),
        Intent::Own { object, uid, gid, mode } => {
            IntentBody { uid: uid.0, gid: gid.0, word: mode, ..body(OWN, object) }
        }
        Intent::Truncate { object, changed } => IntentBody { long: changed, ..body(TRUNCATE, object) },
        Intent::Introduce { client, slot, object, count, removed } => IntentBody {
            long: client.0,
            slot: slot.0,
            word: count,
            removed: removed.into(),
            ..body(INTRODUCE, object)
        },
        Intent::Mark { object, slot } => IntentBody { slot: slot.0, ..body(MARK, object) },
        Intent::Resize { bytes } => IntentBody { long: bytes, ..body(RESIZE, ObjectId(0)) },
        Intent::Record { object } => body(RECORD, object),
        Intent::Erase { object } => body(ERASE, object),
    }
}

pub(super) fn decode(mut rest: Rest<'_>) -> Result<Intent, Senseless> {
    let body: IntentBody = rest.take("intent")?;
    let object = ObjectId(body.object);
    let intent = match body.kind {
        LINK => Intent::Link { ticket: Ticket(body.long), object, name: take_name(&mut rest)? },
        UNLINK => Intent::Unlink { object, name: take_name(&mut rest)? },
        RENAME => {
            let from = take_name(&mut rest)?;
            Intent::Rename { object, from, to: take_name(&mut rest)?, flags: body.word }
        }
        LINK_NAME => {
            let from = take_name(&mut rest)?;
            Intent::LinkName { object, from, to: take_name(&mut rest)? }
        }
        OWN => Intent::Own { object, uid: Uid(body.uid), gid: Gid(body.gid), mode: body.word },
        TRUNCATE => Intent::Truncate { object, changed: body.long },
        INTRODUCE => Intent::Introduce {
            client: ClientId(body.long),
            slot: slot(body.slot)?,
            object,
            count: body.word,
            removed: body.removed == 1,
        },
        MARK => Intent::Mark { object, slot: slot(body.slot)? },
        RESIZE => Intent::Resize { bytes: body.long },
        RECORD => Intent::Record { object },
        ERASE => Intent::Erase { object },
        _ => return Err(Senseless("kind of intent")),
    };
    rest.end("intent")?;
    // What it has not must be as it would be written.
    zero(body_of(&intent) == body, "intent")?;
    Ok(intent)
}
