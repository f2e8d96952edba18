//! A client process as a body.
//!
//! Owns: its layout. Leaves to others: an answer's (`part`).

use super::Senseless;
use super::part::{bits, optional, put_answered, take_answered, zero};
use crate::record::ClientRecord;
use crate::row::{Rest, Sheet};
use shmfs_abi::{ClientId, Errno, Pid, Ticket};
use shmfs_sys::fd::Identity;
use zerocopy::{FromBytes, Immutable, IntoBytes};

const LEAVING: u32 = 1 << 0;
const HAS_TICKET: u32 = 1 << 1;
const HAS_ANSWERED: u32 = 1 << 2;
const ALL: u32 = (1 << 3) - 1;

/// `ClientRecord`; the last answer follows, if there is one.
#[derive(FromBytes, IntoBytes, Immutable)]
#[repr(C)]
struct ClientBody {
    cookie: u64,
    dev: u64,
    ino: u64,
    ticket: u64,
    table: i32,
    pidfd: i32,
    pid: i32,
    bits: u32,
}

pub(super) fn encode(client: &ClientRecord, sheet: &mut Sheet) -> Result<(), Errno> {
    sheet.put(&ClientBody {
        cookie: client.cookie,
        dev: client.identity.dev,
        ino: client.identity.ino,
        ticket: client.ticket.unwrap_or_default().0,
        table: client.table,
        pidfd: client.pidfd,
        pid: client.pid.0,
        bits: bits([
            (client.leaving, LEAVING),
            (client.ticket.is_some(), HAS_TICKET),
            (client.answered.is_some(), HAS_ANSWERED),
        ]),
    })?;
    client.answered.iter().try_for_each(|answered| put_answered(answered, sheet))
}

pub(super) fn decode(client: ClientId, mut rest: Rest<'_>) -> Result<ClientRecord, Senseless> {
    let body: ClientBody = rest.take("client")?;
    zero(body.bits & !ALL == 0, "client")?;
    let has = |bit| body.bits & bit != 0;
    let answered = if has(HAS_ANSWERED) { Some(take_answered(&mut rest)?) } else { None };
    rest.end("client")?;
    Ok(ClientRecord {
        client,
        cookie: body.cookie,
        table: body.table,
        identity: Identity { dev: body.dev, ino: body.ino },
        pidfd: body.pidfd,
        pid: Pid(body.pid),
        leaving: has(LEAVING),
        ticket: optional(has(HAS_TICKET), body.ticket == 0, || Ok(Ticket(body.ticket)), "ticket")?,
        answered,
    })
}
