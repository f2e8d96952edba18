//! The broker as a whole: its state and its turns.
//!
//! A turn is one wait for events. Deaths are taken before requests, so that who asks after a death has
//! been seen by anybody else is answered without the dead.
//!
//! A broker is begun by [`Broker::recover`], from the journal of its store, whether another served it before or not.

use crate::RunError;
use crate::backing::Backings;
use crate::client::Client;
use crate::connection::Connection;
use crate::crowd::Crowd;
use crate::doubt::{Doubts, Watched};
use crate::mounted::Mounted;
use crate::os::Os;
use crate::progress::Interrupted;
use crate::room::Fitted;
use crate::source::Source;
use crate::transaction::{Dirty, Todo};
use crate::writers::Writer;
use shmfs_abi::{ClientId, ObjectId, Pid, Slot, limits};
use shmfs_core::Namespace;
use shmfs_journal::{ConnectionId, Intent, Journal, StoreRecord};
use shmfs_sys::watch::WatchId;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Looks for events before the loop sleeps, of about 0.3 us each: less than two wake-ups across cores.
const SPINS: u32 = 100;

/// The broker of one store.
pub struct Broker<O: Os> {
    pub(crate) os: O,
    pub(crate) journal: Journal<O::Pages>,
    pub(crate) namespace: Namespace,
    pub(crate) backings: Backings<O>,
    /// The store itself, as the journal had it last.
    pub(crate) record: StoreRecord,
    pub(crate) connections: HashMap<ConnectionId, Connection<O>>,
    pub(crate) clients: BTreeMap<ClientId, Client<O>>,
    pub(crate) watched: HashMap<WatchId, Watched>,
    /// Released objects that are still held by somebody, and whether the kernel tells when one is let go.
    pub(crate) held: HashMap<ObjectId, Option<WatchId>>,
    /// Objects that live as long as somebody holds them, and whether the kernel tells when one is let go.
    pub(crate) users: HashMap<ObjectId, Option<WatchId>>,
    /// What is still to be done to the files of durable objects, because a disk has failed.
    pub(crate) behind: BTreeMap<ObjectId, Intent>,
    pub(crate) doubts: Doubts,
    pub(crate) crowd: Crowd,
    /// Who was given the undo logs of which durable objects.
    pub(crate) editors: BTreeMap<ClientId, BTreeSet<ObjectId>>,
    pub(crate) writers: HashMap<u64, Writer<O>>,
    /// Processes whose image has ended and that may live on in another.
    pub(crate) leaving: BTreeMap<ClientId, (Pid, O::Fd)>,
    /// Segments whose counts a death has changed.
    pub(crate) touched: BTreeSet<Slot>,
    /// The store's mount, where it has one.
    pub(crate) mounted: Option<Mounted<O>>,
    /// What the size of the hidden tmpfs is, in a store that is open.
    pub(crate) fitted: Fitted,
    /// Why the broker cannot go on, seen while the mount's door served.
    pub(crate) failed: Option<RunError>,
    /// Whether what the broker before this one had begun is being done: it may be done already.
    pub(crate) catching_up: bool,
    /// What the journal does not have yet.
    pub(crate) dirty: Dirty,
    /// What is to be done once it has.
    pub(crate) todo: Vec<Todo>,
    /// Descriptors that no record names any more, closed once that is committed.
    pub(crate) closing: Vec<O::Fd>,
    /// A call that has crashed brokers before this one, and is not tried again.
    pub(crate) quarantined: Option<(ConnectionId, u64)>,
    /// An answer that was about to be sent when the broker before this one was killed.
    pub(crate) interrupted: Option<Interrupted>,
    /// What the broker before this one was serving.
    pub(crate) busy: (ConnectionId, u64),
    /// A request to put another program in this one's place.
    pub(crate) replacing: Option<(ConnectionId, u64, O::Fd)>,
    /// Looks before sleeping; none on a single core, where they would only keep the caller off it.
    pub(crate) spins: u32,
    pub(crate) spinning: u32,
    pub(crate) listener: O::Fd,
    pub(crate) hold: Option<O::Fd>,
    /// The file whose lock keeps the state directory for this store.
    pub(crate) state_lock: Option<O::Fd>,
    pub(crate) stop: Option<O::Fd>,
    pub(crate) keeper: Option<(Pid, O::Fd)>,
    /// This process.
    pub(crate) pid: Pid,
}

/// Why a broker returns.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// It was told to stop, or the store's lifetime is over.
    Over,
    /// [`Broker::program`] is to serve the store in its place.
    Replace,
    /// Its keeper has died: somebody else is to keep the store.
    Orphaned,
}

impl<O: Os> Broker<O> {
    /// Serves until the store's lifetime ends, or somebody else is needed.
    ///
    /// # Errors
    /// Waiting for events failed, or the journal cannot grow. What is committed is not lost.
    pub fn run(&mut self) -> Result<End, RunError> {
        loop {
            if let Some(end) = self.turn()? {
                return Ok(end);
            }
        }
    }

    /// One turn of the loop.
    ///
    /// # Errors
    /// As [`run`](Broker::run).
    pub fn turn(&mut self) -> Result<Option<End>, RunError> {
        let mut sources = self.wait(self.spinning)?;
        // Whoever asks after a file of the mount was let go is answered without it: the door's requests go first.
        sources.sort_by_key(|source| *source != Source::Door);
        self.spinning = self.spins;
        self.count_turn();
        self.see_deaths(&sources);
        self.hear_writers(&sources);
        self.conclude(None)?;
        for source in sources {
            match source {
                Source::Listener => self.accept(),
                Source::Connection(id) => self.serve(id)?,
                Source::Hold => self.command_ended(),
                Source::Door => self.serve_door()?,
                Source::Stop => return Ok(Some(End::Over)),
                Source::Keeper => {
                    if let Some((_, pidfd)) = self.keeper.take() {
                        self.os.ignore(&pidfd);
                    }
                    self.conclude(None)?;
                    return Ok(Some(End::Orphaned));
                }
                Source::Watch | Source::Process(_) | Source::Writer(_) => {}
            }
            if self.replacing.is_some() {
                self.conclude(None)?;
                return Ok(Some(End::Replace));
            }
        }
        self.ask_doubtful();
        self.conclude(None)?;
        self.look_back();
        Ok((self.record.command_ended && self.may_end()).then_some(End::Over))
    }

    /// The next events. After a turn the loop looks for some time before it sleeps: who calls once calls again, and
    /// waking a sleeper on another core costs more than the call.
    fn wait(&mut self, spins: u32) -> Result<Vec<Source>, RunError> {
        for _ in 0..spins {
            let sources = self.os.wait(Some(0)).map_err(RunError::Wait)?;
            if !sources.is_empty() {
                return Ok(sources);
            }
        }
        let now = self.os.now();
        let patience = [self.doubts.patience(now), self.crowd.patience(now)].into_iter().flatten().min();
        self.os.wait(patience).map_err(RunError::Wait)
    }

    fn command_ended(&mut self) {
        if let Some(hold) = &self.hold {
            self.os.ignore(hold);
        }
        self.record.command_ended = true;
    }

    fn may_end(&self) -> bool {
        let clients = self.clients.len();
        if self.record.kill && clients > 0 {
            tracing::warn!(clients, "the store ends although programs still use it");
        }
        self.record.kill || clients == 0
    }

    /// Takes a connection among the sources; one too many is closed at once.
    pub(crate) fn connect(&mut self, connection: Connection<O>) -> Option<ConnectionId> {
        if self.connections.len() >= limits::CONNECTIONS {
            tracing::warn!(limit = limits::CONNECTIONS, "too many connections; one is closed");
            return None;
        }
        let id = ConnectionId(self.record.next_connection);
        self.record.next_connection += 1;
        if let Err(errno) = self.os.listen_to(&connection.socket, Source::Connection(id)) {
            tracing::warn!(errno = errno.name(), "a connection could not be set up");
            return None;
        }
        self.connections.insert(id, connection);
        Some(id)
    }

    /// How many looks for events come before a sleep on this machine.
    pub(crate) fn usual_spins() -> u32 {
        if std::thread::available_parallelism().is_ok_and(|cores| cores.get() > 1) { SPINS } else { 0 }
    }
}
