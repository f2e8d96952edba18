//! The fuzzer's corpus, replayed by the stable compiler: one seed for each message, and what it found since.

mod spelling;

use spelling::Found;
use std::{fs, path::Path};

#[test]
fn the_corpus_is_met_calmly() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/wire");
    let found: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| spelling::check_bytes(&fs::read(entry.unwrap().path()).unwrap()))
        .collect();
    let count = |what| found.iter().filter(|&&found| found == what).count();
    assert!(count(Found::Request) >= 30, "{} requests", count(Found::Request));
    assert!(count(Found::Response) >= 17, "{} responses", count(Found::Response));
    assert!(count(Found::ForeignRequest) >= 2 && count(Found::ForeignResponse) >= 3);
}
