//! Arbitrary bytes as steps on a tree, by two users and root: the server of mounts, asked as the kernel asks it, says what
//! the model says, also when servers die and others follow; or as requests: each gets a whole reply, or none.
//!
//! `cargo xtask fuzz` runs it where a nightly compiler exists, and so does `cargo +nightly fuzz run mount_sequence`. It takes
//! root, and does nothing for others. The corpus is replayed on stable by the test `mount` of shmfs-testkit.
#![no_main]

use libfuzzer_sys::fuzz_target;
use shmfs_sys::tmpfs::Hidden;
use shmfs_testkit::tree::play;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(hidden) = Hidden::make(64 << 20, 4096) {
        let _ = play::play_bytes(hidden.into_fd(), bytes);
    }
});
