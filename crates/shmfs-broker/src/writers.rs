//! Limits that programs write to the files of /proc/sys/kernel, as they would write the kernel's.
//!
//! A program that opens such a file for writing gets a pipe. What it writes is taken before the requests of the same
//! turn, so that who writes and then asks sees it.
//!
//! Owns: the pipes, the reading of numbers.
//! Leaves to others: what a limit may be (the engine).
//! Not done: telling the writer that its value is refused; it is logged.

use crate::broker::{Broker, now};
use crate::effects::Exchange;
use crate::events::Source;
use rustix::fd::OwnedFd;
use rustix::pipe::{PipeFlags, pipe_with};
use shmfs_abi::{Call, Cred, Errno, LimitsChange, ProcFile};
use std::collections::HashMap;

/// Pipes that may be open at once.
const WRITERS: usize = 64;

/// Bytes of one value, with white space around it.
const VALUE_BYTES: usize = 64;

/// The pipes on which limits are written.
#[derive(Default)]
pub(crate) struct Writers {
    next: u64,
    open: HashMap<u64, Writer>,
}

struct Writer {
    pipe: OwnedFd,
    file: ProcFile,
    cred: Cred,
}

impl Broker {
    /// Opens a pipe for the caller, who may set what `file` says.
    pub(crate) fn hear(&mut self, file: ProcFile, exchange: &mut Exchange<'_>) -> Result<(), Errno> {
        let cred = exchange.connection.and_then(|id| self.connections.get(&id)?.cred).ok_or(Errno::ESRCH)?;
        if self.writers.open.len() >= WRITERS {
            return Err(Errno::ENFILE);
        }
        let flags = PipeFlags::CLOEXEC | PipeFlags::NONBLOCK;
        let (pipe, end) = pipe_with(flags).map_err(|error| Errno(error.raw_os_error()))?;
        let id = self.writers.next;
        self.writers.next += 1;
        self.events.add(&pipe, Source::Writer(id))?;
        self.writers.open.insert(id, Writer { pipe, file, cred });
        exchange.out.carry(end)
    }

    /// Takes what was written.
    pub(crate) fn hear_writers(&mut self, sources: &[Source]) {
        for source in sources {
            if let Source::Writer(id) = source {
                self.hear_writer(*id);
            }
        }
    }

    fn hear_writer(&mut self, id: u64) {
        let Some(Writer { pipe, file, cred }) = self.writers.open.get(&id) else { return };
        let (file, cred) = (*file, *cred);
        let mut bytes = [0; VALUE_BYTES];
        match rustix::io::read(pipe, &mut bytes) {
            Ok(len) if len > 0 => match change(file, &bytes[..len]) {
                Some(change) => self.set_by_writer(&cred, change),
                None => {
                    tracing::warn!(pid = cred.pid.0, ?file, "what was written is no number; it is dropped")
                }
            },
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => {}
            Ok(_) | Err(_) => drop(self.writers.open.remove(&id)),
        }
    }

    fn set_by_writer(&mut self, cred: &Cred, change: LimitsChange) {
        match self.namespace.call(cred, Call::SetLimits { change }, now()) {
            Ok(answer) => self.carry_out_alone(answer.effects),
            Err(refusal) => {
                tracing::warn!(
                    pid = cred.pid.0,
                    errno = refusal.errno.name(),
                    reason = refusal.reason,
                    "refused"
                );
            }
        }
    }
}

/// The change that a written value is, in decimal with white space around it (`proc_doulongvec_minmax`).
fn change(file: ProcFile, bytes: &[u8]) -> Option<LimitsChange> {
    let value = Some(std::str::from_utf8(bytes).ok()?.trim().parse::<u64>().ok()?);
    let none = LimitsChange::default();
    Some(match file {
        ProcFile::SysvipcShm => return None,
        ProcFile::Shmmax => LimitsChange { shmmax: value, ..none },
        ProcFile::Shmall => LimitsChange { shmall: value, ..none },
        ProcFile::Shmmni => LimitsChange { shmmni: value, ..none },
        ProcFile::ShmRmidForced => LimitsChange { rmid_forced: value, ..none },
        ProcFile::ShmNextId => LimitsChange { next_id: value, ..none },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_numbers_with_white_space() {
        let shmmni = |value| Some(LimitsChange { shmmni: Some(value), ..LimitsChange::default() });
        for (bytes, expected) in [
            (&b"17\n"[..], shmmni(17)),
            (b" 17 ", shmmni(17)),
            (b"", None),
            (b"x", None),
            (b"1 2", None),
            (b"\xff", None),
        ] {
            assert_eq!(change(ProcFile::Shmmni, bytes), expected, "{bytes:?}");
        }
    }
}
