//! How long an object lives, where its creator chooses.

use crate::{ByteLen, Name, OpenFlags};

/// How long an object lives.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(u8)]
pub enum Lifetime {
    /// Until its name is taken away and nobody holds it: Linux's rule.
    #[default]
    UntilRemoved,
    /// Its name goes with the process that created it.
    Process,
    /// Its name goes when nobody holds it any more.
    LastUser,
    /// It outlives the store and the machine: a file in the store's state directory.
    Durable,
}

impl Lifetime {
    /// The word for it in listings.
    pub const fn text(self) -> &'static str {
        match self {
            Lifetime::UntilRemoved => "until-removed",
            Lifetime::Process => "process",
            Lifetime::LastUser => "last-user",
            Lifetime::Durable => "durable",
        }
    }
}

/// An object that is to be opened, or created where it is absent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Wanted {
    /// Its name.
    pub name: Name,
    /// How it is opened; `CREAT` is meant, with `EXCL` it must be absent.
    pub flags: OpenFlags,
    /// Its mode, after the umask.
    pub mode: u32,
    /// Its size from the first moment at which anybody can find it.
    pub size: ByteLen,
    /// How long it lives.
    pub lifetime: Lifetime,
    /// Whether its writers take a lock, which who copies it waits for.
    pub guarded: bool,
}

/// What of an object is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Part {
    /// Its pages, for reading.
    Read,
    /// Its pages, for reading and writing.
    Write,
    /// The undo log of a durable one, for reading and writing.
    Undo,
}
