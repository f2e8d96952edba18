//! Durable objects on a simulated disk: the steps of `shmfs_durable::StateDir`, in its order, and a broker killed or a
//! disk failing between any two of them. Heads are the real ones.
//!
//! Owns: that order. Leaves to others: single files (`kernel::state`), what must be there (`oracle::durable`).

use super::handle::Handle;
use super::kernel::DescId;
use super::world::World;
use shmfs_abi::{Errno, ObjectId, OpenFlags};
use shmfs_broker::heads;
use shmfs_broker::os::Result;
use shmfs_core::ObjectImage;
use std::cell::RefMut;

/// What a disk says.
const DISK: &[Errno] = &[Errno::ENOSPC, Errno::EIO];

/// The world before a call to the disk, which may fail.
fn disk<'a>(handle: &'a Handle, what: &'static str, number: i64) -> Result<RefMut<'a, World>> {
    let mut world = handle.step(what, number);
    world.refuse_disk(what, DISK)?;
    Ok(world)
}

fn encoded(image: &ObjectImage) -> Result<Vec<u8>> {
    heads::head(image)?.encode(image.object.0).map_err(|error| error.errno())
}

/// Makes the files of an object; what was made is removed where that fails.
pub(super) fn create(handle: &Handle, image: &ObjectImage) -> Result<DescId> {
    let number = image.object.0;
    let head = encoded(image)?;
    if handle.step("state_look", number as i64).kernel.state.is_taken(number) {
        return Err(Errno::EEXIST);
    }
    let made = create_files(handle, image, head);
    if made.is_err() {
        discard(handle, number);
    }
    made
}

fn create_files(handle: &Handle, image: &ObjectImage, head: Vec<u8>) -> Result<DescId> {
    let object = image.object.0;
    let number = object as i64;
    disk(handle, "state_tmp", number)?.kernel.state.write_tmp(object, head);
    let file = disk(handle, "state_pages", number)?.kernel.make_state_pages(object, image.size.0);
    disk(handle, "state_undo", number)?.kernel.state.make_undo(object);
    disk(handle, "state_publish", number)?.kernel.state.publish(object)?;
    let mut world = handle.step("state_own", number);
    world.kernel.own(file, image.uid, image.gid, image.mode);
    Ok(world.kernel.describe(super::kernel::What::File(file), OpenFlags::RDWR))
}

/// Writes another head.
pub(super) fn record(handle: &Handle, image: &ObjectImage) -> Result<()> {
    let object = image.object.0;
    let number = object as i64;
    let head = encoded(image)?;
    if !handle.step("state_look", number).kernel.state.has_head(object) {
        return Err(Errno::ENOENT);
    }
    disk(handle, "state_tmp", number)?.kernel.state.write_tmp(object, head);
    disk(handle, "state_publish", number)?.kernel.state.publish(object)
}

/// Takes an object away; what is gone is cleared.
pub(super) fn erase(handle: &Handle, object: ObjectId) -> Result<()> {
    let number = object.0;
    let withdrawn = disk(handle, "state_withdraw", number as i64)?.kernel.state.withdraw(number);
    match withdrawn {
        Ok(()) => drop(disk(handle, "state_sync", number as i64)?),
        Err(Errno::ENOENT) => {}
        Err(errno) => return Err(errno),
    }
    discard(handle, number);
    Ok(())
}

/// Takes away everything of numbers after this one.
pub(super) fn sweep(handle: &Handle, last: ObjectId) {
    let numbers: Vec<u64> = handle.look().kernel.state.numbers.keys().copied().collect();
    for number in numbers.into_iter().filter(|number| *number > last.0) {
        let _ = handle.step("state_withdraw", number as i64).kernel.state.withdraw(number);
        discard(handle, number);
    }
}

/// Removes what has no head: the mark that says why goes last.
fn discard(handle: &Handle, number: u64) {
    handle.step("state_unlink", number as i64).kernel.unlink_state_pages(number);
    handle.step("state_unlink", number as i64).kernel.state.unlink_undo(number);
    handle.step("state_unlink", number as i64).kernel.state.unlink_marks(number);
}
