//! One call: sent, answered, and repeated where the connection broke and that is harmless.
//!
//! | the connection broke | then |
//! |---|---|
//! | before the broker read the call, or it answered `Reconnect` | connect again, repeat |
//! | after that, and doing the call twice is doing it once | connect again, repeat |
//! | after that, any other call | connect again; `ECONNRESET`: it may have been done |
//! | and connecting again fails | `ECONNREFUSED`, or what the connect failed with |
//!
//! Owns: that table.
//! Leaves to others: connecting (`connect`).

use crate::{connect::Failure, session::Lost, state::State};
use shmfs_abi::{Call, Errno, GetFlags, Key, OpenFlags, Reply};
use shmfs_sys::{BorrowedFd, OwnedFd};
use shmfs_wire::{Request, Response};

/// Connections that one call may use up.
const ATTEMPTS: usize = 3;

/// A reply and the descriptor that came with it.
pub(crate) struct Answer {
    pub(crate) reply: Reply,
    pub(crate) fd: Option<OwnedFd>,
}

impl Answer {
    /// The descriptor, which the broker always sends: without it the process has no number left.
    pub(crate) fn descriptor(self) -> Result<OwnedFd, Errno> {
        self.fd.ok_or(Errno::EMFILE)
    }
}

/// A reply of another kind than the call has.
pub(crate) const fn unexpected<T>() -> Result<T, Errno> {
    Err(Errno::EPROTO)
}

impl State {
    /// Puts a call to the broker.
    pub(crate) fn ask(&mut self, call: Call) -> Result<Answer, Errno> {
        self.ask_with(call, &[]).map_err(|failure| failure.errno())
    }

    /// Puts a call that the reply `Done` ends.
    pub(crate) fn ask_done(&mut self, call: Call) -> Result<(), Errno> {
        match self.ask(call)?.reply {
            Reply::Done => Ok(()),
            _ => unexpected(),
        }
    }

    /// Puts a call to the broker, with descriptors.
    #[allow(
        clippy::result_large_err,
        reason = "no heap to put the reason on; it lives on the stack for a moment"
    )]
    pub(crate) fn ask_with(&mut self, call: Call, fds: &[BorrowedFd<'_>]) -> Result<Answer, Failure> {
        for _ in 0..ATTEMPTS {
            let session = self.session().map_err(Failure::Broken)?;
            let lost = match session.exchange(&Request::Call(call), fds) {
                Ok((Response::Reply(reply), [fd, _])) => return Ok(Answer { reply, fd }),
                Ok((Response::Refused(refused), _)) => return Err(Failure::Refused(refused)),
                Ok((Response::Reconnect, _)) => Lost::Unread,
                Ok((Response::Welcome(_) | Response::Forked, _)) => Lost::Nonsense,
                Err(lost) => lost,
            };
            self.session = None;
            match lost {
                Lost::Nonsense => return Err(Failure::Broken(Errno::EPROTO)),
                Lost::Unknown if !is_repeatable(&call) => {
                    self.session().map_err(Failure::Broken)?;
                    return Err(Failure::Broken(Errno::ECONNRESET));
                }
                Lost::Unknown | Lost::Unread => {}
            }
        }
        Err(Failure::Broken(Errno::ECONNREFUSED))
    }
}

/// Whether doing the call twice is the same as doing it once.
fn is_repeatable(call: &Call) -> bool {
    match call {
        // A second IPC_PRIVATE makes a second segment; a second CREAT|EXCL finds the first one's.
        Call::ShmGet { key, flags, .. } => {
            let creates = flags.contains(GetFlags::CREAT);
            (*key != Key::PRIVATE) && !(creates && flags.contains(GetFlags::EXCL))
        }
        // A second truncation would take what others wrote since the first.
        Call::Open { flags, .. } => {
            !flags.contains(OpenFlags::CREAT | OpenFlags::EXCL) && !flags.contains(OpenFlags::TRUNC)
        }
        // It counts, or frees an id or a name that the second would miss, or another's that came since.
        Call::ShmAttach { .. } | Call::ShmRemove { .. } | Call::Unlink { .. } => false,
        Call::Rename { .. } | Call::Link { .. } => false,
        // The ticket died with the connection.
        Call::SemPublish { .. } => false,
        // A fresh semaphore that nobody published goes with the connection.
        Call::SemOpen { .. } => true,
        Call::ShmDetached { .. }
        | Call::ShmStat { .. }
        | Call::ShmStatIndex { .. }
        | Call::ShmSet { .. }
        | Call::ShmLock { .. }
        | Call::SetLimits { .. }
        | Call::ShmInfo
        | Call::Reserve { .. }
        | Call::Settle { .. }
        | Call::ProcText { .. }
        | Call::ProcWrite { .. }
        | Call::Next { .. }
        | Call::Usage => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shmfs_abi::{ByteLen, Name, Shmid};

    #[test]
    fn what_makes_or_removes_is_not_repeated() {
        let get = |key, flags| Call::ShmGet { key: Key(key), size: ByteLen(1), flags };
        let open = |flags| Call::Open { name: Name::new(b"x").unwrap(), flags, mode: 0 };
        let cases = [
            (get(5, GetFlags::empty()), true),
            (get(5, GetFlags::CREAT), true),
            (get(5, GetFlags::CREAT | GetFlags::EXCL), false),
            (get(0, GetFlags::empty()), false),
            (open(OpenFlags::RDWR | OpenFlags::CREAT), true),
            (open(OpenFlags::RDWR | OpenFlags::TRUNC), false),
            (open(OpenFlags::RDWR | OpenFlags::CREAT | OpenFlags::EXCL), false),
            (Call::ShmRemove { shmid: Shmid(3) }, false),
            (Call::ShmStat { shmid: Shmid(3) }, true),
        ];
        for (call, expected) in cases {
            assert_eq!(is_repeatable(&call), expected, "{call:?}");
        }
    }
}
