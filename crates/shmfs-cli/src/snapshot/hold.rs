//! What keeps an object from changing while it is copied, and whether it did.
//!
//! | object | what holds it still | what is left to trust |
//! |---|---|---|
//! | durable | the editor's lock | that nobody stores without an edit |
//! | guarded | the lock of its guard | that its writers take it |
//! | other | nobody else has it open or mapped, before and after; no writer came and went in between | nothing |
//!
//! Owns: the three ways. Leaves to others: what the store says of an object, the copy.
//! Not done: memory that a device writes by pages that were pinned and then unmapped (`FOLL_PIN`) is not noticed.

use super::lock::{Lock, Patience};
use super::watch::Watch;
use crate::failure::Failure;
use crate::store::Visit;
use rustix::fs::{FlockOperation, flock};
use shmfs_abi::{Call, Errno, Lifetime, Part, Reply, Row};
use shmfs_durable::{Undo, lock_editor, unlock_editor};
use shmfs_snapshot::{Doubt, Hold, Verdict};
use std::fs::File;
use std::io;

const EDITORS: Lock = Lock { take: lock_editor, give: unlock_editor };
const GUARD: Lock = Lock { take: share, give: unlock_editor };

/// An object that is open for copying.
pub(crate) struct Held {
    /// Its pages, by a description of our own.
    pub(crate) pages: File,
    /// What holds it.
    pub(crate) hold: Hold,
    /// Why it is fuzzy already.
    pub(crate) doubt: Option<Doubt>,
    /// What was found out on the way, for the person.
    pub(crate) notes: Vec<String>,
    watch: Option<Watch>,
    /// The undo log, whose lock goes with it.
    _undo: Option<File>,
}

impl Held {
    /// Opens it, and holds it still as well as that can be done.
    pub(crate) fn take(visit: &mut Visit, row: &Row, patience: &Patience<'_>) -> Result<Held, Failure> {
        if row.lifetime == Lifetime::Durable {
            by_epoch(visit, row, patience)
        } else if row.guarded {
            by_guard(visit, row, patience)
        } else {
            alone(visit, row)
        }
    }

    fn fuzzy(pages: File, doubt: Doubt) -> Held {
        let doubt = Some(doubt);
        Held { pages, hold: Hold::Nothing, doubt, notes: Vec::new(), watch: None, _undo: None }
    }

    fn still(pages: File, hold: Hold) -> Held {
        Held { pages, hold, doubt: None, notes: Vec::new(), watch: None, _undo: None }
    }

    /// After the copy: what it is. `whole` where every byte was there that there was in the beginning.
    pub(crate) fn end(self, visit: &mut Visit, row: &Row, whole: bool) -> Result<Verdict, Failure> {
        let Held { pages, doubt, watch, _undo, .. } = self;
        drop(pages);
        if !whole {
            return Ok(Verdict::Fuzzy(Doubt::Shrank));
        }
        if let Some(doubt) = doubt {
            return Ok(Verdict::Fuzzy(doubt));
        }
        let Some(watch) = watch else { return Ok(Verdict::Consistent) };
        // Whoever came for writing is still there, or was noticed when he went. The kernel tells of a close before it
        // counts it (`__fput`, fs/file_table.c), so the store is asked first.
        let is_held = fetch(visit, row, Part::Read)?.1;
        let came = is_held || watch.has_noticed().unwrap_or(true);
        Ok(if came { Verdict::Fuzzy(Doubt::Came) } else { Verdict::Consistent })
    }
}

/// A part of the object, and whether anybody else has it.
fn fetch(visit: &mut Visit, row: &Row, part: Part) -> Result<(File, bool), Failure> {
    try_fetch(visit, row, part)?.map_err(|refused| Failure::refused("open it", &refused))
}

fn try_fetch(
    visit: &mut Visit,
    row: &Row,
    part: Part,
) -> Result<Result<(File, bool), Box<shmfs_wire::Refused>>, Failure> {
    match visit.ask(Call::Fetch { object: row.object, part }) {
        Ok((Reply::Fetched { held, .. }, Some(fd))) => Ok(Ok((File::from(fd), held))),
        Ok((other, _)) => Err(Failure::new(format!("the broker answered something else: {other:?}"))),
        Err(refused) => Ok(Err(refused)),
    }
}

fn alone(visit: &mut Visit, row: &Row) -> Result<Held, Failure> {
    // Watched first, by a description that is not counted any more when the store is asked.
    let watch = Watch::on(&fetch(visit, row, Part::Read)?.0);
    let (pages, is_held) = fetch(visit, row, Part::Read)?;
    if is_held {
        let attaches = row.nattch.unwrap_or_default().try_into().unwrap_or(u32::MAX);
        return Ok(Held::fuzzy(pages, Doubt::Held { attaches }));
    }
    // Who has gone by now wrote nothing of what is about to be read.
    match watch.and_then(|watch| watch.has_noticed().map(|_| watch)) {
        Ok(watch) => Ok(Held { watch: Some(watch), ..Held::still(pages, Hold::Alone) }),
        Err(error) => {
            let notes = vec![format!("cannot watch it: {error}")];
            Ok(Held { notes, ..Held::fuzzy(pages, Doubt::Unknown) })
        }
    }
}

fn by_guard(visit: &mut Visit, row: &Row, patience: &Patience<'_>) -> Result<Held, Failure> {
    let (pages, _) = fetch(visit, row, Part::Read)?;
    let locked = patience.lock(&pages, GUARD);
    let locked = locked.map_err(|error| Failure::new(format!("cannot take its guard: {error}")))??;
    Ok(if locked { Held::still(pages, Hold::Guard) } else { Held::fuzzy(pages, Doubt::Busy) })
}

fn by_epoch(visit: &mut Visit, row: &Row, patience: &Patience<'_>) -> Result<Held, Failure> {
    let pages = fetch(visit, row, Part::Read)?.0;
    let undo = match try_fetch(visit, row, Part::Undo)? {
        Ok((undo, _)) => undo,
        Err(refused) if refused.errno == Errno::EACCES => {
            let notes = vec!["only who may write it can keep its editors out".to_owned()];
            return Ok(Held { notes, ..Held::fuzzy(pages, Doubt::Unknown) });
        }
        Err(refused) => return Err(Failure::refused("open its undo log", &refused)),
    };
    let locked = patience.lock(&undo, EDITORS);
    if !locked.map_err(|error| Failure::new(format!("cannot lock its undo log: {error}")))?? {
        return Ok(Held::fuzzy(pages, Doubt::Busy));
    }
    match committed(visit, row, &undo)? {
        Ok((epoch, notes)) => Ok(Held { notes, _undo: Some(undo), ..Held::still(pages, Hold::Epoch(epoch)) }),
        // A damaged log is no reason to lose the bytes.
        Err(error) => {
            let notes = vec![error.to_string()];
            Ok(Held { notes, _undo: Some(undo), ..Held::fuzzy(pages, Doubt::Unknown) })
        }
    }
}

/// The epoch that the object is at, once what an editor left half done is rolled back; the lock is ours.
fn committed(
    visit: &mut Visit,
    row: &Row,
    undo: &File,
) -> Result<Result<(u64, Vec<String>), shmfs_durable::DurableError>, Failure> {
    let mut undo = match Undo::open(undo, row.object.0) {
        Ok(undo) => undo,
        Err(error) => return Ok(Err(error)),
    };
    if !undo.is_dirty() {
        return Ok(Ok((undo.epoch(), Vec::new())));
    }
    let (pages, _) = fetch(visit, row, Part::Write)?;
    Ok(undo.roll_back(&pages).map(|rolled| {
        let note = format!("an edit that nobody will finish was rolled back: {} bytes", rolled.restored);
        (undo.epoch(), vec![note])
    }))
}

fn share(file: &File, wait: bool) -> io::Result<bool> {
    let how = if wait { FlockOperation::LockShared } else { FlockOperation::NonBlockingLockShared };
    match flock(file, how) {
        Ok(()) => Ok(true),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
