//! What only programs of the library ask for, as bodies: objects with a size and a lifetime, anonymous ones, parts.
//!
//! Owns: those layouts. Leaves to others: the choice among calls and replies (`call_body`, `reply_body`).

use crate::{
    Malformed,
    frame::{truth, zero},
    text::NameText,
};
use shmfs_abi::{ByteLen, Call, Lifetime, Name, ObjectId, OpenFlags, Part, Reply, Wanted};
use zerocopy::{FromBytes, Immutable, IntoBytes};

/// `Call::Want`.
#[derive(FromBytes, IntoBytes, Immutable)]
#[repr(C)]
pub(crate) struct WantBody {
    size: u64,
    flags: i32,
    mode: u32,
    lifetime: u32,
    guarded: u32,
    name: NameText,
}

/// `Call::Anonymous`.
#[derive(FromBytes, IntoBytes, Immutable)]
#[repr(C)]
pub(crate) struct AnonymousBody {
    size: u64,
    label: NameText,
}

/// `Call::Fetch`.
#[derive(FromBytes, IntoBytes, Immutable)]
#[repr(C)]
pub(crate) struct FetchBody {
    object: u64,
    part: u32,
    zero: u32,
}

/// `Reply::Wanted`.
#[derive(FromBytes, IntoBytes, Immutable)]
#[repr(C)]
pub(crate) struct WantedBody {
    object: u64,
    lifetime: u32,
    created: u32,
}

/// `Reply::Fetched`.
#[derive(FromBytes, IntoBytes, Immutable)]
#[repr(C)]
pub(crate) struct FetchedBody {
    size: u64,
    held: u32,
    zero: u32,
}

impl WantBody {
    pub(crate) fn new(wanted: &Wanted) -> WantBody {
        WantBody {
            size: wanted.size.0,
            flags: wanted.flags.bits(),
            mode: wanted.mode,
            lifetime: lifetime_number(wanted.lifetime).into(),
            guarded: u32::from(wanted.guarded),
            name: NameText::new(&wanted.name),
        }
    }

    pub(crate) fn call(&self) -> Result<Call, Malformed> {
        Ok(Call::Want(Wanted {
            name: self.name.name()?,
            flags: OpenFlags::from_bits_retain(self.flags),
            mode: self.mode,
            size: ByteLen(self.size),
            lifetime: lifetime_of(self.lifetime)?,
            guarded: truth(self.guarded, "guarded")?,
        }))
    }
}

impl AnonymousBody {
    pub(crate) fn new(label: &Name, size: ByteLen) -> AnonymousBody {
        AnonymousBody { size: size.0, label: NameText::new(label) }
    }

    pub(crate) fn call(&self) -> Result<Call, Malformed> {
        Ok(Call::Anonymous { label: self.label.name()?, size: ByteLen(self.size) })
    }
}

impl FetchBody {
    pub(crate) fn new(object: ObjectId, part: Part) -> FetchBody {
        let part = match part {
            Part::Read => 1,
            Part::Write => 2,
            Part::Undo => 3,
        };
        FetchBody { object: object.0, part, zero: 0 }
    }

    pub(crate) fn call(&self) -> Result<Call, Malformed> {
        zero(self.zero == 0, "fetch")?;
        let part = match self.part {
            1 => Part::Read,
            2 => Part::Write,
            3 => Part::Undo,
            _ => return Err(Malformed::Field("part")),
        };
        Ok(Call::Fetch { object: ObjectId(self.object), part })
    }
}

impl WantedBody {
    pub(crate) fn new(object: ObjectId, lifetime: Lifetime, created: bool) -> WantedBody {
        WantedBody {
            object: object.0,
            lifetime: lifetime_number(lifetime).into(),
            created: u32::from(created),
        }
    }

    pub(crate) fn reply(&self) -> Result<Reply, Malformed> {
        let (lifetime, created) = (lifetime_of(self.lifetime)?, truth(self.created, "created")?);
        Ok(Reply::Wanted { object: ObjectId(self.object), lifetime, created })
    }
}

impl FetchedBody {
    pub(crate) fn new(size: ByteLen, held: bool) -> FetchedBody {
        FetchedBody { size: size.0, held: u32::from(held), zero: 0 }
    }

    pub(crate) fn reply(&self) -> Result<Reply, Malformed> {
        zero(self.zero == 0, "fetched")?;
        Ok(Reply::Fetched { size: ByteLen(self.size), held: truth(self.held, "held")? })
    }
}

/// The number of a lifetime in messages.
pub(crate) const fn lifetime_number(lifetime: Lifetime) -> u8 {
    match lifetime {
        Lifetime::UntilRemoved => 1,
        Lifetime::Process => 2,
        Lifetime::LastUser => 3,
        Lifetime::Durable => 4,
    }
}

/// The lifetime with this number.
pub(crate) fn lifetime_of(number: u32) -> Result<Lifetime, Malformed> {
    match number {
        1 => Ok(Lifetime::UntilRemoved),
        2 => Ok(Lifetime::Process),
        3 => Ok(Lifetime::LastUser),
        4 => Ok(Lifetime::Durable),
        _ => Err(Malformed::Field("lifetime")),
    }
}
