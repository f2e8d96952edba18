//! Replies as bodies. Rows and usage have their own modules.
//!
//! Owns: which layout a reply has. Leaves to others: its header (`frame`), its meaning (`shmfs-core`).

use crate::{
    Malformed,
    frame::{Frame, Sheet, slot, zero},
    op,
    row_body::RowBody,
    stat_body::{LimitsBody, StatBody},
    usage_body::UsageBody,
    want_body::{FetchedBody, WantedBody},
};
use shmfs_abi::{ByteLen, ObjectId, Reply, Shmid, Ticket};
use zerocopy::{FromBytes, Immutable, IntoBytes};

#[derive(FromBytes, IntoBytes, Immutable)]
#[repr(C)]
struct ShmidBody {
    shmid: i32,
    zero: u32,
}

#[derive(FromBytes, IntoBytes, Immutable)]
#[repr(C)]
struct AttachedBody {
    object: u64,
    size: u64,
    slot: u32,
    zero: u32,
}

#[derive(FromBytes, IntoBytes, Immutable)]
#[repr(C)]
struct FreshBody {
    object: u64,
    ticket: u64,
}

/// Writes a reply.
pub(crate) fn write(reply: &Reply, sheet: Sheet<'_>) -> usize {
    match reply {
        Reply::Done => sheet.write_empty(op::REPLY_DONE),
        Reply::Shmid(shmid) => sheet.write(op::REPLY_SHMID, &ShmidBody { shmid: shmid.0, zero: 0 }),
        Reply::Attached { slot, object, size } => sheet.write(
            op::REPLY_ATTACHED,
            &AttachedBody { object: object.0, size: size.0, slot: slot.0, zero: 0 },
        ),
        Reply::Stat { shmid, stat } => sheet.write(op::REPLY_STAT, &StatBody::new(*shmid, stat)),
        Reply::ShmInfo { limits, usage, highest } => {
            sheet.write(op::REPLY_SHM_INFO, &LimitsBody::new(limits, usage, *highest))
        }
        Reply::Opened { object } => sheet.write(op::REPLY_OPENED, &object.0),
        Reply::Fresh { object, ticket } => {
            sheet.write(op::REPLY_FRESH, &FreshBody { object: object.0, ticket: ticket.0 })
        }
        Reply::Wanted { object, lifetime, created } => {
            sheet.write(op::REPLY_WANTED, &WantedBody::new(*object, *lifetime, *created))
        }
        Reply::Fetched { size, held } => sheet.write(op::REPLY_FETCHED, &FetchedBody::new(*size, *held)),
        Reply::Text => sheet.write_empty(op::REPLY_TEXT),
        Reply::Row(row) => sheet.write(op::REPLY_ROW, &RowBody::new(row)),
        Reply::End => sheet.write_empty(op::REPLY_END),
        Reply::Usage(usage) => sheet.write(op::REPLY_USAGE, &UsageBody::new(usage)),
        Reply::Tree => sheet.write_empty(op::REPLY_TREE),
    }
}

/// Reads a reply.
pub(crate) fn read(frame: &Frame<'_>) -> Result<Reply, Malformed> {
    match frame.op {
        op::REPLY_DONE => frame.empty(Reply::Done),
        op::REPLY_SHMID => {
            let body: ShmidBody = frame.body()?;
            zero(body.zero == 0, "shmid")?;
            if body.shmid < 0 {
                return Err(Malformed::Field("shmid"));
            }
            Ok(Reply::Shmid(Shmid(body.shmid)))
        }
        op::REPLY_ATTACHED => {
            let body: AttachedBody = frame.body()?;
            zero(body.zero == 0, "attached")?;
            let (object, size) = (ObjectId(body.object), ByteLen(body.size));
            Ok(Reply::Attached { slot: slot(body.slot)?, object, size })
        }
        op::REPLY_STAT => frame.body::<StatBody>()?.reply(),
        op::REPLY_SHM_INFO => frame.body::<LimitsBody>()?.reply(),
        op::REPLY_OPENED => Ok(Reply::Opened { object: ObjectId(frame.body()?) }),
        op::REPLY_FRESH => {
            let FreshBody { object, ticket } = frame.body()?;
            Ok(Reply::Fresh { object: ObjectId(object), ticket: Ticket(ticket) })
        }
        op::REPLY_WANTED => frame.body::<WantedBody>()?.reply(),
        op::REPLY_FETCHED => frame.body::<FetchedBody>()?.reply(),
        op::REPLY_TEXT => frame.empty(Reply::Text),
        op::REPLY_ROW => read_row(frame),
        op::REPLY_END => frame.empty(Reply::End),
        op::REPLY_USAGE => read_usage(frame),
        op::REPLY_TREE => frame.empty(Reply::Tree),
        other => Err(Malformed::Op(other)),
    }
}

// The large bodies, which no program of C asks for, have frames of their own: the others are read on small stacks.

#[inline(never)]
fn read_row(frame: &Frame<'_>) -> Result<Reply, Malformed> {
    frame.body::<RowBody>()?.row().map(Reply::Row)
}

#[inline(never)]
fn read_usage(frame: &Frame<'_>) -> Result<Reply, Malformed> {
    frame.body::<UsageBody>()?.usage().map(Reply::Usage)
}
