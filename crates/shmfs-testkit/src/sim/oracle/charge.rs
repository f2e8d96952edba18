//! What things cost: exactly when everything rests, and within bounds in between.
//!
//! Owns: the bounds, sizes, contents. Leaves to others: names (`posix`), segments (`sysv`).

use super::{Asked, Verdict, nonsense, refused};
use crate::sim::kernel::FileId;
use crate::sim::world::World;
use shmfs_abi::{ByteLen, Call, Errno, LimitsChange, ObjectId, OpenFlags, PAGE_SIZE, Reply, Uid, Wanted};
use shmfs_wire::{Request, Response};

/// Pages that a POSIX object may be charged.
#[derive(Clone, Copy, Debug)]
pub(super) struct Charge {
    pub(super) file: Option<FileId>,
    pub(super) low: u64,
    pub(super) high: u64,
    /// Nothing ever finds it.
    pub(super) anonymous: bool,
    pub(super) durable: bool,
}

impl World {
    /// Pages that are charged at least, and at most.
    fn used(&self) -> (u64, u64) {
        let (mut low, mut high) = (0, self.oracle.spoilt);
        for segment in &self.oracle.rules.segments {
            let doubtful = self.oracle.notes.get(&segment.id).is_none_or(|note| note.may_be_gone);
            low += if doubtful { 0 } else { segment.pages };
            high += segment.pages;
        }
        for (object, charge) in &self.oracle.charges {
            let mut named = self.oracle.rules.objects.iter();
            let named = named.any(|known| known.object == *object && !known.may_be_gone);
            let held = charge.file.is_some_and(|file| self.is_held(file));
            low += if named || held { charge.low } else { 0 };
            high += charge.high;
        }
        for (file, pages) in &self.oracle.lingering {
            low += if file.is_some_and(|file| self.is_held(file)) { *pages } else { 0 };
            high += pages;
        }
        (low, high)
    }

    pub(super) fn is_held(&self, file: FileId) -> bool {
        self.kernel.exists(file) && self.kernel.is_held_by_programs(file)
    }

    /// Pages that are free at least, and at most.
    pub(super) fn free(&self) -> (u64, u64) {
        let (low, high) = self.used();
        (self.oracle.limit.saturating_sub(high), self.oracle.limit.saturating_sub(low))
    }

    pub(super) fn judge_reserve(
        &mut self,
        asked: &Asked,
        size: ByteLen,
        outcome: Result<&Reply, Errno>,
    ) -> Verdict {
        let charge = asked.shown.and_then(|object| self.oracle.charges.get(&object).copied());
        let Some(charge) = charge else {
            // A segment that was fetched by its number.
            let of_segment = |object| self.oracle.notes.values().any(|note| note.object == Some(object));
            return match (asked.shown.is_some_and(of_segment), outcome) {
                (true, Err(errno)) => refused(errno, &[Errno::EPERM, Errno::EINVAL]),
                // It is destroyed, and somebody holds it.
                (false, Err(Errno::EPERM | Errno::EINVAL)) => Ok(false),
                _ => Err("it shows an object that is not known".to_owned()),
            };
        };
        let (free, pages) = (self.free(), size.pages().0);
        match outcome {
            Ok(Reply::Done) => {
                if pages > charge.high && pages - charge.high > free.1 {
                    return Err(format!("at most {} pages are free", free.1));
                }
                if let Some(charge) = asked.shown.and_then(|object| self.oracle.charges.get_mut(&object)) {
                    charge.high = charge.high.max(pages);
                }
                // Done once more it can fail, where the first time changed nothing.
                Ok(!charge.durable)
            }
            Ok(other) => nonsense(other),
            // Only a descriptor that writes proves the right to resize.
            Err(Errno::EINVAL) => Ok(false),
            Err(Errno::ENOSPC) if pages > charge.low && pages - charge.low > free.0 => Ok(false),
            Err(errno) => refused(errno, &[]),
        }
    }

    pub(super) fn judge_limits(
        &mut self,
        asked: &Asked,
        change: &LimitsChange,
        outcome: Result<&Reply, Errno>,
    ) -> Verdict {
        if asked.cred.uid != Uid(0) {
            return outcome.map_or_else(|errno| refused(errno, &[Errno::EPERM]), nonsense);
        }
        let pages = change.size.map(|size| size / PAGE_SIZE);
        let (low, high) = self.used();
        match outcome {
            Ok(Reply::Done) => {
                if pages.is_some_and(|pages| pages < low) {
                    return Err(format!("at least {low} pages are in use"));
                }
                self.oracle.limit = pages.unwrap_or(self.oracle.limit);
                self.oracle.shmmni = change.shmmni.map_or(self.oracle.shmmni, |shmmni| shmmni as usize);
                Ok(true)
            }
            Ok(other) => nonsense(other),
            Err(Errno::EINVAL) if pages.is_some_and(|pages| pages < high) => Ok(false),
            Err(errno) => refused(errno, &[]),
        }
    }

    /// A program writes to an object.
    pub(crate) fn program_writes(&mut self, file: FileId, stamp: u64) {
        if self.kernel.write(file, stamp) {
            self.trace.say(|| format!("       {file:?} has stamp {stamp}"));
            self.oracle.stamps.insert(file, stamp);
            self.oracle.touched.insert(file, self.steps);
        }
    }

    /// A program sets the size of an object.
    pub(crate) fn program_resizes(&mut self, file: FileId, size: u64) {
        self.trace.say(|| format!("       {file:?} has {size} bytes"));
        if self.kernel.truncate(file, size).is_err() {
            return;
        }
        if size == 0 {
            self.oracle.stamps.insert(file, 0);
        }
        self.oracle.touched.insert(file, self.steps);
        let pages = ByteLen(size).pages().0;
        for charge in self.oracle.charges.values_mut().filter(|charge| charge.file == Some(file)) {
            charge.low = charge.low.min(pages);
            charge.high = charge.high.max(pages);
        }
    }

    /// The broker cuts an object: somebody must have asked for that, and not know yet that it is done.
    pub(crate) fn broker_cuts(&mut self, file: FileId, size: ByteLen) {
        let object = self.oracle.charges.iter().find(|(_, charge)| charge.file == Some(file));
        let object = object.map(|(object, _)| *object);
        let asked = self.oracle.pending.values().any(|pending| {
            let flags = match pending.request {
                Request::Call(Call::Open { flags, .. } | Call::Want(Wanted { flags, .. })) => flags,
                _ => OpenFlags::empty(),
            };
            let cuts = flags.contains(OpenFlags::TRUNC);
            let same = match pending.done {
                Some(Response::Reply(
                    Reply::Opened { object: opened } | Reply::Wanted { object: opened, .. },
                )) => object.is_none_or(|object| object == opened),
                _ => true,
            };
            cuts && same && pending.accepted.is_none()
        });
        if !asked || size.0 != 0 {
            self.complain(format!("{file:?} is cut to {} bytes, and nobody asks for it", size.0));
        }
        self.oracle.stamps.insert(file, 0);
    }

    /// Nobody else has changed the file since this was asked: it must be cut by now.
    pub(super) fn check_cut(&self, asked: &Asked, object: ObjectId) -> Result<(), String> {
        let Some(file) = self.oracle.charges.get(&object).and_then(|charge| charge.file) else {
            return Ok(());
        };
        let touched = self.oracle.touched.get(&file).is_some_and(|step| *step >= asked.step);
        if asked.files.is_none() || touched || !self.kernel.exists(file) {
            return Ok(());
        }
        let size = self.kernel.file(file).size;
        if size == 0 { Ok(()) } else { Err(format!("it still has {size} bytes")) }
    }
}
