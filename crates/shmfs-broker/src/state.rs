//! Durable objects of a store that begins: what its state directory holds becomes objects again.
//!
//! An edit that nobody will finish is rolled back first. What is damaged stays in the directory as it is, and is said in
//! the log; it hinders nothing else.
//!
//! Owns: which objects come back. Leaves to others: the files (`shmfs-durable`), what a head says (`heads`), the journal
//! (`found`).

use crate::StartError;
use crate::heads;
use rustix::fd::OwnedFd;
use shmfs_abi::{Backing, ByteLen, Key, Kind, Name, ObjectId, Slot, Time, limits};
use shmfs_durable::{DurableError, Head, Leftover, Outcome, Recovery, Scan, StateDir, Why};
use shmfs_journal::{ObjectRecord, STATE_BYTES};
use shmfs_sys::fd;
use std::collections::BTreeSet;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// The objects of a state directory, and what keeps it.
#[derive(Default)]
pub(crate) struct State {
    /// Its path; empty where there is none.
    pub(crate) path: Vec<u8>,
    /// The file whose lock keeps it for this store.
    pub(crate) lock: Option<OwnedFd>,
    /// The objects, with the numbers of these descriptors.
    pub(crate) objects: Vec<ObjectRecord>,
    pub(crate) fds: Vec<OwnedFd>,
    /// The highest number that is taken there.
    pub(crate) highest: u64,
}

/// Takes a state directory, and brings every object in it to its last committed epoch. In a sparse store pages on the
/// disk are charged.
pub(crate) fn load(dir: &Path, sparse: bool, now: Time) -> Result<State, StartError> {
    let failed = |reason: String| StartError::State { dir: dir.to_owned(), reason };
    let path = dir.as_os_str().as_bytes().to_vec();
    if !dir.is_absolute() || path.len() > STATE_BYTES {
        return Err(failed(format!("its path must be absolute and {STATE_BYTES} bytes at most")));
    }
    let state = StateDir::open(dir).map_err(|error| failed(error.to_string()))?;
    let lock = state.lock().map_err(|error| failed(error.to_string()))?;
    let scan = state.scan().map_err(|error| failed(error.to_string()))?;
    let mut loaded = State { path, lock: Some(lock.into()), highest: scan.highest, ..State::default() };
    clear(&state, &scan);
    let (mut taken, mut usable) = (Taken::default(), Vec::new());
    for (object, head) in newest_first(dir, scan.objects) {
        let recovered = head.and_then(|head| bring_back(&state, object, &head).map(|size| (head, size)));
        let opened = recovered.and_then(|(head, size)| Ok((head, size, state.open_pages(object)?)));
        match opened {
            Ok((head, size, pages)) if usable.len() < limits::OBJECTS && taken.take(&head) => {
                usable.push((object, head, size, pages));
            }
            Ok((head, ..)) => {
                let name = head.name.map(|name| String::from_utf8_lossy(name.as_bytes()).into_owned());
                tracing::error!(
                    object,
                    name,
                    key = head.key.0,
                    "another durable object has its name or key; it waits"
                );
            }
            Err(error) => {
                tracing::error!(object, %error, "a durable object cannot be used, and stays as it is")
            }
        }
    }
    usable.sort_by_key(|(object, ..)| *object);
    for (object, head, size, pages) in usable {
        loaded.enter(object, (&head, size), pages.into(), (sparse, now));
    }
    Ok(loaded)
}

/// By when their heads were written: where a machine has stopped in the midst of a rename two may have one name, and the
/// head that was written last is the one that is meant.
fn newest_first<T>(dir: &Path, objects: Vec<(u64, T)>) -> Vec<(u64, T)> {
    let written = |object: u64| {
        std::fs::metadata(dir.join(format!("{object}.head"))).and_then(|head| head.modified()).ok()
    };
    let mut objects = objects;
    objects.sort_by_cached_key(|(object, _)| std::cmp::Reverse((written(*object), *object)));
    objects
}

/// Names and keys that objects have already.
#[derive(Default)]
struct Taken {
    names: BTreeSet<Name>,
    keys: BTreeSet<Key>,
    slots: u32,
}

impl Taken {
    fn take(&mut self, head: &Head) -> bool {
        if head.kind != Kind::Segment {
            return head.name.is_some_and(|name| self.names.insert(name));
        }
        self.slots += 1;
        self.slots <= limits::SLOTS && (head.key == Key::PRIVATE || self.keys.insert(head.key))
    }
}

/// Removes what killed daemons have left. What nobody can explain stays.
fn clear(state: &StateDir, scan: &Scan) {
    for leftover in &scan.leftovers {
        let &Leftover { object, why } = leftover;
        if why == Why::Unknown {
            tracing::warn!(object, "pages or an undo log without a head; they stay as they are");
        } else if let Err(error) = state.clear(*leftover) {
            tracing::warn!(object, %error, "what is left of an object cannot be removed");
        }
    }
    if scan.stranger_count > 0 {
        tracing::warn!(files = ?scan.strangers, count = scan.stranger_count, "files of others lie in the state directory");
    }
}

/// Rolls back what nobody will finish, and says so in the log.
pub(crate) fn recover(state: &StateDir, object: u64, head: &Head) -> Result<Recovery, DurableError> {
    let recovery = state.recover(object, &heads::least(head))?;
    if let Outcome::RolledBack { epoch, rolled } = recovery.outcome {
        tracing::info!(object, epoch, bytes = rolled.restored, "rolled back: its editor has ended");
    }
    Ok(recovery)
}

/// Brings an object that is found to its last committed epoch; its size.
fn bring_back(state: &StateDir, object: u64, head: &Head) -> Result<ByteLen, DurableError> {
    let recovery = recover(state, object, head)?;
    match recovery.outcome {
        Outcome::Clean { epoch } => tracing::debug!(object, epoch, "as it was committed"),
        Outcome::RolledBack { .. } => {}
        Outcome::Edited => tracing::info!(object, "a process is editing it, and goes on"),
    }
    Ok(if head.kind == Kind::Segment { head.size } else { recovery.size })
}

impl State {
    fn enter(
        &mut self,
        object: u64,
        (head, size): (&Head, ByteLen),
        pages: OwnedFd,
        (sparse, now): (bool, Time),
    ) {
        let facts = match fd::facts(&pages) {
            Ok(facts) => facts,
            Err(errno) => {
                return tracing::error!(object, errno = errno.name(), "its pages cannot be looked at");
            }
        };
        let slots = self.objects.iter().filter(|record| record.image.kind == Kind::Segment).count() as u32;
        let pages_are = heads::Pages { size, allocated: facts.allocated };
        let image = heads::image(ObjectId(object), head, pages_are, Slot(slots), (sparse, now));
        let owner = (facts.uid, facts.gid, facts.mode & 0o7777);
        let record = ObjectRecord {
            image,
            fd: pages.as_raw_fd(),
            identity: facts.identity,
            backing: Backing::Durable,
            owner,
        };
        self.objects.push(record);
        self.fds.push(pages);
    }
}
