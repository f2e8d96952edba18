//! What is in a state directory: objects, what is left over of others, and what is not ours.
//!
//! Owns: telling them apart, removing leftovers. Leaves to others: the files (`state`), the decision (the broker).

use crate::files::{GONE, HEAD, LOCK, PAGES, TMP, UNDO, name, refused};
use crate::{DurableError, Head, StateDir};
use rustix::fs::Dir;
use shmfs_abi::limits::OBJECTS;
use std::collections::BTreeMap;

/// The most entries of a state directory: those of all objects of a store, of which half is being replaced.
const ENTRIES: usize = 8 * OBJECTS;

/// Names of strangers' files that are told; more are counted.
const STRANGERS: usize = 16;

/// What is in a state directory.
#[derive(Debug, Default)]
pub struct Scan {
    /// Every object that has a head, by number, and what its head says. Where that is an error, the object is damaged,
    /// and its files stay as they are.
    pub objects: Vec<(u64, Result<Head, DurableError>)>,
    /// Files of objects that have no head, and heads that were being replaced.
    pub leftovers: Vec<Leftover>,
    /// Some names of other files.
    pub strangers: Vec<String>,
    /// How many other files there are.
    pub stranger_count: usize,
    /// The highest number that is in use for anything, 0 if none is.
    pub highest: u64,
}

/// Files that belong to no object, all of one number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Leftover {
    /// The number.
    pub object: u64,
    /// Why they are there.
    pub why: Why,
}

/// Why there are files that belong to no object.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Why {
    /// The object was being created: nobody has ever seen it.
    Creation,
    /// It was being removed.
    Removal,
    /// Its head was being replaced, or its removal was taken back by hand: the head that is there counts.
    Head,
    /// Nobody knows: pages or an undo log without a head. Somebody may have lost the head, and still want the bytes.
    Unknown,
}

#[derive(Clone, Copy, Default)]
struct Seen {
    pages: bool,
    undo: bool,
    head: bool,
    tmp: bool,
    gone: bool,
}

impl Seen {
    fn end(&mut self, end: &str) -> Option<&mut bool> {
        match end {
            PAGES => Some(&mut self.pages),
            UNDO => Some(&mut self.undo),
            HEAD => Some(&mut self.head),
            TMP => Some(&mut self.tmp),
            GONE => Some(&mut self.gone),
            _ => None,
        }
    }

    fn why(self) -> Option<Why> {
        match self {
            Seen { head: true, tmp: false, gone: false, .. } => None,
            Seen { head: true, .. } => Some(Why::Head),
            Seen { gone: true, .. } => Some(Why::Removal),
            Seen { tmp: true, .. } => Some(Why::Creation),
            _ => Some(Why::Unknown),
        }
    }
}

impl StateDir {
    /// Looks through the directory. Nothing is changed.
    ///
    /// # Errors
    /// As the kernel reads directories; [`DurableError::Crowded`].
    pub fn scan(&self) -> Result<Scan, DurableError> {
        let io = |error: rustix::io::Errno| refused("read", self.path(), error);
        let mut scan = Scan::default();
        let mut seen = BTreeMap::<u64, Seen>::new();
        for (count, entry) in Dir::read_from(&self.dir).map_err(io)?.enumerate() {
            if count > ENTRIES {
                return Err(DurableError::Crowded {
                    path: self.path().display().to_string(),
                    limit: ENTRIES,
                });
            }
            let entry = entry.map_err(io)?;
            let bytes = entry.file_name().to_bytes();
            let ours = parse(bytes);
            let place = ours.and_then(|(object, end)| seen.entry(object).or_default().end(end));
            match place {
                Some(place) => *place = true,
                None if [&b"."[..], b"..", LOCK.as_bytes()].contains(&bytes) => {}
                None => scan.stranger(bytes),
            }
        }
        scan.highest = seen.keys().next_back().copied().unwrap_or_default();
        for (object, files) in seen {
            if files.head {
                scan.objects.push((object, self.whole(object, files)));
            }
            scan.leftovers.extend(files.why().map(|why| Leftover { object, why }));
        }
        Ok(scan)
    }

    fn whole(&self, object: u64, files: Seen) -> Result<Head, DurableError> {
        for (there, end) in [(files.pages, PAGES), (files.undo, UNDO)] {
            if !there {
                let path = self.path().join(name(object, end)).display().to_string();
                return Err(DurableError::File { path, what: "is missing" });
            }
        }
        self.read_head(object)
    }

    /// Removes a leftover; pages and undo log only if there is no head. [`Why::Unknown`] is removed too, and forever:
    /// ask somebody first.
    ///
    /// # Errors
    /// As the kernel unlinks.
    pub fn clear(&self, leftover: Leftover) -> Result<(), DurableError> {
        let Leftover { object, why } = leftover;
        if why == Why::Head || self.exists(&name(object, HEAD))? {
            self.unlink(&name(object, TMP))?;
            return self.unlink(&name(object, GONE));
        }
        self.discard(object, TMP)?;
        self.unlink(&name(object, GONE))
    }
}

impl Scan {
    fn stranger(&mut self, name: &[u8]) {
        self.stranger_count += 1;
        if self.strangers.len() < STRANGERS {
            self.strangers.push(name.escape_ascii().to_string());
        }
    }
}

/// The number and the end of a name of ours: `17.pages`. A number is spelled in one way only.
fn parse(name: &[u8]) -> Option<(u64, &str)> {
    let (number, end) = str::from_utf8(name).ok()?.split_once('.')?;
    let object: u64 = number.parse().ok()?;
    let ours = Seen::default().end(end).is_some() && object.to_string() == number;
    ours.then_some((object, end))
}
