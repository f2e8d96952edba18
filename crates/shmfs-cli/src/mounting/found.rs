//! The store that is to be mounted: the one that runs, or one that is founded in the background and ends when it is
//! unmounted.

use super::Wanted;
use crate::failure::{Failure, NO_STORE, REFUSED};
use crate::keep::Charge;
use crate::launch::{self, Ends, Launched, OpenTo, Order};
use crate::places::Places;
use crate::size;
use crate::store::{self, Visit};
use shmfs_abi::store::ENV_STORE;
use shmfs_fuse::options::{Options, Size};
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::{Duration, Instant};
use std::{env, fs, thread};

/// How long a store that somebody else founds is awaited.
const PATIENCE: Duration = Duration::from_secs(5);
const PERIOD: Duration = Duration::from_millis(5);

/// A store, and the process that keeps it where it was founded just now.
pub(super) struct Found {
    pub(super) visit: Visit,
    pub(super) founded: Option<Launched>,
}

/// Goes to the store that is wanted, or founds it.
pub(super) fn find(wanted: &Wanted) -> Result<Found, Failure> {
    let named = wanted.store.as_deref();
    let mut found = match store::visit(named) {
        Ok(visit) => Found { visit, founded: None },
        Err(failure) if failure.status == NO_STORE => match name(wanted) {
            Some(name) => found(name, &wanted.options)?,
            None => return Err(failure),
        },
        Err(failure) => return Err(failure),
    };
    // As a mount of it is called.
    found.visit.dir = fs::canonicalize(&found.visit.dir).unwrap_or(found.visit.dir);
    Ok(found)
}

/// What a store that is founded is called; nothing where a directory is named, which may be anybody's.
fn name(wanted: &Wanted) -> Option<OsString> {
    let from_environment = || env::var_os(ENV_STORE).filter(|store| !store.is_empty());
    match wanted.store.clone().or_else(from_environment) {
        Some(name) if name.as_bytes().contains(&b'/') => None,
        Some(name) => Some(name),
        None => Some(Places::here().default_name().into()),
    }
}

fn found(name: OsString, options: &Options) -> Result<Found, Failure> {
    let places = Places::here();
    let size = size::or_half_of_ram(size_of(options)?)?;
    let dir = places.make(&name)?;
    let log = launch::log_file(&dir)?;
    let order = Order {
        dir: &dir,
        charge: Charge { size, sparse: false, reserve: false },
        reap: false,
        state: None,
        open_to: if places.is_system() { OpenTo::Everyone } else { OpenTo::Nobody },
        ends: Ends::WhenUnmounted,
        log: Some(log),
    };
    let launched = match launch::launch(order) {
        Ok(launched) => launched,
        Err(failure) => return others(&dir).ok_or_else(|| failure.status(REFUSED)),
    };
    match Visit::at(&dir, None) {
        Ok(visit) => Ok(Found { visit, founded: Some(launched) }),
        Err(errno) => {
            launched.end();
            Err(super::kernel(format!("reach the store at {}", dir.display()), errno))
        }
    }
}

/// The store that somebody else has founded at the same moment; its socket may come last.
fn others(dir: &Path) -> Option<Found> {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Ok(visit) = Visit::at(dir, None) {
            return Some(Found { visit, founded: None });
        }
        if !launch::is_kept(dir) || Instant::now() > end {
            return None;
        }
        thread::sleep(PERIOD);
    }
}

/// The size that options ask for, in bytes.
pub(super) fn size_of(options: &Options) -> Result<Option<u64>, Failure> {
    let Some(size) = options.size else { return Ok(None) };
    let ram = match size {
        Size::Bytes(_) => 0,
        Size::Percent(_) => {
            let unknown = || Failure::new("cannot read how much memory there is");
            size::ram().ok_or_else(|| unknown().hint("give size= in bytes"))?
        }
    };
    let bytes = size.bytes(ram).filter(|bytes| *bytes > 0);
    bytes.map(Some).ok_or_else(|| Failure::new("the size is no share of this machine's memory"))
}
