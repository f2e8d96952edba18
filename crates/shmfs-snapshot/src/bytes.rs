//! The bytes on their way in, counted: an error says where.

use crate::SnapshotError;
use std::io::{ErrorKind, Read};
use zerocopy::{FromBytes, IntoBytes};

/// A reader and how far it has come.
#[derive(Debug)]
pub(crate) struct Counted<R> {
    from: R,
    /// Bytes that were read.
    pub(crate) at: u64,
}

impl<R: Read> Counted<R> {
    pub(crate) fn new(from: R) -> Counted<R> {
        Counted { from, at: 0 }
    }

    /// Fills `bytes`, or says where the file ends.
    pub(crate) fn fill(&mut self, bytes: &mut [u8]) -> Result<(), SnapshotError> {
        match self.some(bytes)? {
            found if found == bytes.len() => Ok(()),
            _ => Err(SnapshotError::Cut { at: self.at }),
        }
    }

    /// Reads what there is, at most all of `bytes`.
    pub(crate) fn some(&mut self, bytes: &mut [u8]) -> Result<usize, SnapshotError> {
        let mut done = 0;
        while done < bytes.len() {
            match self.from.read(&mut bytes[done..]) {
                Ok(0) => break,
                Ok(found) => done += found.min(bytes.len() - done),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.at += done as u64;
        Ok(done)
    }

    /// Reads one layout.
    pub(crate) fn layout<T: FromBytes + IntoBytes>(&mut self) -> Result<T, SnapshotError> {
        let mut layout = T::new_zeroed();
        self.fill(layout.as_mut_bytes())?;
        Ok(layout)
    }
}
