//! The mount as the broker's door: requests are read from /dev/fuse, and answered there.

use crate::init::REQUEST_BYTES;
use crate::pins;
use crate::server::{Device, Server};
use crate::state::{self, State};
use crate::tree::errno;
use crate::wire::{self, op};
use rustix::fs::{Mode, OFlags};
use shmfs_abi::Errno;
use shmfs_broker::{Door, DoorFiles, DoorMaker, Face, Served};
use shmfs_sys::fuse;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Requests that are served before others of the broker's have their turn.
const TURN: usize = 64;

/// What a program passes to its broker, so that its store can be mounted.
pub const DOOR: DoorMaker = DoorMaker { state: state::create, kept, open };

/// The numbers of the table that a state names.
fn kept(state: BorrowedFd<'_>) -> Vec<i32> {
    State::open(state).map(|state| pins::numbers(&state)).unwrap_or_default()
}

fn open(files: DoorFiles<'_>) -> Result<Box<dyn Door>, Errno> {
    let DoorFiles { device, state, hidden, resumed } = files;
    let device = device.try_clone_to_owned().map_err(|_| Errno::EMFILE)?;
    let flags = rustix::fs::fcntl_getfl(&device).map_err(errno)?;
    rustix::fs::fcntl_setfl(&device, flags | OFlags::NONBLOCK).map_err(errno)?;
    shmfs_sys::fsuser::keep_capabilities()?;
    // What is created has the mode that was asked for, less the umask of who asks.
    rustix::process::umask(Mode::empty());
    let notices = device.try_clone().map_err(|_| Errno::EMFILE)?;
    let server = Server::new(hidden, state, Box::new(Connection(notices)), resumed)?;
    let mut door = Mount { device, server, request: vec![0; REQUEST_BYTES], reply: Vec::new() };
    if resumed {
        door.server.forget_names();
        // What a broker before this one had read and not answered comes again.
        let resent = door.write(&wire::notice(op::NOTIFY_RESEND, &[]));
        resent.inspect_err(|errno| tracing::error!(errno = errno.name(), "requests are not sent again"))?;
    }
    Ok(Box::new(door))
}

/// A mounted file system.
struct Mount {
    device: OwnedFd,
    server: Server,
    request: Vec<u8>,
    reply: Vec<u8>,
}

impl Mount {
    fn write(&self, message: &[u8]) -> Result<(), Errno> {
        rustix::io::write(&self.device, message).map(drop).map_err(errno)
    }

    /// Serves one request. Nothing where none waits.
    fn serve_one(&mut self, face: &mut dyn Face) -> Result<Option<()>, Errno> {
        let len = match rustix::io::read(&self.device, &mut self.request[..]).map_err(errno) {
            Ok(len) => len,
            // Interrupted before it was read.
            Err(Errno::EINTR | Errno::ENOENT) => return Ok(Some(())),
            Err(Errno::EAGAIN) => return Ok(None),
            Err(errno) => return Err(errno),
        };
        let request = self.request.get(..len).unwrap_or_default();
        if self.server.answer(request, &mut self.reply, face) {
            match self.write(&self.reply) {
                Ok(()) => {}
                Err(Errno::ENOENT) => self.server.not_taken(),
                Err(errno) => {
                    tracing::warn!(errno = errno.name(), bytes = self.reply.len(), "a reply is refused");
                    self.server.not_taken();
                }
            }
        }
        Ok(Some(()))
    }
}

impl Door for Mount {
    fn serve(&mut self, face: &mut dyn Face) -> Served {
        for _ in 0..TURN {
            match self.serve_one(face) {
                Ok(Some(())) => {}
                Ok(None) => return Served::Open,
                Err(Errno::ENODEV) => return Served::Closed,
                Err(errno) => {
                    tracing::error!(errno = errno.name(), "the mount's requests cannot be read");
                    return Served::Closed;
                }
            }
        }
        Served::Open
    }

    fn become_shared(&mut self) {
        self.server.forget_names();
        self.server.forget_attributes();
    }

    fn names_changed(&mut self) {
        self.server.forget_names();
    }
}

/// The connection, for what is not a reply.
struct Connection(OwnedFd);

impl Device for Connection {
    fn backing_open(&mut self, file: i32) -> Result<i32, Errno> {
        fuse::backing_open(&self.0, file)
    }

    fn backing_close(&mut self, id: i32) {
        if let Err(errno) = fuse::backing_close(self.0.as_fd(), id) {
            tracing::debug!(errno = errno.name(), id, "the passthrough was gone already");
        }
    }

    fn notify(&mut self, message: &[u8]) -> Result<(), Errno> {
        rustix::io::write(&self.0, message).map(drop).map_err(errno)
    }
}
