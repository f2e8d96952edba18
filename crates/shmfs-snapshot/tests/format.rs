//! What is written is read again, and nothing else is.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod common;

use common::{Parts, durable, empty, seeds, segment};
use shmfs_abi::limits::OBJECT_BYTES;
use shmfs_abi::{ByteLen, Key, Kind, Name};
use shmfs_snapshot::{
    Doubt, FRAME_BYTES, HEADER_BYTES, Header, Hold, Item, Reader, STORED_BYTES, SnapshotError, Verdict,
    Writer,
};

#[test]
fn what_is_written_is_read_again() {
    for (name, parts) in seeds() {
        assert_eq!(Parts::read(&parts.written()).unwrap(), parts, "{name}");
    }
    let doubts = [Doubt::Held { attaches: 0 }, Doubt::Came, Doubt::Busy, Doubt::Unknown, Doubt::Shrank];
    for hold in [Hold::Nothing, Hold::Alone, Hold::Guard, Hold::Epoch(0), Hold::Epoch(u64::MAX)] {
        for doubt in doubts {
            let header = Header { hold, ..segment().header };
            let parts = Parts { header, verdict: Verdict::Fuzzy(doubt), ..segment() };
            assert_eq!(Parts::read(&parts.written()).unwrap(), parts);
        }
    }
}

#[test]
fn full_frames_of_any_bytes_fit() {
    // What cannot be compressed: a linear congruential generator's upper bits (Knuth's MMIX).
    let mut state = 1_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    let noise: Vec<u8> = (0..FRAME_BYTES).map(|_| next()).collect();
    let header = Header { hold: Hold::Alone, ..Header::new(Kind::Object, ByteLen(OBJECT_BYTES)) };
    let last = OBJECT_BYTES - FRAME_BYTES as u64;
    let frames = vec![(0, noise), (FRAME_BYTES as u64, vec![0; FRAME_BYTES]), (last, vec![1; FRAME_BYTES])];
    let parts = Parts { header, frames, verdict: Verdict::Consistent };
    let file = parts.written();
    assert_eq!(Parts::read(&file).unwrap(), parts);
    assert!(file.len() < HEADER_BYTES + STORED_BYTES + 1000, "{} bytes", file.len());
    assert!(zstd::zstd_safe::compress_bound(FRAME_BYTES) <= STORED_BYTES);
}

/// Holes: what no frame covers takes nothing in the file.
#[test]
fn a_sparse_object_is_a_short_file() {
    let header = Header::new(Kind::Object, ByteLen(1 << 40));
    let frames = (0..3_u64).map(|i| (i << 38, vec![i as u8; 4096])).collect();
    let parts = Parts { header, frames, verdict: Verdict::Fuzzy(Doubt::Unknown) };
    let file = parts.written();
    assert!(file.len() < 1000, "{} bytes", file.len());
    assert_eq!(Parts::read(&file).unwrap(), parts);
}

#[test]
fn a_cut_at_any_byte_is_noticed() {
    for (name, parts) in seeds() {
        let file = parts.written();
        for len in 0..file.len() {
            let cut = Parts::read(&file[..len]).unwrap_err();
            assert!(matches!(cut, SnapshotError::Cut { at } if at == len as u64), "{name}: {len}: {cut}");
        }
        let longer = [&file[..], &[0]].concat();
        let end = file.len() as u64;
        assert!(matches!(Parts::read(&longer), Err(SnapshotError::Trailing { at }) if at == end), "{name}");
    }
}

#[test]
fn every_flipped_bit_is_noticed() {
    for (name, parts) in seeds() {
        let mut file = parts.written();
        for at in 0..file.len() {
            for bit in 0..8 {
                file[at] ^= 1 << bit;
                let error = Parts::read(&file).expect_err(&format!("{name}: bit {bit} of byte {at}"));
                let by_sight = match at {
                    0..8 => matches!(error, SnapshotError::NoSnapshot),
                    8..12 => matches!(error, SnapshotError::Version { .. }),
                    12..HEADER_BYTES => matches!(error, SnapshotError::Damaged { at: 0, .. }),
                    _ => matches!(error, SnapshotError::Damaged { .. } | SnapshotError::Cut { .. }),
                };
                assert!(by_sight, "{name}: bit {bit} of byte {at}: {error}");
                file[at] ^= 1 << bit;
            }
        }
    }
}

/// Frames that are whole, each by itself, and are not those that were written.
#[test]
fn a_missing_or_foreign_frame_is_noticed() {
    let parts = durable();
    let without = |skip: usize| {
        let mut parts = parts.clone();
        parts.frames.remove(skip);
        parts.written()
    };
    let whole = parts.written();
    let trailer = &whole[whole.len() - 40..];
    for skip in 0..3 {
        let fewer = without(skip);
        let spliced = [&fewer[..fewer.len() - 40], trailer].concat();
        assert!(matches!(Parts::read(&spliced), Err(SnapshotError::Damaged { .. })), "{skip}");
    }
    let other =
        Parts { frames: vec![(4096, b"two".repeat(40)), (8192, vec![7]), (39_999, vec![0])], ..parts };
    let other = other.written();
    let spliced = [&other[..other.len() - 40], trailer].concat();
    assert!(matches!(Parts::read(&spliced), Err(SnapshotError::Damaged { .. })));
}

#[test]
fn the_end_stays_the_end() {
    let file = empty().written();
    let mut reader = Reader::begin(&file[..]).unwrap();
    for _ in 0..2 {
        let Item::End { verdict, totals } = reader.next().unwrap() else { panic!() };
        assert_eq!((verdict, totals.file_bytes), (Verdict::Fuzzy(Doubt::Came), file.len() as u64));
    }
}

#[test]
fn what_cannot_be_is_not_written() {
    let object = Header::new(Kind::Object, ByteLen(100));
    let headers = [
        Header { key: Key(1), ..object },
        Header { mode: 0o10_000, ..object },
        Header { size: ByteLen(OBJECT_BYTES + 1), ..object },
        Header { taken: shmfs_abi::Time { seconds: 0, nanos: 1_000_000_000 }, ..object },
        Header { name: Name::new(b"x").ok(), ..Header::new(Kind::Segment, ByteLen(1)) },
    ];
    for header in headers {
        let begun = Writer::begin(Vec::new(), &header);
        assert!(matches!(begun.err(), Some(SnapshotError::Header { .. })), "{header:?}");
    }
    let mut writer = Writer::begin(Vec::new(), &object).unwrap();
    writer.frame(10, &[1; 10]).unwrap();
    for (offset, len) in [(19, 1), (20, 0), (20, 81), (100, 1), (u64::MAX, 2)] {
        let refused = writer.frame(offset, &vec![0; len]);
        assert!(matches!(refused, Err(SnapshotError::Frame { .. })), "{len} bytes at {offset}");
    }
    assert!(matches!(writer.finish(Verdict::Consistent), Err(SnapshotError::Verdict)));
    let large = Header::new(Kind::Object, ByteLen(1 << 30));
    let mut writer = Writer::begin(Vec::new(), &large).unwrap();
    assert!(matches!(writer.frame(0, &vec![0; FRAME_BYTES + 1]), Err(SnapshotError::Frame { .. })));
}

#[test]
fn other_files_are_told_by_their_beginning() {
    for other in [&b"PK\x03\x04"[..], b"SHMFSHED", b"\x28\xb5\x2f\xfd", &[0; 500]] {
        assert!(matches!(Parts::read(other), Err(SnapshotError::NoSnapshot)), "{other:?}");
    }
    let words = |bytes: &[u8]| Parts::read(bytes).unwrap_err().to_string();
    assert_eq!(words(b"SHMF"), "it was cut after 4 bytes");
    let mut newer = empty().written();
    newer[8] = 2;
    assert_eq!(words(&newer), "it has layout 2, and this program reads layout 1");
}
