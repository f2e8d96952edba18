//! Lifetimes, and other choices that C makes by numbers.

use shmfs::{Error, Result};
use std::mem::MaybeUninit;

/// How long an object lives: when its name goes. Its bytes go with its last user after that.
#[repr(u32)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lifetime {
    /// It stays until it is unlinked: the kernel's rule.
    UntilRemoved = 0,
    /// Its name goes with the process that created it, by exit or SIGKILL.
    Process = 1,
    /// Its name goes when nobody has it open or mapped any more.
    LastUser = 2,
    /// It outlives the store and the machine: a file in the store's state directory. It comes back with its name, mode
    /// and owner, at the last epoch that was persisted.
    Durable = 3,
}

impl From<shmfs::Lifetime> for Lifetime {
    fn from(lifetime: shmfs::Lifetime) -> Lifetime {
        match lifetime {
            shmfs::Lifetime::Process => Lifetime::Process,
            shmfs::Lifetime::LastUser => Lifetime::LastUser,
            shmfs::Lifetime::Durable => Lifetime::Durable,
            // The kernel's rule, whatever else a later library may know.
            _ => Lifetime::UntilRemoved,
        }
    }
}

/// What C has chosen: any number can be there.
pub(crate) fn chosen(number: MaybeUninit<Lifetime>) -> Result<shmfs::Lifetime> {
    // SAFETY: as long as a `u32` (`repr(u32)`), and as aligned; C's structures are initialized (`argument::structure`).
    let number = unsafe { number.as_ptr().cast::<u32>().read() };
    let all = [Lifetime::UntilRemoved, Lifetime::Process, Lifetime::LastUser, Lifetime::Durable];
    match all.into_iter().find(|known| *known as u32 == number) {
        Some(Lifetime::UntilRemoved) => Ok(shmfs::Lifetime::UntilRemoved),
        Some(Lifetime::Process) => Ok(shmfs::Lifetime::Process),
        Some(Lifetime::LastUser) => Ok(shmfs::Lifetime::LastUser),
        Some(Lifetime::Durable) => Ok(shmfs::Lifetime::Durable),
        None => Err(Error::new(libc::EINVAL, format!("{number} is no lifetime"))),
    }
}

/// Refuses flags that are not among the `known`.
pub(crate) fn only(known: u64, flags: u64, what: &str) -> Result<()> {
    match flags & !known {
        0 => Ok(()),
        unknown => Err(Error::new(libc::EINVAL, format!("the flags {unknown:#x} of {what} are unknown"))),
    }
}
