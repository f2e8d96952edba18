//! The rule that the fuzzer checks too: what a decoder takes, the encoder would have written.

#![allow(dead_code, reason = "each test uses a part")]

use shmfs_wire::{
    MESSAGE_BYTES, Request, Response, decode_foreign_request, decode_foreign_response, decode_request,
    decode_response, encode_request, encode_response,
};

/// What bytes turned out to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Found {
    Request,
    Response,
    ForeignRequest,
    ForeignResponse,
    Nothing,
}

pub fn request_bytes(request: &Request, seq: u64) -> Vec<u8> {
    let mut buf = [0xa5; MESSAGE_BYTES];
    let len = encode_request(request, seq, &mut buf);
    buf[..len].to_vec()
}

pub fn response_bytes(response: &Response, seq: u64) -> Vec<u8> {
    let mut buf = [0xa5; MESSAGE_BYTES];
    let len = encode_response(response, seq, &mut buf);
    buf[..len].to_vec()
}

/// No two messages mean the same, but for the version of one that every version has.
pub fn check_bytes(bytes: &[u8]) -> Found {
    let mut found = vec![];
    if let Ok((seq, request)) = decode_request(bytes) {
        assert_eq!(request_bytes(&request, seq), bytes);
        found.push(Found::Request);
    }
    if let Ok((seq, response)) = decode_response(bytes) {
        assert_eq!(response_bytes(&response, seq), bytes);
        found.push(Found::Response);
    }
    if let Some((seq, Ok(request))) = decode_foreign_request(bytes) {
        assert_eq!(with_version(request_bytes(&request, seq), bytes), bytes);
        found.push(Found::ForeignRequest);
    }
    if let Some((seq, Some(response))) = decode_foreign_response(bytes) {
        assert_eq!(with_version(response_bytes(&response, seq), bytes), bytes);
        found.push(Found::ForeignResponse);
    }
    assert!(found.len() <= 1, "{found:?}");
    found.pop().unwrap_or(Found::Nothing)
}

fn with_version(mut bytes: Vec<u8>, other: &[u8]) -> Vec<u8> {
    bytes[4..6].copy_from_slice(&other[4..6]);
    bytes
}
