//! Sizes of POSIX objects: a growth is charged before it happens, and refused where the store is full.
//!
//! An object is known by the device of its inode, since descriptors are duplicated, inherited and passed. A file
//! that is none is left to the kernel after one look. Where POSIX objects are memfds, the program's own
//! memfds have the same device: the broker says that it does not know them.
//!
//! Where no store can be asked, the change goes ahead: the file is the program's already, a foreign file must not
//! suffer, and a store that is gone has nothing to charge.
//!
//! Owns: which changes the broker hears of.
//! Leaves to others: the change itself (the caller), the charge (the engine).
//! Not done: pages beyond the size (`FALLOC_FL_KEEP_SIZE`) are not charged; writes that make a file longer are
//! charged when the broker next looks at it, and bounded by the hidden tmpfs.

use crate::{Client, connect::Failure};
use shmfs_abi::{ByteLen, Call, Errno, ObjectId};
use shmfs_sys::{
    BorrowedFd,
    fd::{self, Facts},
};

/// The broker fills in which object it is, by the descriptor.
const SHOWN: ObjectId = ObjectId(0);

impl Client {
    /// Runs `act`, which sets the size of `fd` to `len` or lets it grow to at least that, after the store has
    /// granted the growth. `act` runs without the lock and with the caller's signals.
    ///
    /// # Errors
    /// `ENOSPC` where the store is full; what `act` returns.
    pub fn resize(&self, fd: i32, len: i64, act: &dyn Fn() -> Result<(), Errno>) -> Result<(), Errno> {
        let (Ok(len), Some(before)) = (u64::try_from(len), self.object_facts(fd)) else { return act() };
        let grows = len > before.size.0;
        if grows {
            self.reserve(fd, ByteLen(len))?;
        }
        let done = act();
        let after = fd::identify_raw(fd).filter(|after| after.identity == before.identity);
        let expected = if grows { ByteLen(len) } else { before.size };
        if after.is_some_and(|after| after.size != expected) {
            // A charge that stays too high is mended when the broker next looks at the object.
            let _ = self.ask_about(fd, &Call::Settle { object: SHOWN });
        }
        done
    }

    /// Tells the store that the size of `fd` may be less than it was, as after `O_TRUNC`.
    pub fn settle(&self, fd: i32) {
        // A charge that stays too high is mended when the broker next looks at the object.
        let _ = self.ask_about(fd, &Call::Settle { object: SHOWN });
    }

    /// What `fd` is, if it may be an object of the store and can be written to.
    fn object_facts(&self, fd: i32) -> Option<Facts> {
        let dev = match self.tmpfs_dev() {
            Some(dev) => dev,
            // An object may have been inherited, or passed to a process that has not connected.
            None if fd::with_number(fd, |fd| fd::is_tmpfs(fd)) == Ok(true) => {
                self.with(|state| state.session().map(drop)).ok()?;
                self.tmpfs_dev()?
            }
            None => return None,
        };
        let facts = fd::identify_raw(fd).filter(|facts| facts.identity.dev == dev && facts.is_regular())?;
        let writes = fd::with_number(fd, |fd| fd::access(fd)).is_ok_and(|flags| flags.access().writes());
        writes.then_some(facts)
    }

    fn reserve(&self, fd: i32, size: ByteLen) -> Result<(), Errno> {
        match self.ask_about(fd, &Call::Reserve { object: SHOWN, size }) {
            // No object of this store: the program's own memfd.
            Err(Failure::Refused(refused)) if refused.errno == Errno::EBADF => Ok(()),
            Err(Failure::Refused(refused)) => Err(refused.errno),
            Ok(()) | Err(Failure::Broken(_)) => Ok(()),
        }
    }

    /// Puts a call about the object behind `fd`.
    #[allow(
        clippy::result_large_err,
        reason = "no heap to put the reason on; it lives on the stack for a moment"
    )]
    fn ask_about(&self, fd: i32, call: &Call) -> Result<(), Failure> {
        let ask = |fd: BorrowedFd<'_>| self.with(|state| Ok(state.ask_with(call, &[fd]).map(drop)));
        fd::with_number(fd, ask).map_err(Failure::Broken)?
    }
}
