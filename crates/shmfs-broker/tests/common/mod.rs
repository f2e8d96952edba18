//! A store in this process, and a bare peer that speaks its messages.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test's frame fails by panicking")]
#![allow(dead_code, reason = "each test uses a part")]

pub mod state;

use rustix::fd::{AsFd, OwnedFd};
use rustix::pipe::{PipeFlags, pipe_with};
use shmfs_abi::limits::MESSAGE_BYTES;
use shmfs_abi::store::{Admission, Token};
use shmfs_abi::{ByteLen, Call, Errno, Name, Reply, ShmLimits, limits};
use shmfs_broker::{Broker, Config, Lifetime, StartError};
use shmfs_client::{Client, Settings};
use shmfs_sys::socket;
use shmfs_wire::{Hello, Request, Response, Role};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::JoinHandle;

static STORES: AtomicU32 = AtomicU32::new(0);

/// A running store; stopped and removed when it goes.
pub struct Store {
    dir: PathBuf,
    stop: Option<OwnedFd>,
    broker: Option<JoinHandle<()>>,
}

impl Store {
    pub fn start(size: u64) -> Store {
        Store::with(size, |_| ()).unwrap()
    }

    /// One with other settings.
    pub fn with(size: u64, set: impl FnOnce(&mut Config)) -> Result<Store, StartError> {
        let number = STORES.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("shmfs-broker-test-{}-{number}", std::process::id()));
        // No process that a test starts may hold it open.
        let (stop_end, stop) = pipe_with(PipeFlags::CLOEXEC).unwrap();
        let mut config = Config {
            dir: dir.clone(),
            size: ByteLen(size),
            sparse: false,
            reserve: false,
            limits: ShmLimits {
                shmmax: limits::DEFAULT_SHMMAX,
                shmmni: limits::DEFAULT_SHMMNI,
                shmall: limits::DEFAULT_SHMMAX,
            },
            admission: Admission::Owner,
            lifetime: Lifetime::Forever,
            reap: false,
            state: None,
            listener: None,
        };
        set(&mut config);
        let broker = Broker::start(config, Some(stop_end))?;
        let broker = std::thread::spawn(move || broker.run_alone().unwrap());
        Ok(Store { dir, stop: Some(stop), broker: Some(broker) })
    }

    /// The directory that programs find it by.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    pub fn connect(&self) -> Peer {
        let path = self.dir.join("socket");
        Peer { socket: socket::connect(path.as_os_str().as_bytes()).unwrap(), sequence: 0, table: None }
    }

    /// A client as programs have it.
    pub fn program(&self) -> Client {
        let client = Client::idle();
        client.join(Settings::new(self.dir.as_os_str().as_bytes(), None).unwrap()).unwrap();
        client
    }

    /// A peer that has said hello as a client process.
    pub fn client(&self) -> Peer {
        let mut peer = self.connect();
        let hello = Request::Hello(Hello { token: Token::default(), role: Role::Client, resume: None });
        let (response, fds) = peer.ask(&hello, &[]).unwrap();
        assert!(matches!(response, Response::Welcome(_)), "{response:?}");
        // The table comes first, the directory of names after it.
        peer.table = fds.into_iter().next();
        peer
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // The closed pipe wakes the broker.
        self.stop = None;
        if let Some(broker) = self.broker.take() {
            let ended = broker.join();
            if !std::thread::panicking() {
                ended.unwrap();
                assert!(!self.dir.exists(), "the store's directory stays behind");
            }
        }
    }
}

/// A bare connection.
pub struct Peer {
    pub socket: OwnedFd,
    sequence: u64,
    /// Keeps the description of the attach table, whose end is this peer's death.
    table: Option<OwnedFd>,
}

impl Peer {
    /// Sends bytes as they are.
    pub fn send(&self, bytes: &[u8]) -> Result<(), Errno> {
        socket::send(&self.socket, bytes, &[], true)
    }

    /// One request and its response; nothing when the broker hung up.
    pub fn ask(&mut self, request: &Request, fds: &[&OwnedFd]) -> Option<(Response, Vec<OwnedFd>)> {
        self.sequence += 1;
        let mut bytes = [0; MESSAGE_BYTES];
        let len = shmfs_wire::encode_request(request, self.sequence, &mut bytes);
        let fds: Vec<_> = fds.iter().map(|fd| fd.as_fd()).collect();
        socket::send(&self.socket, &bytes[..len], &fds, true).ok()?;
        let received =
            socket::receive(&self.socket, &mut bytes, true).ok().filter(|received| received.len > 0)?;
        let (sequence, response) = shmfs_wire::decode_response(&bytes[..received.len]).unwrap();
        assert_eq!(sequence, self.sequence);
        Some((response, received.fds.into_iter().flatten().collect()))
    }

    /// One call that is to be answered; a refusal is its errno.
    pub fn call(&mut self, call: Call, fds: &[&OwnedFd]) -> Result<(Reply, Vec<OwnedFd>), Errno> {
        match self.ask(&Request::Call(call), fds).expect("the broker hung up") {
            (Response::Reply(reply), fds) => Ok((reply, fds)),
            (Response::Refused(refused), _) => Err(refused.errno),
            (other, _) => panic!("{other:?}"),
        }
    }

    /// Whether the broker has hung up on this connection: with the message unread, or read.
    pub fn is_hung_up(&self) -> bool {
        let mut bytes = [0; MESSAGE_BYTES];
        match socket::receive(&self.socket, &mut bytes, true) {
            Ok(received) => received.len == 0,
            Err(errno) => errno == Errno::ECONNRESET,
        }
    }
}

pub fn name(text: &str) -> Name {
    Name::new(text.as_bytes()).unwrap()
}
