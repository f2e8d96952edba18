//! The fuzzer's corpus, replayed by the stable compiler: a few seeds, and what it found since.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod replay;
mod seeds;

use replay::replay;
use std::{fs, path::PathBuf};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/durable")
}

#[test]
fn the_corpus_is_met_calmly() {
    let mut all = 0;
    for entry in fs::read_dir(folder()).unwrap() {
        replay(&fs::read(entry.unwrap().path()).unwrap());
        all += 1;
    }
    assert!(all >= seeds::seeds().len(), "{all} files");
}

/// Every seed gets as far as it can, as it was committed and as it would be written.
#[test]
fn the_seeds_are_of_this_layout() {
    for (name, bytes, reached) in seeds::seeds() {
        assert!(bytes.len() <= 9 << 10, "{name}: {} bytes", bytes.len());
        assert_eq!(replay(&bytes), reached, "{name}");
        let committed = fs::read(folder().join(name)).unwrap();
        assert_eq!(replay(&committed), reached, "{name} is of another layout: run `write_the_seeds`");
    }
}

/// `cargo test -p shmfs-durable --test corpus -- --ignored` after a change of the layout.
#[test]
#[ignore = "writes the seeds into fuzz/corpus/durable"]
fn write_the_seeds() {
    for (name, bytes, _) in seeds::seeds() {
        fs::write(folder().join(name), bytes).unwrap();
    }
}
