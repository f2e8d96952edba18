//! An object while it is being restored: nobody finds it, or nobody may use it, before it is whole.
//!
//! An object has a hidden name until then. A segment has no name that could be hidden, so it has mode 0 until then,
//! but for the moment between its creation and that.
//!
//! Owns: making it, its owner and mode, showing it, removing it again.
//! Leaves to others: its bytes.

use super::plan::{Plan, Target};
use crate::failure::Failure;
use crate::listing;
use crate::store::Visit;
use rustix::fs::{Gid, Mode, Uid, fchmod, fchown};
use shmfs_abi::{
    Call, Door, Errno, GetFlags, Key, Lifetime, Name, ObjectId, OpenFlags, Part, Reply, Shmid, Wanted,
};
use shmfs_snapshot::Header;
use shmfs_wire::Refused;
use std::fs::File;
use std::os::unix::fs::MetadataExt;

/// What every hidden name begins with.
const HIDDEN: &str = ".shm-restore-";
/// Its mode while it is being filled: nobody else's.
const PRIVATE_MODE: u32 = 0o600;
/// `RENAME_NOREPLACE`, renameat2(2).
const NOREPLACE: u32 = 1;

/// An object that is not shown yet.
pub(crate) struct Made {
    /// Its pages, all zero.
    pub(crate) pages: File,
    object: ObjectId,
    place: Place,
}

#[derive(Clone, Copy)]
#[allow(clippy::large_enum_variant, reason = "one exists at a time, on the stack")]
enum Place {
    Hidden(Name),
    Segment(Shmid),
}

impl Made {
    /// Makes it in its whole size.
    pub(crate) fn make(visit: &mut Visit, plan: &Plan, header: &Header) -> Result<Made, Failure> {
        match plan.target {
            Target::Object { name, replace } => {
                if !replace && is_taken(visit, &name)? {
                    return Err(taken(plan));
                }
                sweep(visit)?;
                object(visit, plan, header)
            }
            Target::Segment { key } => segment(visit, plan, header, key),
        }
    }

    /// The id of a segment.
    pub(crate) fn shmid(&self) -> Option<Shmid> {
        match self.place {
            Place::Segment(shmid) => Some(shmid),
            Place::Hidden(_) => None,
        }
    }

    /// It is whole: gives it owner and mode as far as that may be done, and shows it. What is not as it was.
    pub(crate) fn show(
        &self,
        visit: &mut Visit,
        plan: &Plan,
        header: &Header,
    ) -> Result<Vec<String>, Failure> {
        if plan.lifetime == Lifetime::Durable {
            let synced = self.pages.sync_data();
            synced.map_err(|error| Failure::new(format!("cannot sync {}: {error}", plan.title())))?;
        }
        match (self.place, plan.target) {
            (Place::Segment(shmid), _) => show_segment(visit, plan, header, shmid),
            (Place::Hidden(from), Target::Object { name: to, replace }) => {
                let notes = self.give(plan, header)?;
                // The store learns owner and mode when it looks at the object.
                visit.call("look at it", Call::Fetch { object: self.object, part: Part::Read })?;
                let flags = if replace { 0 } else { NOREPLACE };
                match visit.ask(Call::Rename { from, to, flags }) {
                    Ok(_) => Ok(notes),
                    Err(refused) if refused.errno == Errno::EEXIST => Err(taken(plan)),
                    Err(refused) => Err(refuse(plan, &refused)),
                }
            }
            (Place::Hidden(_), Target::Segment { .. }) => unreachable!("a segment has no hidden name"),
        }
    }

    /// Removes it: it did not become whole.
    pub(crate) fn remove(&self, visit: &mut Visit) {
        let call = match self.place {
            Place::Hidden(name) => Call::Unlink { name },
            Place::Segment(shmid) => Call::ShmRemove { shmid },
        };
        if let Err(failure) = visit.call("remove what was begun", call) {
            failure.print();
        }
    }

    /// Owner and mode of an object, through its descriptor.
    fn give(&self, plan: &Plan, header: &Header) -> Result<Vec<String>, Failure> {
        let cannot =
            |error: std::io::Error| Failure::new(format!("cannot set the mode of {}: {error}", plan.title()));
        let found = self.pages.metadata().map_err(cannot)?;
        let mut notes = Vec::new();
        if (found.uid(), found.gid()) != (header.uid.0, header.gid.0) {
            let (uid, gid) = (Uid::from_raw(header.uid.0), Gid::from_raw(header.gid.0));
            if fchown(&self.pages, Some(uid), Some(gid)).is_err() {
                notes.push(not_given(header));
            }
        }
        fchmod(&self.pages, Mode::from_raw_mode(header.mode)).map_err(|errno| cannot(errno.into()))?;
        Ok(notes)
    }
}

fn object(visit: &mut Visit, plan: &Plan, header: &Header) -> Result<Made, Failure> {
    let mut random = [0; 8];
    rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::empty())
        .map_err(|error| Failure::new(format!("cannot make a name: {error}")))?;
    let hidden = format!("{HIDDEN}{:016x}", u64::from_ne_bytes(random));
    let name = Name::new(hidden.as_bytes()).map_err(|_| Failure::new("cannot make a name"))?;
    let wanted = Wanted {
        name,
        flags: OpenFlags::CREAT | OpenFlags::EXCL | OpenFlags::RDWR,
        mode: PRIVATE_MODE,
        size: header.size,
        lifetime: plan.lifetime,
        guarded: header.guarded,
    };
    match visit.ask(Call::Want(wanted)) {
        Ok((Reply::Wanted { object, .. }, Some(fd))) => {
            Ok(Made { pages: fd.into(), object, place: Place::Hidden(name) })
        }
        Ok((other, _)) => Err(Failure::new(format!("the broker answered something else: {other:?}"))),
        Err(refused) => Err(refuse(plan, &refused)),
    }
}

fn segment(visit: &mut Visit, plan: &Plan, header: &Header, key: Key) -> Result<Made, Failure> {
    let flags = GetFlags::CREAT | GetFlags::EXCL | GetFlags::from_bits_retain(PRIVATE_MODE.cast_signed());
    let size = header.size;
    let call = match plan.lifetime {
        Lifetime::Durable => Call::ShmGetDurable { key, size, flags },
        _ => Call::ShmGet { key, size, flags },
    };
    let shmid = match visit.ask(call) {
        Ok((Reply::Shmid(shmid), _)) => shmid,
        Ok((other, _)) => return Err(Failure::new(format!("the broker answered something else: {other:?}"))),
        Err(refused) => return Err(refuse(plan, &refused)),
    };
    let made = open_segment(visit, shmid).and_then(|(object, pages)| {
        let (uid, gid) = ours();
        visit.call("close it to others", Call::ShmSet { shmid, uid, gid, mode: 0 })?;
        Ok(Made { pages, object, place: Place::Segment(shmid) })
    });
    if made.is_err() {
        // The failure before is the one to tell.
        drop(visit.call("remove what was begun", Call::ShmRemove { shmid }));
    }
    made
}

fn open_segment(visit: &mut Visit, shmid: Shmid) -> Result<(ObjectId, File), Failure> {
    let rows = listing::rows(visit)?;
    let row = rows.iter().find(|row| row.shmid == Some(shmid));
    let object = row.ok_or_else(|| Failure::new(format!("segment {} has gone again", shmid.0)))?.object;
    match visit.ask(Call::Fetch { object, part: Part::Write }) {
        Ok((_, Some(fd))) => Ok((object, fd.into())),
        Ok((other, None)) => Err(Failure::new(format!("the broker answered something else: {other:?}"))),
        Err(refused) => Err(Failure::refused("open the segment", &refused)),
    }
}

fn show_segment(
    visit: &mut Visit,
    plan: &Plan,
    header: &Header,
    shmid: Shmid,
) -> Result<Vec<String>, Failure> {
    let (mut uid, mut gid) = (header.uid, header.gid);
    let mut notes = Vec::new();
    // IPC_SET would give it away, and nobody but root could do the same with an object.
    if (uid, gid) != ours() && !rustix::process::geteuid().is_root() {
        notes.push(not_given(header));
        (uid, gid) = ours();
    }
    let set = Call::ShmSet { shmid, uid, gid, mode: header.mode & 0o777 };
    visit.call(&format!("show {}", plan.title()), set)?;
    Ok(notes)
}

/// Removes what a restore that was killed has left: whoever fills one has it open.
fn sweep(visit: &mut Visit) -> Result<(), Failure> {
    for row in listing::rows(visit)? {
        let Some(name) = row.name.filter(|name| name.as_bytes().starts_with(HIDDEN.as_bytes())) else {
            continue;
        };
        let asked = visit.ask(Call::Fetch { object: row.object, part: Part::Read });
        if let Ok((Reply::Fetched { held: false, .. }, _)) = asked {
            // Somebody else's, or one that somebody else has just removed.
            drop(visit.ask(Call::Unlink { name }));
        }
    }
    Ok(())
}

fn is_taken(visit: &mut Visit, name: &Name) -> Result<bool, Failure> {
    let rows = listing::rows(visit)?;
    Ok(rows.iter().any(|row| row.door == Door::Posix && row.name == Some(*name)))
}

fn taken(plan: &Plan) -> Failure {
    Failure::new(format!("cannot restore {}: the name is taken (EEXIST)", plan.title()))
        .hint("`--replace` takes it from whoever has it, `--name OTHER` leaves it")
}

fn refuse(plan: &Plan, refused: &Refused) -> Failure {
    let failure = Failure::refused(&format!("restore {}", plan.title()), refused);
    match (refused.errno, plan.target) {
        (Errno::EEXIST, Target::Segment { key }) => failure.hint(format!(
            "`--key none` makes one without a key, `shm rm --key 0x{:x}` removes the one that has it",
            key.0
        )),
        (Errno::EOPNOTSUPP, _) if plan.lifetime == Lifetime::Durable => {
            failure.hint("`--lifetime until-removed` makes one that goes with the store")
        }
        (Errno::ENOSPC, _) => failure.hint("make room with `shm rm`, or `shm limits --size SIZE`"),
        _ => failure,
    }
}

fn not_given(header: &Header) -> String {
    let (uid, gid) = (header.uid.0, header.gid.0);
    format!("it is yours, and not of user {uid} and group {gid}: you may not give it away")
}

fn ours() -> (shmfs_abi::Uid, shmfs_abi::Gid) {
    let (uid, gid) = (rustix::process::geteuid(), rustix::process::getegid());
    (shmfs_abi::Uid(uid.as_raw()), shmfs_abi::Gid(gid.as_raw()))
}
