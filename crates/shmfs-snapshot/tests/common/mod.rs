//! Snapshots to play with, and what there is to say about any bytes that are read as one.
#![allow(dead_code, reason = "each test program uses its part")]

use shmfs_abi::{ByteLen, Gid, Key, Kind, Lifetime, Name, ObjectId, Time, Uid};
use shmfs_snapshot::{Doubt, FRAME_BYTES, Header, Hold, Item, Reader, SnapshotError, Verdict, Writer};

/// A snapshot as parts: frames by offset.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Parts {
    pub header: Header,
    pub frames: Vec<(u64, Vec<u8>)>,
    pub verdict: Verdict,
}

impl Parts {
    pub fn written(&self) -> Vec<u8> {
        let mut writer = Writer::begin(Vec::new(), &self.header).expect("a header that can be");
        for (offset, bytes) in &self.frames {
            writer.frame(*offset, bytes).expect("a frame that fits");
        }
        let (file, totals) = writer.finish(self.verdict).expect("a verdict that can be");
        assert_eq!(totals.file_bytes, file.len() as u64);
        file
    }

    pub fn read(bytes: &[u8]) -> Result<Parts, SnapshotError> {
        let mut reader = Reader::begin(bytes)?;
        let header = *reader.header();
        let mut frames = Vec::new();
        loop {
            match reader.next()? {
                Item::Frame { offset, bytes } => frames.push((offset, bytes.to_vec())),
                Item::End { verdict, totals } => {
                    assert_eq!(totals.frames, frames.len() as u64);
                    return Ok(Parts { header, frames, verdict });
                }
            }
        }
    }
}

/// Any bytes: they are refused, or they are a snapshot of something that there can be. The fuzzer and the replay of
/// its corpus.
pub fn replay(bytes: &[u8]) -> bool {
    let Ok(parts) = Parts::read(bytes) else { return false };
    let mut end = 0;
    for (offset, bytes) in &parts.frames {
        assert!(*offset >= end && (1..=FRAME_BYTES).contains(&bytes.len()));
        end = offset + bytes.len() as u64;
    }
    assert!(end <= parts.header.size.0);
    assert_eq!(Parts::read(&parts.written()).expect("it was written by us"), parts);
    true
}

/// A durable object with three parts and two holes.
pub fn durable() -> Parts {
    let header = Header {
        object: ObjectId(7),
        name: Name::new(b"fr\xffmes").ok(),
        uid: Uid(1000),
        gid: Gid(100),
        mode: 0o640,
        lifetime: Lifetime::Durable,
        guarded: true,
        created: Time { seconds: 1_700_000_000, nanos: 999_999_999 },
        taken: Time { seconds: -1, nanos: 1 },
        hold: Hold::Epoch(41),
        ..Header::new(Kind::Object, ByteLen(40_000))
    };
    let frames = vec![(4096, b"one".repeat(40)), (8192, vec![7]), (39_999, vec![0])];
    Parts { header, frames, verdict: Verdict::Consistent }
}

/// A segment that others had attached.
pub fn segment() -> Parts {
    let header = Header { key: Key(-2), ..Header::new(Kind::Segment, ByteLen(100)) };
    let verdict = Verdict::Fuzzy(Doubt::Held { attaches: 2 });
    Parts { header, frames: vec![(0, b"abc".to_vec())], verdict }
}

/// Anonymous memory of no bytes.
pub fn empty() -> Parts {
    let header = Header { hold: Hold::Alone, ..Header::new(Kind::Anonymous, ByteLen(0)) };
    Parts { header, frames: Vec::new(), verdict: Verdict::Fuzzy(Doubt::Came) }
}

/// Every seed of the fuzzer, by the name of its file.
pub fn seeds() -> [(&'static str, Parts); 3] {
    [("durable", durable()), ("segment", segment()), ("empty", empty())]
}
