//! What the keeper sees of the broker while it works: words of the journal that belong to no transaction.

use crate::broker::Broker;
use crate::os::Os;
use shmfs_abi::CallName;
use shmfs_journal::state::{self, Word};
use shmfs_journal::{Answered, ConnectionId, Pages};

/// A request whose answer was about to be sent when the broker before this one was killed.
#[derive(Debug)]
pub(crate) struct Interrupted {
    pub(crate) connection: ConnectionId,
    pub(crate) answered: Answered,
}

impl Interrupted {
    /// What the journal says of it.
    pub(crate) fn of<P: Pages>(pages: &P) -> Option<Interrupted> {
        let connection = ConnectionId(state::get(pages, Word::Busy));
        let said = state::get(pages, Word::Saying) == 1;
        let answered = state::answer(pages).filter(|_| said)?;
        (answered.sequence == state::get(pages, Word::BusySequence))
            .then_some(Interrupted { connection, answered })
    }

    pub(crate) fn is(&self, connection: ConnectionId, sequence: u64) -> bool {
        (self.connection, self.answered.sequence) == (connection, sequence)
    }
}

impl<O: Os> Broker<O> {
    pub(crate) fn count_turn(&mut self) {
        state::raise(self.journal.pages_mut(), Word::Turns);
    }

    /// A request is begun. If the broker crashes now, it is this one's doing.
    pub(crate) fn begin(&mut self, connection: ConnectionId, sequence: u64) {
        let again = self.interrupted.as_ref().is_some_and(|known| known.is(connection, sequence));
        let pages = self.journal.pages_mut();
        if !again {
            state::set(pages, Word::Saying, 0);
        }
        state::set(pages, Word::BusySequence, sequence);
        state::set(pages, Word::Busy, connection.0);
    }

    /// An answer is about to be sent. Nobody knows afterwards whether it was, so a broker that follows says the same.
    pub(crate) fn begin_answer(&mut self, answered: &Answered) {
        let pages = self.journal.pages_mut();
        state::put_answer(pages, answered);
        state::set(pages, Word::Saying, 1);
    }

    /// It is answered, or there is no answer to it.
    pub(crate) fn end_request(&mut self) {
        let pages = self.journal.pages_mut();
        state::set(pages, Word::Busy, 0);
        state::raise(pages, Word::Answered);
    }

    /// The store is taken over: what the broker before this one was serving is done, or comes again.
    pub(crate) fn be_idle(&mut self) {
        state::set(self.journal.pages_mut(), Word::Busy, 0);
    }

    /// Something long begins, or ends: it is no sign of a hang.
    pub(crate) fn set_long(&mut self, long: bool) {
        state::set(self.journal.pages_mut(), Word::Long, u64::from(long));
    }

    /// Counts a call as served.
    pub(crate) fn count_call(&mut self, name: CallName, times: u64) {
        let pages = self.journal.pages_mut();
        let count = state::get(pages, Word::Calls(name));
        state::set(pages, Word::Calls(name), count + times);
    }
}
