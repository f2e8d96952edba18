//! Things that Python can close.
//!
//! Leaves to others: mappings, which count their views as well (`memory`).
//! Not done: a child that is forked while another thread uses something by turns finds it taken for ever.

use crate::answer::{Answer, waiting};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// As files have it.
fn closed(what: &str) -> PyErr {
    PyValueError::new_err(format!("the {what} is closed"))
}

/// Something that several threads may use at a time. Who uses it when it is closed keeps it until he is done.
pub(crate) struct Shut<T> {
    inner: Mutex<Option<Arc<T>>>,
    what: &'static str,
}

impl<T> Shut<T> {
    pub(crate) fn new(what: &'static str, inner: T) -> Shut<T> {
        Shut { inner: Mutex::new(Some(Arc::new(inner))), what }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Arc<T>>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What it holds; `ValueError` once it is closed.
    pub(crate) fn get(&self) -> PyResult<Arc<T>> {
        self.lock().clone().ok_or_else(|| closed(self.what))
    }

    pub(crate) fn close(&self) {
        let former = self.lock().take();
        // After the lock: what is done at the end may take its time.
        drop(former);
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.lock().is_none()
    }
}

/// Something that one thread uses at a time. It is locked by who has given up the interpreter, never the other way
/// round.
pub(crate) struct Turns<T> {
    inner: Mutex<Option<T>>,
    what: &'static str,
}

impl<T: Send> Turns<T> {
    pub(crate) fn new(what: &'static str, inner: T) -> Turns<T> {
        Turns { inner: Mutex::new(Some(inner)), what }
    }

    fn lock(&self) -> MutexGuard<'_, Option<T>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something with it; `ValueError` once it is closed.
    pub(crate) fn with<R: Send>(
        &self,
        py: Python<'_>,
        mut act: impl FnMut(&mut T) -> shmfs::Result<R> + Send,
    ) -> Answer<R> {
        let done = waiting(py, || self.lock().as_mut().map(&mut act).transpose())?;
        Ok(done.ok_or_else(|| closed(self.what))?)
    }

    pub(crate) fn close(&self, py: Python<'_>) {
        py.detach(|| drop(self.lock().take()));
    }
}
