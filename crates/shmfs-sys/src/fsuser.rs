//! Acting on files as another user: what is created belongs to them.
//!
//! The ids for files are a thread's own (setfsuid(2)); the process stays who it is.
//!
//! Owns: changing them and changing them back.
//! Leaves to others: whether the other user may (the capabilities of this process stay in force).

use crate::{
    Result, errno,
    raw::{self, number},
};
use rustix::thread::{self, CapabilitiesSecureBits, CapabilitySet, CapabilitySets};
use shmfs_abi::{Gid, Uid};

/// Lets this thread keep its capabilities over files when it acts as another user (`SECBIT_NO_SETUID_FIXUP`,
/// capabilities(7)).
///
/// # Errors
/// `EPERM` without `CAP_SETPCAP`.
pub fn keep_capabilities() -> Result<()> {
    let bits = thread::capabilities_secure_bits().map_err(errno)?;
    thread::set_capabilities_secure_bits(bits | CapabilitiesSecureBits::NO_SETUID_FIXUP).map_err(errno)
}

/// Acts with these ids for files, and then with the former ones again.
pub fn acting_as<R>(uid: Uid, gid: Gid, act: impl FnOnce() -> R) -> R {
    let _former = Former { gid: set(number::SETFSGID, gid.0), uid: set(number::SETFSUID, uid.0) };
    act()
}

/// Acts without the right to leave set-id bits on what is changed (`CAP_FSETID`): they go as if the owner changed it.
pub fn without_set_id<R>(act: impl FnOnce() -> R) -> R {
    let Ok(ours) = thread::capabilities(None) else { return act() };
    let less = CapabilitySets { effective: ours.effective.difference(CapabilitySet::FSETID), ..ours };
    let lowered = thread::set_capabilities(None, less).is_ok();
    let _ours = Lowered(lowered.then_some(ours));
    act()
}

/// The capabilities to which this thread returns.
struct Lowered(Option<CapabilitySets>);

impl Drop for Lowered {
    fn drop(&mut self) {
        if let Some(ours) = self.0 {
            // What is permitted may be taken up again: this does not fail.
            let _ = thread::set_capabilities(None, ours);
        }
    }
}

/// The ids to which this thread returns.
struct Former {
    uid: u32,
    gid: u32,
}

impl Drop for Former {
    fn drop(&mut self) {
        set(number::SETFSUID, self.uid);
        set(number::SETFSGID, self.gid);
    }
}

/// Sets one of the two, and says what it was. There is no error: who may not change it keeps what it was.
fn set(number: usize, id: u32) -> u32 {
    // SAFETY: both calls take one number.
    raw::check(unsafe { raw::syscall6(number, id as usize, 0, 0, 0, 0, 0) }).unwrap_or_default() as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{fd, tmpfs::Hidden};

    #[test]
    fn what_is_created_is_the_others_and_what_follows_is_ours() {
        let Ok(hidden) = Hidden::make(1 << 20, 16) else {
            return eprintln!("skipped: no tmpfs can be made here");
        };
        if crate::process::euid() != Uid(0) || keep_capabilities().is_err() {
            return eprintln!("skipped: acting as others needs root");
        }
        let theirs = acting_as(Uid(1234), Gid(2345), || hidden.create(b"theirs", 0o600)).expect("created");
        let ours = hidden.create(b"ours", 0o600).expect("created");
        let owner = |file| fd::facts(file).map(|facts| (facts.uid, facts.gid)).expect("its facts");
        assert_eq!(owner(theirs), (Uid(1234), Gid(2345)));
        assert_eq!(owner(ours), (Uid(0), crate::process::egid()));
    }
}
