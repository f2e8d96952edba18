//! Calls as bodies: one layout for each shape of arguments.
//!
//! Owns: which layout a call has. Leaves to others: its header (`frame`), its meaning (`shmfs-core`).

use crate::{
    Malformed,
    frame::{Frame, Sheet, slot, truth, zero},
    op,
    text::NameText,
    want_body::{AnonymousBody, FetchBody, WantBody},
};
use shmfs_abi::{
    AttachFlags, ByteLen, Call, GetFlags, Gid, Key, LimitsChange, Name, ObjectId, OpenFlags, ProcFile, Shmid,
    Ticket, Uid, Wanted,
};
use zerocopy::{FromBytes, Immutable, IntoBytes};

#[derive(FromBytes, IntoBytes, Immutable)]
#[repr(C)]
struct GetBody {
    size: u64,
    key: i32,
    flags: i32,
}

#[derive(FromBytes, IntoBytes, Immutable)]
#[repr(C)]
struct AttachBody {
    shmid: i32,
    flags: i32,
}

#[derive(FromBytes, IntoBytes, Immutable)]
#[repr(C)]
struct SlotBody {
    slot: u32,
    zero: u32,
}

#[derive(FromBytes, IntoBytes, Immutable)]
#[repr(C)]
struct ShmidBody {
    shmid: i32,
    zero: u32,
}

#[derive(FromBytes, IntoBytes, Immutable)]
#[repr(C)]
struct IndexBody {
    index: i32,
    any: u32,
}

#[derive(FromBytes, IntoBytes, Immutable)]
#[repr(C)]
struct SetBody {
    shmid: i32,
    uid: u32,
    gid: u32,
    mode: u32,
}

#[derive(FromBytes, IntoBytes, Immutable)]
#[repr(C)]
struct OpenBody {
    flags: i32,
    mode: u32,
    name: NameText,
}

#[derive(FromBytes, IntoBytes, Immutable)]
#[repr(C)]
struct ProcBody {
    file: u32,
    zero: u32,
}

#[derive(FromBytes, IntoBytes, Immutable)]
#[repr(C)]
struct RenameBody {
    flags: u32,
    zero: u32,
    from: NameText,
    to: NameText,
}

#[derive(FromBytes, IntoBytes, Immutable)]
#[repr(C)]
struct MountBody {
    sysv: u32,
    zero: u32,
}

/// A bit for each limit that changes, in the order of the fields.
#[derive(FromBytes, IntoBytes, Immutable)]
#[repr(C)]
struct LimitsBody {
    given: u64,
    values: [u64; 6],
}

/// Writes a call.
pub(crate) fn write(call: &Call, sheet: Sheet<'_>) -> usize {
    match call {
        Call::ShmGet { key, size, flags } => {
            sheet.write(op::SHM_GET, &GetBody { size: size.0, key: key.0, flags: flags.bits() })
        }
        Call::ShmGetDurable { key, size, flags } => {
            sheet.write(op::SHM_GET_DURABLE, &GetBody { size: size.0, key: key.0, flags: flags.bits() })
        }
        Call::ShmAttach { shmid, flags } => {
            sheet.write(op::SHM_ATTACH, &AttachBody { shmid: shmid.0, flags: flags.bits() })
        }
        Call::ShmDetached { slot } => sheet.write(op::SHM_DETACHED, &SlotBody { slot: slot.0, zero: 0 }),
        Call::ShmStat { shmid } => sheet.write(op::SHM_STAT, &ShmidBody { shmid: shmid.0, zero: 0 }),
        Call::ShmStatIndex { index, any } => {
            sheet.write(op::SHM_STAT_INDEX, &IndexBody { index: *index, any: u32::from(*any) })
        }
        Call::ShmSet { shmid, uid, gid, mode } => {
            sheet.write(op::SHM_SET, &SetBody { shmid: shmid.0, uid: uid.0, gid: gid.0, mode: *mode })
        }
        Call::ShmRemove { shmid } => sheet.write(op::SHM_REMOVE, &ShmidBody { shmid: shmid.0, zero: 0 }),
        Call::ShmLock { shmid, lock, allowance: _ } => {
            sheet.write(op::SHM_LOCK, &IndexBody { index: shmid.0, any: u32::from(*lock) })
        }
        Call::SetLimits { change } => sheet.write(op::SET_LIMITS, &LimitsBody::new(change)),
        Call::ShmInfo => sheet.write_empty(op::SHM_INFO),
        Call::Open { name, flags, mode } => write_open(sheet, op::OPEN, name, *flags, *mode),
        Call::Want(wanted) => write_want(sheet, wanted),
        Call::Anonymous { label, size } => write_anonymous(sheet, label, *size),
        Call::Fetch { object, part } => sheet.write(op::FETCH, &FetchBody::new(*object, *part)),
        Call::Unlink { name } => write_name(sheet, op::UNLINK, name),
        Call::Rename { from, to, flags } => write_names(sheet, op::RENAME, from, to, *flags),
        Call::Link { from, to } => write_names(sheet, op::LINK, from, to, 0),
        Call::SemOpen { name, flags, mode } => write_open(sheet, op::SEM_OPEN, name, *flags, *mode),
        Call::SemPublish { ticket } => sheet.write(op::SEM_PUBLISH, &ticket.0),
        // Which object it is, the broker sees by the descriptor that comes along.
        Call::Reserve { object: _, size } => sheet.write(op::RESERVE, &size.0),
        Call::Settle { object: _ } => sheet.write_empty(op::SETTLE),
        Call::ProcText { file } => {
            sheet.write(op::PROC_TEXT, &ProcBody { file: file_number(*file), zero: 0 })
        }
        Call::ProcWrite { file } => {
            sheet.write(op::PROC_WRITE, &ProcBody { file: file_number(*file), zero: 0 })
        }
        Call::Next { after } => sheet.write(op::NEXT, &after.0),
        Call::Usage => sheet.write_empty(op::USAGE),
        // The program's file comes along as a descriptor.
        Call::Replace => sheet.write_empty(op::REPLACE),
        // The connection's end comes along as a descriptor.
        Call::Mount { sysv } => sheet.write(op::MOUNT, &MountBody { sysv: u32::from(*sysv), zero: 0 }),
        Call::Tree => sheet.write_empty(op::TREE),
    }
}

// Bodies with names have frames of their own, so that a small stack holds one of them at a time.

#[inline(never)]
fn write_open(sheet: Sheet<'_>, op: u16, name: &Name, flags: OpenFlags, mode: u32) -> usize {
    sheet.write(op, &OpenBody { flags: flags.bits(), mode, name: NameText::new(name) })
}

#[inline(never)]
fn write_name(sheet: Sheet<'_>, op: u16, name: &Name) -> usize {
    sheet.write(op, &NameText::new(name))
}

#[inline(never)]
fn write_names(sheet: Sheet<'_>, op: u16, from: &Name, to: &Name, flags: u32) -> usize {
    let (from, to) = (NameText::new(from), NameText::new(to));
    sheet.write(op, &RenameBody { flags, zero: 0, from, to })
}

#[inline(never)]
fn write_want(sheet: Sheet<'_>, wanted: &Wanted) -> usize {
    sheet.write(op::WANT, &WantBody::new(wanted))
}

#[inline(never)]
fn write_anonymous(sheet: Sheet<'_>, label: &Name, size: ByteLen) -> usize {
    sheet.write(op::ANONYMOUS, &AnonymousBody::new(label, size))
}

/// Reads a call.
pub(crate) fn read(frame: &Frame<'_>) -> Result<Call, Malformed> {
    match frame.op {
        op::SHM_GET..=op::SHM_INFO => read_sysv(frame),
        op::OPEN => {
            let (name, flags, mode) = frame.body::<OpenBody>()?.parts()?;
            Ok(Call::Open { name, flags, mode })
        }
        op::SHM_GET_DURABLE => {
            let (key, size, flags) = frame.body::<GetBody>()?.parts();
            Ok(Call::ShmGetDurable { key, size, flags })
        }
        op::WANT => frame.body::<WantBody>()?.call(),
        op::ANONYMOUS => frame.body::<AnonymousBody>()?.call(),
        op::FETCH => frame.body::<FetchBody>()?.call(),
        op::UNLINK => Ok(Call::Unlink { name: frame.body::<NameText>()?.name()? }),
        op::RENAME => {
            let (from, to, flags) = frame.body::<RenameBody>()?.parts()?;
            Ok(Call::Rename { from, to, flags })
        }
        op::LINK => {
            let (from, to, flags) = frame.body::<RenameBody>()?.parts()?;
            zero(flags == 0, "link")?;
            Ok(Call::Link { from, to })
        }
        op::SEM_OPEN => {
            let (name, flags, mode) = frame.body::<OpenBody>()?.parts()?;
            Ok(Call::SemOpen { name, flags, mode })
        }
        op::SEM_PUBLISH => Ok(Call::SemPublish { ticket: Ticket(frame.body()?) }),
        op::RESERVE => Ok(Call::Reserve { object: ObjectId(0), size: ByteLen(frame.body()?) }),
        op::SETTLE => frame.empty(Call::Settle { object: ObjectId(0) }),
        op::PROC_TEXT => Ok(Call::ProcText { file: frame.body::<ProcBody>()?.file()? }),
        op::PROC_WRITE => Ok(Call::ProcWrite { file: frame.body::<ProcBody>()?.file()? }),
        op::NEXT => Ok(Call::Next { after: ObjectId(frame.body()?) }),
        op::USAGE => frame.empty(Call::Usage),
        op::REPLACE => frame.empty(Call::Replace),
        op::MOUNT => frame.body::<MountBody>()?.call(),
        op::TREE => frame.empty(Call::Tree),
        op::SHM_LOCK => {
            let IndexBody { index, any } = frame.body()?;
            Ok(Call::ShmLock { shmid: Shmid(index), lock: truth(any, "lock")?, allowance: 0 })
        }
        op::SET_LIMITS => Ok(Call::SetLimits { change: frame.body::<LimitsBody>()?.change()? }),
        other => Err(Malformed::Op(other)),
    }
}

fn read_sysv(frame: &Frame<'_>) -> Result<Call, Malformed> {
    match frame.op {
        op::SHM_GET => {
            let (key, size, flags) = frame.body::<GetBody>()?.parts();
            Ok(Call::ShmGet { key, size, flags })
        }
        op::SHM_ATTACH => {
            let AttachBody { shmid, flags } = frame.body()?;
            Ok(Call::ShmAttach { shmid: Shmid(shmid), flags: AttachFlags::from_bits_retain(flags) })
        }
        op::SHM_DETACHED => {
            let body: SlotBody = frame.body()?;
            zero(body.zero == 0, "detached")?;
            Ok(Call::ShmDetached { slot: slot(body.slot)? })
        }
        op::SHM_STAT => Ok(Call::ShmStat { shmid: frame.body::<ShmidBody>()?.shmid()? }),
        op::SHM_STAT_INDEX => {
            let IndexBody { index, any } = frame.body()?;
            Ok(Call::ShmStatIndex { index, any: truth(any, "any")? })
        }
        op::SHM_SET => {
            let SetBody { shmid, uid, gid, mode } = frame.body()?;
            Ok(Call::ShmSet { shmid: Shmid(shmid), uid: Uid(uid), gid: Gid(gid), mode })
        }
        op::SHM_REMOVE => Ok(Call::ShmRemove { shmid: frame.body::<ShmidBody>()?.shmid()? }),
        op::SHM_INFO => frame.empty(Call::ShmInfo),
        other => Err(Malformed::Op(other)),
    }
}

impl GetBody {
    fn parts(&self) -> (Key, ByteLen, GetFlags) {
        (Key(self.key), ByteLen(self.size), GetFlags::from_bits_retain(self.flags))
    }
}

impl ShmidBody {
    fn shmid(&self) -> Result<Shmid, Malformed> {
        zero(self.zero == 0, "shmid")?;
        Ok(Shmid(self.shmid))
    }
}

impl ProcBody {
    fn file(&self) -> Result<ProcFile, Malformed> {
        zero(self.zero == 0, "proc file")?;
        file_of(self.file)
    }
}

impl MountBody {
    fn call(&self) -> Result<Call, Malformed> {
        zero(self.zero == 0, "mount")?;
        Ok(Call::Mount { sysv: truth(self.sysv, "sysv")? })
    }
}

impl RenameBody {
    fn parts(&self) -> Result<(Name, Name, u32), Malformed> {
        zero(self.zero == 0, "rename")?;
        Ok((self.from.name()?, self.to.name()?, self.flags))
    }
}

impl LimitsBody {
    fn new(change: &LimitsChange) -> LimitsBody {
        let LimitsChange { size, shmmax, shmall, shmmni, rmid_forced, next_id } = *change;
        let mut body = LimitsBody { given: 0, values: [0; 6] };
        for (index, value) in [size, shmmax, shmall, shmmni, rmid_forced, next_id].into_iter().enumerate() {
            if let (Some(value), Some(place)) = (value, body.values.get_mut(index)) {
                body.given |= 1 << index;
                *place = value;
            }
        }
        body
    }

    fn change(&self) -> Result<LimitsChange, Malformed> {
        let mut values = [None; 6];
        for (index, (place, value)) in values.iter_mut().zip(self.values).enumerate() {
            let given = self.given >> index & 1 == 1;
            zero(given || value == 0, "limits")?;
            *place = given.then_some(value);
        }
        zero(self.given >> self.values.len() == 0, "limits")?;
        let [size, shmmax, shmall, shmmni, rmid_forced, next_id] = values;
        Ok(LimitsChange { size, shmmax, shmall, shmmni, rmid_forced, next_id })
    }
}

impl OpenBody {
    fn parts(&self) -> Result<(Name, OpenFlags, u32), Malformed> {
        Ok((self.name.name()?, OpenFlags::from_bits_retain(self.flags), self.mode))
    }
}

const fn file_number(file: ProcFile) -> u32 {
    match file {
        ProcFile::SysvipcShm => 1,
        ProcFile::Shmmax => 2,
        ProcFile::Shmall => 3,
        ProcFile::Shmmni => 4,
        ProcFile::ShmRmidForced => 5,
        ProcFile::ShmNextId => 6,
    }
}

fn file_of(number: u32) -> Result<ProcFile, Malformed> {
    match number {
        1 => Ok(ProcFile::SysvipcShm),
        2 => Ok(ProcFile::Shmmax),
        3 => Ok(ProcFile::Shmall),
        4 => Ok(ProcFile::Shmmni),
        5 => Ok(ProcFile::ShmRmidForced),
        6 => Ok(ProcFile::ShmNextId),
        _ => Err(Malformed::Field("proc file")),
    }
}
