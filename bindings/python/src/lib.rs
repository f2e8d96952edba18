//! `shmfs._shmfs`: the public Rust library, as Python sees it.
//!
//! The package's Python side (`python/shmfs`) has what is easier said there: `SharedMemory`, the choice of a store,
//! enums. What may take long gives up the interpreter meanwhile (`answer::waiting`). An object that was closed while
//! another thread still uses it lives until that thread is done (`shut`).
//!
//! Owns: the classes of Python, the buffer protocol, what becomes of errors.
//! Leaves to others: every rule (`shmfs`). `python/shmfs/_shmfs.pyi` says the types once more, for people and checkers.
#![deny(unsafe_code)]

mod answer;
mod array;
mod choice;
mod descriptor;
mod durable;
mod file;
mod guard;
mod listing;
mod memory;
mod object;
mod segment;
mod shut;
mod store;

use pyo3::prelude::*;

/// Shared memory of every kind that Linux has.
#[pymodule(gil_used = true)]
fn _shmfs(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<store::Store>()?;
    module.add_class::<object::Object>()?;
    module.add_class::<memory::Mapping>()?;
    module.add_class::<segment::Segment>()?;
    module.add_class::<file::MappedFile>()?;
    module.add_class::<durable::Durable>()?;
    module.add_class::<guard::Guard>()?;
    module.add_class::<listing::Entry>()?;
    module.add_class::<listing::Usage>()?;
    module.add_function(wrap_pyfunction!(guard::install_guard, module)?)?;
    module.add_function(wrap_pyfunction!(segment::ftok, module)?)
}
