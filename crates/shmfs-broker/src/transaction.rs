//! From a change in the engine to one that no death of the broker can undo.
//!
//! What nobody sees (a file without a name) is made at once. Then everything that has changed is committed in the
//! journal, together with the answer and with the intents: what others will see. Only then the intents are carried
//! out. A broker that follows on one which was killed in between does them once more, so each is done twice with the
//! effect of once.
//!
//! Owns: what is dirty, what is still to be done, the order of the steps.
//! Leaves to others: the rows (`shmfs-journal`), doing (`intents`).

use crate::RunError;
use crate::broker::Broker;
use crate::os::{AttachTable, Os};
use shmfs_abi::limits::{MESSAGE_BYTES, MESSAGE_FDS};
use shmfs_abi::{ClientId, Errno, ObjectId, OpenFlags};
use shmfs_core::{Changes, StoreImage};
use shmfs_journal::{
    Answered, ClientRecord, ConnectionId, ConnectionRecord, Intent, ObjectRecord, Record, RecordId, Role,
};
use shmfs_wire::{Refused, Response};
use std::collections::BTreeSet;

/// What has changed and is not in the journal yet, besides what the engine tells.
#[derive(Default)]
pub(crate) struct Dirty {
    pub(crate) clients: BTreeSet<ClientId>,
    pub(crate) connections: BTreeSet<ConnectionId>,
    pub(crate) writers: BTreeSet<u64>,
    /// The store itself, besides its image and its counters.
    pub(crate) store: bool,
}

impl Dirty {
    fn is_empty(&self) -> bool {
        self.clients.is_empty() && self.connections.is_empty() && self.writers.is_empty() && !self.store
    }
}

/// Something to be done after the commit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(clippy::large_enum_variant, reason = "a call has a few")]
pub(crate) enum Todo {
    /// Remembered until it is done. `asked`: the call that is being answered fails with it.
    Do { intent: Intent, asked: bool },
    /// Let the object go if nobody holds it. A new broker asks about every released object anyway.
    Release(ObjectId),
}

impl Todo {
    /// Whether names in the hidden tmpfs are others afterwards.
    pub(crate) fn changes_names(&self) -> bool {
        let Todo::Do { intent, .. } = self else { return false };
        matches!(
            intent,
            Intent::Link { .. } | Intent::Unlink { .. } | Intent::Rename { .. } | Intent::LinkName { .. }
        )
    }
}

/// An answer on its way.
pub(crate) struct Answering {
    pub(crate) connection: ConnectionId,
    pub(crate) sequence: u64,
    pub(crate) response: Response,
    /// How to make its descriptors again; nothing where the call is simply repeated.
    pub(crate) recipe: Option<[Option<(ObjectId, OpenFlags)>; MESSAGE_FDS]>,
    /// Whether the call is made once more where another program was quicker: then no answer is kept.
    pub(crate) again: bool,
}

/// Whether a change of a name failed because another program was quicker.
pub(crate) fn is_outrun(errno: Errno) -> bool {
    matches!(errno, Errno::EEXIST | Errno::ENOENT)
}

impl Answering {
    /// The answer as it is kept. One that is too long only tells something, and so does one whose descriptors are no
    /// objects': such a call is simply done again.
    pub(crate) fn kept(&self) -> Option<Answered> {
        let mut bytes = [0; MESSAGE_BYTES];
        let len = shmfs_wire::encode_response(&self.response, self.sequence, &mut bytes);
        Answered::new(self.sequence, &bytes[..len], self.recipe?).ok()
    }
}

impl<O: Os> Broker<O> {
    /// Commits what has changed and carries out what follows, until nothing changes any more. Says with what the
    /// call that is being answered failed meanwhile; its answer is then a refusal.
    pub(crate) fn conclude(&mut self, answering: Option<&mut Answering>) -> Result<Option<Errno>, RunError> {
        let mut answering = answering;
        let mut unsaid = true;
        let mut failed = None;
        let mut behind = false;
        loop {
            let changes = self.namespace.take_changes();
            let store = self.store_changed();
            if changes.is_empty() && !store && self.dirty.is_empty() && self.todo.is_empty() && !behind {
                if let Err(errno) = self.fit_tree() {
                    tracing::debug!(errno = errno.name(), "the hidden tmpfs holds more than it should");
                }
                return Ok(failed);
            }
            if let Some(answering) = answering.as_deref()
                && unsaid
            {
                self.keep_answer(answering);
                unsaid = false;
            }
            let todo = std::mem::take(&mut self.todo);
            self.write(&changes, &todo).map_err(RunError::Journal)?;
            self.closing.clear();
            let failure = self.carry_out_todo(&todo);
            // What has failed stays to be done until the next commit says that it was refused.
            behind = false;
            if failure.is_none() && todo.iter().any(|todo| matches!(todo, Todo::Do { .. })) {
                behind = !self.done();
            }
            if let (Some(errno), Some(answering)) = (failure, answering.as_deref_mut()) {
                if answering.again && is_outrun(errno) {
                    self.forget_answer(answering.connection);
                    failed = Some(errno);
                    continue;
                }
                answering.response =
                    Response::Refused(Refused::new(errno, "the kernel refused what the call needs"));
                answering.recipe = Some([None; MESSAGE_FDS]);
                failed = Some(errno);
                unsaid = true;
            }
        }
    }

    /// The intents of the last commit are carried out, but for those that a disk has refused: they are to be committed
    /// alone. Says whether there are none.
    pub(crate) fn done(&mut self) -> bool {
        let all = self.behind.is_empty();
        if all {
            self.journal.done();
        }
        all
    }

    /// Whether the store has other limits or the like. Numbers that count up alone are no reason to write: nobody has
    /// seen them.
    fn store_changed(&self) -> bool {
        let seen = |image: StoreImage| StoreImage { numbers: (0, 0), ..image };
        seen(self.namespace.image()) != seen(self.record.image)
    }

    /// Keeps an answer for a caller that does not get it.
    fn keep_answer(&mut self, answering: &Answering) {
        let Some(answered) = answering.kept() else { return };
        let Some(connection) = self.connections.get_mut(&answering.connection) else { return };
        match connection.role {
            Role::Client(id) => {
                if let Some(client) = self.clients.get_mut(&id) {
                    client.answered = Some(answered);
                    self.dirty.clients.insert(id);
                }
            }
            Role::Visitor => {
                connection.answered = Some(answered);
                self.dirty.connections.insert(answering.connection);
            }
            Role::Stranger | Role::Unborn(_) => {}
        }
    }

    /// No answer is kept for this caller any more.
    pub(crate) fn forget_answer(&mut self, connection: ConnectionId) {
        let Some(known) = self.connections.get_mut(&connection) else { return };
        match known.role {
            Role::Client(id) => {
                if let Some(client) = self.clients.get_mut(&id) {
                    client.answered = None;
                    self.dirty.clients.insert(id);
                }
            }
            Role::Visitor => {
                known.answered = None;
                self.dirty.connections.insert(connection);
            }
            Role::Stranger | Role::Unborn(_) => {}
        }
    }

    /// The same, where the answer that is kept is to this call.
    pub(crate) fn forget_kept(&mut self, connection: ConnectionId, sequence: u64) {
        if self.keeps(connection, sequence) {
            self.forget_answer(connection);
        }
    }

    fn keeps(&self, connection: ConnectionId, sequence: u64) -> bool {
        let Some(known) = self.connections.get(&connection) else { return false };
        let kept = match known.client() {
            Some(client) => self.clients.get(&client).and_then(|client| client.answered.as_ref()),
            None => known.answered.as_ref(),
        };
        kept.is_some_and(|kept| kept.sequence == sequence)
    }

    /// A call is refused, whose answer was kept before it was seen that it cannot be done.
    pub(crate) fn refuse_kept(&mut self, connection: ConnectionId, sequence: u64, errno: Errno) {
        if self.keeps(connection, sequence) {
            let refused = Refused::new(errno, "the kernel refused what the call needs");
            let (response, recipe) = (Response::Refused(refused), Some([None; MESSAGE_FDS]));
            self.keep_answer(&Answering { connection, sequence, response, recipe, again: false });
        }
    }

    fn write(&mut self, changes: &Changes, todo: &[Todo]) -> Result<(), Errno> {
        for (object, image) in &changes.objects {
            match (image, self.backings.stored(*object)) {
                (Some(image), Ok(stored)) => {
                    let record = ObjectRecord {
                        image: *image,
                        fd: self.os.number(&stored.fd),
                        identity: stored.identity,
                        backing: stored.backing,
                        owner: stored.owner,
                    };
                    self.journal.put(&Record::Object(record))?;
                }
                (None, _) => self.journal.remove(RecordId::Object(*object))?,
                (Some(_), Err(_)) => unreachable!("object {} has an image and no descriptor", object.0),
            }
        }
        for (name, object) in &changes.names {
            match object {
                Some(object) => self.journal.put(&Record::Name(*name, *object))?,
                None => self.journal.remove(RecordId::Name(*name))?,
            }
        }
        self.write_clients()?;
        self.write_connections()?;
        self.write_writers()?;
        let intents = todo.iter().filter_map(|todo| match todo {
            Todo::Do { intent, .. } => Some(*intent),
            Todo::Release(_) => None,
        });
        for (index, intent) in (0..).zip(intents.chain(self.behind.values().copied())) {
            self.journal.put(&Record::Intent(index, intent))?;
        }
        if std::mem::take(&mut self.dirty.store) || self.journal.is_dirty() || self.store_changed() {
            self.record.image = self.namespace.image();
            self.journal.put(&Record::Store(self.record.clone()))?;
            self.journal.commit();
        }
        Ok(())
    }

    fn write_clients(&mut self) -> Result<(), Errno> {
        while let Some(id) = self.dirty.clients.pop_first() {
            let record = if let Some(client) = self.clients.get(&id) {
                ClientRecord {
                    client: id,
                    cookie: client.cookie,
                    table: self.os.number(&client.file),
                    identity: client.identity,
                    pidfd: client.pidfd.as_ref().map_or(-1, |pidfd| self.os.number(pidfd)),
                    pid: client.table.pid(),
                    leaving: false,
                    ticket: client.ticket,
                    answered: client.answered,
                }
            } else if let Some((pid, pidfd)) = self.leaving.get(&id) {
                ClientRecord {
                    client: id,
                    cookie: 0,
                    table: -1,
                    identity: shmfs_sys::fd::Identity { dev: 0, ino: 0 },
                    pidfd: self.os.number(pidfd),
                    pid: *pid,
                    leaving: true,
                    ticket: None,
                    answered: None,
                }
            } else {
                self.journal.remove(RecordId::Client(id))?;
                continue;
            };
            self.journal.put(&Record::Client(record))?;
        }
        Ok(())
    }

    fn write_connections(&mut self) -> Result<(), Errno> {
        while let Some(id) = self.dirty.connections.pop_first() {
            match self.connections.get(&id).filter(|connection| connection.role != Role::Stranger) {
                Some(connection) => {
                    let record = ConnectionRecord {
                        connection: id,
                        socket: self.os.number(&connection.socket),
                        role: connection.role,
                        cred: connection.cred,
                        sender: connection.sender,
                        spoken: connection.spoken,
                        answered: connection.answered,
                    };
                    self.journal.put(&Record::Connection(record))?;
                }
                None => self.journal.remove(RecordId::Connection(id))?,
            }
        }
        Ok(())
    }
}
