//! Whether a snapshot shows the object as it was at one moment.
//!
//! Owns: the words, and their numbers in the file.
//! Leaves to others: finding out (`shm snapshot`).

/// What kept the object from changing while it was copied.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Hold {
    /// Nothing.
    #[default]
    Nothing,
    /// Nobody else had it open or mapped.
    Alone,
    /// The lock that its writers take.
    Guard,
    /// The editor's lock of a durable object: it is as it was committed.
    Epoch(u64),
}

/// What came of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// The object as it was at one moment.
    Consistent,
    /// Parts of it may be older than others.
    Fuzzy(Doubt),
}

/// Why a snapshot is fuzzy.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Doubt {
    /// Others had it open or mapped.
    Held {
        /// Attaches of a segment; 0 where nobody counts.
        attaches: u32,
    },
    /// Somebody opened it, or wrote it, while it was copied.
    Came,
    /// A writer kept its lock for longer than anybody waited.
    Busy,
    /// It could not be found out.
    Unknown,
    /// It was shorter in the end than in the beginning.
    Shrank,
}

impl Verdict {
    pub(crate) const fn number(self) -> (u8, u32) {
        match self {
            Verdict::Consistent => (1, 0),
            Verdict::Fuzzy(Doubt::Held { attaches }) => (2, attaches),
            Verdict::Fuzzy(Doubt::Came) => (3, 0),
            Verdict::Fuzzy(Doubt::Busy) => (4, 0),
            Verdict::Fuzzy(Doubt::Unknown) => (5, 0),
            Verdict::Fuzzy(Doubt::Shrank) => (6, 0),
        }
    }

    pub(crate) fn of(number: u8, attaches: u32) -> Option<Verdict> {
        let verdict = match number {
            1 => Verdict::Consistent,
            2 => Verdict::Fuzzy(Doubt::Held { attaches }),
            3 => Verdict::Fuzzy(Doubt::Came),
            4 => Verdict::Fuzzy(Doubt::Busy),
            5 => Verdict::Fuzzy(Doubt::Unknown),
            6 => Verdict::Fuzzy(Doubt::Shrank),
            _ => return None,
        };
        (verdict.number() == (number, attaches)).then_some(verdict)
    }

    /// Whether it can be said of a copy that was held so.
    pub(crate) fn fits(self, hold: Hold) -> bool {
        hold != Hold::Nothing || self != Verdict::Consistent
    }
}

impl Hold {
    pub(crate) const fn number(self) -> (u8, u64) {
        match self {
            Hold::Nothing => (0, 0),
            Hold::Alone => (1, 0),
            Hold::Guard => (2, 0),
            Hold::Epoch(epoch) => (3, epoch),
        }
    }

    pub(crate) fn of(number: u8, epoch: u64) -> Option<Hold> {
        let hold = match number {
            0 => Hold::Nothing,
            1 => Hold::Alone,
            2 => Hold::Guard,
            3 => Hold::Epoch(epoch),
            _ => return None,
        };
        (hold.number() == (number, epoch)).then_some(hold)
    }
}
