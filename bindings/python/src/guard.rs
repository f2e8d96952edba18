//! The guard of an object for `with`, and the guard for SIGBUS.
//!
//! The object's guard is `flock(2)` on a description of its own, as `shmfs::Guard` is, which `shm snapshot` waits
//! for. That one borrows its object, which Python cannot, and waits on when a signal comes, so that Ctrl-C would be
//! lost.
//!
//! Owns: the description, from `__enter__` to `__exit__`.

use crate::answer::{Answer, waiting};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use shmfs::Object;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::sync::{Arc, Mutex, PoisonError};

/// An object's lock.
#[pyclass(frozen, module = "shmfs")]
pub(crate) struct Guard {
    object: Arc<Object>,
    held: Mutex<Option<File>>,
}

impl Guard {
    pub(crate) fn new(object: Arc<Object>) -> Guard {
        Guard { object, held: Mutex::new(None) }
    }

    fn set(&self, held: Option<File>) -> Option<File> {
        std::mem::replace(&mut *self.held.lock().unwrap_or_else(PoisonError::into_inner), held)
    }
}

#[pymethods]
impl Guard {
    fn __enter__<'py>(slf: Bound<'py, Self>) -> Answer<Bound<'py, Self>> {
        let guard = slf.get();
        let refused = |error: io::Error| {
            let errno = error.raw_os_error().unwrap_or_default();
            shmfs::Error::new(errno, format!("cannot guard the object: {error}"))
        };
        let number = guard.object.as_fd().as_raw_fd();
        let description = File::open(format!("/proc/self/fd/{number}")).map_err(refused)?;
        waiting(slf.py(), || description.lock().map_err(refused))?;
        if let Some(former) = guard.set(Some(description)) {
            // The former holder is this one: it would have waited for itself.
            guard.set(Some(former));
            return Err(PyRuntimeError::new_err("the guard is held already").into());
        }
        Ok(slf)
    }

    #[pyo3(signature = (*_raised))]
    fn __exit__(&self, _raised: &Bound<'_, PyTuple>) {
        if let Some(description) = self.set(None) {
            // A child made by fork may have the description too. Closing it here would leave the lock to the child.
            let _ = description.unlock();
        }
    }
}

/// Makes errors of accesses to pages that are gone.
#[pyfunction]
pub(crate) fn install_guard() -> Answer<()> {
    Ok(shmfs::guard::install()?)
}
