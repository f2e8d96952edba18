//! How a broker begins: from the journal, whether its store is new or another broker was killed over it.
//!
//! Everything that a broker knows is in the journal or can be asked: what a record names is taken over, everything
//! else that is open is closed; open intents are carried out once more; every client and every object in doubt is
//! asked about, since notices that the broker before had taken are lost.
//!
//! Owns: that order.
//! Leaves to others: the records (`shmfs-journal`), whether they belong together (`Namespace::restore`).

use crate::StartError;
use crate::backing::Backings;
use crate::broker::Broker;
use crate::client::Client;
use crate::connection::Connection;
use crate::crowd::Crowd;
use crate::doubt::{Doubts, Watched};
use crate::os::{AttachTable, Os};
use crate::progress::Interrupted;
use crate::room::Fitted;
use crate::source::Source;
use crate::transaction::{Dirty, Todo, is_outrun};
use crate::writers::Writer;
use shmfs_abi::sysv::SHM_LOCKED;
use shmfs_abi::{Call, Errno, Kind, Name, ObjectId, Pid};
use shmfs_core::{Namespace, ObjectImage, PlaceImage};
use shmfs_journal::state::{self, Word};
use shmfs_journal::{
    ClientRecord, ConnectionId, ConnectionRecord, Intent, Journal, ObjectRecord, Record, RecordId,
    StoreRecord, WriterRecord,
};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::mem::ManuallyDrop;

/// Crashes on one call before it is set aside.
const PATIENCE: u64 = 3;

/// What surrounds a broker process.
pub struct Surroundings<Fd> {
    /// This process.
    pub pid: Pid,
    /// Readable when the broker shall stop.
    pub stop: Option<Fd>,
    /// The keeper and its pidfd, readable at its death.
    pub keeper: Option<(Pid, Fd)>,
    /// Where the descriptor table is shared with a keeper: numbers that are to be left open though no record names
    /// them. Otherwise nothing is closed.
    pub keep: Option<BTreeSet<i32>>,
}

/// The records by kind.
#[derive(Default)]
struct Records {
    store: Option<StoreRecord>,
    objects: Vec<ObjectRecord>,
    names: Vec<(Name, ObjectId)>,
    clients: Vec<ClientRecord>,
    connections: Vec<ConnectionRecord>,
    writers: Vec<WriterRecord>,
    intents: BTreeMap<u32, Intent>,
}

impl<O: Os> Broker<O> {
    /// Begins to serve the store whose journal this is. When it returns, programs are answered at the next turn.
    ///
    /// # Errors
    /// The journal is damaged or another version's, or the kernel refuses a facility.
    pub fn recover(
        mut os: O,
        pages: O::Pages,
        surroundings: Surroundings<O::Fd>,
    ) -> Result<Broker<O>, StartError> {
        let (journal, records) = Journal::open(pages).map_err(StartError::Journal)?;
        let mut records = Records::sorted(records);
        let record = records.store.take().ok_or(StartError::Damaged("it has no store"))?;
        // A mount whose state is gone is lost, the store is not.
        let door_state = adopted(&mut os, record.mount.door_state).unwrap_or_default().map(ManuallyDrop::new);
        if let Some(keep) = surroundings.keep {
            let mut known = records.numbers(&record, keep);
            known.extend(door_state.iter().flat_map(|state| os.kept_by_door(state)));
            os.close_others(&known);
        }
        if !record.state.is_empty() {
            os.use_state(&record.state).map_err(StartError::kernel("the state directory"))?;
        }
        // What is taken over is the next broker's where this one cannot begin: it must not be closed.
        let hidden = adopted(&mut os, record.hidden)?;
        let mut backings = ManuallyDrop::new(Backings::new(hidden, record.posix_dev));
        let (images, lost) = records.take_over_objects(&mut os, &mut backings);
        let known: BTreeSet<_> = images.iter().map(|image| image.object).collect();
        records.names.retain(|(_, object)| known.contains(object));
        let namespace = Namespace::restore(&record.image, &images, &records.names)
            .map_err(|damage| StartError::Damaged(damage.0))?;
        let listener = adopted(&mut os, record.listener)?.ok_or(StartError::Damaged("it names no socket"))?;
        let listener = ManuallyDrop::new(listener);
        let hold = adopted(&mut os, record.hold)?;
        let state_lock = adopted(&mut os, record.state_lock)?;
        let word = |word| state::get(journal.pages(), word);
        let busy = (ConnectionId(word(Word::Busy)), word(Word::BusySequence));
        let interrupted = Interrupted::of(journal.pages());
        let quarantined = quarantined(journal.pages());
        let mut broker = ManuallyDrop::new(Broker {
            namespace,
            backings: ManuallyDrop::into_inner(backings),
            connections: HashMap::new(),
            clients: BTreeMap::new(),
            watched: HashMap::new(),
            held: HashMap::new(),
            users: HashMap::new(),
            behind: BTreeMap::new(),
            doubts: Doubts::default(),
            crowd: Crowd::default(),
            editors: BTreeMap::new(),
            writers: HashMap::new(),
            leaving: BTreeMap::new(),
            touched: BTreeSet::new(),
            mounted: None,
            fitted: Fitted::default(),
            failed: None,
            catching_up: true,
            dirty: Dirty::default(),
            todo: Vec::new(),
            closing: Vec::new(),
            quarantined,
            interrupted,
            busy,
            replacing: None,
            spins: Broker::<O>::usual_spins(),
            spinning: 0,
            listener: ManuallyDrop::into_inner(listener),
            hold,
            state_lock,
            stop: surroundings.stop,
            keeper: surroundings.keeper,
            pid: surroundings.pid,
            os,
            journal,
            record,
        });
        for object in &lost {
            let removed = broker.journal.remove(RecordId::Object(*object));
            removed.map_err(StartError::kernel("memory for the journal"))?;
        }
        let last = ObjectId(broker.record.image.numbers.0);
        broker.os.sweep(last);
        broker.take_over(&records)?;
        let door_state = door_state.map(ManuallyDrop::into_inner);
        broker.take_over_door(door_state).map_err(StartError::kernel("the mount's door"))?;
        broker.catch_up(records.intents).map_err(|error| StartError::Run(Box::new(error)))?;
        Ok(ManuallyDrop::into_inner(broker))
    }

    fn take_over(&mut self, records: &Records) -> Result<(), StartError> {
        let kernel = StartError::kernel("an event source");
        self.os.listen_to(&self.listener, Source::Listener).map_err(&kernel)?;
        for (fd, source) in [
            (self.hold.as_ref().filter(|_| !self.record.command_ended), Source::Hold),
            (self.stop.as_ref(), Source::Stop),
            (self.keeper.as_ref().map(|(_, pidfd)| pidfd), Source::Keeper),
        ] {
            if let Some(fd) = fd {
                self.os.listen_to(fd, source).map_err(&kernel)?;
            }
        }
        for client in &records.clients {
            if let Err(errno) = self.take_over_client(client) {
                if is_passing(errno) {
                    return Err(StartError::Kernel { what: "a client's table", errno });
                }
                tracing::error!(client = client.client.0, errno = errno.name(), "a client's table is lost");
                self.dirty.clients.insert(client.client);
            }
        }
        for connection in &records.connections {
            if let Err(errno) = self.take_over_connection(connection) {
                if is_passing(errno) {
                    return Err(StartError::Kernel { what: "a connection", errno });
                }
                tracing::error!(
                    connection = connection.connection.0,
                    errno = errno.name(),
                    "a connection is lost"
                );
                self.dirty.connections.insert(connection.connection);
            }
        }
        for WriterRecord { writer, pipe, file, cred } in &records.writers {
            let Ok(pipe) = self.os.adopt(*pipe) else {
                self.dirty.writers.insert(*writer);
                continue;
            };
            let heard = self.os.listen_to(&pipe, Source::Writer(*writer));
            self.writers.insert(*writer, Writer { pipe, file: *file, cred: *cred });
            heard.map_err(StartError::kernel("a pipe"))?;
        }
        Ok(())
    }

    fn take_over_client(&mut self, record: &ClientRecord) -> Result<(), Errno> {
        let id = record.client;
        let pidfd = if record.pidfd < 0 { None } else { Some(self.os.adopt(record.pidfd)?) };
        let heard = pidfd.as_ref().map_or(Ok(()), |pidfd| self.os.listen_to(pidfd, Source::Process(id)));
        if let Err(errno) = heard {
            self.closing.extend(pidfd);
            return Err(errno);
        }
        if record.leaving {
            self.leaving.extend(pidfd.map(|pidfd| (id, (record.pid, pidfd))));
            return Ok(());
        }
        let file = self.os.adopt(record.table)?;
        let mapped = self.os.facts(&file).and_then(|facts| {
            if facts.identity == record.identity { self.os.map_table(&file) } else { Err(Errno::EBADF) }
        });
        let table = match mapped {
            Ok(table) => table,
            Err(errno) => {
                // Closed once the record is gone; by nobody where the broker cannot begin.
                self.closing.push(file);
                self.closing.extend(pidfd);
                return Err(errno);
            }
        };
        let watch = self.os.watch_close(&file).ok();
        if let Some(watch) = watch {
            self.watched.insert(watch, Watched::Table(id));
        }
        let client = Client {
            cookie: record.cookie,
            table,
            file,
            identity: record.identity,
            watch,
            pidfd,
            connection: None,
            ticket: record.ticket,
            answered: record.answered,
        };
        self.clients.insert(id, client);
        Ok(())
    }

    fn take_over_connection(&mut self, record: &ConnectionRecord) -> Result<(), Errno> {
        let id = record.connection;
        let socket = self.os.adopt(record.socket)?;
        if let Err(errno) = self.os.listen_to(&socket, Source::Connection(id)) {
            self.closing.push(socket);
            return Err(errno);
        }
        let connection = Connection {
            socket,
            role: record.role,
            cred: record.cred,
            sender: record.sender,
            spoken: record.spoken,
            answered: record.answered,
        };
        if let Some(client) = connection.client().and_then(|client| self.clients.get_mut(&client)) {
            client.connection = Some(id);
        }
        self.connections.insert(id, connection);
        Ok(())
    }

    /// Whether this gives a semaphore its name: its ticket is used up, whatever comes of it.
    fn publishes(&self, todo: &[Todo]) -> bool {
        todo.iter().any(|todo| match todo {
            Todo::Do { intent: Intent::Link { object, .. }, .. } => {
                self.namespace.object_image(*object).is_some_and(|image| image.kind == Kind::Semaphore)
            }
            _ => false,
        })
    }

    /// Does what the broker before this one had still to do, and asks what it may have heard.
    fn catch_up(&mut self, intents: BTreeMap<u32, Intent>) -> Result<(), crate::RunError> {
        let todo: Vec<_> = intents.into_values().map(|intent| Todo::Do { intent, asked: true }).collect();
        let publishes = self.publishes(&todo);
        let mut failure = self.carry_out_todo(&todo);
        for (ticket, object, name) in self.namespace.pending_links() {
            let link = Todo::Do { intent: Intent::Link { ticket, object, name }, asked: true };
            failure = failure.or(self.carry_out_todo(&[link]));
        }
        match failure {
            // They were those of the call that the broker before this one was serving.
            Some(errno) => {
                let (connection, sequence) = self.busy;
                if self.record.mount.open && is_outrun(errno) && !publishes {
                    // Another program was quicker: the call, which still waits, is made once more.
                    self.forget_kept(connection, sequence);
                } else {
                    self.refuse_kept(connection, sequence, errno);
                }
            }
            None => drop(self.done()),
        }
        self.catching_up = false;
        for (slot, object) in self.namespace.marked() {
            self.clients.values().for_each(|client| client.table.mark_removed(slot, object));
        }
        let released = self.namespace.released();
        self.todo.extend(released.into_iter().map(Todo::Release));
        self.ask_everybody();
        self.refresh(&Call::Usage);
        self.touched.extend(self.namespace.slots());
        self.settle_deaths();
        self.reap();
        self.watch_all_users();
        self.watch_names();
        self.look_at_edits();
        self.conclude(None)?;
        // Before anybody else is served, whose answer would be written down over this one.
        if let Some(connection) = self.interrupted.as_ref().map(|interrupted| interrupted.connection) {
            self.serve(connection)?;
        }
        self.be_idle();
        Ok(())
    }
}

impl Records {
    fn sorted(records: Vec<Record>) -> Records {
        let mut sorted = Records::default();
        for record in records {
            match record {
                Record::Store(store) => sorted.store = Some(store),
                Record::Object(object) => sorted.objects.push(object),
                Record::Name(name, object) => sorted.names.push((name, object)),
                Record::Client(client) => sorted.clients.push(client),
                Record::Connection(connection) => sorted.connections.push(connection),
                Record::Writer(writer) => sorted.writers.push(writer),
                Record::Intent(index, intent) => drop(sorted.intents.insert(index, intent)),
            }
        }
        sorted
    }

    /// Every number of the table that a record names.
    fn numbers(&self, store: &StoreRecord, keep: BTreeSet<i32>) -> BTreeSet<i32> {
        let mut known = keep;
        known.extend([store.listener, store.hidden, store.hold, store.state_lock]);
        known.extend([store.mount.device, store.mount.door_state]);
        known.extend(self.objects.iter().map(|object| object.fd));
        known.extend(self.clients.iter().flat_map(|client| [client.table, client.pidfd]));
        known.extend(self.connections.iter().map(|connection| connection.socket));
        known.extend(self.writers.iter().map(|writer| writer.pipe));
        known.remove(&-1);
        known
    }

    /// Takes every object's descriptor over, if it is still the file that it was. One that is not has no pages any
    /// more that anybody could be given.
    fn take_over_objects<O: Os>(
        &self,
        os: &mut O,
        backings: &mut Backings<O>,
    ) -> (Vec<ObjectImage>, Vec<ObjectId>) {
        let mut lost = Vec::new();
        let mut images = Vec::with_capacity(self.objects.len());
        for ObjectRecord { image, fd, identity, backing, owner } in &self.objects {
            let taken = os.adopt(*fd).and_then(|fd| Ok((os.facts(&fd)?, fd)));
            match taken {
                Ok((facts, fd)) if facts.identity == *identity => {
                    backings.take_over(os, image.object, (fd, *backing), &facts, is_locked(image), *owner);
                    images.push(*image);
                }
                taken => {
                    let errno = taken.err().map_or("another file", |errno| errno.name());
                    tracing::error!(
                        object = image.object.0,
                        fd,
                        errno,
                        "an object's descriptor is lost, and the object with it"
                    );
                    lost.push(image.object);
                }
            }
        }
        (images, lost)
    }
}

/// Whether the next attempt may go better: nothing is lost then.
pub(crate) fn is_passing(errno: Errno) -> bool {
    matches!(errno, Errno::ENOMEM | Errno::ENOSPC | Errno::EMFILE | Errno::ENFILE | Errno::EAGAIN)
}

fn is_locked(image: &ObjectImage) -> bool {
    matches!(image.place, PlaceImage::Slot(_, segment) if segment.perm.mode & SHM_LOCKED != 0)
}

fn adopted<O: Os>(os: &mut O, number: i32) -> Result<Option<O::Fd>, StartError> {
    if number < 0 {
        return Ok(None);
    }
    os.adopt(number).map(Some).map_err(StartError::kernel("a descriptor of the store"))
}

/// The call that has crashed brokers too often, if there is one.
fn quarantined<P: shmfs_journal::Pages>(pages: &P) -> Option<(ConnectionId, u64)> {
    if state::get(pages, Word::Crashes) < PATIENCE {
        return None;
    }
    Some((ConnectionId(state::get(pages, Word::CrashConnection)), state::get(pages, Word::CrashSequence)))
}
