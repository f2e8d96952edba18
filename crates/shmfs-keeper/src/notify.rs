//! What the supervisor is told, as `sd_notify(3)` does it: datagrams with lines to the socket in NOTIFY_SOCKET.
//!
//! Owns: one socket, made before the first broker. Leaves to others: what is told when.
//! Not done: addresses of virtual machines (`vsock:`); nothing is told there.

use rustix::fd::{AsRawFd, RawFd};
use shmfs_abi::Pid;
use std::env;
use std::ffi::OsStr;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::{Duration, Instant};

/// How long a message waits for room in the supervisor's queue; then it is not told.
const PATIENCE: Duration = Duration::from_secs(1);

/// The supervisor, if there is one.
#[derive(Debug, Default)]
pub(crate) struct Supervisor {
    to: Option<(UnixDatagram, SocketAddr)>,
    /// How often it wants a sign of life, and when the next one is due.
    watchdog: Option<(Duration, Instant)>,
}

impl Supervisor {
    /// The one of the environment. A successor's process number is not the one that WATCHDOG_PID names.
    pub(crate) fn of_environment(successor: bool) -> Supervisor {
        let Some(to) = env::var_os("NOTIFY_SOCKET").as_deref().and_then(open) else {
            return Supervisor::default();
        };
        let text = |name| env::var(name).unwrap_or_default();
        let meant = successor || is_meant(&text("WATCHDOG_PID"), std::process::id());
        let period = half_of(&text("WATCHDOG_USEC")).filter(|_| meant);
        Supervisor { to: Some(to), watchdog: period.map(|period| (period, Instant::now())) }
    }

    /// The socket's number.
    pub(crate) fn number(&self) -> Option<RawFd> {
        self.to.as_ref().map(|(socket, _)| socket.as_raw_fd())
    }

    /// The store can be reached, and this broker serves it.
    pub(crate) fn serving(&self, broker: Pid, restarts: u64) {
        let status = format!("READY=1\nSTATUS=serving: broker {}, started anew {restarts} times", broker.0);
        self.tell(&status);
    }

    /// What the keeper does while no broker serves.
    pub(crate) fn status(&self, status: &str) {
        self.tell(&format!("STATUS={status}"));
    }

    /// The process that ends the store when it is told to.
    pub(crate) fn main_process(&self, keeper: Pid) {
        self.tell(&format!("MAINPID={}", keeper.0));
    }

    /// The store is about to end.
    pub(crate) fn stopping(&self) {
        self.tell("STOPPING=1\nSTATUS=ending");
    }

    /// Gives a sign of life if one is due; tells when the next one is.
    pub(crate) fn sign_of_life(&mut self, now: Instant) -> Option<Instant> {
        let (period, due) = self.watchdog?;
        if now < due {
            return Some(due);
        }
        self.tell("WATCHDOG=1");
        let due = now + period;
        self.watchdog = Some((period, due));
        Some(due)
    }

    fn tell(&self, lines: &str) {
        let Some((socket, address)) = &self.to else { return };
        if let Err(error) = socket.send_to_addr(lines.as_bytes(), address) {
            tracing::debug!(%error, lines, "the supervisor was not told");
        }
    }
}

/// A socket for an address: a path, or behind `@` a name that is none.
fn open(address: &OsStr) -> Option<(UnixDatagram, SocketAddr)> {
    let address = match address.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name),
        [b'/', ..] => SocketAddr::from_pathname(address),
        _ => return None,
    };
    let socket =
        UnixDatagram::unbound().and_then(|socket| socket.set_write_timeout(Some(PATIENCE)).map(|()| socket));
    match (socket, address) {
        (Ok(socket), Ok(address)) => Some((socket, address)),
        (Err(error), _) | (_, Err(error)) => {
            tracing::warn!(%error, "the supervisor's socket cannot be used");
            None
        }
    }
}

/// Half of a number of microseconds, as sd_watchdog_enabled(3) recommends.
fn half_of(micros: &str) -> Option<Duration> {
    let micros: u64 = micros.parse().ok()?;
    (micros > 0).then(|| Duration::from_micros(micros.div_ceil(2)))
}

fn is_meant(pid: &str, own: u32) -> bool {
    pid.is_empty() || pid.parse() == Ok(own)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_the_watchdogs_time() {
        assert_eq!(half_of("30000000"), Some(Duration::from_secs(15)));
        assert_eq!(half_of("1"), Some(Duration::from_micros(1)));
        for none in ["", "0", "-1", "x"] {
            assert_eq!(half_of(none), None, "{none:?}");
        }
        assert!(is_meant("", 7) && is_meant("7", 7) && !is_meant("8", 7));
    }

    #[test]
    fn a_path_and_a_name_that_is_none_are_told() {
        let own = std::process::id();
        let path = std::env::temp_dir().join(format!("shmfs-notify-{own}"));
        let name = format!("shmfs-notify-{own}");
        let by_path = UnixDatagram::bind(&path).unwrap();
        let by_name =
            UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(name.as_bytes()).unwrap()).unwrap();
        for (address, socket) in
            [(path.clone().into_os_string(), by_path), (format!("@{name}").into(), by_name)]
        {
            let start = Instant::now();
            let mut supervisor = Supervisor {
                to: open(&address),
                watchdog: Some((Duration::from_secs(5), start + Duration::from_secs(5))),
            };
            supervisor.main_process(Pid(12));
            supervisor.serving(Pid(13), 2);
            let next = supervisor.sign_of_life(start);
            assert_eq!(next, Some(start + Duration::from_secs(5)), "not due");
            let late = start + Duration::from_secs(7);
            assert_eq!(supervisor.sign_of_life(late), Some(start + Duration::from_secs(12)));
            supervisor.stopping();
            let told: Vec<String> = (0..4)
                .map(|_| {
                    let mut bytes = [0; 100];
                    let len = socket.recv(&mut bytes).unwrap();
                    String::from_utf8(bytes[..len].to_vec()).unwrap()
                })
                .collect();
            assert_eq!(
                told,
                [
                    "MAINPID=12",
                    "READY=1\nSTATUS=serving: broker 13, started anew 2 times",
                    "WATCHDOG=1",
                    "STOPPING=1\nSTATUS=ending"
                ]
            );
        }
        std::fs::remove_file(path).unwrap();
        assert!(open(OsStr::new("vsock:2:1234")).is_none());
    }
}
