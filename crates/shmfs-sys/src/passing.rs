//! One descriptor from process to process, over any connected unix socket.
//!
//! Owns: the message: one byte, which says nothing, and one descriptor.
//! Leaves to others: who is trusted with it (`socket::peer`), what it is a descriptor of.

use crate::{Errno, Result, socket};
use rustix::fd::{AsFd, OwnedFd};

/// The byte that carries a descriptor: a stream has no message without one.
const CARRIER: u8 = b'+';

/// Sends a descriptor; waits while the other end has no room, unless the socket does not block.
///
/// # Errors
/// As `sendmsg(2)`: `EPIPE` without SIGPIPE if the other end has hung up, `ENOTCONN`, `ENOTSOCK`, `EAGAIN`, `ETOOMANYREFS` beyond
/// RLIMIT_NOFILE descriptors under way.
pub fn send(socket: impl AsFd, fd: impl AsFd) -> Result<()> {
    socket::send(socket, &[CARRIER], &[fd.as_fd()], true)
}

/// Receives the next byte and the descriptor that it carries, close-on-exec; what else it carries is closed. Waits for it,
/// unless the socket does not block.
///
/// # Errors
/// `ENODATA` if the byte carries none; `ECONNRESET` if the other end has hung up; as `recvmsg(2)`: `EAGAIN`. Where this process
/// has no number left, the kernel drops the descriptor: `EMFILE`.
pub fn receive(socket: impl AsFd) -> Result<OwnedFd> {
    let mut carrier = [0; 1];
    let received = socket::receive(socket, &mut carrier, true)?;
    match received.fds.into_iter().flatten().next() {
        Some(fd) => Ok(fd),
        None if received.len == 0 => Err(Errno::ECONNRESET),
        None if received.truncated => Err(Errno::EMFILE),
        None => Err(Errno::ENODATA),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{fd, memfd};
    use rustix::net::{self, AddressFamily, SocketFlags, SocketType};

    fn pair(kind: SocketType) -> (OwnedFd, OwnedFd) {
        net::socketpair(AddressFamily::UNIX, kind, SocketFlags::CLOEXEC, None).unwrap()
    }

    #[test]
    fn a_descriptor_arrives_as_another_number_of_the_same_file() {
        for kind in [SocketType::STREAM, SocketType::SEQPACKET] {
            let (ours, theirs) = pair(kind);
            let (one, other) =
                (memfd::create(c"one", false).unwrap(), memfd::create(c"other", false).unwrap());
            send(&ours, &one).unwrap();
            send(&ours, &other).unwrap();
            for sent in [one, other] {
                let arrived = receive(&theirs).unwrap();
                assert_eq!(fd::facts(&arrived).unwrap().identity, fd::facts(&sent).unwrap().identity);
                let flags = rustix::io::fcntl_getfd(&arrived).unwrap();
                assert!(flags.contains(rustix::io::FdFlags::CLOEXEC));
            }
            drop(ours);
            assert_eq!(receive(&theirs).err(), Some(Errno::ECONNRESET));
        }
    }

    #[test]
    fn a_byte_alone_is_no_descriptor_and_one_with_two_gives_the_first() {
        let (ours, theirs) = pair(SocketType::STREAM);
        socket::send(&ours, b"x", &[], true).unwrap();
        assert_eq!(receive(&theirs).err(), Some(Errno::ENODATA));
        let two = [ours.as_fd(), theirs.as_fd()];
        socket::send(&ours, b"x", &two, true).unwrap();
        let arrived = receive(&theirs).unwrap();
        assert_eq!(fd::facts(&arrived).unwrap().identity, fd::facts(&ours).unwrap().identity);
        drop(theirs);
        assert_eq!(send(&ours, &arrived).err(), Some(Errno::EPIPE));
    }
}
