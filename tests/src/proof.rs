//! The proof that the kernel served nothing.

use crate::{Scratch, World};
use std::ffi::OsStr;

/// Fails the test unless the kernel's System V tables and /dev/shm of `world` are empty and always were: a checker,
/// linked statically so that no preload reaches it, finds the first id and the first inode number still free.
pub fn untouched(world: &World, scratch: &Scratch) {
    let checker = crate::compile("programs/untouched.c", scratch.path(), &["-static"]);
    let said =
        world.shell("\"$0\"", &[OsStr::new(&checker)]).expect_success("looking at the kernel's tables");
    assert_eq!(said, "untouched\n", "the kernel served something");
}
