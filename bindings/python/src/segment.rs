//! System V segments, as Python has them.
//!
//! Leaves to others: what they do (`shmfs::Segment`), finding and making them (`store`).

use crate::answer::{About, Answer, waiting};
use crate::choice;
use crate::durable::Durable;
use crate::memory::Mapping;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use shmfs::{SegmentOptions, SegmentStat, Store};
use std::path::PathBuf;

/// A System V segment.
#[pyclass(frozen, module = "shmfs")]
pub(crate) struct Segment {
    inner: shmfs::Segment,
}

impl From<shmfs::Segment> for Segment {
    fn from(inner: shmfs::Segment) -> Segment {
        Segment { inner }
    }
}

/// How a segment is to be found or made.
pub(crate) fn options(
    store: &Store,
    key: i32,
    size: u64,
    mode: u32,
    lifetime: &str,
) -> PyResult<SegmentOptions> {
    Ok(store.segment(key).len(size).mode(mode).lifetime(choice::lifetime(lifetime)?))
}

#[pymethods]
impl Segment {
    #[getter]
    fn id(&self) -> i32 {
        self.inner.id()
    }

    #[getter]
    fn key(&self, py: Python<'_>) -> Answer<i32> {
        waiting(py, || self.inner.key())
    }

    #[getter]
    fn size(&self) -> u64 {
        self.inner.len()
    }

    #[pyo3(signature = (*, read_only=false))]
    fn attach(&self, py: Python<'_>, read_only: bool) -> Answer<Mapping> {
        let attach = if read_only { shmfs::Segment::attach_read_only } else { shmfs::Segment::attach };
        waiting(py, || attach(&self.inner)).map(Mapping::new)
    }

    fn stat<'py>(&self, py: Python<'py>) -> Answer<Bound<'py, PyDict>> {
        Ok(fields(py, &waiting(py, || self.inner.stat())?)?)
    }

    fn set(&self, py: Python<'_>, uid: u32, gid: u32, mode: u32) -> Answer<()> {
        waiting(py, || self.inner.set(uid, gid, mode))
    }

    fn remove(&self, py: Python<'_>) -> Answer<()> {
        waiting(py, || self.inner.remove())
    }

    fn durable(&self, py: Python<'_>) -> Answer<Durable> {
        let (mapping, seen) = (self.inner.attach()?, self.inner.attach_read_only()?);
        Durable::new(py, waiting(py, || self.inner.durable())?, mapping, seen)
    }

    fn __repr__(&self) -> String {
        format!("<shmfs.Segment {}, {} bytes>", self.inner.id(), self.inner.len())
    }
}

fn fields<'py>(py: Python<'py>, stat: &SegmentStat) -> PyResult<Bound<'py, PyDict>> {
    let fields = PyDict::new(py);
    fields.set_item("key", stat.key)?;
    fields.set_item("size", stat.len)?;
    fields.set_item("uid", stat.uid)?;
    fields.set_item("gid", stat.gid)?;
    fields.set_item("mode", stat.mode)?;
    fields.set_item("removed", stat.removed)?;
    fields.set_item("attaches", stat.attaches)?;
    fields.set_item("creator", stat.creator)?;
    fields.set_item("last", stat.last)?;
    fields.set_item("attached", stat.attached)?;
    fields.set_item("detached", stat.detached)?;
    fields.set_item("changed", stat.changed)?;
    Ok(fields)
}

/// The System V key of a file and a project.
#[pyfunction]
pub(crate) fn ftok(path: PathBuf, project: u8) -> Answer<i32> {
    shmfs::ftok(&path, project).map_err(Into::into).about(path.display())
}
