//! Mappings, with the buffer protocol.
//!
//! Views of a mapping are counted: it can be closed when there is none, as `mmap.mmap` has it. A view also holds the
//! mapping itself, so that memory which an array shows is there as long as the array.
//!
//! Owns: the count, the only exports of pointers to Python.
//! Leaves to others: the mapping and the checks of copies (`shmfs`).
//! Not done: what Python's own code does with a view is not checked against the object's length; where a stranger
//! cuts an object that is mapped, it meets SIGBUS, as with `mmap.mmap`. Copies by `read` and `write` are checked.

use crate::answer::{Answer, waiting};
use crate::{array, choice};
use pyo3::exceptions::{PyBufferError, PyValueError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use std::ffi::c_int;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Pages of an object or a file in this process.
#[pyclass(frozen, module = "shmfs")]
pub(crate) struct Mapping {
    state: Mutex<State>,
}

struct State {
    /// Nothing once it is closed. Invariant: something as long as `views` is not 0.
    mapping: Option<Arc<shmfs::Mapping>>,
    /// How many views Python has.
    views: usize,
}

impl Mapping {
    pub(crate) fn new(mapping: shmfs::Mapping) -> Mapping {
        Mapping { state: Mutex::new(State { mapping: Some(Arc::new(mapping)), views: 0 }) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn get(&self) -> PyResult<Arc<shmfs::Mapping>> {
        self.state().mapping.clone().ok_or_else(|| PyValueError::new_err("the mapping is closed"))
    }
}

#[pymethods]
impl Mapping {
    fn __len__(&self) -> PyResult<usize> {
        Ok(self.get()?.len())
    }

    #[getter]
    fn readonly(&self) -> PyResult<bool> {
        Ok(!self.get()?.is_writable())
    }

    #[getter]
    fn address(&self) -> PyResult<usize> {
        Ok(self.get()?.address())
    }

    #[getter]
    fn views(&self) -> usize {
        self.state().views
    }

    #[getter]
    fn closed(&self) -> bool {
        self.state().mapping.is_none()
    }

    #[pyo3(signature = (offset=0, size=None))]
    fn read<'py>(&self, py: Python<'py>, offset: usize, size: Option<usize>) -> Answer<Bound<'py, PyBytes>> {
        let mapping = self.get()?;
        let window = mapping.window(choice::span(offset, size, mapping.len()))?;
        Ok(PyBytes::new_with(py, window.len(), |bytes| {
            window.read_at(0, bytes).map_err(|error| crate::answer::Failure::from(error).into())
        })?)
    }

    fn write(&self, offset: usize, data: &Bound<'_, PyAny>) -> Answer<()> {
        let bytes = choice::bytes(data)?;
        Ok(self.get()?.write_at(offset, &bytes)?)
    }

    #[pyo3(signature = (offset=0, size=None))]
    fn flush(&self, py: Python<'_>, offset: usize, size: Option<usize>) -> Answer<()> {
        let mapping = self.get()?;
        let range = choice::span(offset, size, mapping.len());
        waiting(py, || mapping.flush(range.clone()))
    }

    #[pyo3(signature = (offset=0, size=None))]
    fn flush_async(&self, offset: usize, size: Option<usize>) -> Answer<()> {
        let mapping = self.get()?;
        Ok(mapping.flush_async(choice::span(offset, size, mapping.len()))?)
    }

    #[pyo3(signature = (advice, offset=0, size=None))]
    fn advise(&self, py: Python<'_>, advice: &str, offset: usize, size: Option<usize>) -> Answer<()> {
        let (mapping, advice) = (self.get()?, choice::advice(advice)?);
        let range = choice::span(offset, size, mapping.len());
        waiting(py, || mapping.advise(range.clone(), advice))
    }

    #[pyo3(signature = (offset=0, size=None))]
    fn lock(&self, py: Python<'_>, offset: usize, size: Option<usize>) -> Answer<()> {
        let mapping = self.get()?;
        let range = choice::span(offset, size, mapping.len());
        waiting(py, || mapping.lock(range.clone()))
    }

    #[pyo3(signature = (offset=0, size=None))]
    fn unlock(&self, offset: usize, size: Option<usize>) -> Answer<()> {
        let mapping = self.get()?;
        Ok(mapping.unlock(choice::span(offset, size, mapping.len()))?)
    }

    fn resident(&self) -> Answer<usize> {
        Ok(self.get()?.resident()?)
    }

    #[pyo3(signature = (shape, dtype=None, *, offset=0, order="C"))]
    fn array<'py>(
        slf: &Bound<'py, Self>,
        shape: &Bound<'py, PyAny>,
        dtype: Option<&Bound<'py, PyAny>>,
        offset: usize,
        order: &str,
    ) -> PyResult<Bound<'py, PyAny>> {
        array::over(slf.as_any(), shape, dtype, offset, order)
    }

    pub(crate) fn close(&self) -> PyResult<()> {
        let mut state = self.state();
        if state.views > 0 {
            let views = state.views;
            return Err(PyBufferError::new_err(format!(
                "cannot close the mapping: {views} views of it exist"
            )));
        }
        state.mapping = None;
        Ok(())
    }

    fn __enter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    #[pyo3(signature = (*_raised))]
    fn __exit__(&self, _raised: &Bound<'_, pyo3::types::PyTuple>) -> PyResult<()> {
        self.close()
    }

    fn __repr__(&self) -> String {
        match &self.state().mapping {
            Some(mapping) => {
                format!("<shmfs.Mapping of {} bytes at {:#x}>", mapping.len(), mapping.address())
            }
            None => "<shmfs.Mapping, closed>".to_owned(),
        }
    }

    #[allow(unsafe_code, reason = "the buffer protocol")]
    unsafe fn __getbuffer__(slf: Bound<'_, Self>, view: *mut ffi::Py_buffer, flags: c_int) -> PyResult<()> {
        let mut state = slf.get().state();
        let Some(mapping) = &state.mapping else {
            return Err(PyBufferError::new_err("the mapping is closed"));
        };
        // Access to no bytes at the end: an error where the mapping reaches beyond the object.
        let reached = mapping.read_at(mapping.len(), &mut []);
        reached.map_err(|error| PyBufferError::new_err(error.to_string()))?;
        let (start, readonly) = (mapping.as_ptr().cast(), c_int::from(!mapping.is_writable()));
        let len =
            isize::try_from(mapping.len()).map_err(|_| PyBufferError::new_err("the mapping is too long"))?;
        // SAFETY: `view` is a Py_buffer to fill, as the interpreter promises to this slot, and `slf` an object. The
        // `len` bytes at `start` are mapped, and writable unless `readonly`: they are the mapping's. They stay until
        // the view is released: the view holds `slf`, which holds the mapping until `close`, and that refuses while
        // `views` is not 0.
        let status = unsafe { ffi::PyBuffer_FillInfo(view, slf.as_ptr(), start, len, readonly, flags) };
        if status != 0 {
            return Err(PyErr::fetch(slf.py()));
        }
        state.views += 1;
        Ok(())
    }

    #[allow(unsafe_code, reason = "the buffer protocol; the view itself is not looked at")]
    unsafe fn __releasebuffer__(&self, _view: *mut ffi::Py_buffer) {
        let mut state = self.state();
        state.views = state.views.saturating_sub(1);
    }
}
