//! A player on the mount's server, within this process: the requests that the kernel would send, the replies that it
//! would read, and servers that die and are followed by others.
//!
//! The kernel's own checks of rights come before its requests (`default_permissions`); a step that they refuse is not
//! sent. Requests that a dead server has left come again, and must be done once.
//!
//! Not done: what the kernel keeps (every name and attribute is asked for), segments, several requests at once.

mod calls;
mod connection;
mod files;
mod kernel_side;
mod raw;
mod way;

pub use raw::send_bytes;

use super::{Player, look};
use crate::tree::{Answer, Guards, Look, Picture, SLOTS, Seen, Setting, Step, User};
use connection::Connection;
use rustix::fd::OwnedFd;
use rustix::fs::{AtFlags, Mode, chmodat};
use shmfs_abi::Errno;
use shmfs_fuse::wire::{Attr, InitIn, InitOut, op};
use way::Inode;
use zerocopy::{FromBytes, IntoBytes};

/// linux/fuse.h
const HANDLE_KILLPRIV_V2: u32 = 1 << 28;

/// An open descriptor.
#[derive(Clone, Copy, Debug)]
enum Slot {
    /// Through which number the kernel reads and writes it, and the flags with which it was opened.
    File {
        node: u64,
        backing: i32,
        flags: u32,
    },
    Directory {
        node: u64,
    },
    Fifo {
        node: u64,
        read: bool,
    },
}

impl Slot {
    fn node(self) -> u64 {
        match self {
            Slot::File { node, .. } | Slot::Directory { node } | Slot::Fifo { node, .. } => node,
        }
    }
}

/// A mounted tree without a mount.
pub struct Fuse {
    connection: Connection,
    setting: Setting,
    user: User,
    open: [Option<Slot>; SLOTS],
}

impl Fuse {
    /// On an empty hidden tmpfs. `deaths` says when servers die; with none, none dies.
    ///
    /// # Errors
    /// This process may not do what the server has to: it takes root.
    pub fn new(hidden: OwnedFd, root_mode: u32, deaths: &[u8]) -> Result<Fuse, Errno> {
        rustix::process::umask(Mode::empty());
        let mode = Mode::from_raw_mode(root_mode);
        chmodat(&hidden, c".", mode, AtFlags::empty()).map_err(|error| Errno(error.raw_os_error()))?;
        let guards = Guards { hardlinks: 1, ..Guards::default() };
        let mut setting = Setting::of_root(root_mode, guards);
        // A request tells of one group; the server looks others up by the process, which is none here.
        setting.users.iter_mut().for_each(|user| user.groups.truncate(1));
        let user = setting.user(0).clone();
        let connection = Connection::new(hidden, deaths)?;
        let mut fuse = Fuse { connection, setting, user, open: [None; SLOTS] };
        let init = InitIn { major: 7, minor: 45, max_readahead: 1 << 17, flags: u32::MAX };
        let rest = [u32::MAX; 12];
        let agreed = fuse.ask(op::INIT, 0, &[init.as_bytes(), rest.as_bytes()])?;
        let Ok((agreed, _)) = InitOut::read_from_prefix(&agreed) else { panic!("no InitOut") };
        assert_ne!(agreed.flags & HANDLE_KILLPRIV_V2, 0, "the server takes set-id bits away");
        Ok(fuse)
    }

    /// Among whom it plays.
    pub fn setting(&self) -> &Setting {
        &self.setting
    }

    /// How many servers have died.
    pub fn died(&self) -> usize {
        self.connection.died
    }

    fn ask(&mut self, opcode: u32, node: u64, body: &[&[u8]]) -> Result<Vec<u8>, Errno> {
        self.connection.ask(opcode, node, (self.user.uid, self.user.gid), body)
    }

    /// Closes everything; panics if the server then still keeps something.
    pub fn finish(&mut self) {
        for slot in 0..SLOTS {
            drop(self.close(slot));
        }
        self.connection.forget_others(&[]);
        assert_eq!(self.connection.kept(), [], "descriptors are kept for what the kernel has forgotten");
        let side = self.connection.side.lock();
        assert!(side.backings.is_empty(), "files stay open: {:?}", side.backings);
    }

    /// What the kernel does not refuse by itself, for this answer of the model.
    fn is_asked(&self, step: &Step, expected: &Answer) -> bool {
        match (step, expected) {
            (_, Err(Errno::EACCES | Errno::EPERM)) => false,
            // Descriptors are the kernel's own matter, until they are good for the call.
            (Step::Seek { slot, .. }, _) => matches!(self.open[*slot], Some(Slot::File { .. })),
            // What is reserved and not written shows an allocation, and a change of size, that was done twice.
            (Step::Allocate { .. }, _) if self.connection.is_mortal() => false,
            (
                Step::Write { slot, .. }
                | Step::Read { slot, .. }
                | Step::Resize { slot, .. }
                | Step::Punch { slot, .. }
                | Step::Allocate { slot, .. },
                _,
            ) => expected.is_ok() && matches!(self.open[*slot], Some(Slot::File { .. })),
            (Step::LinkOpen { slot, .. } | Step::StatOpen { slot } | Step::Close { slot }, _) => {
                self.open[*slot].is_some()
            }
            _ => true,
        }
    }
}

fn look_of(inode: &Inode) -> Look {
    use crate::tree::Kind;
    let Attr { mode, uid, gid, nlink, size, blocks, .. } = inode.attr;
    let kind = match mode & way::S_IFMT {
        way::S_IFDIR => Kind::Directory,
        way::S_IFREG => Kind::Regular,
        way::S_IFLNK => Kind::Symlink,
        way::S_IFIFO => Kind::Fifo,
        _ => panic!("an inode of mode {mode:o}"),
    };
    Look { kind, mode: mode & 0o7777, uid, gid, links: nlink.into(), size, blocks }
}

impl Player for Fuse {
    fn step(&mut self, who: usize, step: &Step, expected: &Answer) -> Option<Answer> {
        self.user = self.setting.user(who).clone();
        if !self.is_asked(step, expected) {
            return None;
        }
        let answer = self.call(step);
        let kept: Vec<_> = self.open.iter().flatten().map(|slot| slot.node()).collect();
        self.connection.forget_others(&kept);
        answer
    }

    fn picture(&mut self) -> Picture {
        match look::picture(&self.connection.hidden) {
            Ok(picture) => picture,
            Err(error) => panic!("looking at the tmpfs: {error}"),
        }
    }
}

/// Success without more to tell.
fn done(_: Vec<u8>) -> Seen {
    Seen::Done
}
