//! What becomes of an error: an `OSError` with errno, of the subclass that Python has for that number.
//!
//! Owns: waiting without the interpreter, and the signals of Python that come meanwhile.
//! Leaves to others: the words (`shmfs::Error`).

use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;

/// A failure on the way to Python.
pub(crate) enum Failure {
    /// The library's, and the file or name that it is about.
    Library(shmfs::Error, Option<String>),
    /// Python's own.
    Python(PyErr),
}

pub(crate) type Answer<T> = Result<T, Failure>;

impl From<shmfs::Error> for Failure {
    fn from(error: shmfs::Error) -> Failure {
        Failure::Library(error, None)
    }
}

impl From<shmfs::NameError> for Failure {
    fn from(error: shmfs::NameError) -> Failure {
        Failure::Library(error.into(), None)
    }
}

impl From<PyErr> for Failure {
    fn from(error: PyErr) -> Failure {
        Failure::Python(error)
    }
}

impl From<Failure> for PyErr {
    fn from(failure: Failure) -> PyErr {
        // `OSError(errno, strerror, filename)` is an instance of the subclass for errno (docs.python.org, OSError).
        match failure {
            Failure::Library(error, None) => PyOSError::new_err((error.errno(), error.what().to_owned())),
            Failure::Library(error, Some(name)) => {
                PyOSError::new_err((error.errno(), error.what().to_owned(), name))
            }
            Failure::Python(error) => error,
        }
    }
}

/// Says what the failure is about: `filename` of the `OSError`.
pub(crate) trait About<T> {
    fn about(self, name: impl ToString) -> Answer<T>;
}

impl<T> About<T> for Answer<T> {
    fn about(self, name: impl ToString) -> Answer<T> {
        self.map_err(|failure| match failure {
            Failure::Library(error, _) => Failure::Library(error, Some(name.to_string())),
            python => python,
        })
    }
}

const EINTR: i32 = 4;

/// Does what may take long while other threads of Python run. A signal interrupts it: Python's handlers run, and
/// unless one raises, it is done anew.
pub(crate) fn waiting<T: Send>(
    py: Python<'_>,
    mut act: impl FnMut() -> shmfs::Result<T> + Send,
) -> Answer<T> {
    loop {
        match py.detach(&mut act) {
            Err(error) if error.errno() == EINTR => py.check_signals()?,
            done => return Ok(done?),
        }
    }
}
