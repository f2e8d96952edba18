//! The broker as a whole: its state, its start and its turns.
//!
//! A turn is one wait for events. Deaths are taken before requests, so that who asks after a death has
//! been seen by anybody else is answered without the dead.

use crate::admission::Admission;
use crate::backing::Backings;
use crate::client::Client;
use crate::connection::{Connection, Role};
use crate::directory::Directory;
use crate::events::{ConnectionId, Events, Source};
use crate::release::Releases;
use crate::writers::Writers;
use crate::{RunError, StartError};
use rustix::fd::OwnedFd;
use shmfs_abi::{ByteLen, CallName, ClientId, Gid, Pid, ShmLimits, Slot, Time, Uid, limits};
use shmfs_core::Namespace;
use shmfs_sys::socket;
use shmfs_sys::watch::{Watch, WatchId};
use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

/// Looks for events before the loop sleeps, of about 0.3 us each: less than two wake-ups across cores.
const SPINS: u32 = 100;

/// What a store is to be.
pub struct Config {
    /// Its directory; made, and removed at the end.
    pub dir: PathBuf,
    /// The limit of both doors together, in bytes.
    pub size: ByteLen,
    /// Whether pages in memory are charged in place of sizes.
    pub sparse: bool,
    /// Whether every page is made when its size is charged.
    pub reserve: bool,
    /// The limits of System V segments.
    pub limits: ShmLimits,
    /// Who may enter.
    pub admission: Admission,
    /// When it ends.
    pub lifetime: Lifetime,
    /// Readable when the broker shall stop.
    pub stop: Option<OwnedFd>,
}

/// When a store ends.
pub enum Lifetime {
    /// When it is told to.
    Forever,
    /// When `hold`, the reading end of a pipe, is at its end and no client is left; with `kill` at once.
    UntilHoldEnds {
        /// The reading end of a pipe whose writing end lives as long as the store's command.
        hold: OwnedFd,
        /// Whether the store ends although clients are left.
        kill: bool,
    },
}

/// The broker of one store.
pub struct Broker {
    pub(crate) namespace: Namespace,
    pub(crate) backings: Backings,
    pub(crate) admission: Admission,
    pub(crate) owner: Uid,
    pub(crate) events: Events,
    pub(crate) connections: HashMap<ConnectionId, Connection>,
    pub(crate) clients: HashMap<ClientId, Client>,
    pub(crate) watch: Watch,
    pub(crate) watched: HashMap<WatchId, crate::death::Watched>,
    pub(crate) releases: Releases,
    pub(crate) writers: Writers,
    /// Processes whose image has ended and that may live on in another.
    pub(crate) leaving: HashMap<ClientId, (Pid, OwnedFd)>,
    /// Segments whose counts a death has changed.
    pub(crate) touched: BTreeSet<Slot>,
    pub(crate) calls: [u64; CallName::ALL.len()],
    next_connection: u64,
    pub(crate) next_client: u64,
    /// Looks before sleeping; none on a single core, where they would only keep the caller off it.
    spins: u32,
    listener: OwnedFd,
    lifetime: Lifetime,
    _stop: Option<OwnedFd>,
    _directory: Directory,
}

impl Broker {
    /// Starts a store: when this returns, programs can connect.
    ///
    /// # Errors
    /// The directory is taken by a living broker, cannot be made, or the kernel refuses a facility.
    pub fn start(config: Config) -> Result<Broker, StartError> {
        let watch = Watch::new().map_err(StartError::kernel("an inotify instance"))?;
        let backings = Backings::probe(config.size).map_err(StartError::kernel("memory for objects"))?;
        let events = Events::new().map_err(StartError::kernel("epoll"))?;
        let owner = Uid(rustix::process::geteuid().as_raw());
        let group = Gid(rustix::process::getegid().as_raw());
        let namespace = Namespace::new(shmfs_core::Config {
            size: config.size,
            sparse: config.sparse,
            reserve: config.reserve,
            limits: config.limits,
            posix: backings.posix(),
            protected_regular: sysctl("protected_regular"),
            protected_hardlinks: sysctl("protected_hardlinks") != 0,
            owner: (owner, group),
            boot: now(),
        });
        let (directory, listener) = Directory::open(&config.dir)?;
        let add =
            |fd: &OwnedFd, source| events.add(fd, source).map_err(StartError::kernel("an event source"));
        add(&listener, Source::Listener)?;
        events.add(&watch, Source::Watch).map_err(StartError::kernel("an event source"))?;
        if let Lifetime::UntilHoldEnds { hold, .. } = &config.lifetime {
            add(hold, Source::Hold)?;
        }
        if let Some(stop) = &config.stop {
            add(stop, Source::Stop)?;
        }
        tracing::info!(dir = %config.dir.display(), size = config.size.0, backing = backings.posix().text(), "ready");
        Ok(Broker {
            namespace,
            backings,
            admission: config.admission,
            owner,
            events,
            connections: HashMap::new(),
            clients: HashMap::new(),
            watch,
            watched: HashMap::new(),
            releases: Releases::default(),
            writers: Writers::default(),
            leaving: HashMap::new(),
            touched: BTreeSet::new(),
            calls: [0; CallName::ALL.len()],
            next_connection: 1,
            next_client: 1,
            spins: if several_cores() { SPINS } else { 0 },
            listener,
            lifetime: config.lifetime,
            _stop: config.stop,
            _directory: directory,
        })
    }

    /// Serves until the store's lifetime ends.
    ///
    /// # Errors
    /// Waiting for events failed; nothing is lost by then but the store itself.
    pub fn run(mut self) -> Result<(), RunError> {
        let mut command_ended = false;
        let mut spins = 0;
        loop {
            let sources = self.wait(spins)?;
            spins = self.spins;
            self.see_deaths(&sources);
            self.hear_writers(&sources);
            for source in sources {
                match source {
                    Source::Listener => self.accept(),
                    Source::Connection(id) => self.serve(id),
                    Source::Hold => {
                        if let Lifetime::UntilHoldEnds { hold, .. } = &self.lifetime {
                            self.events.remove(hold);
                        }
                        command_ended = true;
                    }
                    Source::Stop => return Ok(()),
                    Source::Watch | Source::Process(_) | Source::Writer(_) => {}
                }
            }
            self.retry_releases();
            if command_ended && self.may_end() {
                return Ok(());
            }
        }
    }

    /// The next events. After a turn the loop looks for some time before it sleeps: who calls once calls again, and
    /// waking a sleeper on another core costs more than the call.
    fn wait(&self, spins: u32) -> Result<Vec<Source>, RunError> {
        for _ in 0..spins {
            let sources = self.events.wait(Some(0)).map_err(RunError::Wait)?;
            if !sources.is_empty() {
                return Ok(sources);
            }
        }
        self.events.wait(self.releases.patience()).map_err(RunError::Wait)
    }

    fn may_end(&self) -> bool {
        match &self.lifetime {
            Lifetime::Forever => false,
            Lifetime::UntilHoldEnds { kill, .. } => {
                let clients = self.clients.len();
                if *kill && clients > 0 {
                    tracing::warn!(clients, "the store ends although programs still use it");
                }
                *kill || clients == 0
            }
        }
    }

    fn accept(&mut self) {
        let socket = match socket::accept(&self.listener) {
            Ok(socket) => socket,
            Err(errno) => return tracing::warn!(errno = errno.name(), "a connection could not be accepted"),
        };
        self.connect(Connection::new(socket, Role::Stranger, None));
    }

    /// Takes a connection among the events; one too many is closed at once.
    pub(crate) fn connect(&mut self, connection: Connection) -> Option<ConnectionId> {
        if self.connections.len() >= limits::CONNECTIONS {
            tracing::warn!(limit = limits::CONNECTIONS, "too many connections; one is closed");
            return None;
        }
        let id = ConnectionId(self.next_connection);
        self.next_connection += 1;
        let ready = socket::pass_credentials(&connection.socket)
            .and_then(|()| self.events.add(&connection.socket, Source::Connection(id)));
        if let Err(errno) = ready {
            tracing::warn!(errno = errno.name(), "a connection could not be set up");
            return None;
        }
        self.connections.insert(id, connection);
        Some(id)
    }
}

fn several_cores() -> bool {
    std::thread::available_parallelism().is_ok_and(|cores| cores.get() > 1)
}

/// The time at which the broker carries out a call; the engine reads no clock.
pub(crate) fn now() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time { seconds: since.as_secs() as i64, nanos: since.subsec_nanos() }
}

/// A number of this host below /proc/sys/fs (Documentation/admin-guide/sysctl/fs.rst).
fn sysctl(name: &str) -> u8 {
    let text = std::fs::read_to_string(format!("/proc/sys/fs/{name}")).unwrap_or_default();
    text.trim().parse().unwrap_or(0)
}
