//! POSIX objects and named semaphores: `shm_open`, `shm_unlink`, `sem_open`.
//!
//! Both live in the root directory of the mount `shm`; a semaphore is an object whose name begins with `sem.`.
//!
//! Owns: the rules of opening, publishing and unlinking.
//! Leaves to others: names (`mount`), sizes (`namespace`), mapping (the client).
//! Not done: names of more than one component.

use crate::inode::Inode;
use crate::mount::Mount;
use crate::namespace::Pending;
use crate::object::{Object, Objects, Place};
use crate::perm::{self, Rights};
use shmfs_abi::limits::{OBJECTS, SEM_BYTES};
use shmfs_abi::{
    ByteLen, Cred, Errno, Kind, Lifetime, Name, ObjectId, OpenFlags, Result, Ticket, Time, Wanted, refuse,
};

/// What opening comes to.
pub(crate) enum Opened {
    /// It exists and may be opened; `truncate` when it is to be cut to nothing.
    Found { object: ObjectId, truncate: bool },
    /// It is to be made.
    Created { object: ObjectId, pending: Pending },
}

/// Opens or creates an object (`path_openat`, `do_open`, fs/namei.c; the directory gives every right).
pub(crate) fn open(
    mount: &mut Mount,
    objects: &mut Objects,
    (new, ticket): (ObjectId, Ticket),
    caller: &Cred,
    wanted: &Wanted,
    now: Time,
) -> Result<Opened> {
    let &Wanted { name, flags, mode, size, lifetime, guarded } = wanted;
    mount.allow_search(caller)?;
    let Some(object) = mount.lookup(objects, &name)? else {
        if !flags.contains(OpenFlags::CREAT) {
            return refuse(Errno::ENOENT, "no object has this name");
        }
        mount.allow_change(caller)?;
        let inode = Inode::new(caller, mode, now);
        let place = Place::Pending(name, ticket);
        let object = Object { lifetime, guarded, ..Object::new(Kind::Object, size, inode, place) };
        enter(objects, new, object)?;
        mount.names.link(name, new);
        return Ok(Opened::Created { object: new, pending: Pending::Object(new) });
    };
    if flags.contains(OpenFlags::CREAT | OpenFlags::EXCL) {
        return refuse(Errno::EEXIST, "the name is taken");
    }
    let inode = &objects.get(object).inode;
    if flags.contains(OpenFlags::CREAT) && !mount.may_create_over(inode, caller) {
        return refuse(Errno::EACCES, "fs.protected_regular guards a stranger's object");
    }
    let truncate = flags.contains(OpenFlags::TRUNC);
    let mut asked = Rights::of_access(flags.access());
    if truncate {
        asked |= Rights::WRITE;
    }
    allow(inode, caller, asked)?;
    Ok(Opened::Found { object, truncate })
}

/// Opens a semaphore, or begins one that its creator publishes (`sem_open`, glibc).
pub(crate) fn sem_open(
    mount: &Mount,
    objects: &mut Objects,
    (new, ticket): (ObjectId, Ticket),
    caller: &Cred,
    (name, flags, mode): (Name, OpenFlags, u32),
    now: Time,
) -> Result<Opened> {
    if !name.as_bytes().starts_with(b"sem.") {
        return refuse(Errno::EINVAL, "the name is no semaphore's");
    }
    mount.allow_search(caller)?;
    match mount.lookup(objects, &name)? {
        Some(_) if flags.contains(OpenFlags::CREAT | OpenFlags::EXCL) => {
            refuse(Errno::EEXIST, "the name is taken")
        }
        Some(object) => {
            allow(&objects.get(object).inode, caller, Rights::READ | Rights::WRITE)?;
            Ok(Opened::Found { object, truncate: false })
        }
        None if !flags.contains(OpenFlags::CREAT) => refuse(Errno::ENOENT, "no semaphore has this name"),
        None => {
            mount.allow_change(caller)?;
            let inode = Inode::new(caller, mode, now);
            let place = Place::Fresh(name, ticket);
            enter(objects, new, Object::new(Kind::Semaphore, ByteLen(SEM_BYTES), inode, place))?;
            Ok(Opened::Created { object: new, pending: Pending::Fresh(new) })
        }
    }
}

/// Links the name of a fresh semaphore if it is absent.
pub(crate) fn publish(mount: &mut Mount, objects: &mut Objects, object: ObjectId) -> Result<Name> {
    let Some(fresh) = objects.find(object) else { return refuse(Errno::EINVAL, "it was given up") };
    let Place::Fresh(name, ticket) = fresh.place else {
        return refuse(Errno::EINVAL, "it is published");
    };
    if mount.names.get(&name).is_some() {
        return refuse(Errno::EEXIST, "the name was taken meanwhile");
    }
    objects.change(object, |fresh| fresh.place = Place::Pending(name, ticket));
    mount.names.link(name, object);
    Ok(name)
}

/// Takes a name away. The object lives on while somebody holds it.
pub(crate) fn unlink(
    mount: &mut Mount,
    objects: &mut Objects,
    caller: &Cred,
    name: &Name,
) -> Result<ObjectId> {
    mount.allow_search(caller)?;
    let Some(object) = mount.lookup(objects, name)? else {
        return refuse(Errno::ENOENT, "no object has this name");
    };
    mount.allow_change(caller)?;
    if !mount.may_delete(&objects.get(object).inode, caller) {
        // glibc makes EACCES of it in shm_unlink and sem_unlink, as POSIX has it.
        return refuse(Errno::EPERM, STICKY);
    }
    take_name(mount, objects, object, name);
    Ok(object)
}

const STICKY: &str = "only its owner may take the name away: the directory is sticky";

/// Takes one name of an object away; without another the object is released. Says whether it is.
pub(crate) fn take_name(mount: &mut Mount, objects: &mut Objects, object: ObjectId, name: &Name) -> bool {
    mount.names.unlink(name);
    let Some(unlinked) = objects.find(object) else { return false };
    let place = match unlinked.place {
        Place::Name(placed) if placed == *name => {
            let other = if unlinked.inode.links > 1 { mount.names.of(object).next() } else { None };
            other.map_or(Place::Released, Place::Name)
        }
        other => other,
    };
    if let Place::Name(placed) = place {
        mount.names.touch(placed);
    }
    objects.change(object, |unlinked| {
        unlinked.inode.links = unlinked.inode.links.saturating_sub(1);
        unlinked.place = place;
    });
    place == Place::Released
}

/// Takes every name of an object away, and says which these were.
pub(crate) fn take_names(mount: &mut Mount, objects: &mut Objects, object: ObjectId) -> Vec<Name> {
    let names: Vec<_> = match objects.find(object) {
        Some(Object { place: Place::Name(name), inode: Inode { links: 1, .. }, .. }) => vec![*name],
        _ => mount.names.of(object).collect(),
    };
    for name in &names {
        take_name(mount, objects, object, name);
    }
    names
}

/// What renaming does.
pub(crate) struct Renamed {
    pub(crate) object: ObjectId,
    /// What had the new name, and whether nothing finds it any more.
    pub(crate) replaced: Option<(ObjectId, bool)>,
    /// Both names are of one object: nothing is to be done.
    pub(crate) same: bool,
}

/// `renameat2(2)` within the directory (`vfs_rename`, `do_renameat2`, fs/namei.c).
pub(crate) fn rename(
    mount: &mut Mount,
    objects: &mut Objects,
    caller: &Cred,
    (from, to): (&Name, &Name),
    flags: u32,
) -> Result<Renamed> {
    const NOREPLACE: u32 = 1;
    const EXCHANGE: u32 = 2;
    if flags & !(NOREPLACE | EXCHANGE) != 0 || flags == NOREPLACE | EXCHANGE {
        return refuse(Errno::EINVAL, "no such flags of renameat2");
    }
    mount.allow_search(caller)?;
    let Some(object) = mount.lookup(objects, from)? else {
        return refuse(Errno::ENOENT, "no object has the old name");
    };
    let target = mount.lookup(objects, to)?;
    if target.is_some() && flags == NOREPLACE {
        return refuse(Errno::EEXIST, "the new name is taken");
    }
    if target.is_none() && flags == EXCHANGE {
        return refuse(Errno::ENOENT, "no object has the new name");
    }
    if target == Some(object) {
        return Ok(Renamed { object, replaced: None, same: true });
    }
    mount.allow_change(caller)?;
    for affected in [Some(object), target].into_iter().flatten() {
        if !mount.may_delete(&objects.get(affected).inode, caller) {
            return refuse(Errno::EPERM, STICKY);
        }
    }
    let replaced = match (target, flags) {
        (Some(target), EXCHANGE) => {
            mount.names.unlink(from);
            mount.names.unlink(to);
            mount.names.link(*from, target);
            move_place(objects, target, to, from);
            Some((target, false))
        }
        (Some(target), _) => {
            mount.names.unlink(from);
            let released = take_name(mount, objects, target, to);
            Some((target, released))
        }
        (None, _) => {
            mount.names.unlink(from);
            None
        }
    };
    mount.names.link(*to, object);
    move_place(objects, object, from, to);
    Ok(Renamed { object, replaced, same: false })
}

fn move_place(objects: &mut Objects, object: ObjectId, from: &Name, to: &Name) {
    objects.change(object, |moved| {
        if moved.place == Place::Name(*from) {
            moved.place = Place::Name(*to);
        }
    });
}

/// `link(2)` within the directory.
pub(crate) fn link(
    mount: &mut Mount,
    objects: &mut Objects,
    caller: &Cred,
    (from, to): (&Name, &Name),
) -> Result<ObjectId> {
    mount.allow_search(caller)?;
    let Some(object) = mount.lookup(objects, from)? else {
        return refuse(Errno::ENOENT, "no object has the old name");
    };
    if mount.names.get(to).is_some() {
        return refuse(Errno::EEXIST, "the new name is taken");
    }
    if objects.get(object).lifetime == Lifetime::Durable {
        return refuse(Errno::EPERM, "a durable object has one name");
    }
    mount.allow_change(caller)?;
    if !mount.may_link(&objects.get(object).inode, caller) {
        return refuse(Errno::EPERM, "fs.protected_hardlinks guards a stranger's object");
    }
    mount.names.link(*to, object);
    objects.change(object, |linked| linked.inode.links += 1);
    Ok(object)
}

/// Enters an object where there is room for one more.
pub(crate) fn enter(objects: &mut Objects, id: ObjectId, object: Object) -> Result<()> {
    if objects.len() >= OBJECTS {
        return refuse(Errno::ENOSPC, "the store has as many objects as it can");
    }
    objects.enter(id, object)
}

/// Whether the caller may do this with the object.
pub(crate) fn allow(inode: &Inode, caller: &Cred, asked: Rights) -> Result<()> {
    if perm::file_allows(inode, caller, asked) {
        Ok(())
    } else {
        refuse(Errno::EACCES, "the object's mode does not give these rights")
    }
}
