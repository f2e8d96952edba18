//! The guard of an object: one writer at a time, whom a snapshot waits for.
//!
//! It is `flock(2)` on a description of the file that is the guard's own: so threads exclude each other as processes do,
//! and the kernel gives it back when its holder dies.

use crate::{Object, Result};
use rustix::fs::{FlockOperation, flock};
use shmfs_abi::{Errno, OpenFlags};
use shmfs_sys::{AsFd, OwnedFd, fd};
use std::marker::PhantomData;

/// Held by whoever may write to an object; given back when dropped, and by the kernel at the holder's death.
///
/// ```
/// use shmfs::Store;
/// let store = Store::embedded()?;
/// let frames = store.object("frames")?.guarded().create(4096)?;
/// let mapping = frames.map()?;
/// {
///     let _guard = frames.guard()?;
///     mapping.write_at(0, b"both halves")?; // no snapshot and no other holder comes between
/// }
/// # Ok::<(), shmfs::Error>(())
/// ```
#[derive(Debug)]
#[must_use = "the guard is given back when it is dropped"]
pub struct Guard<'o> {
    /// Its description has the lock; nobody else has it, but for children made by fork meanwhile.
    description: OwnedFd,
    object: PhantomData<&'o Object>,
}

impl Object {
    /// Waits until nobody else has the object's guard, and takes it. `shm snapshot` takes it too, where the object was made
    /// [guarded](crate::ObjectOptions::guarded). It binds only those who take it.
    ///
    /// A thread that has it and asks again waits for ever.
    ///
    /// # Errors
    /// `EMFILE`, `ENOLCK`; `EACCES` where the object's mode does not let this process open it again.
    pub fn guard(&self) -> Result<Guard<'_>> {
        let refused = |errno| self.source().refused(errno, "guard");
        let description = fd::reopen(self.as_fd(), OpenFlags::empty()).map_err(refused)?;
        loop {
            match flock(&description, FlockOperation::LockExclusive) {
                Ok(()) => return Ok(Guard { description, object: PhantomData }),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(refused(Errno(error.raw_os_error()))),
            }
        }
    }
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        // A child made by fork may have the description too. Closing it here would leave the lock to the child.
        let _ = flock(&self.description, FlockOperation::Unlock);
    }
}
