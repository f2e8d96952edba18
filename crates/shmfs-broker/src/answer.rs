//! What goes back to a caller.

use crate::os::Os;
use shmfs_abi::{Errno, ObjectId, OpenFlags, limits::MESSAGE_FDS};
use shmfs_wire::{Refused, Response};

/// What becomes of a message.
#[allow(clippy::large_enum_variant, reason = "one exists at a time, on the stack")]
pub(crate) enum Outcome {
    /// This goes back.
    Say(Response),
    /// Nothing goes back.
    Nothing,
    /// The connection ends, for this reason.
    Hangup(&'static str),
    /// The message stays: it asks for another program in this one's place.
    Replace,
}

impl Outcome {
    /// No.
    pub(crate) fn refused(errno: Errno, reason: &'static str) -> Outcome {
        Outcome::Say(Response::Refused(Refused::new(errno, reason)))
    }
}

/// The descriptors that go with an answer.
pub(crate) struct Outgoing<O: Os> {
    fds: Vec<O::Fd>,
    gives: [Option<(ObjectId, OpenFlags)>; MESSAGE_FDS],
}

impl<O: Os> Outgoing<O> {
    pub(crate) fn none() -> Outgoing<O> {
        Outgoing { fds: Vec::new(), gives: [None; MESSAGE_FDS] }
    }

    /// Takes one along.
    pub(crate) fn carry(&mut self, fd: O::Fd) -> Result<(), Errno> {
        if self.fds.len() == MESSAGE_FDS {
            return Err(Errno::E2BIG);
        }
        self.fds.push(fd);
        Ok(())
    }

    /// Takes a description of an object along, which can be made again when the answer is.
    pub(crate) fn give(&mut self, fd: O::Fd, object: ObjectId, flags: OpenFlags) -> Result<(), Errno> {
        let index = self.fds.len();
        self.carry(fd)?;
        if let Some(place) = self.gives.get_mut(index) {
            *place = Some((object, flags));
        }
        Ok(())
    }

    /// How to make every descriptor again, where that can be said.
    pub(crate) fn recipe(&self) -> Option<[Option<(ObjectId, OpenFlags)>; MESSAGE_FDS]> {
        (self.gives.iter().flatten().count() == self.fds.len()).then_some(self.gives)
    }

    pub(crate) fn fds(&self) -> Vec<&O::Fd> {
        self.fds.iter().collect()
    }
}
