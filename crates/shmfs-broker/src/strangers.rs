//! Names that other programs change: a store that is *open* was mounted, or its tmpfs was given away.
//!
//! Before each call that names a name, the broker looks at it in the tmpfs, and tells the engine what it shows by now: a
//! file that is no object yet, another object's, or none. Between that look and the call's own change somebody may be
//! quicker; then the change fails as the kernel says, and the call is made once more (`serve`).
//!
//! Listings take in the files of the root that nobody has asked for, up to [`LISTED_FILES`] objects: each costs a
//! descriptor. Others are counted all the same, among the bytes of the tree (`room`).
//!
//! An object whose name was taken away keeps its pages as long as the broker holds it. The mount's door tells of each
//! name that it changes; where the tree is attached elsewhere, inotify tells of names that are gone.
//!
//! Owns: looking.
//! Leaves to others: what becomes of an object (the engine), opening a file (`Os`).
//! Not done: what is no regular file has no number: a call that names one is done at once, and once more where the broker
//! is killed over it.

use crate::backing::owner_of;
use crate::broker::Broker;
use crate::doubt::Watched;
use crate::os::{Os, Result};
use shmfs_abi::limits::{LISTED_FILES, LISTED_NAMES};
use shmfs_abi::{Backing, Call, Cred, Errno, Name, ObjectId, OpenFlags, Refusal, Reply, Time, refuse};
use shmfs_core::{Event, Facts};
use shmfs_sys::fd;
use std::collections::BTreeMap;

/// The names that a call asks for.
pub(crate) fn names(call: &Call) -> [Option<Name>; 2] {
    match *call {
        Call::Open { name, .. } | Call::SemOpen { name, .. } | Call::Unlink { name } => [Some(name), None],
        Call::Want(wanted) => [Some(wanted.name), None],
        Call::Rename { from, to, .. } | Call::Link { from, to } => [Some(from), Some(to)],
        _ => [None, None],
    }
}

impl<O: Os> Broker<O> {
    /// Looks at what a call names, in a store that is open.
    pub(crate) fn look_for(&mut self, call: &Call) -> std::result::Result<(), Refusal> {
        let mut asked = names(call);
        match call {
            Call::SemPublish { ticket } => asked[0] = self.namespace.unpublished(*ticket),
            Call::Next { after: ObjectId(0) } => self.look_at_all(true),
            Call::Usage => self.look_at_all(false),
            _ => {}
        }
        if let Call::Next { .. } | Call::Usage = call {
            return Ok(());
        }
        if asked[0].is_some() || matches!(call, Call::Fetch { .. }) {
            // Who asks gets files, or changes names, of which the mount's door would not hear.
            self.share();
        }
        if asked[0].is_some() {
            self.look_at_root();
        }
        for name in asked.iter().flatten() {
            self.look_at(name).map_err(|errno| Refusal {
                errno,
                reason: "the file cannot be made an object",
                shortage: None,
            })?;
        }
        Ok(())
    }

    /// The mode of the root directory is whatever somebody has given it.
    fn look_at_root(&mut self) {
        let Some(hidden) = &self.backings.hidden else { return };
        if let Ok(facts) = self.os.facts(hidden) {
            let (uid, gid, mode) = owner_of(&facts);
            self.observe(Event::Rooted { uid, gid, mode });
        }
    }

    /// Tells the engine what a name shows.
    pub(crate) fn look_at(&mut self, name: &Name) -> Result<()> {
        let Some(hidden) = &self.backings.hidden else { return Ok(()) };
        let known = self.namespace.object_named(name);
        let shown = self.os.named(hidden, name)?;
        if known.is_none() && shown.is_none() {
            return Ok(());
        }
        if let Some(object) = known {
            let Some((_, stored)) = self.backings.in_hidden(object) else {
                // It lies elsewhere, and has its name from the engine alone.
                return Ok(());
            };
            if shown == Some(stored.identity) {
                return Ok(());
            }
            self.observe(Event::Gone { name: *name });
        }
        let Some(identity) = shown else { return Ok(()) };
        match self.backings.object_at(identity) {
            Some(object) => {
                self.observe(Event::Named { object, name: *name });
                self.is_found_again(object);
                Ok(())
            }
            None => self.take_in(name),
        }
    }

    /// Whether neither a name nor the file behind it is an object's. Such a file becomes one when somebody asks for it.
    pub(crate) fn is_nobodys(&self, name: &Name) -> bool {
        let Some(hidden) = &self.backings.hidden else { return true };
        if self.namespace.object_named(name).is_some() {
            return false;
        }
        match self.os.named(hidden, name) {
            Ok(Some(identity)) => self.backings.object_at(identity).is_none(),
            Ok(None) => true,
            Err(_) => false,
        }
    }

    /// An object that nothing found has a name again.
    fn is_found_again(&mut self, object: ObjectId) {
        if self.namespace.is_unfindable(object) {
            return;
        }
        if let Some(watch) = self.held.remove(&object) {
            watch.into_iter().for_each(|watch| self.unwatch(watch));
            self.doubts.settle(Watched::Released(object));
        }
        self.watch_users(object);
    }

    /// A file becomes an object, if it is a regular one.
    fn take_in(&mut self, name: &Name) -> Result<()> {
        let Some(hidden) = &self.backings.hidden else { return Ok(()) };
        if !self.has_spare(1) {
            return Err(Errno::ENFILE);
        }
        let Some(file) = self.os.take_in(hidden, name)? else { return Ok(()) };
        let (facts, changed) = (self.os.facts(&file)?, self.os.changed(&file)?);
        if let Some(object) = self.backings.object_at(facts.identity) {
            // Another file has the name since it was looked at.
            self.observe(Event::Named { object, name: *name });
            self.is_found_again(object);
            return Ok(());
        }
        let object = self.namespace.next_object();
        let fd::Facts { uid, gid, mode, .. } = facts;
        let stored = (file, Backing::TmpfsFile);
        self.backings.take_over(&mut self.os, object, stored, &facts, false, owner_of(&facts));
        let created = Time::from_nanos(changed);
        let known = Facts { size: facts.size, allocated: facts.allocated };
        self.observe(Event::Found { object, name: *name, facts: known, uid, gid, mode, created });
        if self.namespace.object_named(name) == Some(object) {
            return Ok(());
        }
        // Nobody has heard of it.
        drop(self.backings.take(object));
        Err(Errno::ENOSPC)
    }

    /// These names are gone from the root, as the kernel says: where they were objects', that is seen.
    pub(crate) fn hear_gone(&mut self, names: &[Name]) {
        for name in names {
            if self.namespace.object_named(name).is_some()
                && let Err(errno) = self.look_at(name)
            {
                tracing::debug!(?name, errno = errno.name(), "a name cannot be followed");
            }
        }
    }

    /// Hears of names that are gone, where the tree is attached elsewhere.
    pub(crate) fn watch_names(&mut self) {
        let Some(hidden) = self.backings.hidden.as_ref().filter(|_| self.record.mount.attached) else {
            return;
        };
        if let Err(errno) = self.os.watch_names(hidden) {
            tracing::warn!(
                errno = errno.name(),
                "objects that are removed by others are seen when they are listed"
            );
        }
    }

    /// Looks at every name that is known, and with `take_in` at those that are not.
    pub(crate) fn look_at_all(&mut self, take_in: bool) {
        let Some(hidden) = &self.backings.hidden else { return };
        let (entries, whole) = match self.os.entries(hidden, LISTED_NAMES) {
            Ok(read) => read,
            Err(errno) => return tracing::warn!(errno = errno.name(), "the tree cannot be listed"),
        };
        let mut known = BTreeMap::new();
        for (name, object) in self.namespace.names() {
            known.extend(self.backings.in_hidden(object).map(|(_, stored)| (*name, stored.identity.ino)));
        }
        let mut changed = Vec::new();
        let room = LISTED_FILES.saturating_sub(self.backings.len()) as u64;
        let (mut fresh, room) = (0, room.min(self.room_for_objects()));
        for (name, ino) in entries {
            match known.remove(&name) {
                Some(known) if known == ino => {}
                Some(_) => changed.push(name),
                None if take_in && fresh < room => {
                    changed.push(name);
                    fresh += 1;
                }
                None => {}
            }
        }
        if !whole {
            tracing::warn!(entries = LISTED_NAMES, "the root has more names; those behind are not listed");
        }
        // What is left was not read, or is gone.
        changed.extend(known.into_keys());
        for name in changed {
            if let Err(errno) = self.look_at(&name) {
                tracing::debug!(?name, errno = errno.name(), "a file is not listed");
            }
        }
    }

    /// A call that names what is no regular file: it is answered here, since the engine does not know it.
    pub(crate) fn strange(
        &mut self,
        cred: &Cred,
        call: &Call,
    ) -> Option<std::result::Result<Reply, Refusal>> {
        let [first, second] = names(call);
        let other = |name: Option<Name>| self.strange_entry(&name?);
        let (from, to) = (other(first), other(second));
        if from.is_none() && to.is_none() {
            return None;
        }
        let done = match *call {
            Call::Open { name, flags, .. } | Call::SemOpen { name, flags, .. } => {
                Err(self.open_strange(&name, flags, &from?))
            }
            Call::Want(wanted) => Err(self.open_strange(&wanted.name, wanted.flags, &from?)),
            Call::Unlink { name } => self.unlink_strange(cred, &name, &from?),
            Call::Rename { from: old, to: new, flags } => self.rename_strange(cred, (&old, &new), flags),
            Call::Link { from: old, to: new } => match from {
                Some(from) => self.link_strange(cred, (&old, &new), &from),
                None => Err(Errno::EEXIST),
            },
            _ => return None,
        };
        self.names_changed();
        const REASON: &str = "the name is no object's: the kernel's own answer";
        Some(match done {
            Ok(()) => Ok(Reply::Done),
            Err(errno) => refuse(errno, REASON),
        })
    }

    /// What has a name that is no object's, if anything has.
    fn strange_entry(&self, name: &Name) -> Option<fd::Facts> {
        if self.namespace.object_named(name).is_some() {
            return None;
        }
        let entry = self.os.entry(self.backings.hidden.as_ref()?, name);
        entry.ok().filter(|facts| !facts.is_regular())
    }

    /// `shm_open` follows no link and opens no directory for writing; what can be opened at all is no memory.
    fn open_strange(&self, name: &Name, flags: OpenFlags, facts: &fd::Facts) -> Errno {
        if flags.contains(OpenFlags::CREAT | OpenFlags::EXCL) {
            return Errno::EEXIST;
        }
        if flags.contains(OpenFlags::CREAT) && facts.is_directory() {
            return Errno::EISDIR;
        }
        let hidden = self.backings.hidden.as_ref();
        hidden.and_then(|hidden| self.os.attempt(hidden, name, flags)).unwrap_or(Errno::EISDIR)
    }

    fn unlink_strange(&mut self, cred: &Cred, name: &Name, facts: &fd::Facts) -> Result<()> {
        self.may_delete(cred, facts)?;
        if facts.is_directory() {
            return Err(Errno::EISDIR);
        }
        let hidden = self.backings.hidden.as_ref().ok_or(Errno::ENOENT)?;
        self.os.unlink(hidden, name)
    }

    fn rename_strange(&mut self, cred: &Cred, (from, to): (&Name, &Name), flags: u32) -> Result<()> {
        let hidden = self.backings.hidden.as_ref().ok_or(Errno::ENOENT)?;
        self.may_delete(cred, &self.os.entry(hidden, from)?)?;
        match self.os.entry(hidden, to) {
            Ok(facts) => self.may_delete(cred, &facts)?,
            Err(Errno::ENOENT) => {}
            Err(errno) => return Err(errno),
        }
        self.os.rename(hidden, from, to, flags)?;
        self.look_at(from)?;
        self.look_at(to)
    }

    fn link_strange(&mut self, cred: &Cred, (from, to): (&Name, &Name), facts: &fd::Facts) -> Result<()> {
        if facts.is_directory() {
            return Err(Errno::EPERM);
        }
        self.namespace.allow_link(cred, owner_of(facts)).map_err(|refusal| refusal.errno)?;
        let hidden = self.backings.hidden.as_ref().ok_or(Errno::ENOENT)?;
        self.os.link_name(hidden, from, to)
    }

    fn may_delete(&self, cred: &Cred, facts: &fd::Facts) -> Result<()> {
        self.namespace.allow_delete(cred, owner_of(facts)).map_err(|refusal| refusal.errno)
    }
}
