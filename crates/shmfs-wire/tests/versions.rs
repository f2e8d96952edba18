//! What programs and brokers of different versions say to each other.

mod spelling;

use shmfs_abi::{Call, ClientId, Errno, Pid, Reply, Shortage, store::Token};
use shmfs_wire::{
    Hello, Malformed, Refused, Request, Response, Role, VERSION, Welcome, decode_foreign_request,
    decode_foreign_response, decode_request, decode_response,
};

const VISITOR: Hello = Hello { token: Token([0xaa; 16]), role: Role::Visitor, resume: None };

fn request_bytes(request: &Request, version: u16) -> Vec<u8> {
    of_version(spelling::request_bytes(request, 7), version)
}

fn response_bytes(response: &Response, version: u16) -> Vec<u8> {
    of_version(spelling::response_bytes(response, 7), version)
}

fn of_version(mut bytes: Vec<u8>, version: u16) -> Vec<u8> {
    bytes[4..6].copy_from_slice(&version.to_ne_bytes());
    bytes
}

fn refused() -> Refused {
    let shortage = Shortage { asked_bytes: 1, free_bytes: 2, limit_bytes: 3 };
    Refused { shortage: Some(shortage), ..Refused::new(Errno::EPROTO, "so") }
}

#[test]
fn a_program_of_another_version_is_told_both_and_what_helps() {
    let cases = [
        (VERSION - 1, "start the program again"),
        (VERSION + 1, "`shm daemon --replace` with the newer shm hands the store on"),
        (u16::MAX, "`shm daemon --replace` with the newer shm hands the store on"),
    ];
    for (version, help) in cases {
        // Whatever it says: what is behind the header is that version's own.
        let mut bytes = request_bytes(&Request::Fork, version);
        bytes[6..8].copy_from_slice(&999_u16.to_ne_bytes());
        bytes.extend([1; 2000]);
        assert!(decode_request(&bytes).is_err());
        let (seq, request) = decode_foreign_request(&bytes).unwrap();
        let refused = request.unwrap_err();
        let reason = format!("the program speaks protocol {version} and its store {VERSION}: {help}");
        assert_eq!((seq, refused.errno, refused.reason.as_str()), (7, Errno::EPROTO, reason.as_str()));
    }
    let client = Request::Hello(Hello { role: Role::Client, ..VISITOR });
    let told = decode_foreign_request(&request_bytes(&client, VERSION + 1));
    assert!(matches!(told, Some((7, Err(_)))), "a client would go on to ask what nobody understands");
}

#[test]
fn the_answer_to_another_version_is_understood_there() {
    let refused = refused();
    let bytes = response_bytes(&Response::Refused(refused), VERSION + 1);
    assert_eq!(decode_response(&bytes), Err(Malformed::Version(VERSION + 1)));
    assert_eq!(decode_foreign_response(&bytes), Some((7, Some(Response::Refused(refused)))));
    let row = response_bytes(&Response::Reply(Reply::End), VERSION + 1);
    assert_eq!(decode_foreign_response(&row), Some((7, None)));
}

#[test]
fn a_store_is_handed_on_between_versions() {
    for request in [Request::Hello(VISITOR), Request::Call(Call::Replace)] {
        assert!(request.is_frozen());
        assert_eq!(decode_foreign_request(&request_bytes(&request, 9)), Some((7, Ok(request))));
    }
    let welcome = Response::Welcome(Welcome { client: ClientId(0), cookie: 0, tmpfs_dev: 5, pid: Pid(6) });
    for response in [welcome, Response::Reply(Reply::Done)] {
        assert_eq!(decode_foreign_response(&response_bytes(&response, 9)), Some((7, Some(response))));
    }
}

#[test]
fn messages_of_this_version_and_noise_are_not_foreign() {
    assert_eq!(decode_foreign_request(&request_bytes(&Request::Fork, VERSION)), None);
    assert_eq!(decode_foreign_response(&response_bytes(&Response::Forked, VERSION)), None);
    for noise in [&b""[..], b"SHMF", &[0; 24], b"SHME\xff\xff\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"] {
        assert_eq!((decode_foreign_request(noise), decode_foreign_response(noise)), (None, None));
    }
}

/// The bytes that every version writes. Whoever changes this test breaks every version that there is.
#[test]
fn the_frozen_layouts_are_these() {
    let header = |op: u8, len: u8| {
        [b"SHMF", &VERSION.to_le_bytes()[..], &[op, 0, 7, 0, 0, 0, 0, 0, 0, 0, len, 0, 0, 0, 0, 0, 0, 0]]
            .concat()
    };
    let number = |number: u64| number.to_le_bytes();
    let resuming = Hello { resume: Some((ClientId(3), 4)), ..VISITOR };
    let body = [&[0xaa; 16][..], &[2, 0, 0, 0, 1, 0, 0, 0], &number(3), &number(4)].concat();
    assert_eq!(request_bytes(&Request::Hello(resuming), VERSION), [header(1, 40), body].concat());
    assert_eq!(request_bytes(&Request::Call(Call::Replace), VERSION), header(38, 0));
    assert_eq!(Request::Call(Call::Replace).descriptors(), 1);
    let welcome = Welcome { client: ClientId(3), cookie: 4, tmpfs_dev: 5, pid: Pid(6) };
    let body = [number(3), number(4), number(5), number(6)].concat();
    assert_eq!(response_bytes(&Response::Welcome(welcome), VERSION), [header(128, 32), body].concat());
    let numbers = [[71, 0, 0, 0, 1, 0, 0, 0], number(1), number(2), number(3)].concat();
    let reason = [&[2, 0, 0, 0, 0, 0, 0, 0, b's', b'o'][..], &[0; 158]].concat();
    let body = [numbers, reason].concat();
    assert_eq!(response_bytes(&Response::Refused(refused()), VERSION), [header(130, 200), body].concat());
    assert_eq!(response_bytes(&Response::Reply(Reply::Done), VERSION), header(144, 0));
}
