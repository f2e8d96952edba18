//! What a call answers: 0 or a negative errno, and the words.
//!
//! Owns: the boundary that no panic crosses, the text of `shmfs_last_error`.

use libc::c_int;
use shmfs::{Error, Result};
use std::any::Any;
use std::cell::RefCell;
use std::ffi::{CString, c_char};
use std::panic::{AssertUnwindSafe, catch_unwind};

thread_local! {
    static LAST: RefCell<CString> = RefCell::default();
}

/// Does the work of a call that answers 0 or a negative errno.
pub(crate) fn answer(act: impl FnOnce() -> Result<()>) -> c_int {
    attempt(act).err().unwrap_or(0)
}

/// Does the work of a call that answers with a value, `otherwise` where it fails.
pub(crate) fn value_or<T>(otherwise: T, act: impl FnOnce() -> Result<T>) -> T {
    attempt(act).unwrap_or(otherwise)
}

/// Does the work of a call that answers with a number, or a negative errno.
pub(crate) fn number(act: impl FnOnce() -> Result<c_int>) -> c_int {
    attempt(act).unwrap_or_else(|errno| errno)
}

/// The result, or the negative errno, whose words are remembered.
fn attempt<T>(act: impl FnOnce() -> Result<T>) -> std::result::Result<T, c_int> {
    // A value that a panic has left half changed is behind a lock, or is dropped.
    let result = catch_unwind(AssertUnwindSafe(act));
    let result = result.unwrap_or_else(|payload| Err(bug(payload.as_ref())));
    result.map_err(|error| {
        remember(&error);
        match error.errno() {
            errno @ 1.. => -errno,
            _ => -libc::EIO,
        }
    })
}

/// The error of a panic, which is a mistake of this library.
fn bug(payload: &(dyn Any + Send)) -> Error {
    let words = payload.downcast_ref::<&str>().copied();
    let words = words.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("no words");
    Error::new(libc::ENOTRECOVERABLE, format!("a mistake in the library libshmfs: {words}"))
}

fn remember(error: &Error) {
    let words = error.to_string().replace('\0', "?");
    // It has no NUL; and a thread that is ending has nobody who asks.
    let words = CString::new(words).unwrap_or_default();
    let _ = LAST.try_with(|last| last.replace(words));
}

/// What went wrong in the last call of this thread that failed, as one line: what was tried, why it failed with the
/// numbers, and the errno's name. The text is empty where no call has failed. It is this thread's, and stays until
/// its next call that fails, or its end.
#[unsafe(no_mangle)]
pub extern "C" fn shmfs_last_error() -> *const c_char {
    LAST.try_with(|last| last.borrow().as_ptr()).unwrap_or_else(|_| c"".as_ptr())
}

/// The library's version, such as "0.1.0".
#[unsafe(no_mangle)]
pub extern "C" fn shmfs_version() -> *const c_char {
    const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "\0");
    VERSION.as_ptr().cast()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn last() -> String {
        LAST.with(|last| last.borrow().to_str().unwrap().to_owned())
    }

    #[test]
    fn no_panic_leaves() {
        fn panics<T>() -> Result<T> {
            panic!("five is {}", 6)
        }
        assert_eq!(answer(panics), -libc::ENOTRECOVERABLE);
        assert!(last().starts_with("a mistake in the library libshmfs: five is 6 ("), "{}", last());
        assert_eq!(value_or(7, panics), 7);
        assert_eq!(number(panics), -libc::ENOTRECOVERABLE);
    }

    #[test]
    fn errors_are_negative_and_leave_words() {
        let check = |errno, answered, words: &str| {
            assert_eq!(answer(|| Err(Error::new(errno, "no\0no"))), answered);
            assert_eq!(last(), words);
        };
        check(libc::ENOENT, -libc::ENOENT, "no?no (ENOENT)");
        check(0, -libc::EIO, "no?no (errno 0)");
        assert_eq!(answer(|| Ok(())), 0);
        assert_eq!(last(), "no?no (errno 0)", "a call that succeeds leaves it");
        assert_eq!(std::thread::spawn(last).join().unwrap(), "", "another thread has its own");
    }
}
