//! Taking names away, and renaming.
//!
//! When the request comes again after a broker's death, the inodes that had the names before it say whether it was done.

use crate::creating::tell;
use crate::names::is_in_tree;
use crate::node::NodeId;
use crate::server::{Request, Server};
use crate::state::Phase;
use crate::tree::{self, errno};
use crate::wire::{Rename2In, RenameIn, op};
use rustix::fs::{self, AtFlags, FileType, RenameFlags, Statx};
use shmfs_abi::{Errno, Gid, Uid};
use shmfs_sys::fsuser;
use std::ffi::CStr;
use std::os::fd::AsFd;

/// Units of 512 bytes: a file with more is not kept when its last name goes (`pins`).
const SMALL: u64 = 128;

impl Server {
    /// `UNLINK` and `RMDIR`.
    pub(crate) fn remove(&mut self, request: &mut Request<'_>) -> Result<(), Errno> {
        let (name, asked) = (request.body.name()?, request.asked);
        if asked.shows_sysv(asked.node, name) {
            return Err(Errno::EPERM);
        }
        let dir = self.tree.directory(asked.node)?;
        let victim = tree::look(dir, name);
        match (self.state.phase(asked.unique), &victim) {
            (Phase::Done, _) => {}
            (Phase::Begun([before, _]), victim) if !is_inode(victim, before) => self.state.commit(),
            (_, Err(errno)) => return Err(*errno),
            (_, Ok(told)) => {
                self.keep(asked.node, name, told)?;
                self.state.begin(asked.unique, [told.stx_ino, 0]);
                let flags = if asked.opcode == op::RMDIR { AtFlags::REMOVEDIR } else { AtFlags::empty() };
                fs::unlinkat(self.tree.directory(asked.node)?, name, flags).map_err(errno)?;
                self.state.commit();
            }
        }
        tell(asked.node, name, request.face);
        Ok(())
    }

    /// `RENAME` and `RENAME2`.
    pub(crate) fn rename(&mut self, request: &mut Request<'_>) -> Result<(), Errno> {
        let (asked, body) = (request.asked, &mut request.body);
        let (newdir, flags) = if asked.opcode == op::RENAME {
            (body.take::<RenameIn>()?.newdir, 0)
        } else {
            let Rename2In { newdir, flags, .. } = body.take()?;
            (newdir, flags)
        };
        let (from, to, parent) = (body.name()?, body.name()?, NodeId(newdir));
        if !is_in_tree(parent) || asked.shows_sysv(asked.node, from) || asked.shows_sysv(parent, to) {
            return Err(Errno::EPERM);
        }
        let flags = RenameFlags::from_bits_retain(flags);
        let exchange = flags.contains(RenameFlags::EXCHANGE);
        let (old, new) = self.tree.directories(asked.node, parent)?;
        let (moved, target) = (tree::look(old, from), tree::look(new, to));
        match (self.state.phase(asked.unique), &moved, &target) {
            (Phase::Done, ..) => {}
            (Phase::Begun([a, b]), ..)
                if is_inode(&target, a) && !is_inode(&moved, a) && (!exchange || is_inode(&moved, b)) =>
            {
                self.state.commit();
            }
            (_, Err(errno), _) => return Err(*errno),
            (_, Ok(told), _) => {
                if let (Ok(target), false) = (&target, exchange) {
                    self.keep(parent, to, target)?;
                }
                let before = [told.stx_ino, target.as_ref().map_or(0, |target| target.stx_ino)];
                self.state.begin(asked.unique, before);
                let (old, new) = self.tree.directories(asked.node, parent)?;
                let rename = || fs::renameat_with(old, from, new, to, flags).map_err(errno);
                if flags.contains(RenameFlags::WHITEOUT) {
                    // What takes the old name's place is the caller's.
                    fsuser::acting_as(Uid(asked.uid), Gid(asked.gid), rename)?;
                } else {
                    rename()?;
                }
                self.state.commit();
            }
        }
        tell(asked.node, from, request.face);
        tell(parent, to, request.face);
        Ok(())
    }

    /// Keeps what loses its last name, for as long as the kernel knows it.
    fn keep(&mut self, parent: NodeId, name: &CStr, told: &Statx) -> Result<(), Errno> {
        let kind = FileType::from_raw_mode(u32::from(told.stx_mode));
        let is_directory = kind == FileType::Directory;
        let is_last = told.stx_nlink <= 1 || is_directory;
        if !is_last || kind == FileType::RegularFile && told.stx_blocks > SMALL {
            return Ok(());
        }
        // One that cannot be kept is removed all the same.
        let Ok(victim) = self.tree.named(parent, name) else { return Ok(()) };
        let node = tree::number(victim.as_fd(), c"")?;
        if is_directory {
            self.tree.forget(node);
        }
        self.pins.keep(&self.state, node, victim);
        Ok(())
    }
}

fn is_inode(told: &Result<Statx, Errno>, ino: u64) -> bool {
    told.as_ref().is_ok_and(|told| told.stx_ino == ino)
}
