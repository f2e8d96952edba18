//! The editor's lock: one process edits an object at a time, and the kernel knows when it has ended.
//!
//! The lock is `flock(2)` on the undo log. It belongs to the open file description: each process that may edit needs
//! one of its own, and a child of a fork shares its parent's, and keeps the lock for as long as it has the descriptor.
//!
//! Owns: taking and giving back. Leaves to others: what is done with an edit that was left half done (`undo`).

use rustix::fs::{FlockOperation, flock};
use std::fs::File;
use std::io;

/// Takes the editor's lock; whether it was taken. Without `wait` it is not when somebody else has it.
///
/// # Errors
/// As `flock(2)`: `EINTR` if a signal comes while it waits, `ENOLCK`.
pub fn lock_editor(undo: &File, wait: bool) -> io::Result<bool> {
    let operation =
        if wait { FlockOperation::LockExclusive } else { FlockOperation::NonBlockingLockExclusive };
    match flock(undo, operation) {
        Ok(()) => Ok(true),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Gives it back. The end of the process does so too, and closing the last descriptor of this description.
///
/// # Errors
/// As `flock(2)`.
pub fn unlock_editor(undo: &File) -> io::Result<()> {
    Ok(flock(undo, FlockOperation::Unlock)?)
}
