//! Descriptors that Python owns: numbers.
//!
//! Owns: the way from a number to a descriptor of ours, waiting for one.
//! Leaves to others: what is done with it.
#![allow(unsafe_code, reason = "Python's descriptors are numbers; only here one becomes a descriptor")]

use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};

/// A duplicate of the descriptor that `source` has: a number, or an object with `fileno()`.
pub(crate) fn duplicate(source: &Bound<'_, PyAny>) -> PyResult<OwnedFd> {
    let number: RawFd = match source.extract() {
        Ok(number) => number,
        Err(_) => source.call_method0("fileno")?.extract()?,
    };
    if number < 0 {
        return Err(PyValueError::new_err(format!("{number} is no descriptor")));
    }
    // SAFETY: the number is not -1, as was checked. It stays open while it is borrowed, which is for one system call:
    // `source` is alive, and owns it if it is an object; no code of Python runs in between, since this thread has the
    // interpreter. Should the caller have passed a number that is not open, or a thread without the interpreter close
    // it, the call answers EBADF or duplicates another description; no memory depends on which.
    let borrowed = unsafe { BorrowedFd::borrow_raw(number) };
    let duplicated = borrowed.try_clone_to_owned();
    duplicated.map_err(|error| {
        let words = format!("cannot duplicate descriptor {number}");
        PyOSError::new_err((error.raw_os_error(), words))
    })
}

/// Waits until a socket that blocks is ready for `event`, of Python's `select`. The library waits on when a signal
/// comes, so that Ctrl-C would be lost; Python's `poll` runs the handlers (PEP 475).
pub(crate) fn wait(py: Python<'_>, socket: &OwnedFd, event: &str) -> PyResult<()> {
    let number = socket.as_raw_fd();
    if py.import("os")?.call_method1("get_blocking", (number,))?.is_truthy()? {
        let select = py.import("select")?;
        let poll = select.call_method0("poll")?;
        poll.call_method1("register", (number, select.getattr(event)?))?;
        poll.call_method0("poll")?;
    }
    Ok(())
}
