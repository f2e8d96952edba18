//! A connection to the server: requests as the kernel writes them, replies as it reads them, and servers that die.

use super::kernel_side::{Bare, Dead, Shared};
use rustix::fd::{AsFd, AsRawFd, IntoRawFd, OwnedFd};
use rustix::io::fcntl_dupfd_cloexec;
use shmfs_abi::Errno;
use shmfs_fuse::wire::{EntryOut, InHeader, OutHeader, flags, op};
use shmfs_fuse::{DOOR, Died, Server};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use zerocopy::{FromBytes, IntoBytes};

/// The root's number (`FUSE_ROOT_ID`).
pub(super) const ROOT: u64 = 1;

/// When a server dies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Death {
    Never,
    /// It has read the request and done nothing.
    Before,
    /// In its n-th call to the outside, if there are as many.
    Within(u32),
    /// At its n-th moment before or behind a word that it writes down, if there are as many.
    Writing(u32),
    /// It has done everything and not answered.
    After,
}

/// A server on a hidden tmpfs, and those that follow on it.
pub(super) struct Connection {
    pub(super) hidden: OwnedFd,
    state: OwnedFd,
    server: Option<Server>,
    pub(super) side: Shared,
    pub(super) face: Bare,
    unique: u64,
    /// One byte for each request, over and over: when the server dies.
    deaths: Vec<u8>,
    asked: usize,
    pub(super) died: usize,
}

impl Connection {
    pub(super) fn new(hidden: OwnedFd, deaths: &[u8]) -> Result<Connection, Errno> {
        shmfs_sys::fsuser::keep_capabilities()?;
        let (side, state) = (Shared::default(), shmfs_fuse::state()?);
        let face = Bare::new(side.clone());
        let deaths = deaths.to_vec();
        let mut connection =
            Connection { hidden, state, server: None, side, face, unique: 0, deaths, asked: 0, died: 0 };
        connection.start(false);
        Ok(connection)
    }

    fn start(&mut self, resumed: bool) {
        let device = Box::new(self.side.clone());
        match Server::new(self.hidden.as_fd(), self.state.as_fd(), device, resumed) {
            Ok(server) => self.server = Some(server),
            Err(errno) => panic!("a server on this tmpfs: {}", errno.name()),
        }
    }

    /// The numbers of the descriptors that the state names.
    pub(super) fn kept(&self) -> Vec<i32> {
        (DOOR.kept)(self.state.as_fd())
    }

    /// The server is killed and another one follows. The descriptor table outlives it, so what its state names stays
    /// open under its number.
    fn kill(&mut self) {
        self.died += 1;
        let keep = |number: i32| {
            let kept = shmfs_sys::fd::with_number(number, shmfs_sys::fd::duplicate);
            (number, kept.unwrap_or_else(|_| panic!("the state names {number}, which is not open")))
        };
        let kept: Vec<_> = self.kept().into_iter().map(keep).collect();
        self.server = None;
        for (number, kept) in kept {
            match fcntl_dupfd_cloexec(&kept, number) {
                Ok(again) => assert_eq!(again.into_raw_fd(), number, "the number is free again"),
                Err(error) => panic!("number {number}: {error}"),
            }
        }
        self.side.lock().dies_after = None;
        self.start(true);
    }

    /// Whether servers die.
    pub(super) fn is_mortal(&self) -> bool {
        !self.deaths.is_empty()
    }

    fn death(&mut self) -> Death {
        self.asked += 1;
        if self.deaths.is_empty() {
            return Death::Never;
        }
        let byte = self.deaths[self.asked % self.deaths.len()];
        match byte % 24 {
            0 => Death::Before,
            1 | 2 => Death::After,
            calls @ 3..6 => Death::Within(u32::from(calls) - 3),
            6..12 => Death::Writing(u32::from(byte / 24) * 4 + u32::from(byte % 4)),
            _ => Death::Never,
        }
    }

    /// Sends bytes as they are. Nothing: there was no reply.
    pub(super) fn send(&mut self, request: &[u8]) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        let Some(server) = &mut self.server else { panic!("there is a server") };
        server.answer(request, &mut out, &mut self.face).then_some(out)
    }

    /// One request and its reply, whatever happens to servers meanwhile.
    pub(super) fn ask(
        &mut self,
        opcode: u32,
        node: u64,
        (uid, gid): (u32, u32),
        body: &[&[u8]],
    ) -> Result<Vec<u8>, Errno> {
        self.unique += 2;
        let mut request = request(opcode, node, self.unique, (uid, gid), &body.concat());
        let death = self.death();
        let reply = match death {
            Death::Never => self.send(&request),
            Death::Before => None,
            Death::After => {
                self.send(&request);
                None
            }
            Death::Within(calls) => {
                self.side.lock().dies_after = Some(calls);
                self.send_and_perhaps_die(&request)
            }
            Death::Writing(moments) => {
                self.server.as_ref().inspect(|server| server.die_after(Some(moments)));
                self.send_and_perhaps_die(&request)
            }
        };
        let mut unique = self.unique;
        let reply = reply.or_else(|| {
            self.kill();
            unique |= flags::UNIQUE_RESEND;
            request[8..16].copy_from_slice(&unique.to_ne_bytes());
            self.send(&request)
        });
        let Some(reply) = reply else { panic!("no reply to {opcode}") };
        self.read(opcode, unique, &reply)
    }

    fn send_and_perhaps_die(&mut self, request: &[u8]) -> Option<Vec<u8>> {
        let reply = match catch_unwind(AssertUnwindSafe(|| self.send(request))) {
            Ok(reply) => reply,
            Err(thrown) if thrown.is::<Dead>() || thrown.is::<Died>() => None,
            Err(thrown) => resume_unwind(thrown),
        };
        self.side.lock().dies_after = None;
        self.server.as_ref().inspect(|server| server.die_after(None));
        reply
    }

    fn read(&mut self, opcode: u32, unique: u64, reply: &[u8]) -> Result<Vec<u8>, Errno> {
        let head = check_reply(reply);
        assert_eq!(head.unique, unique, "the reply is to another request");
        if head.error != 0 {
            return Err(Errno(-head.error));
        }
        let body = reply[size_of::<OutHeader>()..].to_vec();
        if [op::LOOKUP, op::MKDIR, op::MKNOD, op::SYMLINK, op::LINK, op::CREATE, op::TMPFILE]
            .contains(&opcode)
        {
            let entry = entry_of(&body);
            if entry.nodeid != 0 {
                *self.side.lock().lookups.entry(entry.nodeid).or_insert(0) += 1;
            }
        }
        Ok(body)
    }

    /// Forgets what is not to be kept.
    pub(super) fn forget_others(&mut self, kept: &[u64]) {
        let known: Vec<_> = self.side.lock().lookups.iter().map(|(node, times)| (*node, *times)).collect();
        for (node, times) in known.into_iter().filter(|(node, _)| !kept.contains(node)) {
            self.side.lock().lookups.remove(&node);
            let forget = request(op::FORGET, node, self.unique, (0, 0), times.as_bytes());
            assert!(self.send(&forget).is_none(), "a reply to FORGET");
        }
    }
}

/// A whole request.
pub(super) fn request(opcode: u32, nodeid: u64, unique: u64, (uid, gid): (u32, u32), body: &[u8]) -> Vec<u8> {
    let len = (size_of::<InHeader>() + body.len()) as u32;
    let head = InHeader { len, opcode, unique, nodeid, uid, gid, pid: 1, total_extlen: 0, padding: 0 };
    [head.as_bytes(), body].concat()
}

/// What the kernel demands of every reply (`fuse_dev_do_write`, fs/fuse/dev.c).
pub(super) fn check_reply(reply: &[u8]) -> OutHeader {
    let Ok((head, rest)) = OutHeader::read_from_prefix(reply) else { panic!("a reply without a head") };
    assert_eq!(head.len as usize, reply.len(), "the length in the head");
    assert!((-511..=0).contains(&head.error), "the error {}", head.error);
    assert!(head.error == 0 || rest.is_empty(), "an error with a body");
    head
}

/// The entry at the start of a reply.
pub(super) fn entry_of(body: &[u8]) -> EntryOut {
    match EntryOut::read_from_prefix(body) {
        Ok((entry, _)) => entry,
        Err(_) => panic!("{} bytes are no entry", body.len()),
    }
}

/// The number of a descriptor, as a path.
pub(super) fn link_of(fd: &OwnedFd) -> String {
    format!("/proc/self/fd/{}", fd.as_raw_fd())
}
