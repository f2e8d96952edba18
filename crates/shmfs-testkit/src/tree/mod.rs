//! A model of a tmpfs tree: what each call on files and directories answers, and what the tree is afterwards.
//!
//! [`Tree`] is plain data and does no I/O. Steps of a [`Plan`] go to it and to something real, a player of [`play`],
//! which must answer the same and leave the same [`Picture`]. The order of refusals is that of fs/namei.c, fs/attr.c and
//! mm/shmem.c, v6.18.
//!
//! Owns: directories, files with holes, links, fifos, owners and modes, `user.` attributes, descriptors.
//! Leaves to others: times; what fills a tmpfs (no plan writes that much).
//! Not done: access lists, device nodes, file locks, `O_APPEND`, sizes near the largest.

mod attributes;
mod bytes;
mod content;
#[cfg(feature = "proptest")]
mod generate;
mod inode;
mod names;
mod open;
mod permission;
mod picture;
#[cfg(feature = "tree")]
pub mod play;
mod rename;
mod setting;
mod share;
mod step;
mod walk;

#[cfg(feature = "proptest")]
pub use generate::plans;
pub use picture::{Bytes, Kind, Look, Picture, Seen, Shown};
pub use setting::{Guards, Setting, User};
pub use share::{SHARERS, part_of};
pub use step::{How, Name, Part, Path, Plan, SLOTS, Step, XATTRS, bytes_of};

use inode::{Body, Inode, Number, ROOT};
use shmfs_abi::Errno;
use std::collections::BTreeMap;

/// The result of one step.
pub type Answer = Result<Seen, Errno>;

/// No reader of a fifo (`ENXIO`).
const NO_READER: Errno = Errno(6);
/// A fifo has no positions (`ESPIPE`).
const NO_POSITION: Errno = Errno(29);
/// A directory is not empty (`ENOTEMPTY`).
const NOT_EMPTY: Errno = Errno(39);

/// A tree of files, and the descriptors that are open on it.
#[derive(Clone, Debug)]
pub struct Tree {
    setting: Setting,
    inodes: BTreeMap<Number, Inode>,
    next: Number,
    open: [Option<open::Opened>; SLOTS],
}

impl Tree {
    /// An empty tree, as a mount is at first.
    pub fn new(setting: Setting) -> Tree {
        let root = Inode {
            body: Body::Directory { parent: Some(ROOT), entries: BTreeMap::new() },
            mode: setting.root_mode,
            uid: setting.root_owner.0,
            gid: setting.root_owner.1,
            names: 1,
            linkable: false,
            xattrs: BTreeMap::new(),
        };
        Tree {
            setting,
            inodes: BTreeMap::from([(ROOT, root)]),
            next: ROOT + 1,
            open: [const { None }; SLOTS],
        }
    }

    /// Does one step and says what Linux says.
    ///
    /// # Errors
    /// Linux's.
    pub fn step(&mut self, who: usize, step: &Step) -> Answer {
        let user = self.setting.user(who).clone();
        let answer = self.carry_out(&user, step);
        self.forget();
        answer
    }

    fn carry_out(&mut self, user: &User, step: &Step) -> Answer {
        match step {
            Step::MakeDir { path, mode } => self.make_dir(user, path, *mode),
            Step::MakeNode { path, fifo, mode } => self.make_node(user, path, *fifo, *mode),
            Step::MakeLink { target, path } => self.make_link(user, target, path),
            Step::Link { from, to, follow } => self.link(user, from, to, *follow),
            Step::LinkOpen { slot, to } => self.link_open(user, *slot, to),
            Step::Unlink { path } => self.unlink(user, path),
            Step::RemoveDir { path } => self.remove_dir(user, path),
            Step::Rename { from, to, flags } => self.rename(user, from, to, *flags),
            Step::Chmod { path, mode } => self.chmod(user, path, *mode),
            Step::Chown { path, uid, gid, follow } => self.chown(user, path, *uid, *gid, *follow),
            Step::Truncate { path, size } => self.truncate(user, path, *size),
            Step::SetXattr { path, name, length, flags } => {
                self.set_xattr(user, path, *name, *length, *flags)
            }
            Step::GetXattr { path, name } => self.get_xattr(user, path, *name),
            Step::RemoveXattr { path, name } => self.remove_xattr(user, path, *name),
            Step::ListXattrs { path } => self.list_xattrs(user, path),
            Step::Stat { path, follow } => self.stat(user, path, *follow),
            Step::List { path } => self.list(user, path),
            Step::ReadLink { path } => self.read_link(user, path),
            Step::Open { slot, path, how, mode } => self.open(user, *slot, path, *how, *mode),
            Step::OpenUnnamed { slot, path, mode } => self.open_unnamed(user, *slot, path, *mode),
            Step::Close { slot } => self.close(*slot),
            Step::StatOpen { slot } => self.stat_open(*slot),
            Step::Write { slot, at, length, seed } => self.write(user, *slot, *at, *length, *seed),
            Step::Read { slot, at, length } => self.read(*slot, *at, *length),
            Step::Resize { slot, size } => self.resize(user, *slot, *size),
            Step::Punch { slot, at, length } => self.punch(user, *slot, *at, *length),
            Step::Allocate { slot, at, length, keep } => self.allocate(user, *slot, *at, *length, *keep),
            Step::Seek { slot, at, hole } => self.seek(*slot, *at, *hole),
        }
    }

    /// Inodes without a name go with their last descriptor.
    fn forget(&mut self) {
        let open: Vec<_> = self.open.iter().flatten().map(|opened| opened.inode).collect();
        self.inodes.retain(|number, inode| *number == ROOT || inode.names > 0 || open.contains(number));
    }
}
