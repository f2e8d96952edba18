//! Arbitrary bytes as a snapshot: they are refused, or they are one that could have been written.
//!
//! Checksums are not compared here, since nobody guesses them (`cfg(fuzzing)` in shmfs-snapshot).
//! `cargo xtask fuzz` runs it where a nightly compiler exists, and so does `cargo +nightly fuzz run snapshot`.
//! The corpus is replayed on stable by the test `corpus` of shmfs-snapshot.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../crates/shmfs-snapshot/tests/common/mod.rs"]
mod common;

fuzz_target!(|bytes: &[u8]| {
    common::replay(bytes);
});
