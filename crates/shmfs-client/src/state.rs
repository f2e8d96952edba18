//! Everything that a process knows of its store, and whether it still is the process that learned it.
//!
//! Owns: the process's identity, the numbers of its calls.
//! Leaves to others: what the parts mean.

use crate::{
    attach::Piece,
    connect::Registration,
    fork::Unborn,
    kept::Kept,
    sem::Semaphore,
    session::{Session, Sheet},
    settings::Settings,
};
use shmfs_abi::{
    Errno, Pid,
    limits::{ATTACHES, OPEN_SEMAPHORES},
};
use shmfs_sys::{grow::PageVec, mark::ForkMark, process};
use shmfs_wire::MESSAGE_BYTES;

/// How a process finds its store: asked at the first call that needs it, until it knows.
pub(crate) type Source = fn() -> Result<Settings, Errno>;

/// What a process knows of its store.
pub(crate) struct State {
    source: Source,
    settings: Option<Settings>,
    /// Set in the process that [`pid`](State::pid) names, and gone in its copies.
    pub(crate) mark: Option<ForkMark>,
    /// The process, as it sees itself.
    pub(crate) pid: Pid,
    /// Whether the broker sees the process under the same number: both are in one pid namespace.
    pub(crate) same_numbers: bool,
    pub(crate) session: Option<Session>,
    /// Of the connection's messages; here, since stacks may be small.
    pub(crate) sheet: Sheet,
    pub(crate) registration: Option<Registration>,
    /// The number of the last call of this client, over all its connections.
    number: u64,
    /// `st_dev` of POSIX objects; 0 until the first connection.
    pub(crate) tmpfs_dev: u64,
    /// Whether the store has a hidden tmpfs.
    pub(crate) hidden: bool,
    /// The root of the hidden tmpfs. Copies of the process have the same.
    pub(crate) root: Option<Kept>,
    pub(crate) attaches: PageVec<Piece>,
    /// How many attaches there have been.
    pub(crate) attached: u64,
    pub(crate) semaphores: PageVec<Semaphore>,
    /// What was fetched for a child, while fork is under way.
    pub(crate) unborn: Option<Unborn>,
}

/// Whose state this is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Whose {
    /// Nobody's yet.
    Nobodys,
    /// This process's.
    Ours,
    /// It was copied with the memory of another process.
    Copied,
    /// Another process's, whose memory this one shares: a child of vfork.
    Lent,
}

impl State {
    pub(crate) const fn new(source: Source) -> State {
        State {
            source,
            settings: None,
            mark: None,
            pid: Pid(0),
            same_numbers: false,
            session: None,
            sheet: [0; MESSAGE_BYTES],
            registration: None,
            number: 0,
            tmpfs_dev: 0,
            hidden: false,
            root: None,
            attaches: PageVec::new(ATTACHES),
            attached: 0,
            semaphores: PageVec::new(OPEN_SEMAPHORES),
            unborn: None,
        }
    }

    pub(crate) fn whose(&self) -> Whose {
        match self.mark {
            None => Whose::Nobodys,
            Some(mark) if !mark.is_set() => Whose::Copied,
            Some(_) if process::pid() == self.pid => Whose::Ours,
            Some(_) => Whose::Lent,
        }
    }

    /// Makes sure that the state is this process's before it is used or changed.
    ///
    /// # Errors
    /// `ENOSYS` in a child of vfork, which must not change its parent's.
    pub(crate) fn claim(&mut self) -> Result<(), Errno> {
        match self.whose() {
            Whose::Ours => Ok(()),
            Whose::Lent => Err(Errno::ENOSYS),
            Whose::Nobodys => {
                let mark = ForkMark::new()?;
                self.mark = Some(mark);
                self.take(mark);
                Ok(())
            }
            Whose::Copied => {
                self.leave_parent();
                Ok(())
            }
        }
    }

    /// In a copy: gives up what only the original has. The copy is unknown to the broker until its next call.
    pub(crate) fn leave_parent(&mut self) {
        // The socket is a duplicate: closing it here leaves the original's open.
        self.session = None;
        if let Some(parents) = self.registration.take() {
            // Its pages were not inherited, and something else may be mapped there.
            parents.table.forget();
        }
        self.unborn = None;
        // The copy becomes a client of its own, whose calls begin at 1.
        self.number = 0;
        if let Some(mark) = self.mark {
            self.take(mark);
        }
    }

    /// The number of the next call, by which the broker knows it when it is repeated.
    pub(crate) const fn next_number(&mut self) -> u64 {
        self.number = self.number.wrapping_add(1);
        self.number
    }

    /// The store from here on.
    pub(crate) const fn join(&mut self, settings: Settings) {
        self.settings = Some(settings);
    }

    /// No store, and calls that begin at 1 as those of a new client.
    pub(crate) const fn forget_store(&mut self) {
        self.settings = None;
        self.number = 0;
    }

    fn take(&mut self, mark: ForkMark) {
        self.pid = process::pid();
        mark.set();
    }

    /// Which store it is.
    pub(crate) fn settings(&mut self) -> Result<Settings, Errno> {
        if let Some(settings) = self.settings {
            return Ok(settings);
        }
        let settings = (self.source)()?;
        self.settings = Some(settings);
        Ok(settings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_numbers_its_own_calls() {
        let mut state = State::new(|| Err(Errno::ENOSYS));
        state.claim().unwrap();
        assert_eq!([state.next_number(), state.next_number()], [1, 2]);
        state.claim().unwrap();
        assert_eq!(state.next_number(), 3, "it is the same process");
        state.leave_parent();
        assert_eq!(state.next_number(), 1);
    }
}
