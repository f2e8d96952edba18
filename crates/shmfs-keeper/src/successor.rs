//! Taking a living store over from its broker: the other program's part (`hand_over` has the broker's).
//!
//! Owns: the look at the journal before anything is promised, the moment from which the store is this process's.
//! Leaves to others: keeping it from then on (`keeper`).

use crate::hand_over::READY;
use crate::keeper::Keeper;
use crate::words::Words;
use crate::{KeepError, SuccessorError};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::{OwnedFd, RawFd};
use rustix::process::{Signal, pidfd_send_signal};
use shmfs_abi::{Errno, Pid};
use shmfs_core::Namespace;
use shmfs_journal::state::Word;
use shmfs_journal::{Broken, Journal, Record, StoreRecord, VecPages};
use shmfs_sys::{fd, process, table};
use std::time::{Duration, Instant};

/// How long a broker that has given the store away may take to end.
const PATIENCE: Duration = Duration::from_secs(10);

/// A process that a broker has started to take its store over.
#[derive(Debug)]
pub struct Successor {
    journal: RawFd,
    /// Where it says whether it does.
    ready: OwnedFd,
    /// The broker, by its pidfd.
    before: OwnedFd,
}

impl Successor {
    /// Takes the numbers over that stand on the command line.
    ///
    /// # Errors
    /// One of them is not open.
    pub fn adopt(journal: RawFd, ready: RawFd, before: RawFd) -> Result<Successor, KeepError> {
        let adopted = |number, what| table::adopt(number).map_err(|_| KeepError::Missing { number, what });
        if fd::identify_raw(journal).is_none() {
            return Err(KeepError::Missing { number: journal, what: "the journal" });
        }
        let ready = adopted(ready, "the pipe to the broker")?;
        Ok(Successor { journal, ready, before: adopted(before, "the broker's process")? })
    }

    /// Looks whether this program can go on with the store, in a copy of its journal.
    ///
    /// # Errors
    /// Why it cannot.
    pub fn look(&self) -> Result<StoreRecord, SuccessorError> {
        let (_, records) = Journal::open(self.copy()?)?;
        let mut store = None;
        let (mut objects, mut names) = (Vec::new(), Vec::new());
        for record in records {
            match record {
                Record::Store(found) => store = Some(found),
                Record::Object(object) => objects.push(object.image),
                Record::Name(name, object) => names.push((name, object)),
                Record::Client(_) | Record::Connection(_) | Record::Writer(_) | Record::Intent(..) => {}
            }
        }
        let store = store.ok_or(Broken::NoStore)?;
        Namespace::restore(&store.image, &objects, &names)
            .map_err(|damage| SuccessorError::Damaged(damage.0))?;
        Ok(store)
    }

    fn copy(&self) -> Result<VecPages, SuccessorError> {
        let refused = |errno| SuccessorError::Keep(KeepError::kernel("a copy of the journal")(errno));
        let read = fd::with_number(self.journal, |journal| {
            let size = usize::try_from(fd::facts(journal)?.size.0).map_err(|_| Errno::ENOMEM)?;
            let mut bytes = vec![0; size];
            let mut at = 0;
            while let Some(rest) = bytes.get_mut(at..).filter(|rest| !rest.is_empty()) {
                match rustix::io::pread(journal, rest, at as u64) {
                    Ok(0) => return Err(Errno::EIO),
                    Ok(len) => at += len,
                    Err(rustix::io::Errno::INTR) => {}
                    Err(error) => return Err(Errno(error.raw_os_error())),
                }
            }
            Ok(bytes)
        });
        read.map(VecPages).map_err(refused)
    }

    /// Tells the broker why this program does not take the store.
    pub fn refuse(self, why: &str) {
        let _ = rustix::io::write(&self.ready, format!("{why}\n").as_bytes());
    }

    /// Tells the broker that this program takes the store, and waits for that one's end. True if the store is this
    /// process's then; if the broker died before it gave the store away, its own keeper has started another.
    ///
    /// # Errors
    /// The journal cannot be used any more.
    pub fn take_over(self, keeper: &mut Keeper) -> Result<bool, KeepError> {
        let mut words = Words::of(self.journal)?;
        let me = process::pid();
        if rustix::io::write(&self.ready, READY).is_err() {
            return Ok(false);
        }
        self.await_end(&words, me);
        let owner = words.process(Word::Keeper);
        // 0: the keeper was dead, and so is the broker that started this process in its place.
        let ours = owner == me || owner == Pid(0);
        if ours {
            words.set_process(Word::Keeper, me);
            keeper.succeed();
        }
        Ok(ours)
    }

    /// A broker that has given the store away has nothing more to do, and is made to end if it does not.
    fn await_end(&self, words: &Words, me: Pid) {
        let mut since = None;
        let second = Timespec { tv_sec: 1, tv_nsec: 0 };
        while poll(&mut [PollFd::new(&self.before, PollFlags::IN)], Some(&second)) != Ok(1) {
            if words.process(Word::Keeper) != me {
                continue;
            }
            if since.get_or_insert_with(Instant::now).elapsed() >= PATIENCE {
                tracing::warn!("the broker before does not end and is killed");
                let _ = pidfd_send_signal(&self.before, Signal::KILL);
            }
        }
    }
}
