//! The descriptors behind the objects.
//!
//! Three kinds of backing (`shmfs_abi::Backing`): sealed memfds for System V, whose size nobody can change;
//! files of the store's own hidden tmpfs for POSIX, where the kernel then enforces the store's limit on every
//! writer and the file's name is the object's; plain memfds for POSIX where no hidden tmpfs can be had.
//!
//! Owns: one descriptor per object, and who is who by device and inode number.
//! Leaves to others: which objects there are and what they may cost (`shmfs-core`).

use rustix::fd::{AsFd, OwnedFd};
use shmfs_abi::{Backing, ByteLen, Errno, Gid, Name, ObjectId, OpenFlags, Uid};
use shmfs_sys::fd::{self, Identity};
use shmfs_sys::map::SharedMap;
use shmfs_sys::tmpfs::Hidden;
use shmfs_sys::{Result, lease, memfd};
use std::collections::HashMap;

/// Inodes of a hidden tmpfs: the objects' bound and some for the root.
const HIDDEN_INODES: u64 = shmfs_abi::limits::OBJECTS as u64 + 16;

/// One object's descriptor: our own description of it, for reading and writing.
struct Stored {
    fd: OwnedFd,
    identity: Identity,
    backing: Backing,
    /// Its pages, where they are locked in memory, or reserved.
    kept: Option<SharedMap>,
    /// Owner and mode of the inode when this process last saw or set them. They are not always what the engine
    /// says: an unprivileged broker cannot give a file away.
    owner: Owner,
}

/// Owner, group and mode of an inode.
pub(crate) type Owner = (Uid, Gid, u32);

fn owner_of(facts: &fd::Facts) -> Owner {
    (facts.uid, facts.gid, facts.mode & 0o7777)
}

/// What a fresh backing is to be.
pub(crate) struct Wish {
    pub(crate) backing: Backing,
    pub(crate) huge_log2: u32,
    pub(crate) size: ByteLen,
    pub(crate) name: Option<Name>,
    pub(crate) uid: Uid,
    pub(crate) gid: Gid,
    pub(crate) mode: u32,
    /// Whether every page is made at once.
    pub(crate) populate: bool,
}

/// The descriptors behind all objects of a store.
pub(crate) struct Backings {
    hidden: Option<Hidden>,
    objects: HashMap<ObjectId, Stored>,
    identities: HashMap<Identity, ObjectId>,
    posix_dev: u64,
}

impl Backings {
    /// Probes what this machine and this user can have: a hidden tmpfs of `size`, or else plain memfds.
    pub(crate) fn probe(size: ByteLen) -> Result<Backings> {
        let hidden = Hidden::make(size.pages().bytes().0, HIDDEN_INODES)
            .inspect_err(|errno| {
                tracing::info!(errno = errno.name(), "no hidden tmpfs; POSIX objects are memfds")
            })
            .ok();
        let sample = match &hidden {
            Some(hidden) => hidden.create_unnamed(0o600)?,
            None => memfd::create(c"shmfs-probe", false)?,
        };
        let posix_dev = fd::facts(&sample)?.identity.dev;
        Ok(Backings { hidden, objects: HashMap::new(), identities: HashMap::new(), posix_dev })
    }

    /// What stands behind the POSIX door.
    pub(crate) fn posix(&self) -> Backing {
        if self.hidden.is_some() { Backing::TmpfsFile } else { Backing::Memfd }
    }

    /// The device number that `fstat` shows for POSIX objects.
    pub(crate) fn posix_dev(&self) -> u64 {
        self.posix_dev
    }

    /// Makes the backing of `object`.
    pub(crate) fn make(&mut self, object: ObjectId, wish: &Wish) -> Result<fd::Facts> {
        let file = match (wish.backing, &self.hidden) {
            (Backing::SealedMemfd, _) => {
                let file = memfd::create(c"shmfs-segment", true)?;
                fd::truncate(&file, wish.size)?;
                memfd::seal_size(&file)?;
                file
            }
            (Backing::Huge, _) => {
                let file = memfd::create_huge(c"shmfs-segment", wish.huge_log2)?;
                fd::truncate(&file, wish.size)?;
                memfd::seal_size(&file)?;
                file
            }
            (Backing::TmpfsFile, Some(hidden)) => {
                let file = hidden.create_unnamed(0o600)?;
                fd::truncate(&file, wish.size)?;
                file
            }
            (Backing::TmpfsFile | Backing::Memfd, _) => {
                let file = memfd::create(c"shmfs-object", false)?;
                fd::truncate(&file, wish.size)?;
                file
            }
        };
        own(&file, wish.uid, wish.gid, wish.mode);
        // A mapping reserves huge pages, so that they are refused now and not when they are touched.
        let kept = match wish.backing {
            Backing::Huge => Some(SharedMap::new(&file, wish.size.0 as usize)?),
            _ => None,
        };
        if wish.populate && wish.size.0 > 0 {
            SharedMap::new(&file, wish.size.0 as usize)?.populate()?;
        }
        if let (Backing::TmpfsFile, Some(hidden), Some(name)) = (wish.backing, &self.hidden, &wish.name) {
            // Last: clients look names up by themselves, and find no half-made file.
            hidden.link(file.as_fd(), name.as_bytes())?;
        }
        let facts = fd::facts(&file)?;
        self.identities.insert(facts.identity, object);
        let owner = owner_of(&facts);
        let (identity, backing) = (facts.identity, wish.backing);
        self.objects.insert(object, Stored { fd: file, identity, backing, kept, owner });
        Ok(facts)
    }

    /// Gives the file of an object that was made without a name its name.
    pub(crate) fn link(&self, object: ObjectId, name: &Name) -> Result<()> {
        let file = &self.stored(object)?.fd;
        self.in_hidden(object, |hidden| hidden.link(file.as_fd(), name.as_bytes()))
    }

    /// Takes a name away from the hidden tmpfs.
    pub(crate) fn unlink(&self, object: ObjectId, name: &Name) -> Result<()> {
        self.in_hidden(object, |hidden| hidden.unlink(name.as_bytes()))
    }

    /// Renames a file of the hidden tmpfs.
    pub(crate) fn rename(&self, object: ObjectId, from: &Name, to: &Name, flags: u32) -> Result<()> {
        self.in_hidden(object, |hidden| hidden.rename(from.as_bytes(), to.as_bytes(), flags))
    }

    /// Gives a file of the hidden tmpfs one more name.
    pub(crate) fn link_name(&self, object: ObjectId, from: &Name, to: &Name) -> Result<()> {
        self.in_hidden(object, |hidden| hidden.link_name(from.as_bytes(), to.as_bytes()))
    }

    /// Changes the names of an object's file; a memfd has none, and there is nothing to change.
    fn in_hidden(&self, object: ObjectId, change: impl FnOnce(&Hidden) -> Result<()>) -> Result<()> {
        match (self.stored(object)?.backing, &self.hidden) {
            (Backing::TmpfsFile, Some(hidden)) => change(hidden),
            _ => Ok(()),
        }
    }

    /// Lets an object have at least this size, and makes every page of it.
    pub(crate) fn populate(&self, object: ObjectId, size: ByteLen) -> Result<()> {
        let file = &self.stored(object)?.fd;
        if fd::facts(file)?.size < size {
            fd::truncate(file, size)?;
        }
        let len = usize::try_from(size.0).map_err(|_| Errno::ENOMEM)?;
        if len == 0 { Ok(()) } else { SharedMap::new(file, len)?.populate() }
    }

    /// Keeps an object's pages in memory, or no longer.
    pub(crate) fn lock(&mut self, object: ObjectId, lock: bool) -> Result<()> {
        let stored = self.objects.get_mut(&object).ok_or(Errno::EIDRM)?;
        if stored.backing == Backing::Huge {
            // Huge pages are never swapped (`shmctl_do_lock`: nothing to do).
            return Ok(());
        }
        stored.kept = None;
        if lock {
            let len = fd::facts(&stored.fd)?.size.0;
            let pages = SharedMap::new(&stored.fd, usize::try_from(len).map_err(|_| Errno::ENOMEM)?)?;
            pages.lock()?;
            stored.kept = Some(pages);
        }
        Ok(())
    }

    /// Lets the hidden tmpfs have another size. Without the right to do so the engine's charges bind alone.
    pub(crate) fn resize(&self, size: ByteLen) {
        let resized = self.hidden.as_ref().map_or(Ok(()), |hidden| hidden.resize(size.0));
        if let Err(errno) = resized {
            tracing::warn!(errno = errno.name(), "the hidden tmpfs keeps its size; the store's charges bind");
        }
    }

    /// The directory in which clients look names up by themselves, where there is one.
    pub(crate) fn root(&self) -> Option<Result<OwnedFd>> {
        self.hidden.as_ref().map(Hidden::root)
    }

    /// A file description of its own for one client, opened with `flags`.
    pub(crate) fn open(&self, object: ObjectId, flags: OpenFlags) -> Result<OwnedFd> {
        let stored = self.stored(object)?;
        match fd::reopen(stored.fd.as_fd(), flags) {
            Err(Errno::EACCES) => {
                // The mode binds even the owner of the inode, and the engine has allowed this: an
                // unprivileged broker opens its own file a moment before its mode.
                let facts = fd::facts(&stored.fd)?;
                fd::chmod(&stored.fd, facts.mode & 0o7777 | 0o600)?;
                let opened = fd::reopen(stored.fd.as_fd(), flags);
                fd::chmod(&stored.fd, facts.mode & 0o7777)?;
                opened
            }
            other => other,
        }
    }

    /// Mirrors owner and mode on the inode, so that the kernel enforces them on who reopens it.
    pub(crate) fn own(&mut self, object: ObjectId, uid: Uid, gid: Gid, mode: u32) -> Result<()> {
        let stored = self.objects.get_mut(&object).ok_or(Errno::EIDRM)?;
        own(&stored.fd, uid, gid, mode);
        stored.owner = owner_of(&fd::facts(&stored.fd)?);
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

    /// Cuts or extends the file to `size`.
    pub(crate) fn truncate(&self, object: ObjectId, size: ByteLen) -> Result<()> {
        fd::truncate(&self.stored(object)?.fd, size)
    }

    /// What the object's inode says of itself.
    pub(crate) fn facts(&self, object: ObjectId) -> Result<fd::Facts> {
        fd::facts(&self.stored(object)?.fd)
    }

    /// Whether nobody but this broker has the object open or mapped, or in a message on its way.
    pub(crate) fn is_unused(&self, object: ObjectId) -> Result<bool> {
        lease::is_only_description(&self.stored(object)?.fd)
    }

    /// The descriptor, for watching it.
    pub(crate) fn watched(&self, object: ObjectId) -> Result<&OwnedFd> {
        Ok(&self.stored(object)?.fd)
    }

    /// The object that a client's descriptor shows.
    pub(crate) fn object_at(&self, identity: Identity) -> Option<ObjectId> {
        self.identities.get(&identity).copied()
    }

    /// Lets the object's descriptor go, and its pages with it when nobody else holds them.
    pub(crate) fn close(&mut self, object: ObjectId) {
        if let Some(stored) = self.objects.remove(&object) {
            self.identities.remove(&stored.identity);
        }
    }

    fn stored(&self, object: ObjectId) -> Result<&Stored> {
        self.objects.get(&object).ok_or(Errno::EIDRM)
    }
}

/// An unprivileged broker cannot give a file away; its store then has one user, and the engine's word counts.
fn own(file: &OwnedFd, uid: Uid, gid: Gid, mode: u32) {
    if let Err(errno) = fd::chown(file, uid, gid) {
        tracing::debug!(errno = errno.name(), "the inode keeps its owner");
    }
    if let Err(errno) = fd::chmod(file, mode & 0o7777) {
        tracing::debug!(errno = errno.name(), "the inode keeps its mode");
    }
}
