//! The pages of a journal in the simulation: bytes that a broker's death leaves as they are, cut in the middle of a
//! write if need be.
//!
//! Owns: the bytes. Leaves to others: what they mean (`shmfs-journal`).

use super::handle::{Handle, Killed};
use super::world::Fate;
use shmfs_abi::Errno;
use shmfs_journal::Pages;
use std::cell::RefCell;
use std::rc::Rc;

/// The bytes that outlive brokers.
pub(crate) type Bytes = Rc<RefCell<Vec<u8>>>;

/// A journal's pages, as one broker has them mapped.
#[derive(Clone, Debug)]
pub(crate) struct SimPages {
    bytes: Bytes,
    handle: Handle,
}

impl SimPages {
    pub(crate) fn new(handle: &Handle, bytes: &Bytes) -> SimPages {
        SimPages { bytes: bytes.clone(), handle: handle.clone() }
    }

    fn put(&self, at: usize, bytes: &[u8]) {
        self.bytes.borrow_mut()[at..at + bytes.len()].copy_from_slice(bytes);
    }
}

impl Pages for SimPages {
    fn len(&self) -> usize {
        self.bytes.borrow().len()
    }

    fn grow(&mut self, len: usize) -> Result<(), Errno> {
        self.handle.step("grow", len as i64).refuse("grow", &[Errno::ENOMEM, Errno::ENOSPC])?;
        let mut bytes = self.bytes.borrow_mut();
        if bytes.len() < len {
            bytes.resize(len, 0);
        }
        Ok(())
    }

    fn read(&self, at: usize, bytes: &mut [u8]) {
        bytes.copy_from_slice(&self.bytes.borrow()[at..at + bytes.len()]);
    }

    fn write(&mut self, at: usize, bytes: &[u8]) {
        let torn = {
            let mut world = self.handle.world_mut();
            let dies = world.step("write", at as i64) == Fate::Die;
            world.written += 1;
            dies.then(|| {
                world.is_killed = true;
                world.dice.index(bytes.len() + 1)
            })
        };
        match torn {
            None => self.put(at, bytes),
            Some(len) => {
                self.put(at, &bytes[..len]);
                std::panic::panic_any(Killed);
            }
        }
    }

    fn load(&self, at: usize) -> u64 {
        let mut word = [0; 8];
        self.read(at, &mut word);
        u64::from_ne_bytes(word)
    }

    fn store(&mut self, at: usize, value: u64) {
        drop(self.handle.step("store", at as i64));
        self.put(at, &value.to_ne_bytes());
    }
}
