//! Heads: what is written is read, and nothing else is.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use proptest::prelude::*;
use shmfs_abi::{ByteLen, Errno, Gid, IpcPerm, Key, Kind, Name, Time, Uid};
use shmfs_durable::{DurableError, HEAD_BYTES, Head};

fn object(name: &[u8]) -> Head {
    Head {
        kind: Kind::Object,
        name: Some(Name::new(name).unwrap()),
        key: Key::PRIVATE,
        perm: IpcPerm { uid: Uid(1000), gid: Gid(100), cuid: Uid(1001), cgid: Gid(101), mode: 0o640 },
        guarded: true,
        size: ByteLen(4096),
        created: Time { seconds: 1_700_000_000, nanos: 5 },
    }
}

fn segment() -> Head {
    Head { kind: Kind::Segment, name: None, key: Key(-5), guarded: false, ..object(b"x") }
}

prop_compose! {
    fn any_head()(
        kind in 0..3_u8,
        name in prop::collection::vec(1_u8..=255, 1..=255),
        key in any::<i32>(),
        ids in any::<[u32; 4]>(),
        mode in 0..=0o7777_u32,
        guarded in any::<bool>(),
        size in 0..=i64::MAX as u64,
        seconds in any::<i64>(),
        nanos in 0..1_000_000_000_u32,
    ) -> Head {
        let kind = [Kind::Segment, Kind::Object, Kind::Semaphore][usize::from(kind)];
        let segment = kind == Kind::Segment;
        let name: Vec<u8> = name.into_iter().map(|byte| if byte == b'/' { b'.' } else { byte }).collect();
        let name = Name::new(&name).unwrap_or(Name::new(b"...").unwrap());
        let [uid, gid, cuid, cgid] = ids;
        Head {
            kind,
            name: (!segment).then_some(name),
            key: if segment { Key(key) } else { Key::PRIVATE },
            perm: IpcPerm { uid: Uid(uid), gid: Gid(gid), cuid: Uid(cuid), cgid: Gid(cgid), mode },
            guarded,
            size: ByteLen(size),
            created: Time { seconds, nanos },
        }
    }
}

proptest! {
    #[test]
    fn there_and_back(head in any_head(), number in any::<u64>()) {
        let bytes = head.encode(number).unwrap();
        prop_assert!(bytes.len() <= HEAD_BYTES);
        prop_assert_eq!(Head::decode(number, &bytes).unwrap(), head);
        prop_assert!(Head::decode(number ^ 1, &bytes).is_err());
    }

    #[test]
    fn any_bytes(number in any::<u64>(), bytes in prop::collection::vec(any::<u8>(), 0..5000), like in any::<bool>()) {
        let mut bytes = bytes;
        if like && bytes.len() >= 16 {
            // Right as far as the checksum, so that it is looked into.
            bytes[..16].copy_from_slice(&object(b"a").encode(number).unwrap()[..16]);
            bytes[12..16].fill(0);
            let crc = crc32fast::hash(&bytes);
            bytes[12..16].copy_from_slice(&crc.to_le_bytes());
        }
        if let Ok(head) = Head::decode(number, &bytes) {
            prop_assert_eq!(head.encode(number).unwrap(), bytes);
        }
    }

    /// Fields that cannot be are refused, whatever the checksum says.
    #[test]
    fn any_fields(head in any_head(), at in 16..72_usize, byte in any::<u8>()) {
        let mut bytes = head.encode(3).unwrap();
        bytes[at] = byte;
        bytes[12..16].fill(0);
        let crc = crc32fast::hash(&bytes);
        bytes[12..16].copy_from_slice(&crc.to_le_bytes());
        match Head::decode(3, &bytes) {
            Ok(head) => prop_assert_eq!(head.encode(3).unwrap(), bytes),
            Err(error) => prop_assert!(matches!(error, DurableError::Head { object: 3, .. }), "{}", error),
        }
    }
}

#[test]
fn any_bit_flipped_or_cut() {
    for head in [object(b"frames"), segment()] {
        let bytes = head.encode(9).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(Head::decode(9, &flipped).is_err(), "bit {bit}");
        }
        for len in 0..bytes.len() {
            assert!(Head::decode(9, &bytes[..len]).is_err(), "cut at {len}");
        }
        assert!(Head::decode(9, &[&bytes[..], &[0]].concat()).is_err());
    }
}

#[test]
fn heads_of_no_object_are_not_written() {
    let good = object(b"frames");
    let heads = [
        Head { kind: Kind::Anonymous, ..good },
        Head { kind: Kind::Segment, ..good },
        Head { name: None, ..good },
        Head { name: None, kind: Kind::Semaphore, ..good },
        Head { key: Key(1), ..good },
        Head { size: ByteLen(1 << 63), ..good },
        Head { perm: IpcPerm { mode: 0o10000, ..good.perm }, ..good },
        Head { created: Time { seconds: 0, nanos: 1_000_000_000 }, ..good },
    ];
    for head in heads {
        let error = head.encode(1).unwrap_err();
        assert!(matches!(error, DurableError::Head { object: 1, .. }), "{head:?}: {error}");
    }
    assert!(good.encode(1).is_ok());
}

#[test]
fn what_is_wrong_is_told() {
    let bytes = object(b"frames").encode(9).unwrap();
    let told = |object, bytes: &[u8]| Head::decode(object, bytes).unwrap_err();
    assert_eq!(told(8, &bytes).to_string(), "the head of object 8 cannot be used: it is another object's");
    assert_eq!(told(9, b"x").to_string(), "the head of object 9 cannot be used: it was cut");
    assert_eq!(
        told(9, &[7; 80]).to_string(),
        "the head of object 9 cannot be used: it is another kind of file"
    );
    assert_eq!(told(9, &[7; 5000]).to_string(), "the head of object 9 has more than 4096 bytes");
    let mut other = [&bytes[..], b"and more"].concat();
    (other[8], other[12], other[13], other[14], other[15]) = (2, 0, 0, 0, 0);
    let crc = crc32fast::hash(&other);
    other[12..16].copy_from_slice(&crc.to_le_bytes());
    let error = told(9, &other);
    assert_eq!(error.to_string(), "the head of object 9 has layout 2, and this program reads layout 1");
    assert_eq!(error.errno(), Errno::EOPNOTSUPP);
}
