//! What a store holds and has served, as Python sees it: plain values.
//!
//! Leaves to others: what they mean (`shmfs::Entry`, `shmfs::Usage`).

use crate::choice;
use pyo3::exceptions::PyKeyError;
use pyo3::prelude::*;
use shmfs::Kind;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::time::SystemTime;

/// One object of a store.
#[pyclass(frozen, get_all, module = "shmfs")]
pub(crate) struct Entry {
    number: u64,
    kind: &'static str,
    /// As file names are in Python: bytes that are no UTF-8 are surrogates (PEP 383).
    name: Option<OsString>,
    shmid: Option<i32>,
    key: Option<i32>,
    size: u64,
    allocated: u64,
    attaches: Option<u64>,
    mode: u32,
    uid: u32,
    gid: u32,
    creator: i32,
    removed: bool,
    lifetime: Py<PyAny>,
    guarded: bool,
    created: SystemTime,
}

impl Entry {
    pub(crate) fn new(py: Python<'_>, entry: shmfs::Entry) -> PyResult<Entry> {
        Ok(Entry {
            number: entry.number,
            kind: match entry.kind {
                Kind::Segment => "segment",
                Kind::Object => "object",
                Kind::Semaphore => "semaphore",
                Kind::Anonymous => "anonymous",
                _ => "other",
            },
            name: entry.name.map(OsString::from_vec),
            shmid: entry.shmid,
            key: entry.key,
            size: entry.size,
            allocated: entry.allocated,
            attaches: entry.attaches,
            mode: entry.mode,
            uid: entry.uid,
            gid: entry.gid,
            creator: entry.creator,
            removed: entry.removed,
            lifetime: choice::to_lifetime(py, entry.lifetime)?.unbind(),
            guarded: entry.guarded,
            created: entry.created,
        })
    }
}

#[pymethods]
impl Entry {
    fn __repr__(&self) -> String {
        let name = self
            .name
            .as_ref()
            .map_or_else(|| "without a name".to_owned(), |name| format!("{}", name.display()));
        format!("<shmfs.Entry {}: {} {name}, {} bytes>", self.number, self.kind, self.size)
    }
}

/// What a store uses and has served.
#[pyclass(frozen, module = "shmfs")]
pub(crate) struct Usage {
    inner: shmfs::Usage,
}

impl From<shmfs::Usage> for Usage {
    fn from(inner: shmfs::Usage) -> Usage {
        Usage { inner }
    }
}

/// Properties that are the fields of the same name.
macro_rules! fields {
    ($($name:ident: $type:ty),*) => {
        #[pymethods]
        impl Usage {
            $(#[getter] fn $name(&self) -> $type { self.inner.$name })*

            fn calls(&self, name: &str) -> PyResult<u64> {
                let calls = self.inner.calls(name);
                calls.ok_or_else(|| PyKeyError::new_err(format!("no calls are counted as `{name}`")))
            }

            fn __repr__(&self) -> String {
                let shmfs::Usage { used, size, clients, .. } = &self.inner;
                format!("<shmfs.Usage: {used} of {size} bytes, {clients} processes>")
            }
        }
    };
}

fields! {
    size: u64, used: u64, peak: u64, allocated: u64, segments: u64, objects: u64, anonymous: u64, unnamed: u64,
    clients: u64, restarts: u64, broker: i32
}
