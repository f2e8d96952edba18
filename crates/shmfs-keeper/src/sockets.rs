//! The socket that a supervisor listens on for the store (`sd_listen_fds(3)`).
//!
//! Owns: the reading of LISTEN_FDS and LISTEN_PID. Leaves to others: serving on it.

use crate::ListenError;
use rustix::fd::{AsFd, OwnedFd, RawFd};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketType, getsockname, sockopt};
use shmfs_sys::table;
use std::env;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// The first number that a supervisor passes.
const FIRST: RawFd = 3;

/// The socket that the supervisor listens on for a store with this socket path; nothing where there is none.
///
/// To be called once, before anything else in the process is opened.
///
/// # Errors
/// There are several, or it is of another kind, or elsewhere.
pub fn listener(wanted: &Path) -> Result<Option<OwnedFd>, ListenError> {
    let text = |name| env::var(name).unwrap_or_default();
    match count(&text("LISTEN_PID"), &text("LISTEN_FDS"), std::process::id()) {
        0 => Ok(None),
        1 => {
            let socket = table::adopt(FIRST).map_err(|_| ListenError::Kind(FIRST))?;
            check(&socket, wanted)?;
            Ok(Some(socket))
        }
        count => Err(ListenError::Several(count)),
    }
}

/// How many descriptors are meant for this process.
fn count(pid: &str, count: &str, own: u32) -> i32 {
    if pid.parse() == Ok(own) { count.parse().unwrap_or(0).max(0) } else { 0 }
}

fn check(socket: &OwnedFd, wanted: &Path) -> Result<(), ListenError> {
    let socket = socket.as_fd();
    let fits = sockopt::socket_domain(socket) == Ok(AddressFamily::UNIX)
        && sockopt::socket_type(socket) == Ok(SocketType::SEQPACKET)
        && sockopt::socket_acceptconn(socket) == Ok(true);
    if !fits || rustix::io::ioctl_fionbio(socket, true).is_err() {
        return Err(ListenError::Kind(FIRST));
    }
    let address = getsockname(socket).ok().and_then(|address| SocketAddrUnix::try_from(address).ok());
    let path = address.as_ref().and_then(SocketAddrUnix::path_bytes).unwrap_or_default();
    if Path::new(OsStr::from_bytes(path)) == wanted {
        return Ok(());
    }
    Err(ListenError::Elsewhere { found: PathBuf::from(OsStr::from_bytes(path)), wanted: wanted.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use shmfs_sys::socket;
    use std::os::unix::net::{UnixDatagram, UnixListener};

    #[test]
    fn what_is_passed_to_somebody_else_is_not_ours() {
        assert_eq!(count("7", "1", 7), 1);
        assert_eq!(count("7", "2", 7), 2);
        for (pid, number) in [("8", "1"), ("", "1"), ("7", ""), ("7", "x"), ("7", "-1")] {
            assert_eq!(count(pid, number, 7), 0, "{pid:?} {number:?}");
        }
    }

    #[test]
    fn only_a_listening_socket_of_the_stores_kind_and_place_will_do() {
        let dir = std::env::temp_dir().join(format!("shmfs-listen-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let at = |name: &str| dir.join(name);
        let good = socket::listen(at("good").as_os_str().as_bytes(), 1).unwrap();
        check(&good, &at("good")).unwrap();
        let error = check(&good, &at("other")).unwrap_err();
        assert!(matches!(&error, ListenError::Elsewhere { found, .. } if *found == at("good")), "{error}");
        let others: [OwnedFd; 3] = [
            UnixListener::bind(at("stream")).unwrap().into(),
            UnixDatagram::bind(at("datagram")).unwrap().into(),
            socket::pair().unwrap().0,
        ];
        for (index, other) in others.iter().enumerate() {
            let error = check(other, &at("good")).unwrap_err();
            assert!(matches!(error, ListenError::Kind(3)), "{index}: {error}");
        }
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
