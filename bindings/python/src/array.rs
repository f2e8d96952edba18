//! NumPy arrays over memory, which hold it: it is unmapped after the last of them.
//!
//! Leaves to others: the memory (`memory`), everything about arrays (NumPy, which is asked for when it is needed).

use pyo3::prelude::*;
use pyo3::types::PyDict;

/// An array of this shape over `memory`, from `offset` on.
pub(crate) fn over<'py>(
    memory: &Bound<'py, PyAny>,
    shape: &Bound<'py, PyAny>,
    dtype: Option<&Bound<'py, PyAny>>,
    offset: usize,
    order: &str,
) -> PyResult<Bound<'py, PyAny>> {
    let numpy = memory.py().import("numpy")?;
    // An array that `ndarray(buffer=)` makes of memory holds no view of it, so that it could be unmapped underneath.
    // What `frombuffer` makes does, and is held by what is made of it.
    let bytes = numpy.getattr("frombuffer")?.call1((memory, "u1"))?;
    let named = PyDict::new(memory.py());
    named.set_item("dtype", dtype)?;
    named.set_item("buffer", bytes)?;
    named.set_item("offset", offset)?;
    named.set_item("order", order)?;
    numpy.getattr("ndarray")?.call((shape,), Some(&named))
}
