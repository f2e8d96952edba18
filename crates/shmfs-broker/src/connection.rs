//! One connection: a socket and who is behind it.

use crate::os::Os;
use shmfs_abi::{ClientId, Cred};
use shmfs_journal::{Answered, Role};
use shmfs_sys::socket::Peer;

/// One connection.
pub(crate) struct Connection<O: Os> {
    pub(crate) socket: O::Fd,
    pub(crate) role: Role,
    /// Who is asking; fixed at hello, or at birth from the parent's.
    pub(crate) cred: Option<Cred>,
    /// The credentials that came with the first message; each later one must come with the same.
    pub(crate) sender: Option<Peer>,
    /// Whether it has said more than its first message, which until then may come a second time.
    pub(crate) spoken: bool,
    /// A visitor's last call that changed something, and its answer.
    pub(crate) answered: Option<Answered>,
}

impl<O: Os> Connection<O> {
    pub(crate) fn new(socket: O::Fd, role: Role, cred: Option<Cred>) -> Connection<O> {
        Connection { socket, role, cred, sender: None, spoken: false, answered: None }
    }

    /// Its client process, if it is one.
    pub(crate) fn client(&self) -> Option<ClientId> {
        match self.role {
            Role::Client(client) | Role::Unborn(client) => Some(client),
            Role::Stranger | Role::Visitor => None,
        }
    }
}
