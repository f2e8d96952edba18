//! What a door remembers beyond a broker's death: which files are open through which passthrough, which descriptors
//! keep inodes without names, and what it was about to do.
//!
//! It is a memfd of plain words, which the keeper of the store holds. Whatever moment a broker is killed in: a request
//! that was read and not answered comes again ([`UNIQUE_RESEND`](crate::wire::flags::UNIQUE_RESEND)), and the words say
//! whether it is done. They are written in this order: what is about to be done (`begin`), then the doing, then in one
//! store that it is done (`commit`), together with the one row of the table that changes; a row that was not written any
//! more is written by the next broker.
//!
//! Owns: the layout, the rows of open files.
//! Leaves to others: what is redone how (`redo`), the descriptors in [`Pins`](crate::pins).

use crate::node::NodeId;
use shmfs_abi::Errno;
use shmfs_sys::map::SharedMap;
use shmfs_sys::memfd;
use std::cell::Cell;
use std::collections::HashMap;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::Ordering::{Acquire, Release};

/// Says what the file is, and its version.
const MAGIC: u64 = u64::from_le_bytes(*b"shmfuse1");

/// Files that can be open through the mount at a time.
const ROWS: usize = 1 << 20;

/// Inodes without names that are kept by descriptors.
pub(crate) const PINS: usize = 1 << 13;

/// The words of the head, by their places.
#[derive(Clone, Copy)]
enum Word {
    Magic = 0,
    /// Rows that were ever in use.
    Rows = 1,
    /// The request that is being done, and whether it is done.
    Unique = 3,
    Phase = 4,
    /// What was there before it.
    Before = 5,
    /// A passthrough that no row names yet, or any more, and one.
    Loose = 7,
    /// The row that changes: its place and one, and its words.
    Place = 8,
    Row = 9,
    /// Whether flags were ever set on an inode.
    Flagged = 12,
    /// The passthrough that the kernel gave out last.
    Last = 13,
}

const HEAD_WORDS: usize = 16;
const ROW_WORDS: usize = 3;
const PINS_AT: usize = HEAD_WORDS;
const ROWS_AT: usize = PINS_AT + PINS * 2;
const BYTES: usize = (ROWS_AT + ROWS * ROW_WORDS) * 8;

/// A file that is open.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Opened {
    /// Under which number the kernel knows its backing.
    pub(crate) backing: i32,
    pub(crate) opens: u32,
    /// Those of them that may write.
    pub(crate) writers: u32,
}

/// How far the request is that was begun last.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Phase {
    /// Another request, or none.
    Unknown,
    /// It was about to be done; before it, there were these inodes.
    Begun([u64; 2]),
    Done,
}

/// The words, and an index of their rows.
pub(crate) struct State {
    words: SharedMap,
    rows: HashMap<NodeId, (usize, Opened)>,
    free: Vec<usize>,
    /// Moments until a test lets this server die; none: it lives.
    steps_left: Cell<Option<u32>>,
}

/// What a server dies of when a test wants it.
#[doc(hidden)]
#[derive(Debug)]
pub struct Died;

/// Makes the file of a new door.
pub(crate) fn create() -> Result<OwnedFd, Errno> {
    let file = memfd::create(c"shmfs-mount", true)?;
    shmfs_sys::fd::truncate(&file, shmfs_abi::ByteLen(BYTES as u64))?;
    memfd::seal_size(&file)?;
    Ok(file)
}

impl State {
    pub(crate) fn open(file: impl AsFd) -> Result<State, Errno> {
        if shmfs_sys::fd::facts(&file)?.size.0 != BYTES as u64 {
            return Err(Errno::EINVAL);
        }
        let mut state = State {
            words: SharedMap::new(file, BYTES)?,
            rows: HashMap::new(),
            free: Vec::new(),
            steps_left: Cell::new(None),
        };
        match state.get(Word::Magic) {
            0 => state.set(Word::Magic, MAGIC),
            MAGIC => state.read_rows(),
            _ => return Err(Errno::EINVAL),
        }
        Ok(state)
    }

    fn read_rows(&mut self) {
        if self.get(Word::Phase) == DONE {
            self.write_row();
        }
        let used = (self.get(Word::Rows) as usize).min(ROWS);
        for place in 0..used {
            let [node, backing, counts] = [0, 1, 2].map(|word| self.load(ROWS_AT + place * ROW_WORDS + word));
            match node {
                0 => self.free.push(place),
                node => drop(self.rows.insert(NodeId(node), (place, Opened::of(backing, counts)))),
            }
        }
    }

    /// Whether an inode may be immutable, or append-only.
    pub(crate) fn is_flagged(&self) -> bool {
        self.get(Word::Flagged) != 0
    }

    pub(crate) fn set_flagged(&self) {
        self.set(Word::Flagged, 1);
    }

    /// A request is about to be done; `before` is what tells whether it was.
    pub(crate) fn begin(&self, unique: u64, before: [u64; 2]) {
        self.set(Word::Phase, UNKNOWN);
        self.set(Word::Place, 0);
        self.set(Word::Unique, unique);
        self.store(Word::Before as usize, before[0]);
        self.store(Word::Before as usize + 1, before[1]);
        self.set(Word::Phase, BEGUN);
    }

    /// It is done.
    pub(crate) fn commit(&self) {
        self.set(Word::Phase, DONE);
    }

    /// How far a request is.
    pub(crate) fn phase(&self, unique: u64) -> Phase {
        if self.get(Word::Unique) != unique {
            return Phase::Unknown;
        }
        match self.get(Word::Phase) {
            BEGUN => Phase::Begun([0, 1].map(|word| self.load(Word::Before as usize + word))),
            DONE => Phase::Done,
            _ => Phase::Unknown,
        }
    }

    /// The file that is open under a number.
    pub(crate) fn opened(&self, node: NodeId) -> Option<Opened> {
        self.rows.get(&node).map(|(_, opened)| *opened)
    }

    /// Lets a file be open so from now on, or not at all, and the request that was begun be done: both or neither.
    ///
    /// # Errors
    /// `ENFILE` where too many are open.
    pub(crate) fn commit_opened(&mut self, node: NodeId, opened: Option<Opened>) -> Result<(), Errno> {
        let place = match self.rows.get(&node) {
            Some((place, _)) => *place,
            None => match self.free.pop() {
                Some(place) => place,
                None => self.one_more()?,
            },
        };
        let words = opened.map_or([0; ROW_WORDS], |opened| {
            [node.0, opened.backing as u64, u64::from(opened.opens) << 32 | u64::from(opened.writers)]
        });
        for (word, value) in (Word::Row as usize..).zip(words) {
            self.store(word, value);
        }
        self.set(Word::Place, place as u64 + 1);
        self.commit();
        self.write_row();
        match opened {
            Some(opened) => drop(self.rows.insert(node, (place, opened))),
            None => {
                self.rows.remove(&node);
                self.free.push(place);
            }
        }
        Ok(())
    }

    /// The file whose row changed last.
    pub(crate) fn last_row(&self) -> Option<NodeId> {
        Some(NodeId(self.load(Word::Row as usize))).filter(|node| self.rows.contains_key(node))
    }

    fn one_more(&self) -> Result<usize, Errno> {
        let used = self.get(Word::Rows);
        if used as usize >= ROWS {
            return Err(Errno::ENFILE);
        }
        self.set(Word::Rows, used + 1);
        Ok(used as usize)
    }

    /// Writes the row that the head has into the table; the same again changes nothing.
    fn write_row(&self) {
        let place = self.get(Word::Place) as usize;
        if (1..=ROWS).contains(&place) {
            let row = ROWS_AT + (place - 1) * ROW_WORDS;
            for word in [1, 2, 0] {
                self.store(row + word, self.load(Word::Row as usize + word));
            }
        }
    }

    /// The kernel has given out a passthrough; until a row names it, it is given back if the broker dies.
    pub(crate) fn given(&self, backing: i32) {
        self.set_loose(Some(backing));
        self.set(Word::Last, backing as u64);
    }

    /// A passthrough that no row names: it is given back if the broker dies.
    pub(crate) fn set_loose(&self, backing: Option<i32>) {
        self.set(Word::Loose, backing.map_or(0, |backing| backing as u64 + 1));
    }

    /// The passthroughs that a broker before this one may have left without a row: one that it knew of, and one that it was
    /// killed over before it did. The kernel gives out one number after the other (`idr_alloc_cyclic`, fs/fuse/backing.c).
    pub(crate) fn left(&self) -> impl Iterator<Item = i32> {
        let known = i32::try_from(self.get(Word::Loose)).ok().and_then(|loose| loose.checked_sub(1));
        let unknown = i32::try_from(self.get(Word::Last)).ok().and_then(|last| last.checked_add(1));
        let is_named = |id: &i32| self.rows.values().any(|(_, opened)| opened.backing == *id);
        [known, unknown].into_iter().flatten().filter(move |id| *id > 0 && !is_named(id))
    }

    /// The inode and the descriptor's number that a place among the pins has.
    pub(crate) fn pin(&self, place: usize) -> Option<(NodeId, i32)> {
        let at = PINS_AT + place * 2;
        let number = i32::try_from(self.load(at + 1)).ok().filter(|_| place < PINS)?;
        match self.load(at) {
            0 => None,
            node => Some((NodeId(node), number)),
        }
    }

    /// Names a descriptor that keeps an inode, or none any more.
    pub(crate) fn set_pin(&self, place: usize, pin: Option<(NodeId, i32)>) {
        assert!(place < PINS, "a place among the pins");
        let at = PINS_AT + place * 2;
        let (node, number) = pin.map_or((0, 0), |(node, number)| (node.0, number as u64));
        self.write_word(at + 1, number);
        self.write_word(at, node);
    }

    fn get(&self, word: Word) -> u64 {
        self.load(word as usize)
    }

    fn set(&self, word: Word, value: u64) {
        self.store(word as usize, value);
    }

    fn load(&self, word: usize) -> u64 {
        self.words.atomic_u64(word * 8).load(Acquire)
    }

    fn store(&self, word: usize, value: u64) {
        self.pass();
        self.write_word(word, value);
        self.pass();
    }

    /// Without moments at which a test lets the server die: its unwinding would close the descriptor, a kill does not.
    fn write_word(&self, word: usize, value: u64) {
        self.words.atomic_u64(word * 8).store(value, Release);
    }

    /// Dies after so many moments; there is one before and one behind each word that is written.
    pub(crate) fn die_after(&self, moments: Option<u32>) {
        self.steps_left.set(moments);
    }

    fn pass(&self) {
        match self.steps_left.get() {
            None => {}
            Some(0) => {
                self.steps_left.set(None);
                std::panic::resume_unwind(Box::new(Died));
            }
            Some(left) => self.steps_left.set(Some(left - 1)),
        }
    }
}

const UNKNOWN: u64 = 0;
const BEGUN: u64 = 1;
const DONE: u64 = 2;

impl Opened {
    fn of(backing: u64, counts: u64) -> Opened {
        Opened { backing: backing as i32, opens: (counts >> 32) as u32, writers: counts as u32 }
    }
}

#[cfg(test)]
mod tests;
