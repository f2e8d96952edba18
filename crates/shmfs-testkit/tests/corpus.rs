//! The fuzzer's corpus of call sequences, replayed by the stable compiler: some that show one thing each and are named
//! after it, and some that the fuzzer found.
//!
//! `cargo test -p shmfs-testkit --test corpus -- --nocapture` shows their steps, and a file that fails shows its own. What
//! `cargo xtask fuzz` leaves after a failure belongs here once the cause is mended.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use shmfs_testkit::{Seen, Sequence};
use std::{fs, path::Path};

/// Every call that is refused, with all that the model refuses it with.
const REFUSALS: [(&str, &[&str]); 21] = [
    ("ShmGet", &["ENOENT", "EEXIST", "EINVAL", "EACCES", "EPERM", "ENOSPC"]),
    ("ShmAttach", &["EINVAL", "EACCES"]),
    ("ShmStat", &["EINVAL", "EACCES"]),
    ("ShmStatIndex", &["EINVAL", "EACCES"]),
    ("ShmSet", &["EINVAL", "EPERM"]),
    ("ShmRemove", &["EINVAL", "EPERM"]),
    ("ShmLock", &["EINVAL", "EPERM", "ENOMEM"]),
    ("Open", &["ENOENT", "EEXIST", "EACCES", "EAGAIN", "ENOSPC"]),
    ("ShmGetDurable", &["EOPNOTSUPP", "ENOENT", "EEXIST", "EINVAL", "EACCES", "ENOSPC"]),
    ("Want", &["EOPNOTSUPP", "EFBIG", "ENOENT", "EEXIST", "EACCES", "EAGAIN", "ENOSPC"]),
    ("Anonymous", &["EFBIG", "ENOSPC"]),
    ("Fetch", &["ENOENT", "EACCES", "EINVAL"]),
    ("Unlink", &["ENOENT", "EPERM", "EAGAIN"]),
    ("Rename", &["ENOENT", "EEXIST", "EINVAL", "EPERM", "EAGAIN"]),
    ("Link", &["ENOENT", "EEXIST", "EPERM", "EAGAIN"]),
    ("SemOpen", &["ENOENT", "EEXIST", "EACCES", "EAGAIN", "ENOSPC"]),
    ("SemPublish", &["EEXIST", "EINVAL"]),
    ("Reserve", &["EBADF", "EFBIG", "ENOSPC", "EPERM"]),
    ("ProcWrite", &["EACCES"]),
    ("SetLimits", &["EINVAL", "EPERM"]),
    ("Replace", &["EPERM"]),
];

/// The corpus is to be read by people too.
const MOST_FILES: usize = 42;
const MOST_BYTES: usize = 512;

#[test]
fn engine_and_model_agree_on_the_corpus() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/calls");
    let (mut files, mut seen) = (0, Seen::default());
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let bytes = fs::read(&path).unwrap();
        assert!(bytes.len() < MOST_BYTES, "{}: {} bytes", path.display(), bytes.len());
        let sequence = Sequence::decode(&bytes);
        println!("{}: {sequence:?}", path.display());
        seen.merge(sequence.play_and_see());
        files += 1;
    }
    assert!(files <= MOST_FILES, "{files} files");
    for call in Seen::ALL_CALLS {
        assert!(seen.calls[call].contains(""), "{call} is never answered");
    }
    for (call, refusals) in REFUSALS {
        for errno in refusals {
            assert!(seen.calls[call].contains(errno), "{call} is never refused with {errno}");
        }
    }
    for effect in Seen::ALL_EFFECTS {
        assert!(seen.effects.contains(effect), "nothing wants {effect}");
    }
}
