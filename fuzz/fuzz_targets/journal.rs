//! Arbitrary bytes as a journal: they are refused, or a store can go on with them, and its namespace is sound.
//!
//! Checksums are not compared here, since nobody guesses them (`cfg(fuzzing)` in shmfs-journal).
//! `cargo xtask fuzz` runs it where a nightly compiler exists, and so does `cargo +nightly fuzz run journal`.
//! The corpus is replayed on stable by the test `corpus` of shmfs-journal.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../crates/shmfs-journal/tests/replay/mod.rs"]
mod replay;

fuzz_target!(|bytes: &[u8]| {
    replay::replay(bytes);
});
