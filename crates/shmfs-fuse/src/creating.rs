//! Making names: files, directories, symbolic links, fifos, sockets, device nodes, files without a name, hard links.
//!
//! Each is one system call as the caller, with the caller's umask, so that the tmpfs itself applies set-group-id
//! directories and default ACLs. When the request comes again after a broker's death, a name that was absent before it
//! and is there now was made by it.

use crate::attributes::decode_dev;
use crate::names::is_in_tree;
use crate::node::{NodeId, ROOT};
use crate::server::{Asked, Request, Server};
use crate::state::Phase;
use crate::sysv;
use crate::tree::{self, errno};
use crate::wire::{CreateIn, LinkIn, MkdirIn, MknodIn};
use rustix::fs::{self, AtFlags, FileType, Mode, OFlags};
use shmfs_abi::{Errno, Gid, Name, Uid};
use shmfs_broker::Face;
use shmfs_sys::fsuser;
use std::ffi::CStr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

impl Asked {
    /// Acts as who asked, with their umask; ours is 0, and we are root.
    fn acting<R>(&self, umask: u32, act: impl FnOnce() -> R) -> R {
        if (self.uid, self.gid, umask) == (0, 0, 0) {
            return act();
        }
        let ours = rustix::process::umask(Mode::from_raw_mode(umask & 0o777));
        let done = fsuser::acting_as(Uid(self.uid), Gid(self.gid), act);
        rustix::process::umask(ours);
        done
    }
}

impl Server {
    pub(crate) fn mkdir(&mut self, request: &mut Request<'_>) -> Result<(), Errno> {
        let MkdirIn { mode, umask } = request.body.take()?;
        let name = request.body.name()?;
        self.make(&request.asked, name, umask, |dir| {
            fs::mkdirat(dir, name, tree::rights(mode)).map_err(errno)
        })?;
        self.made(name, request)
    }

    pub(crate) fn mknod(&mut self, request: &mut Request<'_>) -> Result<(), Errno> {
        let MknodIn { mode, rdev, umask, .. } = request.body.take()?;
        let name = request.body.name()?;
        let kind = FileType::from_raw_mode(mode);
        self.make(&request.asked, name, umask, |dir| {
            fs::mknodat(dir, name, kind, tree::rights(mode), decode_dev(rdev)).map_err(errno)
        })?;
        self.made(name, request)
    }

    pub(crate) fn symlink(&mut self, request: &mut Request<'_>) -> Result<(), Errno> {
        let name = request.body.name()?;
        let target = request.body.text()?;
        self.make(&request.asked, name, 0, |dir| fs::symlinkat(target, dir, name).map_err(errno))?;
        self.made(name, request)
    }

    pub(crate) fn link(&mut self, request: &mut Request<'_>) -> Result<(), Errno> {
        let LinkIn { oldnodeid } = request.body.take()?;
        let (name, old) = (request.body.name()?, NodeId(oldnodeid));
        if !is_in_tree(old) {
            return Err(Errno::EPERM);
        }
        let file = self.tree.path(old)?;
        self.make(&request.asked, name, 0, |dir| {
            fs::linkat(&file, c"", dir, name, AtFlags::EMPTY_PATH).map_err(errno)
        })?;
        self.made(name, request)
    }

    /// `open(O_CREAT)` of what is not there.
    pub(crate) fn create(&mut self, request: &mut Request<'_>) -> Result<(), Errno> {
        let CreateIn { flags, mode, umask, .. } = request.body.take()?;
        let (name, asked) = (request.body.name()?, request.asked);
        let mut fresh = None;
        let done = self.state.phase(asked.unique) == Phase::Done;
        let made = self.make(&asked, name, umask, |dir| {
            let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            fresh = Some(fs::openat(dir, name, flags, tree::rights(mode)).map_err(errno)?);
            Ok(())
        });
        match made {
            // Somebody was quicker by another door: with this answer the kernel looks again.
            Err(Errno::EEXIST) if !OFlags::from_bits_retain(flags).contains(OFlags::EXCL) => {
                return Err(Errno::ESTALE);
            }
            made => made?,
        }
        let file = match fresh {
            Some(file) => file,
            None => self.tree.named(asked.node, name)?,
        };
        self.opened_new(&file, (flags, done), request)?;
        tell(asked.node, name, request.face);
        Ok(())
    }

    /// `open(O_TMPFILE)`. One that a killed broker had only made is gone with its descriptor.
    pub(crate) fn tmpfile(&mut self, request: &mut Request<'_>) -> Result<(), Errno> {
        let CreateIn { flags, mode, umask, .. } = request.body.take()?;
        let asked = request.asked;
        if let (Phase::Done, Some(node)) = (self.state.phase(asked.unique), self.state.last_row()) {
            let file = self.tree.inode(node, OFlags::PATH)?;
            return self.opened_new(&file, (flags, true), request);
        }
        let dir = self.tree.directory(asked.node)?;
        let how = OFlags::RDWR | OFlags::TMPFILE | OFlags::CLOEXEC;
        let file = asked.acting(umask, || fs::openat(dir, c".", how, tree::rights(mode))).map_err(errno)?;
        self.state.begin(asked.unique, [0; 2]);
        self.opened_new(&file, (flags, false), request)
    }

    /// Answers with a file that is new, and open.
    fn opened_new(
        &mut self,
        file: &OwnedFd,
        (flags, done): (u32, bool),
        request: &mut Request<'_>,
    ) -> Result<(), Errno> {
        let (node, told) = tree::meet(file.as_fd(), c"")?;
        let opened = self.opening(node, file.as_raw_fd(), flags, done)?;
        let asked = &request.asked;
        let entry = self.entry_of(asked, asked.node, node, &told);
        request.put(&entry);
        request.put(&opened);
        Ok(())
    }

    /// Makes a name that is absent, once. That of the segments is kept free, whether they are shown or not.
    fn make(
        &mut self,
        asked: &Asked,
        name: &CStr,
        umask: u32,
        act: impl FnOnce(BorrowedFd<'_>) -> Result<(), Errno>,
    ) -> Result<(), Errno> {
        if asked.node == ROOT && name == sysv::DIRECTORY {
            return Err(Errno::EPERM);
        }
        let dir = self.tree.directory(asked.node)?;
        match self.state.phase(asked.unique) {
            Phase::Done => return Ok(()),
            Phase::Begun(_) if tree::look(dir, name).is_ok() => return Ok(()),
            _ => self.state.begin(asked.unique, [0; 2]),
        }
        let made = asked.acting(umask, || act(dir));
        if made.is_err() {
            // The name that is there is another's.
            self.state.begin(0, [0; 2]);
        }
        made
    }

    fn made(&mut self, name: &CStr, request: &mut Request<'_>) -> Result<(), Errno> {
        self.state.commit();
        let entry = self.entry(&request.asked, request.asked.node, name)?;
        request.put(&entry);
        tell(request.asked.node, name, request.face);
        Ok(())
    }
}

/// Tells the store of a name that has changed, if it is one of the root. One that is too long for the store is none of
/// its.
pub(crate) fn tell(parent: NodeId, name: &CStr, face: &mut dyn Face) {
    if parent == ROOT
        && let Ok(name) = Name::new(name.to_bytes())
    {
        face.name_changed(&name);
    }
}
