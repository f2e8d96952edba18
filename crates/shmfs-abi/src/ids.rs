//! Ids: each kind of number has its own type.

use crate::limits::SLOTS;

/// A System V key, as the caller chose it; 0 is `IPC_PRIVATE`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Key(pub i32);

impl Key {
    /// `IPC_PRIVATE`: a segment that no key finds.
    pub const PRIVATE: Key = Key(0);
}

/// A System V id: a [`Slot`] and a sequence number, so that a stale id never names another's segment
/// (`ipc_buildid`, ipc/util.h: `id = (seq << 15) + slot`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Shmid(pub i32);

impl Shmid {
    /// The id of the segment in `slot` with sequence number `seq`.
    pub const fn new(slot: Slot, seq: u16) -> Shmid {
        Shmid(((seq as i32) << SLOTS.trailing_zeros()) + slot.0 as i32)
    }

    /// The slot within this id, or nothing for a negative id.
    pub const fn slot(self) -> Option<Slot> {
        if self.0 < 0 { None } else { Some(Slot(self.0 as u32 % SLOTS)) }
    }

    /// The sequence number within this id.
    pub const fn seq(self) -> u16 {
        (self.0 >> SLOTS.trailing_zeros()) as u16
    }
}

/// The place of a segment in the store's table of segments, and of its row in every attach table.
/// Less than [`SLOTS`]. A segment keeps its slot until it is destroyed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Slot(pub u32);

/// An object's number in its store. Never reused while the store lives; 0 names none.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct ObjectId(pub u64);

/// An entry of the namespace that waits for an effect to be settled.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Ticket(pub u64);

/// A client process of a store, numbered by its broker. Never reused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct ClientId(pub u64);

/// A process id, as the broker's pid namespace sees it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Pid(pub i32);

/// A user id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Uid(pub u32);

/// A group id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Gid(pub u32);
