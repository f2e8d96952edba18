//! Open files: the kernel reads, writes and maps each one itself, in the hidden tmpfs (passthrough).
//!
//! All that have a file open at a time do so through one number for its backing, which the kernel gives out and we give
//! back with the last of them. The number needs no descriptor of ours.
//!
//! Owns: when such a number comes and goes. Leaves to others: the rows that remember it (`state`).

use crate::node::{Node, NodeId};
use crate::server::{Request, Server};
use crate::state::{Opened, Phase};
use crate::wire::flags::FOPEN_PASSTHROUGH;
use crate::wire::{OpenIn, OpenOut, ReleaseIn};
use rustix::fs::OFlags;
use shmfs_abi::Errno;
use std::os::fd::AsRawFd;

/// Whether a file that is open with these flags may be written.
fn writes(flags: u32) -> bool {
    OFlags::from_bits_retain(flags).intersects(OFlags::WRONLY | OFlags::RDWR)
}

impl Server {
    pub(crate) fn open(&mut self, request: &mut Request<'_>) -> Result<(), Errno> {
        let OpenIn { flags, .. } = request.body.take()?;
        let asked = request.asked;
        let node = asked.node.node();
        let done = self.state.phase(asked.unique) == Phase::Done;
        let may_be_flagged = self.state.is_flagged() || asked.reach.attached;
        if !done && writes(flags) && may_be_flagged && matches!(node, Some(Node::Inode(_))) {
            // The kernel's FUSE knows of no flags: the tmpfs says whether the inode is immutable, or append-only.
            let asked_for = OFlags::from_bits_retain(flags) & (OFlags::ACCMODE | OFlags::APPEND);
            self.tree.inode(asked.node, asked_for | OFlags::NONBLOCK)?;
        }
        if !done {
            self.state.begin(asked.unique, [0; 2]);
        }
        let opened = match node {
            // Another description of the same file: there is nothing to look for.
            _ if self.state.opened(asked.node).is_some() => self.opening(asked.node, -1, flags, done)?,
            Some(Node::Inode(_)) => {
                let file = self.tree.path(asked.node)?;
                self.opening(asked.node, file.as_raw_fd(), flags, done)?
            }
            Some(Node::Segment(shmid)) => {
                let number = request.face.segment_number(shmid).ok_or(Errno::ESTALE)?;
                self.opening(asked.node, number, flags, done)?
            }
            _ => return Err(Errno::EISDIR),
        };
        if writes(flags) && !done {
            // Attributes that the kernel keeps are not good any more once a mapping is stored to.
            self.attributes_changed(asked.node);
        }
        request.put(&opened);
        Ok(())
    }

    /// Counts one more description of a file, of which `number` is a descriptor; `done`: it is counted already.
    pub(crate) fn opening(
        &mut self,
        node: NodeId,
        number: i32,
        flags: u32,
        done: bool,
    ) -> Result<OpenOut, Errno> {
        let (known, writers) = (self.state.opened(node), u32::from(writes(flags)));
        let opened = match known {
            Some(known) if done => known,
            Some(Opened { backing, opens, writers: before }) => {
                let opened = Opened { backing, opens: opens + 1, writers: before + writers };
                self.state.commit_opened(node, Some(opened))?;
                opened
            }
            None => {
                let backing = self.device.backing_open(number)?;
                self.state.given(backing);
                let opened = Opened { backing, opens: 1, writers };
                if let Err(full) = self.state.commit_opened(node, Some(opened)) {
                    self.device.backing_close(backing);
                    return Err(full);
                }
                self.state.set_loose(None);
                opened
            }
        };
        self.last_opened = Some((node, writers > 0));
        Ok(OpenOut { fh: 0, open_flags: FOPEN_PASSTHROUGH, backing_id: opened.backing })
    }

    pub(crate) fn release(&mut self, request: &mut Request<'_>) -> Result<(), Errno> {
        let ReleaseIn { flags, .. } = request.body.take()?;
        let asked = request.asked;
        if self.state.phase(asked.unique) != Phase::Done {
            self.close(asked.unique, asked.node, writes(flags));
        }
        Ok(())
    }

    /// Counts one description less.
    pub(crate) fn close(&mut self, unique: u64, node: NodeId, wrote: bool) {
        let Some(Opened { backing, opens, writers }) = self.state.opened(node) else { return };
        self.state.begin(unique, [0; 2]);
        let writers = writers.saturating_sub(u32::from(wrote));
        let rest = (opens > 1).then(|| Opened { backing, opens: opens - 1, writers });
        if rest.is_none() {
            self.state.set_loose(Some(backing));
        }
        if let Err(errno) = self.state.commit_opened(node, rest) {
            tracing::error!(errno = errno.name(), "a row that is there cannot be written");
        }
        if rest.is_none() {
            self.device.backing_close(backing);
            self.state.set_loose(None);
        }
    }
}
