//! Sockets between clients and broker: `AF_UNIX`, `SOCK_SEQPACKET`, so that a message arrives whole or not at all.
//!
//! Owns: connections, and the kernel's word on who is at the other end.
//! Leaves to others: what is in a message (`shmfs-wire`), and what the ids of a peer allow.

use crate::{
    Errno, Result, errno,
    raw::{self, number},
    retry,
};
use rustix::{
    fd::{AsFd, AsRawFd, FromRawFd, OwnedFd},
    net::{self, AddressFamily, SocketAddrUnix, SocketFlags, SocketType},
};
use shmfs_abi::{Gid, Groups, Pid, Uid};

pub use crate::message::{Fds, Received, discard, peek, receive, send};

/// A process at the other end, as the kernel knows it (`struct ucred`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Peer {
    /// Its process; 0 if it has no number in the own pid namespace.
    pub pid: Pid,
    /// Its effective user.
    pub uid: Uid,
    /// Its effective group.
    pub gid: Gid,
}

/// Connects to the socket at `path`; close-on-exec.
///
/// # Errors
/// As `connect(2)`; `ENAMETOOLONG` beyond 107 bytes.
pub fn connect(path: &[u8]) -> Result<OwnedFd> {
    let address = SocketAddrUnix::new(path).map_err(errno)?;
    let socket = make(SocketFlags::CLOEXEC)?;
    retry(|| net::connect(&socket, &address))?;
    Ok(socket)
}

/// Makes a socket at `path`, which must not exist, and listens; [`accept`] does not block on it.
///
/// # Errors
/// As `bind(2)` and `listen(2)`; `ENAMETOOLONG` beyond 107 bytes.
pub fn listen(path: &[u8], backlog: i32) -> Result<OwnedFd> {
    let address = SocketAddrUnix::new(path).map_err(errno)?;
    let socket = make(SocketFlags::CLOEXEC | SocketFlags::NONBLOCK)?;
    net::bind(&socket, &address).map_err(errno)?;
    net::listen(&socket, backlog).map_err(errno)?;
    Ok(socket)
}

/// Takes one waiting connection; close-on-exec.
///
/// # Errors
/// As `accept(2)`; `EAGAIN` if none waits.
pub fn accept(listener: impl AsFd) -> Result<OwnedFd> {
    retry(|| net::accept_with(&listener, SocketFlags::CLOEXEC))
}

/// Two connected sockets; close-on-exec.
///
/// # Errors
/// As `socketpair(2)`.
pub fn pair() -> Result<(OwnedFd, OwnedFd)> {
    net::socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).map_err(errno)
}

fn make(flags: SocketFlags) -> Result<OwnedFd> {
    net::socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None).map_err(errno)
}

/// Asks the kernel to tell with each message who sent it ([`Received::sender`]).
///
/// # Errors
/// As `setsockopt(2)`.
pub fn pass_credentials(socket: impl AsFd) -> Result<()> {
    net::sockopt::set_socket_passcred(socket, true).map_err(errno)
}

// include/uapi/asm-generic/socket.h
const SOL_SOCKET: usize = 1;
const SO_PEERCRED: usize = 17;
const SO_PEERGROUPS: usize = 59;
const SO_PEERPIDFD: usize = 77;

/// Who was at the other end when the connection was made (`SO_PEERCRED`).
///
/// # Errors
/// As `getsockopt(2)`.
pub fn peer(socket: impl AsFd) -> Result<Peer> {
    // Not by rustix: its process ids are never 0, and the kernel's are, for a stranger's pid namespace.
    let mut credentials = [0u32; 3];
    if option(socket, SO_PEERCRED, &mut credentials)? != size_of_val(&credentials) {
        return Err(Errno::EINVAL);
    }
    let [pid, uid, gid] = credentials;
    Ok(Peer { pid: Pid(pid as i32), uid: Uid(uid), gid: Gid(gid) })
}

/// The supplementary groups of the process at the other end when the connection was made; the first of them
/// that [`Groups`] holds, of at most 256.
///
/// # Errors
/// As `getsockopt(2)`; `ERANGE` beyond 256 groups.
pub fn peer_groups(socket: impl AsFd) -> Result<Groups> {
    let mut groups = [0u32; 256];
    let bytes = option(socket, SO_PEERGROUPS, &mut groups)?;
    Ok(Groups::new(groups.into_iter().take(bytes / size_of::<u32>()).map(Gid)))
}

/// A descriptor of the process that made the connection, without the race of asking by number.
///
/// # Errors
/// As `getsockopt(2)`: `ENOPROTOOPT` before Linux 6.5; `ESRCH` or `EINVAL` if it has ended (before 6.16).
pub fn peer_pidfd(socket: impl AsFd) -> Result<OwnedFd> {
    let mut number = [u32::MAX; 1];
    option(socket, SO_PEERPIDFD, &mut number)?;
    let number = number[0] as i32;
    if number < 0 {
        return Err(Errno::ESRCH);
    }
    // SAFETY: the kernel has just made this descriptor for the caller, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// Reads a socket option into `words`; returns the bytes that it filled.
fn option<const N: usize>(socket: impl AsFd, name: usize, words: &mut [u32; N]) -> Result<usize> {
    let socket = socket.as_fd().as_raw_fd() as usize;
    let mut bytes = size_of_val(words) as u32;
    let (at, bytes_at) = (words.as_mut_ptr() as usize, &raw mut bytes as usize);
    // SAFETY: the kernel writes at most `bytes` bytes at `words`, which have that length.
    raw::check(unsafe { raw::syscall6(number::GETSOCKOPT, socket, SOL_SOCKET, name, at, bytes_at, 0) })?;
    Ok(bytes as usize)
}
