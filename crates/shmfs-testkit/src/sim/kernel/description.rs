//! Open file descriptions, and the table of numbers for them.
//!
//! A description lives while a number, a mapping, a process's descriptor or a message on its way holds it.
//!
//! Owns: who holds how often. Leaves to others: what follows from an end (`file`, `socket`, `process`).

use super::{EndId, FileId, Kernel};
use shmfs_abi::{Errno, ObjectId, OpenFlags, Pid};

/// A description's place; never used again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct DescId(usize);

/// What a description is of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum What {
    File(FileId),
    /// One end of a connection.
    End(EndId),
    /// The socket that listens.
    Listener,
    /// The hidden tmpfs.
    Mount,
    /// Its root, for looking.
    Root,
    /// The ends of a pipe.
    ReadEnd(usize),
    WriteEnd(usize),
    /// A pidfd.
    Process(Pid),
    /// A sealed text.
    Text,
    /// The undo log of a durable object, given by this broker.
    Undo(ObjectId, u32),
    /// An epoll or inotify instance.
    Queue,
}

/// A description.
#[derive(Debug)]
pub(super) struct Description {
    what: What,
    flags: OpenFlags,
    holders: u32,
}

/// The first number of the table that is free: 0, 1 and 2 are the standard ones.
const FIRST: i32 = 3;

impl Kernel {
    /// A description that its maker holds once.
    pub(crate) fn describe(&mut self, what: What, flags: OpenFlags) -> DescId {
        if let What::File(file) = what {
            self.file_mut(file).descriptions += 1;
        }
        self.descriptions.push(Some(Description { what, flags, holders: 1 }));
        DescId(self.descriptions.len() - 1)
    }

    fn description(&self, id: DescId) -> &Description {
        match &self.descriptions[id.0] {
            Some(description) => description,
            None => unreachable!("a description is used after its end"),
        }
    }

    pub(crate) fn what(&self, id: DescId) -> What {
        self.description(id).what
    }

    pub(crate) fn flags(&self, id: DescId) -> OpenFlags {
        self.description(id).flags
    }

    pub(crate) fn hold(&mut self, id: DescId) {
        if let Some(description) = &mut self.descriptions[id.0] {
            description.holders += 1;
        }
    }

    /// One holder less; the last one ends it.
    pub(crate) fn release(&mut self, id: DescId) {
        let Some(description) = &mut self.descriptions[id.0] else {
            unreachable!("a description is released after its end")
        };
        description.holders -= 1;
        if description.holders > 0 {
            return;
        }
        let what = description.what;
        self.interest.retain(|interest| interest.description != id);
        match what {
            What::File(file) => {
                self.notice_close(file);
                let linger = self.rng.below(self.linger + 1);
                if linger > 0 {
                    self.closing.push((self.clock + linger, id));
                    return;
                }
            }
            What::End(end) => self.close_end(end),
            _ => {}
        }
        self.finish(id);
    }

    /// Forgets a description that nobody holds.
    pub(super) fn finish(&mut self, id: DescId) {
        if let Some(Description { what: What::File(file), .. }) = self.descriptions[id.0].take() {
            self.file_mut(file).descriptions -= 1;
            self.drop_file(file);
        }
    }

    pub(crate) fn is_held(&self, id: DescId) -> bool {
        self.descriptions[id.0].as_ref().is_some_and(|description| description.holders > 0)
    }

    /// Whether somebody holds a description for which this is true.
    pub(crate) fn any_description(&self, is: impl Fn(What) -> bool) -> bool {
        self.descriptions.iter().flatten().any(|description| description.holders > 0 && is(description.what))
    }

    /// Who holds what, for a person.
    pub(crate) fn holders(&self) -> String {
        let numbers: Vec<_> = self.numbers.iter().map(|(number, held)| (number, held.0)).collect();
        let held = self.descriptions.iter().enumerate().filter_map(|(at, held)| Some((at, held.as_ref()?)));
        let held: Vec<_> =
            held.map(|(at, held)| format!("{at}: {:?} x{}", held.what, held.holders)).collect();
        format!(
            "numbers {numbers:?}; descriptions {held:?}; processes {:?}; messages {:?}",
            self.processes,
            self.queued()
        )
    }

    /// How many holders all descriptions of a file have.
    pub(crate) fn holders_of(&self, file: FileId) -> u32 {
        let of = self.descriptions.iter().flatten().filter(|known| known.what == What::File(file));
        of.map(|description| description.holders).sum()
    }

    /// Gives a description, and the hold on it, the lowest free number of the shared table.
    pub(crate) fn install(&mut self, id: DescId) -> i32 {
        let taken = self.numbers.range(FIRST..).zip(FIRST..);
        let number = FIRST + taken.take_while(|((number, _), next)| *number == next).count() as i32;
        self.numbers.insert(number, id);
        number
    }

    /// What has this number.
    pub(crate) fn at(&self, number: i32) -> Result<DescId, Errno> {
        self.numbers.get(&number).copied().ok_or(Errno::EBADF)
    }

    /// Closes a number; nothing where it is not open.
    pub(crate) fn close(&mut self, number: i32) {
        self.owned.remove(&number);
        if let Some(description) = self.numbers.remove(&number) {
            // As epoll has it, what else holds the description keeps it among the events.
            self.release(description);
        }
    }

    /// A new description of what another one is of.
    pub(crate) fn reopen(&mut self, id: DescId, flags: OpenFlags) -> DescId {
        let what = self.what(id);
        self.describe(what, flags)
    }
}
