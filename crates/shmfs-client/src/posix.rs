//! POSIX shared memory objects: `shm_open`, `shm_unlink`.
//!
//! Owns: umask, the flags that matter to a store.
//! Leaves to others: every rule (the engine), the size (`resize`).
//! Not done: `O_DIRECTORY` is not looked at.

use crate::{
    Client,
    ask::{Answer, unexpected},
    names,
};
use shmfs_abi::{Call, Errno, OpenFlags, Reply};
use shmfs_sys::{OwnedFd, process};

/// The access mode, three bits of it in Linux's eyes (`O_ACCMODE`).
const ACCESS: OpenFlags = OpenFlags::WRONLY.union(OpenFlags::RDWR);

/// What a store looks at. glibc adds `O_NOFOLLOW` and `O_CLOEXEC`, which hold here in any case; open(2) does not
/// look at bits that it does not know.
const KEPT: OpenFlags = ACCESS
    .union(OpenFlags::CREAT)
    .union(OpenFlags::EXCL)
    .union(OpenFlags::TRUNC)
    .union(OpenFlags::APPEND)
    .union(OpenFlags::NONBLOCK);

impl Client {
    /// `shm_open(3)`: the lowest free descriptor, close-on-exec. `mode` comes before the umask.
    ///
    /// # Errors
    /// As `shm_open(3)`, and as [`Client`] says.
    pub fn shm_open(&self, name: &[u8], flags: i32, mode: u32) -> Result<OwnedFd, Errno> {
        let (flags, mode) = kept(flags, mode);
        self.open_object(&Call::Open { name: names::object(name)?, flags, mode }, flags)
    }

    /// Asks the broker to open, or to make, an object, by a `Call::Open` with these flags.
    pub(crate) fn open_object(&self, call: &Call, flags: OpenFlags) -> Result<OwnedFd, Errno> {
        let answer: Answer = self.with(|state| {
            if flags.contains(OpenFlags::CREAT) {
                // Linux takes the descriptor's number before it creates anything (`do_sys_openat2`, fs/open.c).
                state.session()?.probe_number()?;
            }
            state.ask(call)
        })?;
        match answer.reply {
            Reply::Opened { .. } => answer.descriptor(),
            _ => unexpected(),
        }
    }

    /// `shm_unlink(3)`.
    ///
    /// # Errors
    /// As `shm_unlink(3)`, and as [`Client`] says.
    pub fn shm_unlink(&self, name: &[u8]) -> Result<(), Errno> {
        let name = names::object_to_unlink(name)?;
        self.with(|state| state.ask_done(&Call::Unlink { name })).map_err(names::sticky)
    }
}

/// What a store looks at of the flags, and the mode that goes with them.
pub(crate) fn kept(flags: i32, mode: u32) -> (OpenFlags, u32) {
    let flags = OpenFlags::from_bits_retain(flags).intersection(KEPT);
    (flags, created_mode(flags, mode))
}

/// The mode of an object that may be created, after the umask; 0 where none is.
pub(crate) fn created_mode(flags: OpenFlags, mode: u32) -> u32 {
    if flags.contains(OpenFlags::CREAT) { mode & 0o7777 & !process::umask() } else { 0 }
}
