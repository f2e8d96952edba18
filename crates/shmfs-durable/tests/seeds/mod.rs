//! Logs and heads for the fuzzer to begin with.

use super::replay::{OBJECT, Reached};
use shmfs_abi::{ByteLen, IpcPerm, Key, Kind, Name, Time};
use shmfs_durable::{Head, Undo, VecMedium};

fn head(kind: Kind, name: Option<&str>, key: i32) -> Vec<u8> {
    let head = Head {
        kind,
        name: name.map(|name| Name::new(name.as_bytes()).unwrap()),
        key: Key(key),
        perm: IpcPerm { mode: 0o640, ..IpcPerm::default() },
        guarded: name.is_some(),
        size: ByteLen(5000),
        created: Time { seconds: 1_700_000_000, nanos: 1 },
    };
    head.encode(OBJECT).unwrap()
}

/// A log after so many commits, with so many saved ranges of the next epoch.
fn log(commits: u64, saves: u64) -> Vec<u8> {
    let pages = VecMedium::new(vec![1; 3000]);
    let mut undo = Undo::create(VecMedium::default(), OBJECT).unwrap();
    for epoch in 0..commits {
        (0..4).for_each(|save| undo.save(&pages, save * 100 + epoch..save * 100 + 30).unwrap());
        undo.commit(&pages).unwrap();
    }
    (0..saves).for_each(|save| undo.save(&pages, save * 50..save * 50 + 20 + save).unwrap());
    undo.medium().bytes()
}

/// Their names and bytes, and how far each gets.
pub fn seeds() -> Vec<(&'static str, Vec<u8>, Reached)> {
    let mut torn = log(2, 3);
    torn.truncate(8192 + 72 + 72 + 30);
    // The mark of the third epoch never reached the disk.
    torn[4096 + 1024..4096 + 1056].fill(0);
    let (mut one_slot, mut slot_lost) = (log(3, 2), log(3, 2));
    one_slot[..4096].fill(0);
    slot_lost[4096..8192].fill(0);
    vec![
        ("head-object", head(Kind::Object, Some("frames"), 0), Reached::Head),
        ("head-segment", head(Kind::Segment, None, -3), Reached::Head),
        ("empty", log(0, 0), Reached::Clean),
        ("committed", log(3, 0), Reached::Clean),
        ("live", log(0, 3), Reached::Dirty(63)),
        ("live-on-old", log(2, 2), Reached::Dirty(41)),
        ("torn", torn, Reached::Dirty(41)),
        ("one-slot", one_slot, Reached::Dirty(41)),
        ("slot-lost", slot_lost, Reached::Refused),
    ]
}
