//! What the engine cannot know of a store's use: clients and calls; and half-made objects.

use crate::broker::Broker;
use crate::connection::TICKETS;
use crate::effects::Exchange;
use crate::events::ConnectionId;
use shmfs_abi::{CallName, Reply, Ticket, Usage};

impl Broker {
    /// Fills the broker's part into a reply.
    pub(crate) fn fill_in(&self, reply: Reply) -> Reply {
        match reply {
            Reply::Usage(usage) => Reply::Usage(Usage {
                clients: self.clients.len() as u64,
                calls: self.calls_so_far(),
                ..usage
            }),
            other => other,
        }
    }

    /// Calls served; detaches, and opens of names that exist, are counted in the tables, where they are made.
    fn calls_so_far(&self) -> [u64; CallName::ALL.len()] {
        let mut calls = self.calls;
        calls[CallName::Shmdt as usize] +=
            self.clients.values().map(|client| client.table.detaches()).sum::<u64>();
        calls[CallName::ShmOpen as usize] +=
            self.clients.values().map(|client| client.table.opens()).sum::<u64>();
        calls
    }

    /// Whether a connection may have one more unpublished object.
    pub(crate) fn may_begin(&self, id: ConnectionId) -> bool {
        self.connections.get(&id).is_some_and(|connection| connection.tickets.len() < TICKETS)
    }

    /// Whether this unpublished object is the connection's.
    pub(crate) fn has_ticket(&self, id: ConnectionId, ticket: Ticket) -> bool {
        self.connections.get(&id).is_some_and(|connection| connection.tickets.contains(&ticket))
    }

    /// Remembers an unpublished object with the connection that is to publish it.
    pub(crate) fn remember(&mut self, id: ConnectionId, ticket: Ticket) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.tickets.push(ticket);
        }
    }

    /// The object is published, or will never be. Says whether it was this connection's to publish.
    pub(crate) fn forget(&mut self, ticket: Ticket, exchange: &Exchange<'_>) -> bool {
        let Some(connection) = exchange.connection.and_then(|id| self.connections.get_mut(&id)) else {
            return false;
        };
        let known = connection.tickets.len();
        connection.tickets.retain(|known| *known != ticket);
        connection.tickets.len() < known
    }
}
