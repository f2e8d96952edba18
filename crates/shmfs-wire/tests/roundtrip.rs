//! Every message survives the way into bytes and back, and nothing but a message does.

mod any;
mod spelling;

use proptest::{collection::vec, prelude::*};
use shmfs_wire::{MESSAGE_BYTES, Malformed, Request, decode_request, decode_response};
use spelling::{check_bytes, request_bytes, response_bytes};

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

    #[test]
    fn requests_come_back(request in any::request(), seq: u64) {
        let bytes = request_bytes(&request, seq);
        prop_assert_eq!(decode_request(&bytes), Ok((seq, request)));
        prop_assert!(decode_response(&bytes).is_err());
    }

    #[test]
    fn responses_come_back(response in any::response(), seq: u64) {
        let bytes = response_bytes(&response, seq);
        prop_assert_eq!(decode_response(&bytes), Ok((seq, response)));
        prop_assert!(decode_request(&bytes).is_err());
    }

    #[test]
    fn every_truncation_and_extension_is_refused(request in any::request(), response in any::response()) {
        let request = request_bytes(&request, 7);
        for len in 0..request.len() {
            prop_assert!(decode_request(&request[..len]).is_err());
        }
        prop_assert!(decode_request(&[&request[..], &[0]].concat()).is_err());
        let response = response_bytes(&response, 7);
        for len in 0..response.len() {
            prop_assert!(decode_response(&response[..len]).is_err());
        }
        prop_assert!(decode_response(&[&response[..], &[0]].concat()).is_err());
    }

    #[test]
    fn arbitrary_bytes_are_met_calmly(bytes in vec(any::<u8>(), 0..2 * MESSAGE_BYTES)) {
        check_bytes(&bytes);
    }

    #[test]
    fn a_flipped_bit_never_makes_a_second_spelling(
        request in any::request(), response in any::response(), at: prop::sample::Index, bit in 0..8_u32,
    ) {
        for mut bytes in [request_bytes(&request, 1), response_bytes(&response, 1)] {
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            check_bytes(&bytes);
        }
    }

    /// A right header before arbitrary bodies reaches the rules behind it.
    #[test]
    fn arbitrary_bodies_are_met_calmly(
        version in 0..3_u16, op in 0..160_u16, body in vec(prop_oneof![3 => Just(0_u8), 1 => any::<u8>()], 0..400),
    ) {
        let mut bytes = request_bytes(&Request::Fork, 1);
        bytes[4..6].copy_from_slice(&version.to_ne_bytes());
        bytes[6..8].copy_from_slice(&op.to_ne_bytes());
        bytes[16..20].copy_from_slice(&(body.len() as u32).to_ne_bytes());
        bytes.extend(body);
        check_bytes(&bytes);
    }
}

#[test]
fn the_rule_that_is_broken_is_named() {
    let fork = request_bytes(&Request::Fork, 1);
    let with = |at: usize, byte: u8| {
        let mut bytes = fork.clone();
        bytes[at] = byte;
        decode_request(&bytes).map(|_| ())
    };
    assert_eq!(decode_request(&[]), Err(Malformed::Short { len: 0 }));
    assert_eq!(decode_request(&[0; 2000]), Err(Malformed::Long { len: 2000 }));
    assert_eq!(with(0, b'X'), Err(Malformed::Magic));
    assert_eq!(with(4, 9), Err(Malformed::Version(9)));
    assert_eq!(with(6, 100), Err(Malformed::Op(100)));
    assert_eq!(with(16, 1), Err(Malformed::Length { op: 2, len: 0 }));
    assert_eq!(with(20, 1), Err(Malformed::Padding("header")));
}
