//! Arbitrary bytes as a sequence of calls: the engine says what the naive model says, its invariants hold after each
//! step, and an engine that is restored from its images goes on as the one before it.
//!
//! `cargo xtask fuzz` runs it where a nightly compiler exists, and so does `cargo +nightly fuzz run calls`.
//! The corpus is replayed on stable by the test `corpus` of shmfs-testkit, which shows the steps of a file that fails.
#![no_main]

use libfuzzer_sys::fuzz_target;
use shmfs_testkit::Sequence;

fuzz_target!(|bytes: &[u8]| {
    Sequence::decode(bytes).play();
});
