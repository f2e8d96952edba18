//! The kernel's files that a store answers for: /proc/sysvipc/shm and the limits in /proc/sys/kernel.
//!
//! Owns: their paths.
//! Leaves to others: their text (the engine), who opens them (`shmfs-preload`).
//! Not done: other spellings of the same paths.

use crate::{Client, ask::unexpected};
use core::ffi::CStr;
use shmfs_abi::{Call, Errno, ProcFile, Reply};
use shmfs_sys::OwnedFd;

/// The files and their paths.
pub const PROC_FILES: [(&CStr, ProcFile); 6] = [
    (c"/proc/sysvipc/shm", ProcFile::SysvipcShm),
    (c"/proc/sys/kernel/shmmax", ProcFile::Shmmax),
    (c"/proc/sys/kernel/shmall", ProcFile::Shmall),
    (c"/proc/sys/kernel/shmmni", ProcFile::Shmmni),
    (c"/proc/sys/kernel/shm_rmid_forced", ProcFile::ShmRmidForced),
    (c"/proc/sys/kernel/shm_next_id", ProcFile::ShmNextId),
];

impl Client {
    /// Which of those files `path` is.
    pub fn proc_file(&self, path: &[u8]) -> Option<ProcFile> {
        PROC_FILES.iter().find(|(of, _)| of.to_bytes() == path).map(|(_, file)| *file)
    }

    /// A descriptor of such a file's text, as the store sees it now; close-on-exec.
    ///
    /// # Errors
    /// As [`Client`] says.
    pub fn proc_text(&self, file: ProcFile) -> Result<OwnedFd, Errno> {
        self.proc_descriptor(Call::ProcText { file })
    }

    /// A descriptor for writing to such a file; close-on-exec. What the store makes of it is seen by reading: a
    /// value that it refuses is dropped.
    ///
    /// # Errors
    /// `EACCES` for others than the store's owner and root; as [`Client`] says.
    pub fn proc_write(&self, file: ProcFile) -> Result<OwnedFd, Errno> {
        self.proc_descriptor(Call::ProcWrite { file })
    }

    fn proc_descriptor(&self, call: Call) -> Result<OwnedFd, Errno> {
        let answer = self.with(|state| state.ask(&call))?;
        match answer.reply {
            Reply::Text => answer.descriptor(),
            _ => unexpected(),
        }
    }
}
