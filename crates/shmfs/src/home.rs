//! What an object can do because a store keeps it.
//!
//! Owns: the order of charging and resizing. Leaves to others: the charge (the engine), names and sizes of objects that no
//! store keeps (`object`).

use crate::{Durable, Error, Lifetime, Object, Result, Store};
use shmfs_abi::{ByteLen, Call, Errno, ObjectId, Reply};
use shmfs_client::Refused;
use shmfs_sys::{AsFd, fd};

/// The store that keeps an object, and what it said of it.
#[derive(Debug)]
pub(crate) struct Home {
    store: Store,
    /// Nothing where the kernel opened it by its name, and the store was not asked.
    object: Option<ObjectId>,
    lifetime: Option<Lifetime>,
}

/// The broker fills in which object it is, by the descriptor.
const SHOWN: ObjectId = ObjectId(0);

impl Home {
    pub(crate) const fn new(store: Store, object: Option<ObjectId>, lifetime: Option<Lifetime>) -> Home {
        Home { store, object, lifetime }
    }

    /// Gives `object` another length, after the store has granted it.
    pub(crate) fn resize(&self, object: &Object, len: u64, act: impl FnOnce() -> Result<()>) -> Result<()> {
        let before = object.len()?;
        let grows = len > before;
        if grows {
            self.reserve(object, len)?;
        }
        let done = act();
        // A growth that did not happen, or a cut that did.
        if (grows && done.is_err()) || (!grows && len != before) {
            // A charge that stays too high is mended when the broker next looks at the object.
            let _ = self.store.client().call(Call::Settle { object: SHOWN }, Some(object.as_fd()));
        }
        done
    }

    fn reserve(&self, object: &Object, len: u64) -> Result<()> {
        let call = Call::Reserve { object: SHOWN, size: ByteLen(len) };
        match self.store.client().call(call, Some(object.as_fd())) {
            Ok((Reply::Done, _)) => Ok(()),
            // It is gone from the store, which has taken another's place: there is nobody to charge.
            Err(Refused { errno: Errno::EBADF, .. }) => Ok(()),
            Err(refused) => Err(Error::refused(
                &refused,
                format_args!("cannot give {len} bytes to {}", object.source().label()),
            )),
            Ok(_) => Err(Error::nonsense("cannot resize an object")),
        }
    }
}

impl Object {
    /// Takes its name away; whoever has it open or mapped keeps it. What has the name by now goes, whether it is this
    /// object or another that has taken its place, as with every `unlink`.
    ///
    /// # Errors
    /// `EINVAL` for an object without a name; as [`Store::unlink`].
    pub fn unlink(&self) -> Result<()> {
        match (self.home(), self.name()) {
            (Some(home), Some(name)) => home.store.unlink(name.as_bytes()),
            _ => {
                Err(Error::because(Errno::EINVAL, format!("{} has no name to unlink", self.source().label())))
            }
        }
    }

    /// How long it lives, where the store has said it: objects that were opened by [`Store::open_object`] and are found in
    /// the store's directory are known by their name alone, and [`Store::list`] tells.
    pub fn lifetime(&self) -> Option<Lifetime> {
        self.home().and_then(|home| home.lifetime)
    }

    /// The object as one that is edited in epochs, each of which is there after a crash wholly or not at all.
    ///
    /// # Errors
    /// `EINVAL` where its lifetime is another than [`Lifetime::Durable`]; `EACCES` where it is open for reading only; `EIO`
    /// where its undo log is damaged.
    pub fn durable(&self) -> Result<Durable> {
        let label = self.source().label();
        let durable = self.home().filter(|home| home.lifetime == Some(Lifetime::Durable));
        let found = durable.and_then(|home| Some((&home.store, home.object?)));
        let Some((store, number)) = found else {
            let why = format!("{label} is not durable: that is chosen when an object is created");
            return Err(Error::because(Errno::EINVAL, why));
        };
        let pages = fd::duplicate(self.as_fd()).map_err(|errno| self.source().refused(errno, "edit"))?;
        Durable::open(store, number, self.map()?, pages)
    }
}
