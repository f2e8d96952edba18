//! One connection: a socket and who is behind it.

use rustix::fd::OwnedFd;
use shmfs_abi::{ClientId, Cred, Ticket};
use shmfs_sys::socket::Peer;

/// Unpublished semaphores that one connection may have at once.
pub(crate) const TICKETS: usize = 16;

/// What a connection is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Role {
    /// It has not said hello.
    Stranger,
    /// A forked child's, handed over before the fork: the child has not spoken.
    Unborn(ClientId),
    /// A client process with an attach table.
    Client(ClientId),
    /// A program that looks and removes, and attaches nothing.
    Visitor,
}

/// One connection.
pub(crate) struct Connection {
    pub(crate) socket: OwnedFd,
    pub(crate) role: Role,
    /// Who is asking; fixed at hello, or at birth from the parent's.
    pub(crate) cred: Option<Cred>,
    /// The credentials that came with the first message; each later one must come with the same.
    pub(crate) sender: Option<Peer>,
    /// Unpublished objects that go when the connection goes.
    pub(crate) tickets: Vec<Ticket>,
}

impl Connection {
    pub(crate) fn new(socket: OwnedFd, role: Role, cred: Option<Cred>) -> Connection {
        Connection { socket, role, cred, sender: None, tickets: Vec::new() }
    }

    /// Its client process, if it is one.
    pub(crate) fn client(&self) -> Option<ClientId> {
        match self.role {
            Role::Client(client) | Role::Unborn(client) => Some(client),
            Role::Stranger | Role::Visitor => None,
        }
    }
}
