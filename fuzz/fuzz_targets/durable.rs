//! Arbitrary bytes as an undo log or a head of a durable object: they are refused, or an edit behind them can be rolled
//! back as one on an empty log.
//!
//! Checksums are not compared here, since nobody guesses them (`cfg(fuzzing)` in shmfs-durable).
//! `cargo xtask fuzz` runs it where a nightly compiler exists, and so does `cargo +nightly fuzz run durable`.
//! The corpus is replayed on stable by the test `corpus` of shmfs-durable.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../crates/shmfs-durable/tests/replay/mod.rs"]
mod replay;

fuzz_target!(|bytes: &[u8]| {
    replay::replay(bytes);
});
