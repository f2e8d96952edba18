//! What is asked about a file's bytes besides reading and writing them.
//!
//! Owns: nothing. Done again, each of these changes nothing more.

use crate::node::{Node, NodeId};
use crate::server::{Request, Server};
use crate::tree::errno;
use crate::wire::{CopyFileRangeIn, FallocateIn, LseekIn, LseekOut, WriteOut};
use rustix::fs::{self, FallocateFlags, OFlags, SeekFrom};
use shmfs_abi::{Errno, OpenFlags};
use shmfs_broker::Face;
use shmfs_sys::fd;
use std::os::fd::OwnedFd;

/// Bytes that are copied with one request: others are not to wait long.
const COPIED: u64 = 16 << 20;

/// lseek(2)
const SEEK_DATA: u32 = 3;
const SEEK_HOLE: u32 = 4;

impl Server {
    /// A regular file, or a segment, opened for its bytes.
    fn content(&self, node: NodeId, write: bool, face: &dyn Face) -> Result<OwnedFd, Errno> {
        if let Some(Node::Segment(shmid)) = node.node() {
            let number = face.segment_number(shmid).ok_or(Errno::EIDRM)?;
            let flags = if write { OpenFlags::RDWR } else { OpenFlags::empty() };
            return fd::with_number(number, |file| fd::reopen(file, flags));
        }
        let access = if write { OFlags::RDWR } else { OFlags::RDONLY };
        self.tree.inode(node, access | OFlags::NONBLOCK)
    }

    pub(crate) fn fallocate(&mut self, request: &mut Request<'_>) -> Result<(), Errno> {
        let FallocateIn { offset, length, mode, .. } = request.body.take()?;
        let file = self.content(request.asked.node, true, request.face)?;
        fs::fallocate(&file, FallocateFlags::from_bits_retain(mode), offset, length).map_err(errno)
    }

    /// `SEEK_DATA` and `SEEK_HOLE`; the kernel does the others itself.
    pub(crate) fn lseek(&mut self, request: &mut Request<'_>) -> Result<(), Errno> {
        let LseekIn { offset, whence, .. } = request.body.take()?;
        let to = match whence {
            SEEK_DATA => SeekFrom::Data(offset),
            SEEK_HOLE => SeekFrom::Hole(offset),
            _ => return Err(Errno::EINVAL),
        };
        let file = self.content(request.asked.node, false, request.face)?;
        let offset = fs::seek(file, to).map_err(errno)?;
        request.put(&LseekOut { offset });
        Ok(())
    }

    pub(crate) fn copy_file_range(&mut self, request: &mut Request<'_>) -> Result<(), Errno> {
        let asked_for: CopyFileRangeIn = request.body.take()?;
        let from = self.content(request.asked.node, false, request.face)?;
        let to = self.content(NodeId(asked_for.nodeid_out), true, request.face)?;
        let (mut off_in, mut off_out) = (asked_for.off_in, asked_for.off_out);
        let len = usize::try_from(asked_for.len.min(COPIED)).map_err(|_| Errno::EINVAL)?;
        let copied =
            fs::copy_file_range(from, Some(&mut off_in), to, Some(&mut off_out), len).map_err(errno)?;
        // The kernel knows that the target has changed; the source was read.
        self.attributes_changed(request.asked.node);
        request.put(&WriteOut { size: u32::try_from(copied).map_err(|_| Errno::EIO)?, padding: 0 });
        Ok(())
    }
}
