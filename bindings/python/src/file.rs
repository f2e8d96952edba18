//! Mapped files, as Python has them.
//!
//! Leaves to others: what they do (`shmfs::MappedFile`).

use crate::answer::{About, Answer, waiting};
use crate::choice;
use crate::memory::Mapping;
use crate::shut::Turns;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use std::os::fd::{AsFd, AsRawFd};
use std::path::{Path, PathBuf};

/// An ordinary file, mapped shared.
#[pyclass(frozen, module = "shmfs")]
pub(crate) struct MappedFile {
    inner: Turns<shmfs::MappedFile>,
    path: PathBuf,
}

impl MappedFile {
    fn opened(path: &Path, opened: Answer<shmfs::MappedFile>) -> Answer<MappedFile> {
        let file = opened.about(path.display())?;
        Ok(MappedFile { inner: Turns::new("file", file), path: path.to_owned() })
    }

    /// Does something with the file; what fails is about its path.
    fn with<T: Send>(
        &self,
        py: Python<'_>,
        act: impl FnMut(&mut shmfs::MappedFile) -> shmfs::Result<T> + Send,
    ) -> Answer<T> {
        self.inner.with(py, act).about(self.path.display())
    }
}

#[pymethods]
impl MappedFile {
    #[staticmethod]
    #[pyo3(signature = (path, *, read_only=false))]
    fn open(py: Python<'_>, path: PathBuf, read_only: bool) -> Answer<MappedFile> {
        let open = if read_only { shmfs::MappedFile::open_read_only } else { shmfs::MappedFile::open };
        Self::opened(&path, waiting(py, || open(&path)))
    }

    #[staticmethod]
    fn create(py: Python<'_>, path: PathBuf, size: u64) -> Answer<MappedFile> {
        Self::opened(&path, waiting(py, || shmfs::MappedFile::create(&path, size)))
    }

    #[getter]
    fn size(&self, py: Python<'_>) -> Answer<u64> {
        self.with(py, |file| file.len())
    }

    #[getter]
    fn readonly(&self, py: Python<'_>) -> Answer<bool> {
        self.with(py, |file| Ok(!file.is_writable()))
    }

    #[pyo3(signature = (offset=0, size=None))]
    fn read<'py>(&self, py: Python<'py>, offset: u64, size: Option<u64>) -> Answer<Bound<'py, PyBytes>> {
        let bytes = self.with(py, |file| file.window(choice::range(offset, size, file.len()?))?.to_vec())?;
        Ok(PyBytes::new(py, &bytes))
    }

    fn write(&self, py: Python<'_>, offset: u64, data: &Bound<'_, PyAny>) -> Answer<()> {
        let bytes = choice::bytes(data)?;
        self.with(py, |file| file.write_at(offset, &bytes))
    }

    fn grow(&self, py: Python<'_>, size: u64) -> Answer<()> {
        self.with(py, |file| file.grow(size))
    }

    fn refresh(&self, py: Python<'_>) -> Answer<()> {
        self.with(py, shmfs::MappedFile::refresh)
    }

    #[pyo3(signature = (offset=0, size=None))]
    fn map(&self, py: Python<'_>, offset: u64, size: Option<u64>) -> Answer<Mapping> {
        let mapped = self.with(py, |file| file.map(choice::range(offset, size, file.len()?)));
        mapped.map(Mapping::new)
    }

    #[pyo3(signature = (offset=0, size=None))]
    fn flush(&self, py: Python<'_>, offset: u64, size: Option<u64>) -> Answer<()> {
        self.with(py, |file| file.flush(choice::range(offset, size, file.len()?)))
    }

    #[pyo3(signature = (offset=0, size=None))]
    fn flush_async(&self, py: Python<'_>, offset: u64, size: Option<u64>) -> Answer<()> {
        self.with(py, |file| file.flush_async(choice::range(offset, size, file.len()?)))
    }

    #[pyo3(signature = (advice, offset=0, size=None))]
    fn advise(&self, py: Python<'_>, advice: &str, offset: u64, size: Option<u64>) -> Answer<()> {
        let advice = choice::advice(advice)?;
        self.with(py, |file| file.advise(choice::range(offset, size, file.len()?), advice))
    }

    fn punch_hole(&self, py: Python<'_>, offset: u64, size: u64) -> Answer<()> {
        self.with(py, |file| file.punch_hole(offset..offset.saturating_add(size)))
    }

    fn fileno(&self, py: Python<'_>) -> Answer<i32> {
        self.with(py, |file| Ok(file.as_fd().as_raw_fd()))
    }

    fn close(&self, py: Python<'_>) {
        self.inner.close(py);
    }

    fn __enter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    #[pyo3(signature = (*_raised))]
    fn __exit__(&self, py: Python<'_>, _raised: &Bound<'_, pyo3::types::PyTuple>) {
        self.close(py);
    }

    fn __repr__(&self) -> String {
        format!("<shmfs.MappedFile {}>", self.path.display())
    }
}
