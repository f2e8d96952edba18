//! A connection as a body.
//!
//! Owns: its layout. Leaves to others: those of credentials and answers (`part`).

use super::Senseless;
use super::part::{bits, put_answered, put_cred, put_peer, take_answered, take_cred, take_peer, zero};
use crate::record::{ConnectionId, ConnectionRecord, Role};
use crate::row::{Rest, Sheet};
use shmfs_abi::{ClientId, Errno};
use zerocopy::{FromBytes, Immutable, IntoBytes};

const HAS_CRED: u32 = 1 << 0;
const HAS_SENDER: u32 = 1 << 1;
const SPOKEN: u32 = 1 << 2;
const HAS_ANSWERED: u32 = 1 << 3;
const ALL: u32 = (1 << 4) - 1;

/// `ConnectionRecord`; credentials, sender and last answer follow, as far as there are any.
#[derive(FromBytes, IntoBytes, Immutable)]
#[repr(C)]
struct ConnectionBody {
    /// 0 where the role is nobody's.
    client: u64,
    socket: i32,
    bits: u32,
    role: u8,
    zero: [u8; 7],
}

pub(super) fn encode(connection: &ConnectionRecord, sheet: &mut Sheet) -> Result<(), Errno> {
    let (role, client) = match connection.role {
        Role::Stranger => (1, ClientId(0)),
        Role::Unborn(client) => (2, client),
        Role::Client(client) => (3, client),
        Role::Visitor => (4, ClientId(0)),
    };
    sheet.put(&ConnectionBody {
        client: client.0,
        socket: connection.socket,
        bits: bits([
            (connection.cred.is_some(), HAS_CRED),
            (connection.sender.is_some(), HAS_SENDER),
            (connection.spoken, SPOKEN),
            (connection.answered.is_some(), HAS_ANSWERED),
        ]),
        role,
        zero: [0; 7],
    })?;
    connection.cred.iter().try_for_each(|cred| put_cred(cred, sheet))?;
    connection.sender.iter().try_for_each(|sender| put_peer(sender, sheet))?;
    connection.answered.iter().try_for_each(|answered| put_answered(answered, sheet))
}

pub(super) fn decode(connection: ConnectionId, mut rest: Rest<'_>) -> Result<ConnectionRecord, Senseless> {
    let body: ConnectionBody = rest.take("connection")?;
    zero(body.zero == [0; 7] && body.bits & !ALL == 0, "connection")?;
    let role = match (body.role, ClientId(body.client)) {
        (1, ClientId(0)) => Role::Stranger,
        (2, client) => Role::Unborn(client),
        (3, client) => Role::Client(client),
        (4, ClientId(0)) => Role::Visitor,
        _ => return Err(Senseless("role")),
    };
    let has = |bit| body.bits & bit != 0;
    let cred = if has(HAS_CRED) { Some(take_cred(&mut rest)?) } else { None };
    let sender = if has(HAS_SENDER) { Some(take_peer(&mut rest)?) } else { None };
    let answered = if has(HAS_ANSWERED) { Some(take_answered(&mut rest)?) } else { None };
    rest.end("connection")?;
    Ok(ConnectionRecord {
        connection,
        socket: body.socket,
        role,
        cred,
        sender,
        spoken: has(SPOKEN),
        answered,
    })
}
