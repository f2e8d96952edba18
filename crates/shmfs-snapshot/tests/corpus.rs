//! The fuzzer's corpus, replayed by the stable compiler: a few seeds, and what it found since.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod common;

use common::{replay, seeds};
use std::{fs, path::PathBuf};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/snapshot")
}

#[test]
fn the_corpus_is_met_calmly() {
    let mut all = 0;
    for entry in fs::read_dir(folder()).unwrap() {
        replay(&fs::read(entry.unwrap().path()).unwrap());
        all += 1;
    }
    assert!(all >= seeds().len(), "{all} files");
}

#[test]
fn the_seeds_are_of_this_layout() {
    for (name, parts) in seeds() {
        let committed = fs::read(folder().join(name)).unwrap();
        assert!(replay(&committed), "{name} is of another layout: run `write_the_seeds`");
        assert_eq!(common::Parts::read(&committed).unwrap(), parts, "{name}");
    }
}

/// `cargo test -p shmfs-snapshot --test corpus -- --ignored` after a change of the layout.
#[test]
#[ignore = "writes the seeds into fuzz/corpus/snapshot"]
fn write_the_seeds() {
    for (name, parts) in seeds() {
        fs::write(folder().join(name), parts.written()).unwrap();
    }
}
