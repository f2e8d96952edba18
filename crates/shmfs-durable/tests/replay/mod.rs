//! Any bytes as an undo log or as a head: they are refused, or what follows keeps the promise. The fuzzer and the
//! replay of its corpus.

use shmfs_durable::{DurableError, Head, Medium, Undo, VecMedium};

/// The object that everything is opened as.
pub const OBJECT: u64 = 7;

/// How far the bytes got.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reached {
    Refused,
    /// They are a head.
    Head,
    /// They are a log without live records.
    Clean,
    /// They are a log of which so many bytes can be rolled back.
    Dirty(u64),
}

/// Opens the bytes, and goes on with them.
pub fn replay(bytes: &[u8]) -> Reached {
    if let Ok(head) = Head::decode(OBJECT, bytes) {
        let again = head.encode(OBJECT).expect("it was read");
        assert_eq!(Head::decode(OBJECT, &again).expect("it was written"), head);
        return Reached::Head;
    }
    let old: Vec<u8> = (0..3000_u32).map(|at| at as u8).collect();
    let pages = VecMedium::new(old.clone());
    let open = |log: &VecMedium| Undo::open(log.clone(), OBJECT);
    let Ok(mut undo) = open(&VecMedium::new(bytes.to_vec())) else { return Reached::Refused };
    let (dirty, epoch) = (undo.is_dirty(), undo.epoch());
    let rolled = undo.roll_back(&pages).expect("the records were whole");
    assert_eq!((pages.bytes().len(), undo.is_dirty()), (old.len(), false));
    assert_eq!(undo.epoch(), epoch + u64::from(dirty));

    // An edit of ours behind it is as good as on an empty log.
    let before = pages.bytes();
    match undo.save(&pages, 100..2000) {
        Err(DurableError::LastEpoch { .. }) => return Reached::Clean,
        saved => saved.expect("there is room"),
    }
    pages.write_all_at(&[0xee; 1900], 100).expect("memory has room");
    let mut found = open(undo.medium()).expect("it was written");
    assert_eq!(found.roll_back(&pages).expect("the records are whole").restored, 1900);
    assert!(pages.bytes() == before, "it was not rolled back to what it was");
    if dirty { Reached::Dirty(rolled.restored) } else { Reached::Clean }
}
