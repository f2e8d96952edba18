//! Doors to the same memory at once, each in a process of its own: calls under the preload, a mounted store's maps and
//! calls, the library. What one has stored the others see at once: nobody waits, a store is followed by words over
//! pipes and then by a load.
//!
//! What concerns names and bytes alone is played on the kernel's /dev/shm, too, where it must be the same.

#![allow(clippy::expect_used, reason = "a test that cannot be set up fails, and says why")]

#[macro_use]
mod house;
mod bytes;
mod door;
mod names;
mod room;
mod segments;
mod wakes;

/// open(2)'s flags, as door.c reads them.
const RDWR: &str = "2";
const CREATE: &str = "0102";
const CREATE_EXCL: &str = "0302";
/// Bytes of what is mapped.
const SIZE: u64 = 32768;
const PAGE: u64 = 4096;
