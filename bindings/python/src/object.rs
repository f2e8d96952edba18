//! Objects, as Python has them.
//!
//! Leaves to others: what they do (`shmfs::Object`), how they are found (`store`).

use crate::answer::{About, Answer, waiting};
use crate::durable::Durable;
use crate::guard::Guard;
use crate::memory::Mapping;
use crate::shut::Shut;
use crate::{array, choice, descriptor};
use pyo3::prelude::*;
use shmfs::{MapOptions, Seals};
use std::os::fd::{AsFd, AsRawFd};

/// Shared memory that is open in this process.
#[pyclass(frozen, module = "shmfs")]
pub(crate) struct Object {
    inner: Shut<shmfs::Object>,
    name: Option<String>,
}

impl From<shmfs::Object> for Object {
    fn from(object: shmfs::Object) -> Object {
        let name = object.name().map(ToString::to_string);
        Object { inner: Shut::new("object", object), name }
    }
}

#[pymethods]
impl Object {
    #[staticmethod]
    fn anonymous(size: u64) -> Answer<Object> {
        Ok(shmfs::Object::anonymous(size)?.into())
    }

    #[staticmethod]
    fn anonymous_huge(size: u64, log2: u32) -> Answer<Object> {
        Ok(shmfs::Object::anonymous_huge(size, log2)?.into())
    }

    #[staticmethod]
    fn from_fd(fd: &Bound<'_, PyAny>) -> Answer<Object> {
        Ok(shmfs::Object::from_fd(descriptor::duplicate(fd)?)?.into())
    }

    #[staticmethod]
    fn receive_from(py: Python<'_>, socket: &Bound<'_, PyAny>) -> Answer<Object> {
        let socket = descriptor::duplicate(socket)?;
        descriptor::wait(py, &socket, "POLLIN")?;
        Ok(waiting(py, || shmfs::Object::receive_from(&socket))?.into())
    }

    fn send_to(&self, py: Python<'_>, socket: &Bound<'_, PyAny>) -> Answer<()> {
        let (object, socket) = (self.inner.get()?, descriptor::duplicate(socket)?);
        descriptor::wait(py, &socket, "POLLOUT")?;
        waiting(py, || object.send_to(&socket))
    }

    #[getter]
    fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    #[getter]
    fn size(&self) -> Answer<u64> {
        Ok(self.inner.get()?.len()?)
    }

    fn resize(&self, py: Python<'_>, size: u64) -> Answer<()> {
        let object = self.inner.get()?;
        self.named(waiting(py, || object.resize(size)))
    }

    fn seal(&self, seals: u32) -> Answer<()> {
        let sealed = self.inner.get()?.seal(Seals::from_bits_retain(seals));
        self.named(sealed.map_err(Into::into))
    }

    #[getter]
    fn seals<'py>(&self, py: Python<'py>) -> Answer<Bound<'py, PyAny>> {
        let seals = self.inner.get()?.seals()?;
        Ok(choice::to_seals(py, seals.bits())?)
    }

    fn punch_hole(&self, offset: u64, size: u64) -> Answer<()> {
        Ok(self.inner.get()?.punch_hole(offset, size)?)
    }

    fn unlink(&self, py: Python<'_>) -> Answer<()> {
        let object = self.inner.get()?;
        self.named(waiting(py, || object.unlink()))
    }

    #[pyo3(signature = (
        *, read_only=false, private=false, offset=0, size=None, huge=false, populate=false, locked=false, guarded=false
    ))]
    #[allow(
        clippy::too_many_arguments,
        clippy::fn_params_excessive_bools,
        reason = "named arguments of Python"
    )]
    fn map(
        &self,
        py: Python<'_>,
        read_only: bool,
        private: bool,
        offset: u64,
        size: Option<usize>,
        huge: bool,
        populate: bool,
        locked: bool,
        guarded: bool,
    ) -> Answer<Mapping> {
        type Choice = fn(MapOptions) -> MapOptions;
        let choices: [(bool, Choice); 6] = [
            (read_only, MapOptions::read_only),
            (private, MapOptions::private),
            (huge, MapOptions::huge),
            (populate, MapOptions::populate),
            (locked, MapOptions::locked),
            (guarded, MapOptions::guarded),
        ];
        let mut options = MapOptions::new().offset(offset);
        for (_, choose) in choices.iter().filter(|(chosen, _)| *chosen) {
            options = choose(options);
        }
        if let Some(size) = size {
            options = options.len(size);
        }
        let object = self.inner.get()?;
        self.named(waiting(py, || object.map_with(&options))).map(Mapping::new)
    }

    #[pyo3(signature = (shape, dtype=None, *, offset=0, order="C", read_only=false))]
    fn array<'py>(
        &self,
        shape: &Bound<'py, PyAny>,
        dtype: Option<&Bound<'py, PyAny>>,
        offset: usize,
        order: &str,
        read_only: bool,
    ) -> Answer<Bound<'py, PyAny>> {
        let options = if read_only { MapOptions::new().read_only() } else { MapOptions::new() };
        let mapping = self.named(self.inner.get()?.map_with(&options).map_err(Into::into))?;
        let mapping = Bound::new(shape.py(), Mapping::new(mapping))?;
        Ok(array::over(mapping.as_any(), shape, dtype, offset, order)?)
    }

    fn guard(&self) -> PyResult<Guard> {
        Ok(Guard::new(self.inner.get()?))
    }

    fn durable(&self, py: Python<'_>) -> Answer<Durable> {
        self.named(Durable::open(py, &*self.inner.get()?))
    }

    fn fileno(&self) -> PyResult<i32> {
        Ok(self.inner.get()?.as_fd().as_raw_fd())
    }

    #[getter]
    fn closed(&self) -> bool {
        self.inner.is_closed()
    }

    fn close(&self) {
        self.inner.close();
    }

    fn __enter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    #[pyo3(signature = (*_raised))]
    fn __exit__(&self, _raised: &Bound<'_, pyo3::types::PyTuple>) {
        self.close();
    }

    fn __repr__(&self) -> String {
        let name = self.name.as_deref().unwrap_or("without a name");
        let closed = if self.inner.is_closed() { ", closed" } else { "" };
        format!("<shmfs.Object {name}{closed}>")
    }
}

impl Object {
    /// The failure is about this object, if it has a name.
    fn named<T>(&self, answer: Answer<T>) -> Answer<T> {
        match &self.name {
            Some(name) => answer.about(name),
            None => answer,
        }
    }
}
