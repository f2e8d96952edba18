//! Durable objects that are edited in epochs, as Python has them.
//!
//! Python writes by a mapping of its own, which shows the same pages as the library's: what it stores after an `edit`
//! is of that epoch. The views that `edit` has given are released when the epoch ends, so that nobody writes by
//! mistake what was not saved; arrays that were made of them cannot be, and are the caller's to leave alone.
//!
//! Owns: the mappings and those views. Leaves to others: the undo log and its order (`shmfs::Durable`).
//! Not done: while `edit` waits for another editor, Ctrl-C waits too.

use crate::answer::{Answer, waiting};
use crate::choice;
use crate::memory::Mapping;
use crate::shut::Turns;
use pyo3::prelude::*;
use pyo3::types::{PyMemoryView, PySlice, PyTuple};
use shmfs::MapOptions;
use std::sync::{Mutex, PoisonError};

/// A durable object that is edited in epochs.
#[pyclass(frozen, module = "shmfs")]
pub(crate) struct Durable {
    inner: Turns<shmfs::Durable>,
    /// For writing.
    mapping: Py<Mapping>,
    /// For reading.
    seen: Py<Mapping>,
    /// What `edit` has given in this epoch.
    views: Mutex<Vec<Py<PyAny>>>,
}

impl Durable {
    pub(crate) fn open(py: Python<'_>, object: &shmfs::Object) -> Answer<Durable> {
        let inner = waiting(py, || object.durable())?;
        let seen = object.map_with(&MapOptions::new().read_only())?;
        Durable::new(py, inner, object.map()?, seen)
    }

    /// `mapping` and `seen` show what `inner` edits.
    pub(crate) fn new(
        py: Python<'_>,
        inner: shmfs::Durable,
        mapping: shmfs::Mapping,
        seen: shmfs::Mapping,
    ) -> Answer<Durable> {
        let mapping = Py::new(py, Mapping::new(mapping))?;
        let seen = Py::new(py, Mapping::new(seen))?;
        Ok(Durable {
            inner: Turns::new("durable object", inner),
            mapping,
            seen,
            views: Mutex::new(Vec::new()),
        })
    }

    /// The epoch has ended.
    fn release(&self, py: Python<'_>) {
        let views = std::mem::take(&mut *self.views.lock().unwrap_or_else(PoisonError::into_inner));
        for view in views {
            // One that an array shows cannot be released.
            let _ = view.call_method0(py, "release");
        }
    }
}

#[pymethods]
impl Durable {
    #[getter]
    fn epoch(&self, py: Python<'_>) -> Answer<u64> {
        self.inner.with(py, |durable| Ok(durable.epoch()))
    }

    #[getter]
    fn buf<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyMemoryView>> {
        PyMemoryView::from(self.seen.bind(py).as_any())
    }

    #[pyo3(signature = (offset=0, size=None))]
    fn edit<'py>(&self, py: Python<'py>, offset: usize, size: Option<usize>) -> Answer<Bound<'py, PyAny>> {
        let range = self.inner.with(py, |durable| {
            let range = choice::span(offset, size, durable.mapping().len());
            durable.edit(range.clone()).map(|_| range)
        })?;
        let whole = PyMemoryView::from(self.mapping.bind(py).as_any())?;
        // Inside of the mapping, whose bytes isize counts.
        let view = whole.get_item(PySlice::new(py, range.start as isize, range.end as isize, 1))?;
        self.views.lock().unwrap_or_else(PoisonError::into_inner).push(view.clone().unbind());
        Ok(view)
    }

    fn write(&self, py: Python<'_>, offset: usize, data: &Bound<'_, PyAny>) -> Answer<()> {
        let bytes = choice::bytes(data)?;
        self.inner.with(py, |durable| durable.write(offset, &bytes))
    }

    fn persist(&self, py: Python<'_>) -> Answer<u64> {
        let epoch = self.inner.with(py, shmfs::Durable::persist)?;
        self.release(py);
        Ok(epoch)
    }

    fn roll_back(&self, py: Python<'_>) -> Answer<u64> {
        let restored = self.inner.with(py, shmfs::Durable::roll_back)?;
        self.release(py);
        Ok(restored)
    }

    fn close(&self, py: Python<'_>) -> PyResult<()> {
        self.release(py);
        self.mapping.get().close()?;
        self.seen.get().close()?;
        self.inner.close(py);
        Ok(())
    }

    fn __enter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    #[pyo3(signature = (*raised))]
    fn __exit__(&self, py: Python<'_>, raised: &Bound<'_, PyTuple>) -> Answer<()> {
        if raised.get_item(0).is_ok_and(|kind| kind.is_none()) {
            self.persist(py)?;
        } else {
            self.roll_back(py)?;
        }
        Ok(())
    }
}
