//! Stores, as Python has them.
//!
//! Leaves to others: what they do (`shmfs::Store`), which one applies (`python/shmfs/_stores.py`).

use crate::answer::{About, Answer, waiting};
use crate::choice;
use crate::listing::{Entry, Usage};
use crate::object::Object;
use crate::segment::{self, Segment};
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use shmfs::{ObjectOptions, StoreOptions};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// A store: objects with names, segments with keys, and a broker that keeps them.
#[pyclass(frozen, module = "shmfs")]
pub(crate) struct Store {
    inner: shmfs::Store,
}

impl Store {
    fn found(py: Python<'_>, find: impl FnMut() -> shmfs::Result<shmfs::Store> + Send) -> Answer<Store> {
        Ok(Store { inner: waiting(py, find)? })
    }

    fn wanted(&self, name: &str, mode: u32, lifetime: &str, guarded: bool) -> Answer<ObjectOptions> {
        let options = self.inner.object(name)?.mode(mode).lifetime(choice::lifetime(lifetime)?);
        Ok(if guarded { options.guarded() } else { options })
    }
}

fn options(size: Option<u64>, state: Option<PathBuf>) -> StoreOptions {
    let mut options = shmfs::Store::options();
    if let Some(size) = size {
        options = options.size(size);
    }
    if let Some(state) = state {
        options = options.state(state);
    }
    options
}

#[pymethods]
impl Store {
    #[staticmethod]
    fn open(py: Python<'_>) -> Answer<Store> {
        Self::found(py, shmfs::Store::open)
    }

    #[staticmethod]
    fn named(py: Python<'_>, name: &str) -> Answer<Store> {
        Self::found(py, || shmfs::Store::named(name)).about(name)
    }

    #[staticmethod]
    fn at(py: Python<'_>, dir: PathBuf) -> Answer<Store> {
        Self::found(py, || shmfs::Store::at(&dir)).about(dir.display())
    }

    #[staticmethod]
    fn user(py: Python<'_>) -> Answer<Store> {
        Self::found(py, shmfs::Store::user)
    }

    #[staticmethod]
    fn system(py: Python<'_>) -> Answer<Store> {
        Self::found(py, shmfs::Store::system)
    }

    #[staticmethod]
    #[pyo3(signature = (*, size=None, state=None))]
    fn private(py: Python<'_>, size: Option<u64>, state: Option<PathBuf>) -> Answer<Store> {
        let options = options(size, state);
        Self::found(py, || options.clone().private())
    }

    #[staticmethod]
    #[pyo3(signature = (*, size=None, state=None))]
    fn embedded(py: Python<'_>, size: Option<u64>, state: Option<PathBuf>) -> Answer<Store> {
        let options = options(size, state);
        Self::found(py, || options.clone().embedded())
    }

    #[getter]
    fn dir(&self) -> &Path {
        self.inner.dir()
    }

    fn environment(&self) -> HashMap<&'static str, String> {
        self.inner.environment().into_iter().collect()
    }

    #[pyo3(signature = (name, size, *, mode=0o600, lifetime="until-removed", guarded=false))]
    fn create(
        &self,
        py: Python<'_>,
        name: &str,
        size: u64,
        mode: u32,
        lifetime: &str,
        guarded: bool,
    ) -> Answer<Object> {
        let made = self.wanted(name, mode, lifetime, guarded);
        made.and_then(|options| waiting(py, || options.create(size))).about(name).map(Object::from)
    }

    #[pyo3(signature = (name, *, read_only=false))]
    fn open_object(&self, py: Python<'_>, name: &str, read_only: bool) -> Answer<Object> {
        let options = self.inner.object(name).map_err(Into::into);
        let options = options.map(|options| if read_only { options.read_only() } else { options });
        options.and_then(|options| waiting(py, || options.open())).about(name).map(Object::from)
    }

    #[pyo3(signature = (name, size, *, mode=0o600, lifetime="until-removed", guarded=false))]
    fn open_or_create(
        &self,
        py: Python<'_>,
        name: &str,
        size: u64,
        mode: u32,
        lifetime: &str,
        guarded: bool,
    ) -> Answer<(Object, bool)> {
        let made = self.wanted(name, mode, lifetime, guarded);
        let (object, created) =
            made.and_then(|options| waiting(py, || options.open_or_create(size))).about(name)?;
        Ok((object.into(), created))
    }

    fn anonymous(&self, py: Python<'_>, label: &str, size: u64) -> Answer<Object> {
        waiting(py, || self.inner.anonymous(label, size)).about(label).map(Object::from)
    }

    fn unlink(&self, py: Python<'_>, name: &str) -> Answer<()> {
        waiting(py, || self.inner.unlink(name)).about(name)
    }

    #[pyo3(signature = (key, size, *, mode=0o600, lifetime="until-removed"))]
    fn create_segment(
        &self,
        py: Python<'_>,
        key: i32,
        size: u64,
        mode: u32,
        lifetime: &str,
    ) -> Answer<Segment> {
        let options = segment::options(&self.inner, key, size, mode, lifetime)?;
        waiting(py, || options.create()).map(Segment::from)
    }

    fn open_segment(&self, py: Python<'_>, key: i32) -> Answer<Segment> {
        waiting(py, || self.inner.segment(key).open()).map(Segment::from)
    }

    #[pyo3(signature = (key, size, *, mode=0o600, lifetime="until-removed"))]
    fn open_or_create_segment(
        &self,
        py: Python<'_>,
        key: i32,
        size: u64,
        mode: u32,
        lifetime: &str,
    ) -> Answer<(Segment, bool)> {
        let options = segment::options(&self.inner, key, size, mode, lifetime)?;
        let (segment, created) = waiting(py, || options.open_or_create())?;
        Ok((segment.into(), created))
    }

    fn private_segment(&self, py: Python<'_>, size: u64) -> Answer<Segment> {
        waiting(py, || self.inner.private_segment(size)).map(Segment::from)
    }

    fn segment_by_id(&self, py: Python<'_>, shmid: i32) -> Answer<Segment> {
        waiting(py, || self.inner.segment_by_id(shmid)).map(Segment::from)
    }

    fn list(&self, py: Python<'_>) -> Answer<Vec<Entry>> {
        let entries = waiting(py, || self.inner.list())?;
        Ok(entries.into_iter().map(|entry| Entry::new(py, entry)).collect::<PyResult<_>>()?)
    }

    fn usage(&self, py: Python<'_>) -> Answer<Usage> {
        Ok(waiting(py, || self.inner.usage())?.into())
    }

    /// A store is pickled as its directory, which admits its own user.
    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyTuple>)> {
        let again = py.import("shmfs._stores")?.getattr("at")?;
        Ok((again, PyTuple::new(py, [self.inner.dir()])?))
    }

    fn __repr__(&self) -> String {
        format!("<shmfs.Store at {}>", self.inner.dir().display())
    }
}
