//! What the engine cannot know of a store's use: clients, calls, and who serves it.

use crate::broker::Broker;
use crate::os::{AttachTable, Os};
use shmfs_abi::{CallName, Pid, Reply, Usage};
use shmfs_journal::state::{self, Word};

impl<O: Os> Broker<O> {
    /// Fills the broker's part into a reply.
    pub(crate) fn fill_in(&self, reply: Reply) -> Reply {
        match reply {
            Reply::Usage(usage) => Reply::Usage(Usage {
                clients: self.clients.len() as u64,
                calls: self.calls_so_far(),
                restarts: state::get(self.journal.pages(), Word::Restarts),
                broker: self.pid,
                keeper: self.keeper.as_ref().map_or(Pid(0), |(pid, _)| *pid),
                ..usage
            }),
            other => other,
        }
    }

    /// Calls served; detaches, and opens of names that exist, are counted in the tables, where they are made.
    fn calls_so_far(&self) -> [u64; CallName::ALL.len()] {
        let mut calls = state::calls(self.journal.pages());
        calls[CallName::Shmdt as usize] +=
            self.clients.values().map(|client| client.table.detaches()).sum::<u64>();
        calls[CallName::ShmOpen as usize] +=
            self.clients.values().map(|client| client.table.opens()).sum::<u64>();
        calls
    }
}
