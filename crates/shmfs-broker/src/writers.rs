//! Limits that programs write to the files of /proc/sys/kernel, as they would write the kernel's.
//!
//! A program that opens such a file for writing gets a pipe. What it writes is taken before the requests of the same
//! turn, so that who writes and then asks sees it.
//!
//! Owns: the pipes, the reading of numbers.
//! Leaves to others: what a limit may be (the engine).
//! Not done: telling the writer that its value is refused; it is logged. A value that a broker has read when it is killed,
//! and has not committed, is lost.

use crate::broker::Broker;
use crate::effects::Exchange;
use crate::os::Os;
use crate::source::Source;
use shmfs_abi::{Call, Cred, Errno, LimitsChange, ProcFile};
use shmfs_journal::{Record, RecordId, WriterRecord};

/// Pipes that may be open at once.
const WRITERS: usize = 64;

/// Bytes of one value, with white space around it.
const VALUE_BYTES: usize = 64;

/// A pipe on which a limit is written.
pub(crate) struct Writer<O: Os> {
    pub(crate) pipe: O::Fd,
    pub(crate) file: ProcFile,
    pub(crate) cred: Cred,
}

impl<O: Os> Broker<O> {
    /// Opens a pipe for the caller, who may set what `file` says.
    pub(crate) fn hear(&mut self, file: ProcFile, exchange: &mut Exchange<'_, O>) -> Result<(), Errno> {
        let cred = exchange.connection.and_then(|id| self.connections.get(&id)?.cred).ok_or(Errno::ESRCH)?;
        if self.writers.len() >= WRITERS {
            return Err(Errno::ENFILE);
        }
        let (pipe, end) = self.os.pipe()?;
        let id = self.record.next_writer;
        self.os.listen_to(&pipe, Source::Writer(id))?;
        self.record.next_writer += 1;
        self.writers.insert(id, Writer { pipe, file, cred });
        self.dirty.writers.insert(id);
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
        let Some(Writer { pipe, file, cred }) = self.writers.get(&id) else { return };
        let (file, cred) = (*file, *cred);
        let mut bytes = [0; VALUE_BYTES];
        match self.os.read(pipe, &mut bytes) {
            Ok(len) if len > 0 => match change(file, &bytes[..len]) {
                Some(change) => self.set_by_writer(&cred, change),
                None => {
                    tracing::warn!(pid = cred.pid.0, ?file, "what was written is no number; it is dropped")
                }
            },
            Err(Errno::EAGAIN | Errno::EINTR) => {}
            Ok(_) | Err(_) => {
                if let Some(writer) = self.writers.remove(&id) {
                    self.os.ignore(&writer.pipe);
                    self.closing.push(writer.pipe);
                    self.dirty.writers.insert(id);
                }
            }
        }
    }

    fn set_by_writer(&mut self, cred: &Cred, change: LimitsChange) {
        match self.namespace.call(cred, Call::SetLimits { change }, self.os.now()) {
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

    /// Writes what has changed among them into the journal.
    pub(crate) fn write_writers(&mut self) -> Result<(), Errno> {
        while let Some(id) = self.dirty.writers.pop_first() {
            match self.writers.get(&id) {
                Some(Writer { pipe, file, cred }) => {
                    let pipe = self.os.number(pipe);
                    let record = WriterRecord { writer: id, pipe, file: *file, cred: *cred };
                    self.journal.put(&Record::Writer(record))?;
                }
                None => self.journal.remove(RecordId::Writer(id))?,
            }
        }
        Ok(())
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
