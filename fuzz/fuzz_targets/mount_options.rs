//! Arbitrary bytes as mount options: they are taken within their bounds, in parts as well as whole, or refused in words
//! that can be printed.
//!
//! `cargo xtask fuzz` runs it where a nightly compiler exists, and so does `cargo +nightly fuzz run mount_options`.
//! The corpus is replayed on stable by the test `mount_options` of shmfs-fuse.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../crates/shmfs-fuse/tests/replay_options/mod.rs"]
mod replay_options;

fuzz_target!(|bytes: &[u8]| {
    replay_options::replay(bytes);
});
