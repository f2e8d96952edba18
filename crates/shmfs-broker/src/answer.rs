//! What goes back to a caller.

use rustix::fd::OwnedFd;
use shmfs_abi::{Errno, limits::MESSAGE_FDS};
use shmfs_wire::{Refused, Response};

/// What becomes of a message.
#[allow(clippy::large_enum_variant, reason = "one exists at a time, on the stack")]
pub(crate) enum Answered {
    /// This goes back.
    Say(Response),
    /// Nothing goes back.
    Nothing,
    /// The connection ends, for this reason.
    Hangup(&'static str),
}

impl Answered {
    /// No.
    pub(crate) fn refused(errno: Errno, reason: &'static str) -> Answered {
        Answered::Say(Response::Refused(Refused::new(errno, reason)))
    }
}

/// The descriptors that go with an answer.
#[derive(Default)]
pub(crate) struct Outgoing {
    fds: Vec<OwnedFd>,
}

impl Outgoing {
    /// Takes one along.
    pub(crate) fn carry(&mut self, fd: OwnedFd) -> Result<(), Errno> {
        if self.fds.len() == MESSAGE_FDS {
            return Err(Errno::E2BIG);
        }
        self.fds.push(fd);
        Ok(())
    }

    pub(crate) fn fds(&self) -> &[OwnedFd] {
        &self.fds
    }
}
