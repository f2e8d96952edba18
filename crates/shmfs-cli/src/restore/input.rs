//! The file that a snapshot comes from, or a pipe that may keep one waiting.

use crate::failure::{Failure, USAGE};
use crate::interrupt::Interrupt;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;

/// A file of which every read ends when a signal has come.
pub(crate) struct Input<'a> {
    file: File,
    interrupt: &'a Interrupt,
}

impl<'a> Input<'a> {
    /// Standard input for `-`, or the file called so.
    pub(crate) fn open(name: &OsStr, interrupt: &'a Interrupt) -> Result<Input<'a>, Failure> {
        let opened = if name.as_bytes() != b"-" {
            File::open(name)
        } else if io::stdin().is_terminal() {
            return Err(Failure::new("no snapshot comes from a terminal")
                .hint("name a file, or pipe it: `shm restore - <FILE`")
                .status(USAGE));
        } else {
            rustix::io::dup(io::stdin()).map(File::from).map_err(io::Error::from)
        };
        let file =
            opened.map_err(|error| Failure::new(format!("cannot read `{}`: {error}", name.display())))?;
        Ok(Input { file, interrupt })
    }
}

impl Read for Input<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.interrupt.wait_for(self.file.as_fd())?;
        self.file.read(bytes)
    }
}
