//! The files of durable objects, as a broker asks for them.
//!
//! Owns: which errno a failure is. Leaves to others: the files (`shmfs-durable`), what is in a head (`heads`).

use super::files;
use crate::heads;
use crate::os::Result;
use crate::state;
use rustix::fd::OwnedFd;
use shmfs_abi::{ByteLen, Errno, ObjectId};
use shmfs_core::ObjectImage;
use shmfs_durable::{DurableError, Leftover, Outcome, StateDir, Why, take_room};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

pub(super) fn open(dir: &[u8]) -> Result<StateDir> {
    StateDir::open(OsStr::from_bytes(dir)).map_err(|error| said(&error))
}

pub(super) fn make(dir: &StateDir, image: &ObjectImage) -> Result<OwnedFd> {
    let head = heads::head(image)?;
    let (pages, _undo) = dir.create(image.object.0, &head).map_err(|error| said(&error))?;
    let pages = OwnedFd::from(pages);
    files::own(&pages, image.uid, image.gid, image.mode);
    Ok(pages)
}

pub(super) fn record(dir: &StateDir, image: &ObjectImage) -> Result<()> {
    dir.write_head(image.object.0, &heads::head(image)?).map_err(|error| said(&error))
}

/// Taken away twice is taken away once. What a killed broker had begun to take away is cleared.
pub(super) fn erase(dir: &StateDir, object: ObjectId) -> Result<()> {
    let erased = match dir.remove(object.0) {
        Err(error) if error.errno() == Errno::ENOENT => {
            dir.clear(Leftover { object: object.0, why: Why::Removal })
        }
        erased => erased,
    };
    erased.map_err(|error| said(&error))
}

pub(super) fn undo(dir: &StateDir, object: ObjectId) -> Result<OwnedFd> {
    dir.open_undo(object.0).map(OwnedFd::from).map_err(|error| said(&error))
}

/// Rolls back what nobody will finish; false where somebody is editing.
pub(super) fn roll_back(dir: &StateDir, image: &ObjectImage) -> Result<bool> {
    if !heads::is_kept(image) {
        return Ok(true);
    }
    let recovered = state::recover(dir, image.object.0, &heads::head(image)?);
    Ok(recovered.map_err(|error| said(&error))?.outcome != Outcome::Edited)
}

/// Takes away what a killed broker made and did not commit: numbers after the last that was.
pub(super) fn sweep(dir: &StateDir, last: ObjectId) {
    let scan = match dir.scan() {
        Ok(scan) => scan,
        Err(error) => return tracing::warn!(%error, "the state directory is not swept"),
    };
    for (object, _) in scan.objects.iter().filter(|(object, _)| *object > last.0) {
        if let Err(errno) = erase(dir, ObjectId(*object)) {
            tracing::warn!(object, errno = errno.name(), "an object that nobody has seen stays on the disk");
        }
    }
    let ours = |leftover: &&Leftover| leftover.object > last.0 && leftover.why != Why::Unknown;
    for leftover in scan.leftovers.iter().filter(ours) {
        if let Err(error) = dir.clear(*leftover) {
            tracing::warn!(object = leftover.object, %error, "what is left of an object stays on the disk");
        }
    }
}

/// Lets pages on a disk have at least this size, with room for all of them where the file system can promise it.
pub(super) fn allocate(pages: &OwnedFd, size: ByteLen) -> Result<()> {
    take_room(pages, size).map_err(super::errno)
}

fn said(error: &DurableError) -> Errno {
    tracing::warn!(%error, "a durable object");
    error.errno()
}
