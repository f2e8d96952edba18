//! Arbitrary bytes as a message, in both directions: the decoders never panic, and take nothing that the
//! encoders would have spelled otherwise, but for the version of a message that every version has.
//!
//! `cargo xtask fuzz` runs it where a nightly compiler exists, and so does `cargo +nightly fuzz run wire`.
//! The corpus is replayed on stable by the test `corpus` of shmfs-wire.
#![no_main]

use libfuzzer_sys::fuzz_target;
use shmfs_wire::{
    MESSAGE_BYTES, decode_foreign_request, decode_foreign_response, decode_request, decode_response,
    encode_request, encode_response,
};

fuzz_target!(|bytes: &[u8]| {
    let mut buf = [0xa5; MESSAGE_BYTES];
    if let Ok((seq, request)) = decode_request(bytes) {
        let len = encode_request(&request, seq, &mut buf);
        assert_eq!(&buf[..len], bytes);
        assert!(decode_response(bytes).is_err());
        assert!(decode_foreign_request(bytes).is_none());
    }
    if let Ok((seq, response)) = decode_response(bytes) {
        let len = encode_response(&response, seq, &mut buf);
        assert_eq!(&buf[..len], bytes);
        assert!(decode_foreign_response(bytes).is_none());
    }
    if let Some((seq, Ok(request))) = decode_foreign_request(bytes) {
        let len = encode_request(&request, seq, &mut buf);
        assert_eq!((&buf[..4], &buf[6..len]), (&bytes[..4], &bytes[6..]));
    }
    if let Some((seq, Some(response))) = decode_foreign_response(bytes) {
        let len = encode_response(&response, seq, &mut buf);
        assert_eq!((&buf[..4], &buf[6..len]), (&bytes[..4], &bytes[6..]));
    }
});
