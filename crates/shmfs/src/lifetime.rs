//! How long objects live.

/// How long an object with a name lives, chosen when it is created.
///
/// Whatever is chosen, an object's bytes stay for those who have it open or mapped; a lifetime says when its *name* goes,
/// and the object with its last user after that.
///
/// | | its name goes | a crash of its creator leaves | a crash of its users leaves | the store's end leaves |
/// |---|---|---|---|---|
/// | [`Process`](Lifetime::Process) | with the process that created it, however that ends | nothing | the object | nothing |
/// | [`LastUser`](Lifetime::LastUser) | when nobody has it open or mapped | the object, while there are other users | nothing, after the last | nothing |
/// | [`UntilRemoved`](Lifetime::UntilRemoved) | by [`unlink`](crate::Object::unlink) | the object | the object | nothing |
/// | [`Durable`](Lifetime::Durable) | by `unlink` | the object, at its last epoch | the same | the object, at its last epoch |
///
/// ```
/// use shmfs::{Lifetime, Store};
/// let store = Store::embedded()?;
/// let scratch = store.object("scratch")?.lifetime(Lifetime::LastUser).create(4096)?;
/// let mapping = scratch.map()?;
/// drop(scratch);
/// store.open_object("scratch")?;      // its mapping uses it
/// # drop(mapping);
/// # Ok::<(), shmfs::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[non_exhaustive]
pub enum Lifetime {
    /// Its name goes with the process that created it, by exit or SIGKILL. A child made by fork is another process.
    Process,
    /// Its name goes when nobody has it open or mapped any more. Its creator is its first user.
    LastUser,
    /// It stays until it is unlinked: the kernel's rule, and that of programs that know nothing of lifetimes.
    #[default]
    UntilRemoved,
    /// It outlives the store and the machine: a file in the store's state directory (`shm daemon --state DIR`,
    /// [`StoreOptions::state`](crate::StoreOptions::state)). It comes back with its name, mode and owner, at the last
    /// epoch that was [persisted](crate::Durable::persist).
    Durable,
}

impl From<Lifetime> for shmfs_abi::Lifetime {
    fn from(lifetime: Lifetime) -> shmfs_abi::Lifetime {
        match lifetime {
            Lifetime::Process => shmfs_abi::Lifetime::Process,
            Lifetime::LastUser => shmfs_abi::Lifetime::LastUser,
            Lifetime::UntilRemoved => shmfs_abi::Lifetime::UntilRemoved,
            Lifetime::Durable => shmfs_abi::Lifetime::Durable,
        }
    }
}

impl From<shmfs_abi::Lifetime> for Lifetime {
    fn from(lifetime: shmfs_abi::Lifetime) -> Lifetime {
        match lifetime {
            shmfs_abi::Lifetime::Process => Lifetime::Process,
            shmfs_abi::Lifetime::LastUser => Lifetime::LastUser,
            shmfs_abi::Lifetime::UntilRemoved => Lifetime::UntilRemoved,
            shmfs_abi::Lifetime::Durable => Lifetime::Durable,
        }
    }
}
