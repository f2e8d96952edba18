//! The fuzzer's corpus, replayed by the stable compiler: one seed for each message, and what it found since.

use shmfs_wire::{MESSAGE_BYTES, decode_request, decode_response, encode_request, encode_response};
use std::{fs, path::Path};

#[test]
fn the_corpus_is_met_calmly() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/wire");
    let mut requests = 0;
    let mut responses = 0;
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let bytes = fs::read(&path).unwrap();
        let mut buf = [0xa5; MESSAGE_BYTES];
        if let Ok((seq, request)) = decode_request(&bytes) {
            let len = encode_request(&request, seq, &mut buf);
            assert_eq!(&buf[..len], bytes, "{}", path.display());
            requests += 1;
        }
        if let Ok((seq, response)) = decode_response(&bytes) {
            let len = encode_response(&response, seq, &mut buf);
            assert_eq!(&buf[..len], bytes, "{}", path.display());
            responses += 1;
        }
    }
    assert!(requests >= 20 && responses >= 15, "{requests} requests and {responses} responses");
}
