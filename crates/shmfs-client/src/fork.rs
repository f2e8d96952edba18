//! Fork: the parent fetches a table and a socket for the child before it exists, so that there is no moment at
//! which the child's attaches are not counted.
//!
//! | handler | does |
//! |---|---|
//! | prepare | takes the lock; asks the broker for the child's table, which has the parent's counts, and socket |
//! | parent | unmaps that table, closes that socket, gives the lock back |
//! | child | leaves the parent's, takes those over, says `Born`, gives the lock back |
//!
//! A child for which nothing could be fetched, or whose making ran no handlers (raw clone, `_Fork`), is unknown
//! until its next call, and then registers with the attaches that it inherited.
//!
//! Owns: what is fetched for the child.
//! Leaves to others: the counts (the broker copies them), the lock across fork (`shmfs-sys`).

use crate::{
    Client,
    connect::{ATTEMPTS, Registration},
    kept::Kept,
    session::{FIRST_WORDS, Lost, Session},
    state::{State, Whose},
};
use shmfs_index::Table;
use shmfs_sys::process;
use shmfs_wire::{Response, Words};

/// The first process of a pid namespace, which the broker outside sees under another number.
const FIRST: i32 = 1;

/// What a child takes over. Its table is mapped where the child inherits it.
pub(crate) struct Unborn {
    table: Table,
    socket: Kept,
}

impl Client {
    /// Before fork, in the parent. Holds the lock and blocks signals until one of the other two.
    pub fn fork_prepare(&self) {
        self.state.hold();
        self.state.with_held(State::fetch_for_child);
    }

    /// After fork, in the parent, also where the fork failed.
    pub fn fork_parent(&self) {
        self.state.with_held(|state| state.unborn = None);
        self.state.release();
    }

    /// After fork, in the child.
    pub fn fork_child(&self) {
        self.state.with_held(State::become_child);
        // What the parent opened, the parent counts.
        self.opens.take();
        self.state.release();
    }
}

impl State {
    fn fetch_for_child(&mut self) {
        self.unborn = None;
        if self.whose() != Whose::Ours || self.registration.is_none() {
            return;
        }
        // A number as calls have: a second answer, which a broker may send, is not taken for another fork's.
        let number = self.next_number();
        for _ in 0..ATTEMPTS {
            if self.meet().is_err() {
                return;
            }
            let Some(session) = &self.session else { return };
            let answer = session.exchange(number, Words::Fork, &[], &mut self.sheet);
            self.heard(number, &answer);
            match answer {
                Ok((Response::Forked, [Some(table), Some(socket)])) => {
                    let mapped = Table::open(table).and_then(|table| Ok((table, Kept::new(socket)?)));
                    self.unborn = mapped.map(|(table, socket)| Unborn { table, socket }).ok();
                    return;
                }
                // Another table that is never used ends with its description.
                Ok((Response::Reconnect, _)) | Err(Lost::Unsent | Lost::Unanswered) => self.session = None,
                Err(Lost::Nonsense) => {
                    self.session = None;
                    return;
                }
                Ok(_) => return,
            }
        }
    }

    fn become_child(&mut self) {
        if self.whose() != Whose::Copied {
            return;
        }
        let unborn = self.unborn.take();
        let parents = self.session.as_ref().map(Session::rights);
        self.leave_parent();
        let (Some(Unborn { table, socket }), Some(rights)) = (unborn, parents) else { return };
        if table.dont_fork().is_err() {
            return;
        }
        self.same_numbers &= self.pid.0 != FIRST;
        if self.same_numbers {
            table.set_pid(process::pid());
        }
        self.registration = Some(Registration { client: table.client(), cookie: table.cookie(), table });
        let session = Session::new(socket, rights);
        // Without it the child is known by its table, and says who it is when it connects again.
        if session.tell(FIRST_WORDS, Words::Born, &mut self.sheet).is_ok() {
            self.session = Some(session);
        }
    }
}
