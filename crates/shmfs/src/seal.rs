//! Seals of objects (`F_ADD_SEALS`, fcntl(2)).

use crate::{Object, Result};
use shmfs_sys::memfd;

bitflags::bitflags! {
    /// What can never again be done to an object, by anybody. A seal cannot be taken off.
    ///
    /// ```
    /// use shmfs::{Object, Seals};
    /// let object = Object::anonymous(4096)?;
    /// object.seal(Seals::SHRINK | Seals::GROW)?;
    /// assert!(object.seals()?.contains(Seals::SHRINK));
    /// assert_eq!(object.resize(0).unwrap_err().errno(), 1); // EPERM
    /// # Ok::<(), shmfs::Error>(())
    /// ```
    #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
    pub struct Seals: u32 {
        /// No seal can be added (`F_SEAL_SEAL`).
        const SEAL = 0x1;
        /// It cannot be cut (`F_SEAL_SHRINK`): no access to a mapping of it can meet SIGBUS for that.
        const SHRINK = 0x2;
        /// It cannot be made longer (`F_SEAL_GROW`).
        const GROW = 0x4;
        /// It cannot be written, and is nowhere mapped for writing (`F_SEAL_WRITE`).
        const WRITE = 0x8;
        /// It cannot be written but by the mappings that exist (`F_SEAL_FUTURE_WRITE`).
        const FUTURE_WRITE = 0x10;
        const _ = !0;
    }
}

impl Object {
    /// Puts seals on it.
    ///
    /// # Errors
    /// `EPERM` where it is sealed against seals, or open for reading only; `EBUSY` for [`Seals::WRITE`] while it is mapped
    /// shared for writing; `EINVAL` for what is no memfd.
    pub fn seal(&self, seals: Seals) -> Result<()> {
        memfd::add_seals(self, seals.bits()).map_err(|errno| self.source().refused(errno, "seal"))
    }

    /// The seals on it.
    ///
    /// # Errors
    /// `EINVAL` for what is no memfd.
    pub fn seals(&self) -> Result<Seals> {
        let seals = memfd::seals(self).map_err(|errno| self.source().refused(errno, "read the seals of"))?;
        Ok(Seals::from_bits_retain(seals))
    }
}
