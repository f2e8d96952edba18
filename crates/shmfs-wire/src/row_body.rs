//! One object of a listing as a body.
//!
//! Owns: its layout, which fields are present. Leaves to others: when it is sent (`reply_body`).

use crate::{
    Malformed,
    frame::optional,
    text::NameText,
    want_body::{lifetime_number, lifetime_of},
};
use shmfs_abi::{ByteLen, Door, Gid, Key, Kind, ObjectId, Pid, Row, Shmid, Time, Uid};
use zerocopy::{FromBytes, Immutable, IntoBytes};

// Which of the optional fields are present. An absent field is zero.
const HAS_SHMID: u32 = 1 << 0;
const HAS_KEY: u32 = 1 << 1;
const HAS_NATTCH: u32 = 1 << 2;
const HAS_LPID: u32 = 1 << 3;
const HAS_NAME: u32 = 1 << 4;
/// In a row's state.
const REMOVED: u16 = 1 << 0;
const GUARDED: u16 = 1 << 1;

const HAS_ALL: u32 = HAS_SHMID | HAS_KEY | HAS_NATTCH | HAS_LPID | HAS_NAME;

/// `Row`.
#[derive(FromBytes, IntoBytes, Immutable)]
#[repr(C)]
pub(crate) struct RowBody {
    object: u64,
    size: u64,
    allocated: u64,
    nattch: u64,
    created_seconds: i64,
    created_nanos: u32,
    has: u32,
    shmid: i32,
    key: i32,
    mode: u32,
    uid: u32,
    gid: u32,
    cpid: i32,
    lpid: i32,
    /// How long it lives in the low byte, [`REMOVED`] and [`GUARDED`] in the high one.
    state: u16,
    door: u8,
    kind: u8,
    name: NameText,
}

impl RowBody {
    pub(crate) fn new(row: &Row) -> RowBody {
        let has = [
            (row.shmid.is_some(), HAS_SHMID),
            (row.key.is_some(), HAS_KEY),
            (row.nattch.is_some(), HAS_NATTCH),
            (row.lpid.is_some(), HAS_LPID),
            (row.name.is_some(), HAS_NAME),
        ];
        RowBody {
            object: row.object.0,
            size: row.size.0,
            allocated: row.allocated.0,
            nattch: row.nattch.unwrap_or_default(),
            created_seconds: row.created.seconds,
            created_nanos: row.created.nanos,
            has: has.iter().filter(|(present, _)| *present).fold(0, |bits, (_, bit)| bits | bit),
            shmid: row.shmid.unwrap_or_default().0,
            key: row.key.unwrap_or_default().0,
            mode: row.mode,
            uid: row.uid.0,
            gid: row.gid.0,
            cpid: row.cpid.0,
            lpid: row.lpid.unwrap_or_default().0,
            state: state_of(row),
            door: door_number(row.door),
            kind: kind_number(row.kind),
            name: row.name.as_ref().map_or(NameText::ABSENT, NameText::new),
        }
    }

    pub(crate) fn row(&self) -> Result<Row, Malformed> {
        if self.has & !HAS_ALL != 0 {
            return Err(Malformed::Field("row"));
        }
        let has = |bit| self.has & bit != 0;
        Ok(Row {
            object: ObjectId(self.object),
            door: door_of(self.door)?,
            kind: kind_of(self.kind)?,
            shmid: optional(has(HAS_SHMID), self.shmid == 0, || Ok(Shmid(self.shmid)), "shmid")?,
            key: optional(has(HAS_KEY), self.key == 0, || Ok(Key(self.key)), "key")?,
            name: optional(has(HAS_NAME), self.name == NameText::ABSENT, || self.name.name(), "name")?,
            size: ByteLen(self.size),
            allocated: ByteLen(self.allocated),
            nattch: optional(has(HAS_NATTCH), self.nattch == 0, || Ok(self.nattch), "nattch")?,
            mode: self.mode,
            uid: Uid(self.uid),
            gid: Gid(self.gid),
            cpid: Pid(self.cpid),
            lpid: optional(has(HAS_LPID), self.lpid == 0, || Ok(Pid(self.lpid)), "lpid")?,
            removed: self.marked(REMOVED)?,
            lifetime: lifetime_of(u32::from(self.state & 0xff))?,
            guarded: self.marked(GUARDED)?,
            created: self.created()?,
        })
    }

    fn marked(&self, mark: u16) -> Result<bool, Malformed> {
        let marks = self.state >> 8;
        if marks & !(REMOVED | GUARDED) != 0 {
            return Err(Malformed::Field("state"));
        }
        Ok(marks & mark != 0)
    }

    fn created(&self) -> Result<Time, Malformed> {
        if self.created_nanos >= 1_000_000_000 {
            return Err(Malformed::Field("created"));
        }
        Ok(Time { seconds: self.created_seconds, nanos: self.created_nanos })
    }
}

fn state_of(row: &Row) -> u16 {
    let marks = (u16::from(row.removed) * REMOVED) | (u16::from(row.guarded) * GUARDED);
    u16::from(lifetime_number(row.lifetime)) | (marks << 8)
}

const fn door_number(door: Door) -> u8 {
    match door {
        Door::Sysv => 1,
        Door::Posix => 2,
        Door::Anon => 3,
    }
}

fn door_of(number: u8) -> Result<Door, Malformed> {
    match number {
        1 => Ok(Door::Sysv),
        2 => Ok(Door::Posix),
        3 => Ok(Door::Anon),
        _ => Err(Malformed::Field("door")),
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

fn kind_of(number: u8) -> Result<Kind, Malformed> {
    match number {
        1 => Ok(Kind::Segment),
        2 => Ok(Kind::Object),
        3 => Ok(Kind::Semaphore),
        4 => Ok(Kind::Anonymous),
        _ => Err(Malformed::Field("kind")),
    }
}
