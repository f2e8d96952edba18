//! The descriptors behind the objects.
//!
//! Five kinds of backing (`shmfs_abi::Backing`): sealed memfds for System V, whose size nobody can change;
//! files of the store's own hidden tmpfs for POSIX, where the kernel then enforces the store's limit on every
//! writer and the file's name is the object's; plain memfds for POSIX where no hidden tmpfs can be had; memfds that
//! their holders may seal, for anonymous memory; files of the state directory for durable objects of either door.
//!
//! Owns: one descriptor per object, and who is who by device and inode number.
//! Leaves to others: which objects there are and what they may cost (`shmfs-core`).

use crate::os::{Os, Result, Wish};
use shmfs_abi::{Backing, Errno, Gid, ObjectId, OpenFlags, Uid};
use shmfs_core::ObjectImage;
use shmfs_sys::fd::{self, Identity};
use std::collections::HashMap;

/// One object's descriptor: our own description of it, for reading and writing.
pub(crate) struct Stored<O: Os> {
    pub(crate) fd: O::Fd,
    pub(crate) identity: Identity,
    pub(crate) backing: Backing,
    /// Its pages, where they are locked in memory, or reserved.
    kept: Option<O::Kept>,
    /// Owner and mode of the inode when this process last saw or set them. They are not always what the engine
    /// says: an unprivileged broker cannot give a file away.
    pub(crate) owner: Owner,
}

/// Owner, group and mode of an inode.
pub(crate) type Owner = (Uid, Gid, u32);

/// What an inode says of them.
pub(crate) fn owner_of(facts: &fd::Facts) -> Owner {
    (facts.uid, facts.gid, facts.mode & 0o7777)
}

/// The descriptors behind all objects of a store.
pub(crate) struct Backings<O: Os> {
    /// The mount of the hidden tmpfs, where there is one.
    pub(crate) hidden: Option<O::Fd>,
    objects: HashMap<ObjectId, Stored<O>>,
    identities: HashMap<Identity, ObjectId>,
    posix_dev: u64,
}

impl<O: Os> Backings<O> {
    pub(crate) fn new(hidden: Option<O::Fd>, posix_dev: u64) -> Backings<O> {
        Backings { hidden, objects: HashMap::new(), identities: HashMap::new(), posix_dev }
    }

    /// The device number that `fstat` shows for POSIX objects.
    pub(crate) fn posix_dev(&self) -> u64 {
        self.posix_dev
    }

    /// Makes the backing of `object`.
    pub(crate) fn make(&mut self, os: &mut O, object: ObjectId, wish: &Wish) -> Result<fd::Facts> {
        let fd = os.make(self.hidden.as_ref(), wish)?;
        self.made(os, object, (fd, wish.backing))
    }

    /// Makes the backing of a durable object, which outlives the store.
    pub(crate) fn make_durable(&mut self, os: &mut O, image: &ObjectImage) -> Result<fd::Facts> {
        let fd = os.make_durable(image)?;
        self.made(os, image.object, (fd, Backing::Durable))
    }

    fn made(&mut self, os: &mut O, object: ObjectId, made: (O::Fd, Backing)) -> Result<fd::Facts> {
        let (fd, backing) = made;
        let facts = os.facts(&fd)?;
        // A mapping reserves huge pages, so that they are refused now and not when they are touched.
        let kept = match backing {
            Backing::Huge => Some(os.keep(&fd, false)?),
            _ => None,
        };
        self.enter(object, Stored { fd, identity: facts.identity, backing, kept, owner: owner_of(&facts) });
        Ok(facts)
    }

    /// Takes over what a broker before this one made. The caller has checked that it is the right file.
    pub(crate) fn take_over(
        &mut self,
        os: &mut O,
        object: ObjectId,
        stored: (O::Fd, Backing),
        facts: &fd::Facts,
        locked: bool,
        owner: Owner,
    ) {
        let (fd, backing) = stored;
        let kept = if locked || backing == Backing::Huge { os.keep(&fd, locked) } else { Err(Errno::ENOENT) };
        if locked && kept.is_err() {
            tracing::warn!(object = object.0, "its pages are not locked in memory any more");
        }
        self.enter(object, Stored { fd, identity: facts.identity, backing, kept: kept.ok(), owner });
    }

    fn enter(&mut self, object: ObjectId, stored: Stored<O>) {
        self.identities.insert(stored.identity, object);
        self.objects.insert(object, stored);
    }

    /// Keeps an object's pages in memory, or no longer.
    pub(crate) fn lock(&mut self, os: &mut O, object: ObjectId, lock: bool) -> Result<()> {
        let stored = self.objects.get_mut(&object).ok_or(Errno::EIDRM)?;
        if stored.backing == Backing::Huge {
            // Huge pages are never swapped (`shmctl_do_lock`: nothing to do).
            return Ok(());
        }
        stored.kept = None;
        if lock {
            stored.kept = Some(os.keep(&stored.fd, true)?);
        }
        Ok(())
    }

    /// Keeps an object's pages in memory no longer.
    pub(crate) fn let_swap(&mut self, object: ObjectId) {
        if let Some(stored) = self.objects.get_mut(&object).filter(|stored| stored.backing != Backing::Huge) {
            stored.kept = None;
        }
    }

    /// A file description of its own for one client, opened with `flags`.
    pub(crate) fn open(&self, os: &mut O, object: ObjectId, flags: OpenFlags) -> Result<O::Fd> {
        os.open(&self.stored(object)?.fd, flags)
    }

    /// Mirrors owner and mode on the inode, so that the kernel enforces them on who reopens it.
    pub(crate) fn own(&mut self, os: &mut O, object: ObjectId, (uid, gid, mode): Owner) -> Result<()> {
        let stored = self.objects.get_mut(&object).ok_or(Errno::EIDRM)?;
        os.own(&stored.fd, uid, gid, mode);
        stored.owner = owner_of(&os.facts(&stored.fd)?);
        Ok(())
    }

    /// Owner and mode, when they are not what they were at the last look.
    pub(crate) fn changed_owner(&mut self, object: ObjectId, facts: &fd::Facts) -> Option<Owner> {
        let stored = self.objects.get_mut(&object)?;
        let owner = owner_of(facts);
        let changed = stored.owner != owner;
        stored.owner = owner;
        changed.then_some(owner)
    }

    /// Whether the object outlives the store.
    pub(crate) fn is_durable(&self, object: ObjectId) -> bool {
        self.objects.get(&object).is_some_and(|stored| stored.backing == Backing::Durable)
    }

    /// What the object's inode says of itself.
    pub(crate) fn facts(&self, os: &O, object: ObjectId) -> Result<fd::Facts> {
        os.facts(&self.stored(object)?.fd)
    }

    /// Whether nobody but this broker has the object open or mapped, or in a message on its way.
    pub(crate) fn is_unused(&self, os: &mut O, object: ObjectId) -> Result<bool> {
        os.is_unused(&self.stored(object)?.fd)
    }

    /// The object that a client's descriptor shows.
    pub(crate) fn object_at(&self, identity: Identity) -> Option<ObjectId> {
        self.identities.get(&identity).copied()
    }

    /// Takes an object's descriptor out, to be closed. Its pages go with it when nobody else holds them.
    pub(crate) fn take(&mut self, object: ObjectId) -> Option<O::Fd> {
        let stored = self.objects.remove(&object)?;
        self.identities.remove(&stored.identity);
        Some(stored.fd)
    }

    pub(crate) fn stored(&self, object: ObjectId) -> Result<&Stored<O>> {
        self.objects.get(&object).ok_or(Errno::EIDRM)
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.objects.len()
    }

    /// The descriptors of all objects.
    pub(crate) fn fds(&self) -> impl Iterator<Item = &O::Fd> {
        self.objects.values().map(|stored| &stored.fd)
    }

    /// The hidden tmpfs and the object's file, if it lies there. The names of others are the engine's alone.
    pub(crate) fn in_hidden(&self, object: ObjectId) -> Option<(&O::Fd, &Stored<O>)> {
        let stored = self.stored(object).ok().filter(|stored| stored.backing == Backing::TmpfsFile)?;
        Some((self.hidden.as_ref()?, stored))
    }
}
