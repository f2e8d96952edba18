//! Steps of a sequence, small enough numbers that they meet.

use shmfs_abi::{Lifetime, Part, ProcFile};

/// What goes wrong with what a call wants done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// Nothing.
    None,
    /// The backing cannot be made.
    Make,
    /// The backing cannot have its name.
    Link,
    /// The name waits: [`Step::Settle`] says what becomes of it.
    Wait,
}

/// One of the limits that can be changed while a store runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "the names are the kernel's")]
pub enum Limit {
    /// Pages of the store.
    Size,
    /// In pages.
    Shmmax,
    Shmall,
    Shmmni,
    /// `shm_rmid_forced`
    Forced,
    /// `shm_next_id`
    NextId,
}

/// A question that changes nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Question {
    /// Every object, one after the other.
    List,
    /// `shmctl(SHM_INFO)`
    Info,
    /// The text of a file in /proc.
    Text(ProcFile),
    /// May it be written?
    Write(ProcFile),
    /// May the broker be replaced?
    Replace,
    /// The last attach of a marked segment has ended, and has been counted.
    Detached,
    /// May a segment grow?
    Grow,
}

/// A call with the id of a segment that is gone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "named after the calls")]
pub enum Stale {
    Attach,
    Stat,
    Set,
    Remove,
    Lock,
}

/// The files in /proc that a store answers for.
pub(crate) const PROC_FILES: [ProcFile; 6] = [
    ProcFile::SysvipcShm,
    ProcFile::Shmmax,
    ProcFile::Shmall,
    ProcFile::Shmmni,
    ProcFile::ShmRmidForced,
    ProcFile::ShmNextId,
];

/// Every lifetime.
pub(crate) const LIFETIMES: [Lifetime; 4] =
    [Lifetime::UntilRemoved, Lifetime::Process, Lifetime::LastUser, Lifetime::Durable];

/// Every part of an object.
pub(crate) const PARTS: [Part; 3] = [Part::Read, Part::Write, Part::Undo];

/// Every call with a stale id.
pub(crate) const STALE: [Stale; 5] = [Stale::Attach, Stale::Stat, Stale::Set, Stale::Remove, Stale::Lock];

/// In [`Step::Resize`], [`Step::Want`] and [`Step::Anonymous`]: more pages than any file can have. In [`Step::Lock`]: as
/// many as there are. In [`Step::Set`]: no user.
pub const BEYOND: u8 = u8::MAX;

/// One thing that happens to a store. Numbers are reduced to what exists.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "fields are named after the arguments of the calls")]
pub enum Step {
    Get {
        who: u8,
        key: u8,
        pages: u8,
        flags: i32,
        fails: bool,
        /// It is to outlive the store.
        durable: bool,
    },
    Attach {
        who: u8,
        which: u8,
        read_only: bool,
    },
    Detach {
        who: u8,
        which: u8,
    },
    /// A process becomes another user's that attaches nothing yet.
    Fork {
        who: u8,
        child: u8,
    },
    /// A process's image ends, and with `exits` the process.
    Die {
        who: u8,
        exits: bool,
    },
    Stat {
        who: u8,
        which: u8,
    },
    /// `SHM_STAT`, with `any` `SHM_STAT_ANY`, of a segment or of a slot without one.
    StatIndex {
        who: u8,
        which: u8,
        any: bool,
    },
    Set {
        who: u8,
        which: u8,
        owner: u8,
        mode: u32,
    },
    Remove {
        who: u8,
        which: u8,
    },
    /// With so many pages of RLIMIT_MEMLOCK.
    Lock {
        who: u8,
        which: u8,
        lock: bool,
        allowance: u8,
        fails: bool,
    },
    Stale {
        who: u8,
        which: u8,
        call: Stale,
    },
    Limit {
        who: u8,
        limit: Limit,
        amount: u64,
    },
    Open {
        who: u8,
        name: u8,
        flags: i32,
        mode: u32,
        fault: Fault,
    },
    /// As `Open`, with a size from the first moment and a lifetime.
    Want {
        who: u8,
        name: u8,
        flags: i32,
        mode: u32,
        fault: Fault,
        pages: u8,
        lifetime: Lifetime,
        guarded: bool,
    },
    Anonymous {
        who: u8,
        label: u8,
        pages: u8,
        fails: bool,
    },
    /// A part of anything that there is, or of what is gone.
    Fetch {
        who: u8,
        which: u8,
        part: Part,
    },
    /// Nobody holds a named object any more.
    Unheld {
        which: u8,
    },
    Unlink {
        who: u8,
        name: u8,
    },
    Rename {
        who: u8,
        from: u8,
        to: u8,
        flags: u8,
    },
    Link {
        who: u8,
        from: u8,
        to: u8,
    },
    /// With `dies` the program ends between its reservation and the new size.
    Resize {
        name: u8,
        pages: u8,
        dies: bool,
    },
    /// The inode is looked at.
    Measure {
        name: u8,
    },
    /// The inode is looked at after somebody changed its owner and mode through a descriptor.
    Own {
        name: u8,
        owner: u8,
        mode: u32,
    },
    Semaphore {
        who: u8,
        name: u8,
        flags: i32,
        fails: bool,
    },
    /// A fresh semaphore is published; with [`Fault::Make`] its creator gives it up.
    Publish {
        which: u8,
        fault: Fault,
    },
    Settle {
        which: u8,
        fails: bool,
    },
    /// So many pages of an object are in memory.
    Touch {
        which: u8,
        pages: u8,
    },
    LetGo {
        which: u8,
    },
    Reap {
        which: u8,
    },
    Ask {
        who: u8,
        question: Question,
    },
    Pass {
        seconds: u8,
    },
}
