//! One message on a seqpacket socket: bytes, descriptors, and the kernel's word on the sender.
//!
//! Owns: the layout of control messages (cmsg(3)).
//! Leaves to others: connections (`socket`), what the bytes say.

use crate::{
    Errno, Result,
    raw::{self, number},
    retry,
    socket::Peer,
};
use core::mem::MaybeUninit;
use rustix::{
    fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd},
    io::IoSlice,
    net::{self, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags},
};
use shmfs_abi::{Gid, Pid, Uid, limits::MESSAGE_FDS};

/// The descriptors of one message, from the front.
pub type Fds = [Option<OwnedFd>; MESSAGE_FDS];

/// One message as it arrived.
#[derive(Debug)]
pub struct Received {
    /// Bytes written to the buffer. 0: the other end has hung up, or sent nothing at all.
    pub len: usize,
    /// It had more bytes than the buffer, or more than [`MESSAGE_FDS`] descriptors; those are closed.
    pub truncated: bool,
    /// Its descriptors, close-on-exec.
    pub fds: Fds,
    /// Who sent it, on a socket with [`pass_credentials`](crate::socket::pass_credentials).
    pub sender: Option<Peer>,
}

/// Sends one message, whole. `wait`: sleep while the other end has no room, else `EAGAIN`.
///
/// # Errors
/// As `sendmsg(2)`: `EPIPE` without SIGPIPE if the other end has hung up; `EINVAL` for an empty message or
/// more than [`MESSAGE_FDS`] descriptors.
pub fn send(socket: impl AsFd, bytes: &[u8], fds: &[BorrowedFd<'_>], wait: bool) -> Result<()> {
    if bytes.is_empty() || fds.len() > MESSAGE_FDS {
        return Err(Errno::EINVAL);
    }
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MESSAGE_FDS))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !fds.is_empty() && !control.push(SendAncillaryMessage::ScmRights(fds)) {
        return Err(Errno::EINVAL);
    }
    let mut flags = SendFlags::NOSIGNAL;
    flags.set(SendFlags::DONTWAIT, !wait);
    retry(|| net::sendmsg(&socket, &[IoSlice::new(bytes)], &mut control, flags)).map(drop)
}

/// Receives one message into `buffer`. `wait`: sleep until there is one, else `EAGAIN`.
///
/// # Errors
/// As `recvmsg(2)`: `ECONNRESET` if the other end hung up with messages of ours unread.
pub fn receive(socket: impl AsFd, buffer: &mut [u8], wait: bool) -> Result<Received> {
    receive_with(socket, buffer, if wait { 0 } else { MSG_DONTWAIT })
}

/// Looks at the next message without taking it: it stays for [`discard`] or another look. Its descriptors are new ones
/// at each look.
///
/// # Errors
/// As [`receive`], which it never waits like.
pub fn peek(socket: impl AsFd, buffer: &mut [u8]) -> Result<Received> {
    receive_with(socket, buffer, MSG_DONTWAIT | MSG_PEEK)
}

/// Takes the next message and throws it away, with its descriptors.
///
/// # Errors
/// As [`receive`].
pub fn discard(socket: impl AsFd) -> Result<()> {
    retry(|| net::recv(&socket, &mut [0_u8; 1], RecvFlags::DONTWAIT)).map(drop)
}

fn receive_with(socket: impl AsFd, buffer: &mut [u8], flags: usize) -> Result<Received> {
    let mut control = [0u64; CONTROL_WORDS];
    let mut vector = IoVec { base: buffer.as_mut_ptr(), len: buffer.len() };
    let mut header = MsgHdr {
        name: 0,
        name_len: 0,
        vector: &raw mut vector,
        vector_len: 1,
        control: control.as_mut_ptr(),
        control_len: size_of_val(&control),
        flags: 0,
    };
    let flags = MSG_CMSG_CLOEXEC | flags;
    let (number, socket) = (number::RECVMSG, socket.as_fd().as_raw_fd() as usize);
    let len = loop {
        // SAFETY: the header names one buffer and one control buffer with their lengths; all three outlive
        // the call, which writes nowhere else.
        match raw::check(unsafe { raw::syscall6(number, socket, &raw mut header as usize, flags, 0, 0, 0) }) {
            Err(Errno::EINTR) => {}
            answer => break answer?,
        }
    };
    let mut received = Received {
        len: len.min(buffer.len()),
        truncated: header.flags & (MSG_TRUNC | MSG_CTRUNC) != 0,
        fds: [const { None }; MESSAGE_FDS],
        sender: None,
    };
    let used = header.control_len.min(size_of_val(&control));
    let mut bytes = [0; CONTROL_WORDS * 8];
    for (bytes, word) in bytes.chunks_exact_mut(8).zip(control) {
        bytes.copy_from_slice(&word.to_ne_bytes());
    }
    received.read_control(&bytes[..used]);
    Ok(received)
}

impl Received {
    /// Reads control messages: `cmsg_len`, level, type, payload, and padding to eight bytes.
    fn read_control(&mut self, mut control: &[u8]) {
        while let Some((header, _)) = control.split_first_chunk::<CMSG_HEADER>() {
            let [len, kind] = [&header[..8], &header[8..]].map(|half| u64_of(half) as usize);
            let Some(payload) = control.get(CMSG_HEADER..len) else { return };
            let mut numbers = payload.chunks_exact(4).map(u32_of);
            match kind {
                SCM_RIGHTS => numbers.for_each(|number| self.own(number as i32)),
                SCM_CREDENTIALS => {
                    let mut next = || numbers.next().unwrap_or(u32::MAX);
                    self.sender = Some(Peer { pid: Pid(next() as i32), uid: Uid(next()), gid: Gid(next()) });
                }
                _ => {}
            }
            control = control.get(len.next_multiple_of(8)..).unwrap_or_default();
        }
    }

    /// Takes ownership of a descriptor that came with the message; closes it if there is no room.
    fn own(&mut self, number: i32) {
        // SAFETY: the kernel installed this number for this message, and each number is read once.
        let fd = unsafe { OwnedFd::from_raw_fd(number) };
        match self.fds.iter_mut().find(|place| place.is_none()) {
            Some(place) => *place = Some(fd),
            None => self.truncated = true,
        }
    }
}

fn u64_of(bytes: &[u8]) -> u64 {
    bytes.try_into().map_or(0, u64::from_ne_bytes)
}

fn u32_of(bytes: &[u8]) -> u32 {
    bytes.try_into().map_or(0, u32::from_ne_bytes)
}

const MSG_PEEK: usize = 0x2;
const MSG_CTRUNC: i32 = 0x8;
const MSG_TRUNC: i32 = 0x20;
const MSG_DONTWAIT: usize = 0x40;
const MSG_CMSG_CLOEXEC: usize = 0x4000_0000;

/// `struct cmsghdr`: length with header in 64 bits, then level and type, read here as one number.
const CMSG_HEADER: usize = 16;
const SOL_SOCKET: usize = 1;
const SCM_RIGHTS: usize = 1 << 32 | SOL_SOCKET;
const SCM_CREDENTIALS: usize = 2 << 32 | SOL_SOCKET;

/// Room for credentials (12 bytes) and [`MESSAGE_FDS`] descriptors, each with header and padding.
const CONTROL_WORDS: usize = 4 + (CMSG_HEADER + 4 * MESSAGE_FDS).div_ceil(8);

/// `struct iovec`.
#[repr(C)]
struct IoVec {
    base: *mut u8,
    len: usize,
}

/// `struct user_msghdr` (include/linux/socket.h).
#[repr(C)]
struct MsgHdr {
    name: usize,
    name_len: u32,
    vector: *mut IoVec,
    vector_len: usize,
    control: *mut u64,
    control_len: usize,
    flags: i32,
}

const _: () = assert!(size_of::<MsgHdr>() == 56 && cfg!(target_endian = "little"));
