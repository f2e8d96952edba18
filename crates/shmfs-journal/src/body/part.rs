//! What bodies of several kinds have in common: names, times, credentials, answers, bits.
//!
//! Owns: their layouts. Leaves to others: where they stand.

use super::Senseless;
use crate::record::Answered;
use crate::row::{Rest, Sheet};
use shmfs_abi::{
    Backing, Caps, Cred, Errno, Gid, Groups, Name, ObjectId, OpenFlags, Pid, Slot, Time, Uid,
    limits::{GROUPS, MESSAGE_FDS, SLOTS},
};
use shmfs_sys::socket::Peer;
use zerocopy::{FromBytes, Immutable, IntoBytes};

/// Refuses what must be zero, or nothing, and is not.
pub(super) fn zero(holds: bool, what: &'static str) -> Result<(), Senseless> {
    if holds { Ok(()) } else { Err(Senseless(what)) }
}

/// The bits whose condition holds.
pub(super) fn bits<const N: usize>(conditions: [(bool, u32); N]) -> u32 {
    conditions.iter().filter(|(holds, _)| *holds).fold(0, |bits, (_, bit)| bits | bit)
}

/// A name: a byte with its length, and its bytes.
pub(super) fn put_name(name: &Name, sheet: &mut Sheet) -> Result<(), Errno> {
    sheet.put(&(name.as_bytes().len() as u8))?;
    sheet.put(name.as_bytes())
}

pub(super) fn take_name(rest: &mut Rest<'_>) -> Result<Name, Senseless> {
    let len: u8 = rest.take("name")?;
    Name::new(rest.bytes(len, "name")?).map_err(|_| Senseless("name"))
}

pub(super) fn slot(number: u32) -> Result<Slot, Senseless> {
    if number < SLOTS { Ok(Slot(number)) } else { Err(Senseless("slot")) }
}

pub(super) fn time(seconds: i64, nanos: u32) -> Result<Time, Senseless> {
    zero(nanos < 1_000_000_000, "time")?;
    Ok(Time { seconds, nanos })
}

/// An amount that may be absent, and is zero then.
pub(super) fn optional<T>(
    present: bool,
    is_zero: bool,
    value: impl FnOnce() -> Result<T, Senseless>,
    what: &'static str,
) -> Result<Option<T>, Senseless> {
    if present {
        return value().map(Some);
    }
    zero(is_zero, what).map(|()| None)
}

pub(super) const fn backing_number(backing: Backing) -> u8 {
    match backing {
        Backing::SealedMemfd => 1,
        Backing::TmpfsFile => 2,
        Backing::Memfd => 3,
        Backing::Huge => 4,
        Backing::SealableMemfd => 5,
        Backing::Durable => 6,
    }
}

pub(super) fn backing(number: u8) -> Result<Backing, Senseless> {
    match number {
        1 => Ok(Backing::SealedMemfd),
        2 => Ok(Backing::TmpfsFile),
        3 => Ok(Backing::Memfd),
        4 => Ok(Backing::Huge),
        5 => Ok(Backing::SealableMemfd),
        6 => Ok(Backing::Durable),
        _ => Err(Senseless("backing")),
    }
}

/// `Cred`; its groups follow, 4 bytes each.
#[derive(FromBytes, IntoBytes, Immutable)]
#[repr(C)]
struct CredBody {
    caps: u64,
    pid: i32,
    uid: u32,
    gid: u32,
    groups: u32,
}

pub(super) fn put_cred(cred: &Cred, sheet: &mut Sheet) -> Result<(), Errno> {
    let groups = cred.groups.as_slice();
    sheet.put(&CredBody {
        caps: cred.caps.bits(),
        pid: cred.pid.0,
        uid: cred.uid.0,
        gid: cred.gid.0,
        groups: groups.len() as u32,
    })?;
    groups.iter().try_for_each(|group| sheet.put(&group.0))
}

pub(super) fn take_cred(rest: &mut Rest<'_>) -> Result<Cred, Senseless> {
    let body: CredBody = rest.take("credentials")?;
    zero(body.groups as usize <= GROUPS, "groups")?;
    let mut groups = [Gid(0); GROUPS];
    let groups = groups.get_mut(..body.groups as usize).unwrap_or_default();
    for group in groups.iter_mut() {
        *group = Gid(rest.take("groups")?);
    }
    Ok(Cred {
        pid: Pid(body.pid),
        uid: Uid(body.uid),
        gid: Gid(body.gid),
        groups: Groups::new(groups.iter().copied()),
        caps: Caps::from_bits_retain(body.caps),
    })
}

/// `Peer`.
#[derive(FromBytes, IntoBytes, Immutable)]
#[repr(C)]
struct PeerBody {
    pid: i32,
    uid: u32,
    gid: u32,
}

pub(super) fn put_peer(peer: &Peer, sheet: &mut Sheet) -> Result<(), Errno> {
    sheet.put(&PeerBody { pid: peer.pid.0, uid: peer.uid.0, gid: peer.gid.0 })
}

pub(super) fn take_peer(rest: &mut Rest<'_>) -> Result<Peer, Senseless> {
    let body: PeerBody = rest.take("sender")?;
    Ok(Peer { pid: Pid(body.pid), uid: Uid(body.uid), gid: Gid(body.gid) })
}

/// `Answered`; the response follows.
#[derive(FromBytes, IntoBytes, Immutable)]
#[repr(C)]
struct AnsweredBody {
    sequence: u64,
    objects: [u64; MESSAGE_FDS],
    flags: [i32; MESSAGE_FDS],
    /// Which of them are there: one bit each.
    gives: u16,
    /// Bytes of the response.
    len: u16,
    zero: u32,
}

pub(super) fn put_answered(answered: &Answered, sheet: &mut Sheet) -> Result<(), Errno> {
    let response = answered.response();
    let given = answered.gives.map(Option::unwrap_or_default);
    let present = answered.gives.iter().enumerate().filter(|(_, give)| give.is_some());
    sheet.put(&AnsweredBody {
        sequence: answered.sequence,
        objects: given.map(|(object, _)| object.0),
        flags: given.map(|(_, flags)| flags.bits()),
        gives: present.fold(0, |bits, (at, _)| bits | 1 << at),
        len: response.len() as u16,
        zero: 0,
    })?;
    sheet.put(response)
}

pub(super) fn take_answered(rest: &mut Rest<'_>) -> Result<Answered, Senseless> {
    let body: AnsweredBody = rest.take("answer")?;
    zero(body.zero == 0 && body.gives >> MESSAGE_FDS == 0, "answer")?;
    let response = rest.bytes(body.len, "answer")?;
    let mut gives = [None; MESSAGE_FDS];
    for (at, give) in gives.iter_mut().enumerate() {
        let object = body.objects.get(at).copied().unwrap_or_default();
        let flags = body.flags.get(at).copied().unwrap_or_default();
        let value = || Ok((ObjectId(object), OpenFlags::from_bits_retain(flags)));
        *give = optional(body.gives & 1 << at != 0, (object, flags) == (0, 0), value, "answer")?;
    }
    Answered::new(body.sequence, response, gives).map_err(|_| Senseless("answer"))
}
