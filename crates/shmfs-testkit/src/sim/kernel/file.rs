//! Files: memfds, those of a hidden tmpfs, and those on a disk.
//!
//! Content is one number, the stamp of who wrote last; 0 is nothing but zeros.
//!
//! Owns: inodes, the hidden tmpfs's names and pages.
//! Leaves to others: descriptions (`description`), attach tables (`attach`).

use super::{DescId, Kernel, Rows, What};
use shmfs_abi::{Backing, ByteLen, Errno, Gid, Name, OpenFlags, PAGE_SIZE, Uid};
use shmfs_broker::os::Wish;
use shmfs_sys::fd::{Facts, Identity};
use std::collections::BTreeMap;

/// A file's place; never used again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct FileId(usize);

/// `st_dev` of memfds, and of the hidden tmpfs.
pub(crate) const MEMFD_DEV: u64 = 1;
const HIDDEN_DEV: u64 = 2;
/// And of the disk.
pub(super) const STATE_DEV: u64 = 3;

const S_IFREG: u32 = 0o100_000;

/// An inode.
#[derive(Debug)]
pub(crate) struct File {
    pub(crate) identity: Identity,
    pub(crate) size: u64,
    /// Pages in memory.
    pub(crate) pages: u64,
    /// Whether its size is sealed.
    sealed: bool,
    pub(crate) mode: u32,
    pub(crate) uid: Uid,
    pub(crate) gid: Gid,
    links: u32,
    /// Descriptions, with those that are about to end.
    pub(super) descriptions: u32,
    changed: u64,
    /// Who wrote last.
    pub(crate) stamp: u64,
    /// What an attach table holds.
    pub(super) rows: Option<Rows>,
}

/// A tmpfs that is mounted nowhere.
#[derive(Debug, Default)]
pub(super) struct Hidden {
    size: u64,
    names: BTreeMap<Name, FileId>,
}

impl Kernel {
    pub(crate) fn file(&self, id: FileId) -> &File {
        match &self.files[id.0] {
            Some(file) => file,
            None => unreachable!("a file is used after its end"),
        }
    }

    pub(crate) fn file_mut(&mut self, id: FileId) -> &mut File {
        match &mut self.files[id.0] {
            Some(file) => file,
            None => unreachable!("a file is used after its end"),
        }
    }

    /// The file behind a description.
    pub(crate) fn file_of(&self, id: DescId) -> Result<FileId, Errno> {
        match self.what(id) {
            What::File(file) => Ok(file),
            _ => Err(Errno::EINVAL),
        }
    }

    /// Every file that exists, but attach tables.
    pub(crate) fn objects(&self) -> impl Iterator<Item = (FileId, &File)> {
        let files = self.files.iter().enumerate();
        let there = files.filter_map(|(at, file)| Some((FileId(at), file.as_ref()?)));
        there.filter(|(_, file)| file.rows.is_none())
    }

    /// Every attach table that exists.
    pub(crate) fn tables(&self) -> Vec<FileId> {
        let files = self.files.iter().enumerate();
        let tables = files.filter(|(_, file)| file.as_ref().is_some_and(|file| file.rows.is_some()));
        tables.map(|(at, _)| FileId(at)).collect()
    }

    /// Descriptions of a file, with those that are about to end.
    pub(crate) fn descriptions_of(&self, id: FileId) -> u32 {
        self.file(id).descriptions
    }

    pub(crate) fn exists(&self, id: FileId) -> bool {
        self.files[id.0].is_some()
    }

    pub(super) fn new_file(&mut self, dev: u64, size: u64, sealed: bool) -> FileId {
        let changed = self.touch();
        let identity = Identity { dev, ino: self.files.len() as u64 + 1 };
        let (mode, uid, gid) = (S_IFREG | 0o600, Uid(0), Gid(0));
        self.files.push(Some(File {
            identity,
            size,
            pages: 0,
            sealed,
            mode,
            uid,
            gid,
            links: 0,
            descriptions: 0,
            changed,
            stamp: 0,
            rows: None,
        }));
        FileId(self.files.len() - 1)
    }

    /// A time that no other change has.
    fn touch(&mut self) -> u64 {
        self.pass(1);
        self.nanos()
    }

    /// Makes a backing; one hold on a description for reading and writing.
    pub(crate) fn make(&mut self, hidden: Option<DescId>, wish: &Wish) -> Result<DescId, Errno> {
        let dev = match (wish.backing, hidden) {
            (Backing::TmpfsFile, Some(_)) => HIDDEN_DEV,
            (Backing::TmpfsFile, None) => return Err(Errno::EBADF),
            _ => MEMFD_DEV,
        };
        let sealed = matches!(wish.backing, Backing::SealedMemfd | Backing::Huge);
        let file = self.new_file(dev, wish.size.0, sealed);
        self.own(file, wish.uid, wish.gid, wish.mode);
        let description = self.describe(What::File(file), OpenFlags::RDWR);
        if wish.populate
            && let Err(errno) = self.write_pages(file, wish.size.pages().0)
        {
            self.release(description);
            return Err(errno);
        }
        Ok(description)
    }

    /// Makes the file of an attach table.
    pub(super) fn make_table_file(&mut self, rows: Rows) -> FileId {
        let file = self.new_file(MEMFD_DEV, 1 << 20, true);
        self.file_mut(file).rows = Some(rows);
        file
    }

    pub(crate) fn facts(&self, id: FileId) -> Facts {
        let file = self.file(id);
        Facts {
            identity: file.identity,
            size: ByteLen(file.size),
            allocated: ByteLen(file.pages * PAGE_SIZE),
            links: u64::from(file.links),
            mode: file.mode,
            uid: file.uid,
            gid: file.gid,
        }
    }

    /// `st_ctime` in nanoseconds.
    pub(crate) fn changed(&self, id: FileId) -> u64 {
        self.file(id).changed
    }

    pub(crate) fn own(&mut self, id: FileId, uid: Uid, gid: Gid, mode: u32) {
        let changed = self.touch();
        let file = self.file_mut(id);
        (file.uid, file.gid, file.mode) = (uid, gid, S_IFREG | mode & 0o7777);
        file.changed = changed;
    }

    pub(crate) fn truncate(&mut self, id: FileId, size: u64) -> Result<(), Errno> {
        let changed = self.touch();
        let file = self.file_mut(id);
        if file.sealed && file.size != size {
            return Err(Errno::EPERM);
        }
        file.pages = file.pages.min(ByteLen(size).pages().0);
        file.size = size;
        file.changed = changed;
        if size == 0 {
            file.stamp = 0;
        }
        Ok(())
    }

    /// Makes a file's first pages.
    pub(crate) fn write_pages(&mut self, id: FileId, pages: u64) -> Result<(), Errno> {
        let (dev, had) = (self.file(id).identity.dev, self.file(id).pages);
        if pages <= had {
            return Ok(());
        }
        let used: u64 =
            self.objects().filter(|(_, file)| file.identity.dev == dev).map(|(_, f)| f.pages).sum();
        if dev == HIDDEN_DEV && used + pages - had > self.hidden.size / PAGE_SIZE {
            return Err(Errno::ENOSPC);
        }
        self.file_mut(id).pages = pages;
        Ok(())
    }

    /// A program leaves its stamp. A file without a size has no room for it.
    pub(crate) fn write(&mut self, id: FileId, stamp: u64) -> bool {
        let changed = self.touch();
        if self.file(id).size == 0 || self.write_pages(id, 1).is_err() {
            return false;
        }
        let file = self.file_mut(id);
        (file.stamp, file.changed) = (stamp, changed);
        true
    }

    /// Frees a file that has neither name nor description.
    pub(super) fn drop_file(&mut self, id: FileId) {
        if self.files[id.0].as_ref().is_some_and(|file| file.links == 0 && file.descriptions == 0) {
            self.files[id.0] = None;
            self.notices.forget_file(id);
        }
    }

    pub(crate) fn resize_hidden(&mut self, size: u64) {
        self.hidden.size = size;
    }

    pub(crate) fn hidden_size(&self) -> u64 {
        self.hidden.size
    }

    pub(crate) fn names(&self) -> &BTreeMap<Name, FileId> {
        &self.hidden.names
    }

    /// `linkat(2)`
    pub(crate) fn link(&mut self, file: FileId, name: &Name) -> Result<(), Errno> {
        if self.file(file).identity.dev != HIDDEN_DEV {
            return Err(Errno::EXDEV);
        }
        if self.hidden.names.contains_key(name) {
            return Err(Errno::EEXIST);
        }
        self.hidden.names.insert(*name, file);
        self.relink(file, 1);
        Ok(())
    }

    pub(super) fn relink(&mut self, id: FileId, more: i32) {
        let changed = self.touch();
        let file = self.file_mut(id);
        file.links = file.links.saturating_add_signed(more);
        file.changed = changed;
        self.drop_file(id);
    }

    /// `unlinkat(2)`
    pub(crate) fn unlink(&mut self, name: &Name) -> Result<(), Errno> {
        let file = self.hidden.names.remove(name).ok_or(Errno::ENOENT)?;
        self.relink(file, -1);
        Ok(())
    }

    /// `renameat2(2)` with no flag, `RENAME_NOREPLACE` (1) or `RENAME_EXCHANGE` (2)
    pub(crate) fn rename(&mut self, from: &Name, to: &Name, flags: u32) -> Result<(), Errno> {
        let file = *self.hidden.names.get(from).ok_or(Errno::ENOENT)?;
        let target = self.hidden.names.get(to).copied();
        match (flags, target) {
            (1, Some(_)) => return Err(Errno::EEXIST),
            (2, None) => return Err(Errno::ENOENT),
            (0..=2, _) => {}
            _ => return Err(Errno::EINVAL),
        }
        if target == Some(file) {
            return Ok(());
        }
        self.hidden.names.insert(*to, file);
        match target {
            Some(other) if flags == 2 => drop(self.hidden.names.insert(*from, other)),
            target => {
                self.hidden.names.remove(from);
                if let Some(replaced) = target {
                    self.relink(replaced, -1);
                }
            }
        }
        self.relink(file, 0);
        Ok(())
    }

    /// `linkat(2)` by name
    pub(crate) fn link_name(&mut self, from: &Name, to: &Name) -> Result<(), Errno> {
        let file = *self.hidden.names.get(from).ok_or(Errno::ENOENT)?;
        self.link(file, to)
    }
}
