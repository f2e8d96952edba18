//! The guard: SIGBUS becomes an error, or at least a sentence.
//!
//! A page of a mapping may be gone when it is reached for: somebody has cut the file, or there is no memory or disk space for
//! the page. Linux then sends SIGBUS, and a program that has not prepared for it dies without a word. A program that calls
//! [`install`] has prepared:
//!
//! - every access of this library that copies ([`read_at`](crate::Mapping::read_at), [`write_at`](crate::Mapping::write_at),
//!   [`get`](crate::Mapping::get), [`load_u32`](crate::Mapping::load_u32) and their like) returns an error (`EFAULT`) that names
//!   the object, the numbers and the cause;
//! - any other access, by a plain reference, a pointer or an atomic, still ends the program by SIGBUS. If it was in a mapping made
//!   after the installation, or with [`MapOptions::guarded`](crate::MapOptions::guarded), one line on standard error says
//!   which object it was, and why.
//!
//! ```
//! use shmfs::{guard, Object};
//! guard::install()?;
//! let object = Object::anonymous(8192)?;
//! let mapping = object.map()?;
//! object.resize(4096)?;                       // as a stranger may do at any time
//! let error = mapping.read_at(4096, &mut [0; 8]).unwrap_err();
//! assert_eq!(error.errno(), 14);              // EFAULT
//! assert!(error.to_string().contains("somebody has cut the anonymous object to 4096 bytes"), "{error}");
//! # Ok::<(), shmfs::Error>(())
//! ```
//!
//! # What it does to the process
//! It is one signal action (`sigaction(2)`, with `SA_SIGINFO` and `SA_ONSTACK`) for the life of the process, inherited over fork.
//! SIGBUS that is none of ours goes to the action that was there before, so an application's own handler, or the runtime's, works
//! as it did. A handler that is installed later, and passes on nothing, puts the guard out of action. A thread that blocks SIGBUS
//! is ended by the kernel as without the guard.
//!
//! While it is installed each mapping keeps its object's descriptor open, so that the length can be told.

use crate::{Error, Result, source::Source};
use shmfs_abi::{Errno, limits::GUARDED_MAPPINGS};
use shmfs_sys::{
    AsFd,
    bus::{
        self,
        known::{self, Known},
    },
    view::View,
};

/// Installs the guard, once in the life of the process; more calls change nothing.
///
/// # Errors
/// As `rt_sigaction(2)`, where a filter forbids it.
pub fn install() -> Result<()> {
    bus::install().map_err(|errno| Error::kernel(errno, "cannot install the guard for SIGBUS"))
}

/// Whether it is installed.
pub fn is_installed() -> bool {
    bus::is_installed()
}

/// A mapping that the guard knows by name.
#[derive(Debug)]
pub(crate) struct Entry(Known);

impl Entry {
    /// The mapping has another place or length.
    pub(crate) fn moved(&self, view: &View) {
        self.0.moved(view);
    }
}

/// Makes a mapping known, if it is `wanted` or the guard is there.
pub(crate) fn enter(view: &View, source: &Source, wanted: bool) -> Result<Option<Entry>> {
    if wanted {
        install()?;
    } else if !is_installed() {
        return Ok(None);
    }
    let known = known::enter(view, source.as_fd(), source.label().as_bytes());
    if wanted && known.is_none() {
        let tried = format!("cannot guard a mapping of {}", source.label());
        let why = format!("{tried}: {GUARDED_MAPPINGS} mappings are guarded, and no more can be");
        return Err(Error::because(Errno::ENOSPC, why));
    }
    Ok(known.map(Entry))
}
