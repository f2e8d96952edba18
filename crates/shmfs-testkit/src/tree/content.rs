//! What files hold, page by page.

use super::inode::{Body, Number};
use super::open::Opened;
use super::permission::WRITE;
use super::step::{Path, bytes_of};
use super::{Answer, Bytes, NO_POSITION, Seen, Tree, User};
use shmfs_abi::Errno;
use std::collections::BTreeMap;

const PAGE: u64 = 4096;

/// `ENXIO`: there is no such data.
const NOTHING_THERE: Errno = Errno(6);

/// Bytes, and the pages that they lie in.
#[derive(Clone, Default, Debug)]
pub(super) struct Content {
    size: u64,
    /// A page that is only reserved has no bytes and counts as a hole.
    pages: BTreeMap<u64, Option<Vec<u8>>>,
}

impl Content {
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Pages that it takes.
    pub(super) fn pages(&self) -> u64 {
        self.pages.len() as u64
    }

    pub(super) fn read(&self, at: u64, length: usize) -> Vec<u8> {
        let end = self.size.min(at + length as u64);
        (at..end).map(|at| self.byte(at)).collect()
    }

    fn byte(&self, at: u64) -> u8 {
        let page = self.pages.get(&(at / PAGE)).and_then(Option::as_ref);
        page.map_or(0, |page| page[(at % PAGE) as usize])
    }

    fn write(&mut self, at: u64, bytes: &[u8]) {
        for (at, byte) in (at..).zip(bytes) {
            let page = self.pages.entry(at / PAGE).or_default();
            page.get_or_insert_with(|| vec![0; PAGE as usize])[(at % PAGE) as usize] = *byte;
        }
        self.size = self.size.max(at + bytes.len() as u64);
    }

    /// Frees whole pages and zeroes the rest (`shmem_undo_range`, mm/shmem.c).
    fn punch(&mut self, from: u64, to: u64) {
        self.pages.retain(|page, _| page * PAGE < from || (page + 1) * PAGE > to);
        for (page, bytes) in &mut self.pages {
            let Some(bytes) = bytes else { continue };
            let within = |at: u64| at.clamp(page * PAGE, (page + 1) * PAGE) - page * PAGE;
            let (from, to) = (within(from), within(to));
            bytes[from as usize..to.max(from) as usize].fill(0);
        }
    }

    fn resize(&mut self, size: u64) {
        if size <= self.size {
            self.punch(size, u64::MAX);
        }
        self.size = size;
    }

    fn allocate(&mut self, at: u64, length: u64, keep: bool) {
        for page in at / PAGE..(at + length).div_ceil(PAGE) {
            // Reserved once more, a page gets its zeroes (`shmem_get_folio_gfp`, mm/shmem.c).
            let zeroes = |page: &mut Option<Vec<u8>>| {
                page.get_or_insert_with(|| vec![0; PAGE as usize]);
            };
            self.pages.entry(page).and_modify(zeroes).or_default();
        }
        if !keep {
            self.size = self.size.max(at + length);
        }
    }

    /// `SEEK_DATA` and `SEEK_HOLE` (`shmem_file_llseek`, mm/shmem.c).
    fn seek(&self, at: u64, hole: bool) -> Result<u64, Errno> {
        if at >= self.size {
            return Err(NOTHING_THERE);
        }
        let is_data = |at: &u64| self.pages.get(&(at / PAGE)).is_some_and(Option::is_some);
        let starts =
            std::iter::once(at).chain((at / PAGE + 1..self.size.div_ceil(PAGE)).map(|page| page * PAGE));
        let found = starts.into_iter().find(|at| is_data(at) != hole);
        if hole { Ok(found.unwrap_or(self.size)) } else { found.ok_or(NOTHING_THERE) }
    }
}

impl Tree {
    fn content_mut(&mut self, number: Number) -> &mut Content {
        match &mut self.inode_mut(number).body {
            Body::Regular(content) => content,
            _ => panic!("a regular file"),
        }
    }

    /// A change of bytes takes set-id bits away from who may not set them (`file_remove_privs`, fs/inode.c).
    fn drop_privileges(&mut self, user: &User, number: Number) {
        if !user.capable {
            self.inode_mut(number).mode = self.without_set_ids(user, self.inode(number));
        }
    }

    pub(super) fn set_size(&mut self, user: &User, number: Number, size: u64) {
        self.drop_privileges(user, number);
        self.content_mut(number).resize(size);
    }

    /// `vfs_truncate`, fs/open.c.
    pub(super) fn truncate(&mut self, user: &User, path: &Path, size: u64) -> Answer {
        let number = self.resolve(user, path, true)?;
        match self.inode(number).body {
            Body::Directory { .. } => return Err(Errno::EISDIR),
            Body::Regular(_) => {}
            _ => return Err(Errno::EINVAL),
        }
        self.allow(user, number, WRITE)?;
        self.set_size(user, number, size);
        Ok(Seen::Done)
    }

    pub(super) fn resize(&mut self, user: &User, slot: usize, size: u64) -> Answer {
        let opened = self.opened(slot)?;
        if !self.inode(opened.inode).is_regular() || !opened.write {
            return Err(Errno::EINVAL);
        }
        self.set_size(user, opened.inode, size);
        Ok(Seen::Done)
    }

    pub(super) fn write(&mut self, user: &User, slot: usize, at: u64, length: usize, seed: u8) -> Answer {
        let opened = self.opened(slot)?;
        match self.inode(opened.inode).body {
            Body::Fifo => return Err(NO_POSITION),
            _ if !opened.write => return Err(Errno::EBADF),
            _ => {}
        }
        if length > 0 {
            self.drop_privileges(user, opened.inode);
            self.content_mut(opened.inode).write(at, &bytes_of(seed, length));
        }
        Ok(Seen::Amount(length as u64))
    }

    pub(super) fn read(&mut self, slot: usize, at: u64, length: usize) -> Answer {
        let opened = self.opened(slot)?;
        match &self.inode(opened.inode).body {
            Body::Fifo => Err(NO_POSITION),
            _ if !opened.read => Err(Errno::EBADF),
            Body::Regular(content) => Ok(Seen::Bytes(Bytes(content.read(at, length)))),
            _ => Err(Errno::EISDIR),
        }
    }

    /// What `vfs_fallocate`, fs/open.c, refuses.
    fn allow_allocation(&self, slot: usize, length: u64) -> Result<Opened, Errno> {
        let opened = self.opened(slot)?;
        if length == 0 {
            return Err(Errno::EINVAL);
        }
        match self.inode(opened.inode).body {
            _ if !opened.write => Err(Errno::EBADF),
            Body::Fifo => Err(NO_POSITION),
            _ => Ok(opened),
        }
    }

    pub(super) fn punch(&mut self, user: &User, slot: usize, at: u64, length: u64) -> Answer {
        let opened = self.allow_allocation(slot, length)?;
        self.content_mut(opened.inode).punch(at, at + length);
        self.drop_privileges(user, opened.inode);
        Ok(Seen::Done)
    }

    pub(super) fn allocate(&mut self, user: &User, slot: usize, at: u64, length: u64, keep: bool) -> Answer {
        let opened = self.allow_allocation(slot, length)?;
        self.content_mut(opened.inode).allocate(at, length, keep);
        self.drop_privileges(user, opened.inode);
        Ok(Seen::Done)
    }

    /// Of regular files only: those of directories are cookies, and fifos have no positions.
    pub(super) fn seek(&mut self, slot: usize, at: u64, hole: bool) -> Answer {
        let opened = self.opened(slot)?;
        match &self.inode(opened.inode).body {
            Body::Regular(content) => content.seek(at, hole).map(Seen::Amount),
            Body::Fifo => Err(NO_POSITION),
            _ => Err(Errno::EINVAL),
        }
    }
}
