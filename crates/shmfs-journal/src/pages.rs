//! The bytes that a journal lies in.
//!
//! Owns: the words; pages in memory of one's own.
//! Leaves to others: where the bytes are otherwise (a shared mapping, the simulator).

use shmfs_abi::Errno;

/// The pages of a journal: bytes that outlive the broker. All offsets are in bytes and inside, or it is a mistake.
pub trait Pages {
    /// How many bytes there are.
    fn len(&self) -> usize;
    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Makes them at least `len`; new ones are zero.
    fn grow(&mut self, len: usize) -> Result<(), Errno>;
    /// Copies bytes out.
    fn read(&self, at: usize, bytes: &mut [u8]);
    /// Copies bytes in.
    fn write(&mut self, at: usize, bytes: &[u8]);
    /// One aligned word, after everything that was stored before it.
    fn load(&self, at: usize) -> u64;
    /// One aligned word, before everything that is stored after it, and after all before.
    fn store(&mut self, at: usize, value: u64);
}

/// Pages that nobody else has: for tests, and for looking at a copy.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct VecPages(pub Vec<u8>);

impl Pages for VecPages {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn grow(&mut self, len: usize) -> Result<(), Errno> {
        self.0.resize(len.max(self.0.len()), 0);
        Ok(())
    }

    fn read(&self, at: usize, bytes: &mut [u8]) {
        bytes.copy_from_slice(&self.0[at..at + bytes.len()]);
    }

    fn write(&mut self, at: usize, bytes: &[u8]) {
        self.0[at..at + bytes.len()].copy_from_slice(bytes);
    }

    fn load(&self, at: usize) -> u64 {
        let mut word = [0; 8];
        self.read(at, &mut word);
        u64::from_ne_bytes(word)
    }

    fn store(&mut self, at: usize, value: u64) {
        self.write(at, &value.to_ne_bytes());
    }
}
