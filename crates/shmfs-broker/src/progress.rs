//! What the keeper sees of the broker while it works: words of the journal that belong to no transaction.

use crate::broker::Broker;
use crate::os::Os;
use shmfs_abi::CallName;
use shmfs_journal::ConnectionId;
use shmfs_journal::state::{self, Word};

impl<O: Os> Broker<O> {
    pub(crate) fn count_turn(&mut self) {
        state::raise(self.journal.pages_mut(), Word::Turns);
    }

    /// A request is begun. If the broker crashes now, it is this one's doing.
    pub(crate) fn begin(&mut self, connection: ConnectionId, sequence: u64) {
        let pages = self.journal.pages_mut();
        state::set(pages, Word::Saying, 0);
        state::set(pages, Word::BusySequence, sequence);
        state::set(pages, Word::Busy, connection.0);
    }

    /// Its answer is about to be sent. Where an earlier one was sent twice on this connection, what lies there unread
    /// proves nothing.
    pub(crate) fn begin_answer(&mut self, doubled: bool) {
        state::set(self.journal.pages_mut(), Word::Saying, 1 + u64::from(doubled));
    }

    /// It is answered, or there is no answer to it.
    pub(crate) fn end_request(&mut self) {
        let pages = self.journal.pages_mut();
        state::set(pages, Word::Busy, 0);
        state::raise(pages, Word::Answered);
    }

    /// The first turn is over: what the broker before this one was busy with is served, or nobody waits for it.
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
