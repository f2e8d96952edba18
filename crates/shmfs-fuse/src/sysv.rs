//! `.sysv`: the segments of the store as files, by their ids and their keys.
//!
//! A segment is one file with two names, `SHMID` and `0xKEY`; taking either away is `IPC_RMID`, changing owner or mode is
//! `IPC_SET`. It is read, written and mapped like any other (passthrough onto its memfd), and has the size that it has:
//! cutting it to nothing while it is opened does nothing, as on sysfs. Mapping it so counts in no `nattch`.
//!
//! Owns: what these files look like. Leaves to others: the segments (`Face`).

use crate::attributes::{made_up, statx_of};
use crate::names::{Listed, Listing};
use crate::node::{Node, NodeId, ROOT, SYSV};
use crate::server::{Asked, Request, Server};
use crate::state::Phase;
use crate::wire::flags::SetAttr;
use crate::wire::{
    Attr, AttrOut, EntryOut, GetxattrIn, GetxattrOut, OpenOut, ReadIn, SetattrIn, StatxOut, op,
};
use rustix::fs::FileType;
use shmfs_abi::{Caps, Cred, Errno, Gid, Groups, Key, Pid, Shmid, Time, Uid};
use shmfs_broker::{Face, Segment};
use std::ffi::{CStr, CString};

/// Its name in the root.
pub(crate) const DIRECTORY: &CStr = c".sysv";

/// Everybody may try to remove a segment: who may is decided by its own rules.
const DIRECTORY_MODE: u32 = 0o040_777;

const S_IFREG: u32 = 0o100_000;

/// What the kernel is told of the directory.
pub(crate) fn directory_entry(face: &dyn Face) -> EntryOut {
    EntryOut { nodeid: SYSV.0, attr: directory_attr(face), ..EntryOut::default() }
}

fn directory_attr(face: &dyn Face) -> Attr {
    let newest =
        face.segments().iter().map(|segment| segment.changed).max_by_key(|time| (time.seconds, time.nanos));
    let changed = newest.unwrap_or(Time { seconds: 0, nanos: 0 });
    let mut attr = Attr { nlink: 2, ..made_up(SYSV, DIRECTORY_MODE) };
    (attr.mtime, attr.mtimensec) = (changed.seconds.cast_unsigned(), changed.nanos);
    (attr.ctime, attr.ctimensec) = (attr.mtime, attr.mtimensec);
    attr
}

fn segment_attr(segment: &Segment) -> Attr {
    let mut attr = made_up(NodeId::of_segment(segment.shmid), S_IFREG | segment.mode & 0o777);
    attr.size = segment.size.0;
    attr.blocks = segment.allocated.0 / 512;
    (attr.uid, attr.gid) = (segment.uid.0, segment.gid.0);
    attr.nlink = if segment.removed { 0 } else { u32::try_from(names(segment).len()).unwrap_or(2) };
    (attr.atime, attr.atimensec) = (segment.attached.seconds.cast_unsigned(), segment.attached.nanos);
    // When its bytes changed nobody knows: the last time somebody let go of them, or it was made.
    let modified = segment.detached.seconds.max(segment.changed.seconds);
    attr.mtime = modified.cast_unsigned();
    (attr.ctime, attr.ctimensec) = (segment.changed.seconds.cast_unsigned(), segment.changed.nanos);
    attr
}

fn entry(segment: &Segment) -> EntryOut {
    // What a segment is changes without a word: nothing is kept.
    EntryOut {
        nodeid: NodeId::of_segment(segment.shmid).0,
        attr: segment_attr(segment),
        ..EntryOut::default()
    }
}

/// The names of a segment: its id, and its key where it has one.
fn names(segment: &Segment) -> Vec<CString> {
    let key = (segment.key != Key::PRIVATE).then(|| format!("0x{:08x}", segment.key.0));
    [Some(segment.shmid.0.to_string()), key]
        .into_iter()
        .flatten()
        .filter_map(|name| CString::new(name).ok())
        .collect()
}

/// The segment with this name, written as it is listed.
fn named(name: &CStr, face: &dyn Face) -> Option<Segment> {
    let text = name.to_str().ok()?;
    let found = match text.strip_prefix("0x") {
        Some(digits) => {
            let key = u32::from_str_radix(digits, 16).ok()?.cast_signed();
            face.segments().into_iter().find(|segment| segment.key == Key(key))
        }
        None => face.segment(Shmid(text.parse().ok()?)).filter(|segment| !segment.removed),
    }?;
    names(&found).iter().any(|known| known.as_c_str() == name).then_some(found)
}

impl Server {
    /// A request about the directory or a segment.
    pub(crate) fn serve_sysv(&mut self, node: Node, request: &mut Request<'_>) -> Result<(), Errno> {
        match (request.asked.opcode, node) {
            (op::LOOKUP, Node::Sysv) => {
                let (name, face) = (request.body.text()?, &*request.face);
                let found = match name.to_bytes() {
                    b"." => directory_entry(face),
                    b".." => self.entry(&request.asked, ROOT, c".")?,
                    _ => entry(&named(name, face).ok_or(Errno::ENOENT)?),
                };
                request.put(&found);
            }
            (op::GETATTR, _) => {
                let attr = attr_of(node, request.face)?;
                request.put(&AttrOut { attr, ..AttrOut::default() });
            }
            (op::STATX, _) => {
                let stat = statx_of(&attr_of(node, request.face)?);
                request.put(&StatxOut { stat, ..StatxOut::default() });
            }
            (op::OPENDIR, Node::Sysv) => request.put(&OpenOut::default()),
            (op::READDIR | op::READDIRPLUS, Node::Sysv) => list(request)?,
            (op::RELEASEDIR, _) => {}
            (op::UNLINK, Node::Sysv) => self.remove_segment(request)?,
            (op::SETATTR, Node::Segment(shmid)) => set(shmid, request)?,
            (op::OPEN, Node::Segment(_)) => self.open(request)?,
            (op::RELEASE, Node::Segment(_)) => self.release(request)?,
            (op::FALLOCATE, Node::Segment(_)) => self.fallocate(request)?,
            (op::LSEEK, Node::Segment(_)) => self.lseek(request)?,
            (op::COPY_FILE_RANGE, Node::Segment(_)) => self.copy_file_range(request)?,
            (op::STATFS, _) => self.statfs(request)?,
            // The kernel asks for an ACL before it lets others than root in.
            (op::GETXATTR, _) => return Err(Errno::ENODATA),
            (op::LISTXATTR, _) => {
                if request.body.take::<GetxattrIn>()?.size == 0 {
                    request.put(&GetxattrOut::default());
                }
            }
            (op::IOCTL, _) => return Err(Errno::ENOTTY),
            (
                op::MKDIR
                | op::MKNOD
                | op::SYMLINK
                | op::LINK
                | op::CREATE
                | op::TMPFILE
                | op::RMDIR
                | op::RENAME
                | op::RENAME2
                | op::SETATTR
                | op::SETXATTR
                | op::REMOVEXATTR,
                _,
            ) => return Err(Errno::EPERM),
            // As with every other file, the kernel does it by itself (FLUSH, at each close), or does not ask again.
            _ => return Err(Errno::ENOSYS),
        }
        Ok(())
    }

    /// `IPC_RMID`. When it comes again and there is no such name any more, it was done.
    fn remove_segment(&mut self, request: &mut Request<'_>) -> Result<(), Errno> {
        let (asked, named) = (&request.asked, named(request.body.name()?, request.face));
        if self.state.phase(asked.unique) != Phase::Unknown && named.is_none() {
            return Ok(());
        }
        let segment = named.ok_or(Errno::ENOENT)?;
        self.state.begin(asked.unique, [0; 2]);
        request.face.remove_segment(&caller(asked), segment.shmid)?;
        self.state.commit();
        Ok(())
    }
}

fn attr_of(node: Node, face: &dyn Face) -> Result<Attr, Errno> {
    match node {
        Node::Segment(shmid) => Ok(segment_attr(&face.segment(shmid).ok_or(Errno::ESTALE)?)),
        _ => Ok(directory_attr(face)),
    }
}

/// `IPC_SET`. What is not given stays.
fn set(shmid: Shmid, request: &mut Request<'_>) -> Result<(), Errno> {
    let told: SetattrIn = request.body.take()?;
    let valid = SetAttr::from_bits_truncate(told.valid);
    let segment = request.face.segment(shmid).ok_or(Errno::ESTALE)?;
    let cuts = valid.contains(SetAttr::SIZE);
    // open(O_TRUNC) comes without a file, and asks for no bytes.
    if cuts && told.size != segment.size.0 && (told.size != 0 || valid.contains(SetAttr::FH)) {
        return Err(Errno::EPERM);
    }
    if !cuts && valid.intersects(SetAttr::ATIME | SetAttr::MTIME) {
        return Err(Errno::EPERM);
    }
    if valid.intersects(SetAttr::UID | SetAttr::GID | SetAttr::MODE) {
        let uid = if valid.contains(SetAttr::UID) { Uid(told.uid) } else { segment.uid };
        let gid = if valid.contains(SetAttr::GID) { Gid(told.gid) } else { segment.gid };
        let mode = if valid.contains(SetAttr::MODE) { told.mode } else { segment.mode };
        request.face.set_segment(&caller(&request.asked), shmid, uid, gid, mode & 0o777)?;
    }
    let attr = attr_of(Node::Segment(shmid), request.face)?;
    request.put(&AttrOut { attr, ..AttrOut::default() });
    Ok(())
}

/// Who asks, as System V's rules want it. The kernel tells user and group; root has root's rights.
fn caller(asked: &Asked) -> Cred {
    let caps = if asked.uid == 0 { Caps::all() } else { Caps::empty() };
    Cred {
        uid: Uid(asked.uid),
        gid: Gid(asked.gid),
        groups: Groups::NONE,
        pid: Pid(asked.pid.cast_signed()),
        caps,
    }
}

fn list(request: &mut Request<'_>) -> Result<(), Errno> {
    let read: ReadIn = request.body.take()?;
    let mut listing = Listing::of(&read, request.asked.opcode, request.out);
    // A place is an id, twice and the name's order behind it: it stays while others come and go.
    let dots = [(c".".to_owned(), SYSV.0, 1), (c"..".to_owned(), ROOT.0, 2)];
    for (name, ino, place) in dots {
        let listed = Listed { name: &name, ino, place, kind: FileType::Directory };
        if place > read.offset && !listing.put(&listed, EntryOut::default) {
            return Ok(());
        }
    }
    for segment in request.face.segments() {
        for (name, order) in names(&segment).iter().zip(1..) {
            let place = 2 + u64::from(segment.shmid.0.cast_unsigned()) * 2 + order;
            let ino = NodeId::of_segment(segment.shmid).0;
            let listed = Listed { name, ino, place, kind: FileType::RegularFile };
            if place > read.offset && !listing.put(&listed, || entry(&segment)) {
                return Ok(());
            }
        }
    }
    Ok(())
}
