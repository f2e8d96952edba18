//! A copy of the broker that becomes the program which is to take its store over.
//!
//! Owns: the words of that program's command line, its environment, which numbers it inherits.
//! Leaves to others: what it does (`successor`).

use rustix::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};
use shmfs_sys::child;
use shmfs_sys::table::inherit;
use std::env;
use std::ffi::{CStr, CString, OsStr};
use std::os::unix::ffi::OsStrExt;

/// What a supervisor passed to the first keeper is the broker's by now, and not passed again.
const NOT_PASSED_ON: [&str; 3] = ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"];

/// What the copy is to become.
pub(crate) struct Becoming<'a> {
    program: BorrowedFd<'a>,
    journal: RawFd,
    say: &'a OwnedFd,
    before: &'a OwnedFd,
    arguments: Vec<CString>,
    environment: Vec<CString>,
}

impl<'a> Becoming<'a> {
    /// The program behind `program`. It says on `say` whether it takes the store of this journal, and sees by
    /// `before` when the broker has ended.
    pub(crate) fn new(
        program: BorrowedFd<'a>,
        journal: RawFd,
        say: &'a OwnedFd,
        before: &'a OwnedFd,
        arguments: &[&OsStr],
    ) -> Becoming<'a> {
        let numbers = [journal, say.as_raw_fd(), before.as_raw_fd()].map(|number| number.to_string());
        let mut words = vec![c"shm".to_owned(), c"broker".to_owned()];
        for (option, number) in ["--resume", "--ready", "--before"].iter().zip(&numbers) {
            words.extend([option.as_bytes(), number.as_bytes()].into_iter().filter_map(string));
        }
        words.extend(arguments.iter().filter_map(|word| string(word.as_bytes())));
        Becoming { program, journal, say, before, arguments: words, environment: environment() }
    }

    /// In the copy: becomes the program, or says why not.
    pub(crate) fn become_it(&self, known: &[RawFd]) -> ! {
        let ours = [self.journal, self.say.as_raw_fd(), self.before.as_raw_fd()];
        let lost = ours.iter().chain(known).find(|&&number| number > 2 && inherit(number).is_err());
        let said = match lost {
            Some(number) => format!("descriptor {number}, which the journal names, is not open\n"),
            None => {
                let errno = child::exec(self.program, &lent(&self.arguments), &lent(&self.environment));
                format!("the program cannot be run: {}\n", errno.name())
            }
        };
        let _ = rustix::io::write(self.say, said.as_bytes());
        child::exit(1)
    }
}

fn environment() -> Vec<CString> {
    let kept = env::vars_os().filter(|(name, _)| !NOT_PASSED_ON.iter().any(|other| name == other));
    kept.filter_map(|(name, value)| string(&[name.as_bytes(), b"=", value.as_bytes()].concat())).collect()
}

/// Nothing for bytes with a NUL: no argument and no variable can have one.
fn string(bytes: &[u8]) -> Option<CString> {
    CString::new(bytes).ok()
}

fn lent(strings: &[CString]) -> Vec<&CStr> {
    strings.iter().map(CString::as_c_str).collect()
}
