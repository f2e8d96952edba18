//! The server: one request in, one reply out.
//!
//! Each request is a few system calls on the hidden tmpfs, with this process's rights: the kernel has checked the
//! caller's own before it asked (`default_permissions`, `FUSE_POSIX_ACL`). What is created belongs to the caller.
//!
//! Owns: which request goes where.
//! Leaves to others: the requests (`names`, `creating`, `removing`, `opening`, `changing`, `content`, `xattr`, `sysv`).
//! Not done: `READ` and `WRITE`: every file is open with passthrough; a long `FALLOCATE` makes everybody else wait.

use crate::init;
use crate::node::{Node, NodeId, ROOT};
use crate::pins::Pins;
use crate::state::State;
use crate::sysv;
use crate::tree::Tree;
use crate::validity::{MODEST, Reach};
use crate::wire::{self, Body, InHeader, flags, op};
use shmfs_abi::Errno;
use shmfs_broker::Face;
use std::collections::VecDeque;
use std::ffi::CStr;
use std::os::fd::BorrowedFd;
use std::time::Instant;
use zerocopy::{Immutable, IntoBytes};

/// The connection to the kernel, besides its requests.
pub trait Device: Send {
    /// Lets the kernel read and write a regular file itself; says under which number.
    ///
    /// # Errors
    /// As [`shmfs_sys::fuse::backing_open`].
    fn backing_open(&mut self, file: i32) -> Result<i32, Errno>;
    /// Gives such a number back.
    fn backing_close(&mut self, id: i32);
    /// Tells the kernel something.
    ///
    /// # Errors
    /// `ENOENT` where it does not know the inode.
    fn notify(&mut self, message: &[u8]) -> Result<(), Errno>;
}

/// What a request says of itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    pub(crate) opcode: u32,
    /// Its number, the same when it comes again.
    pub(crate) unique: u64,
    pub(crate) node: NodeId,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) pid: u32,
    pub(crate) reach: Reach,
    /// Whether segments are shown.
    pub(crate) sysv: bool,
}

/// A request as it is served: what it says, what of it is not read yet, where its answer goes, and the store.
pub(crate) struct Request<'r> {
    pub(crate) asked: Asked,
    pub(crate) body: Body<'r>,
    pub(crate) out: &'r mut Vec<u8>,
    pub(crate) face: &'r mut dyn Face,
}

impl Request<'_> {
    /// Answers with one more part.
    pub(crate) fn put(&mut self, part: &(impl IntoBytes + Immutable)) {
        wire::put(self.out, part);
    }
}

/// One mounted tree.
pub struct Server {
    pub(crate) tree: Tree,
    pub(crate) state: State,
    pub(crate) pins: Pins,
    pub(crate) device: Box<dyn Device>,
    /// The file that the request before opened, and whether for writing.
    pub(crate) last_opened: Option<(NodeId, bool)>,
    /// The file whose capabilities the request before took away.
    pub(crate) uncapped: Option<NodeId>,
    told: Told,
}

/// Regular files whose attributes the kernel keeps, with when it was told.
type Told = VecDeque<(Instant, NodeId)>;

/// Of more files than this the kernel may keep attributes for a second when a program joins the store.
const TOLD: usize = 1 << 16;

impl Server {
    /// Serves the tree of a hidden tmpfs; `state` is that of the servers before this one, when it is `resumed`.
    ///
    /// # Errors
    /// The kernel refuses a facility, or the state is another version's.
    pub fn new(
        hidden: BorrowedFd<'_>,
        state: BorrowedFd<'_>,
        mut device: Box<dyn Device>,
        resumed: bool,
    ) -> Result<Server, Errno> {
        let tree = Tree::open(hidden)?;
        let state = State::open(state)?;
        let mut is_known = |node: NodeId| device.notify(&attributes_changed(node)) != Err(Errno::ENOENT);
        let pins = Pins::take_over(&state, |node| resumed && is_known(node));
        if resumed {
            state.left().for_each(|left| device.backing_close(left));
        }
        state.set_loose(None);
        Ok(Server { tree, state, pins, device, last_opened: None, uncapped: None, told: Told::new() })
    }

    /// Answers one whole request. False: there is no reply to it.
    pub fn answer(&mut self, request: &[u8], out: &mut Vec<u8>, face: &mut dyn Face) -> bool {
        self.last_opened = None;
        wire::begin(out);
        let Ok((header, body)) = wire::split(request) else {
            tracing::warn!(bytes = request.len(), "a request of another length than it says");
            return false;
        };
        let asked = Asked::of(&header, face);
        if asked.opcode == op::FORGET || asked.opcode == op::BATCH_FORGET {
            self.forget(&asked, body);
            return false;
        }
        let outcome = self.serve(&mut Request { asked, body, out, face });
        if asked.opcode != op::REMOVEXATTR {
            self.uncapped = None;
        }
        tracing::trace!(?asked, ?outcome, "answered");
        wire::finish(out, header.unique, outcome);
        true
    }

    /// For tests: dies, with an unwinding that is no panic, after so many moments, of which there is one before and one
    /// behind each word that it writes down.
    #[doc(hidden)]
    pub fn die_after(&self, moments: Option<u32>) {
        self.state.die_after(moments);
    }

    /// The reply was not taken: nobody waits for it any more.
    pub fn not_taken(&mut self) {
        if let Some((node, writes)) = self.last_opened.take() {
            self.close(0, node, writes);
        }
    }

    /// Others reach the root from now on: what the kernel keeps of names is not good any more.
    pub fn forget_names(&mut self) {
        // Before Linux 6.16: names are asked for again when they have grown old.
        let _ = self.device.notify(&wire::notice(op::NOTIFY_INC_EPOCH, &[]));
    }

    /// Others reach the files of the root from now on: what the kernel keeps of files is not good any more.
    pub fn forget_attributes(&mut self) {
        for (_, node) in std::mem::take(&mut self.told) {
            self.attributes_changed(node);
        }
    }

    /// What the kernel keeps of an inode's attributes is not good any more.
    pub(crate) fn attributes_changed(&mut self, node: NodeId) {
        // One that it does not know it has nothing of.
        let _ = self.device.notify(&attributes_changed(node));
    }

    /// The kernel is told attributes of a regular file that are good for some time.
    pub(crate) fn tell_attributes(&mut self, node: NodeId) {
        let now = Instant::now();
        let is_old = |(since, _): &(Instant, NodeId)| now.duration_since(*since).as_secs() > MODEST;
        while self.told.len() >= TOLD || self.told.front().is_some_and(is_old) {
            self.told.pop_front();
        }
        self.told.push_back((now, node));
    }

    fn serve(&mut self, request: &mut Request<'_>) -> Result<(), Errno> {
        let Asked { opcode, node, .. } = request.asked;
        if opcode == op::INIT {
            return init::agree(request.body, request.out);
        }
        let node = node.node().ok_or(Errno::ESTALE)?;
        if let Node::Sysv | Node::Segment(_) = node {
            return self.serve_sysv(node, request);
        }
        match opcode {
            op::LOOKUP => self.lookup(request),
            op::GETATTR => self.getattr(request),
            op::STATX => self.statx(request),
            op::SETATTR => self.setattr(request),
            op::READLINK => self.readlink(request),
            op::SYMLINK => self.symlink(request),
            op::MKNOD => self.mknod(request),
            op::MKDIR => self.mkdir(request),
            op::CREATE => self.create(request),
            op::TMPFILE => self.tmpfile(request),
            op::LINK => self.link(request),
            op::UNLINK | op::RMDIR => self.remove(request),
            op::RENAME | op::RENAME2 => self.rename(request),
            op::OPEN => self.open(request),
            op::RELEASE => self.release(request),
            op::OPENDIR => {
                request.put(&wire::OpenOut::default());
                Ok(())
            }
            op::RELEASEDIR | op::DESTROY => Ok(()),
            op::READDIR | op::READDIRPLUS => self.readdir(request),
            op::STATFS => self.statfs(request),
            op::SETXATTR => self.setxattr(request),
            op::GETXATTR => self.getxattr(request),
            op::LISTXATTR => self.listxattr(request),
            op::REMOVEXATTR => self.removexattr(request),
            op::FALLOCATE => self.fallocate(request),
            op::LSEEK => self.lseek(request),
            op::COPY_FILE_RANGE => self.copy_file_range(request),
            op::IOCTL => self.ioctl(request),
            op::READ | op::WRITE => Err(Errno::EIO),
            // The kernel does what is left by itself, or does not ask again.
            _ => Err(Errno::ENOSYS),
        }
    }

    fn forget(&mut self, asked: &Asked, mut body: Body<'_>) {
        if asked.opcode == op::FORGET {
            return self.pins.forget(&self.state, asked.node);
        }
        let Ok(batch) = body.take::<wire::BatchForgetIn>() else { return };
        for _ in 0..batch.count {
            let Ok(one) = body.take::<wire::ForgetOne>() else { return };
            self.pins.forget(&self.state, NodeId(one.nodeid));
        }
    }
}

impl Asked {
    /// Whether this is the name under which segments are shown.
    pub(crate) fn shows_sysv(&self, parent: NodeId, name: &CStr) -> bool {
        self.sysv && parent == ROOT && name == sysv::DIRECTORY
    }

    fn of(header: &InHeader, face: &dyn Face) -> Asked {
        let &InHeader { opcode, unique, nodeid, uid, gid, pid, .. } = header;
        let reach = Reach { shared: face.is_shared(), attached: face.is_attached() };
        let unique = unique & !flags::UNIQUE_RESEND;
        Asked { opcode, unique, node: NodeId(nodeid), uid, gid, pid, reach, sysv: face.sysv() }
    }
}

/// The notice that an inode's attributes have changed.
fn attributes_changed(node: NodeId) -> Vec<u8> {
    let part = wire::InvalInodeOut { ino: node.0, off: -1, len: 0 };
    wire::notice(op::NOTIFY_INVAL_INODE, part.as_bytes())
}
