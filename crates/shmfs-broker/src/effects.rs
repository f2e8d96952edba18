//! What the engine wants done: at once where nobody sees it, or else after the commit.

use crate::answer::Outgoing;
use crate::broker::Broker;
use crate::os::{AttachTable, Os, Wish};
use crate::transaction::Todo;
use shmfs_abi::{Backing, ClientId, Errno, ObjectId, Ticket};
use shmfs_core::{Effect, Facts};
use shmfs_journal::{ConnectionId, Intent};
use shmfs_sys::fd;
use std::collections::VecDeque;

/// Who asked, and what goes back to them.
pub(crate) struct Exchange<'a, O: Os> {
    pub(crate) connection: Option<ConnectionId>,
    pub(crate) client: Option<ClientId>,
    pub(crate) out: &'a mut Outgoing<O>,
}

impl<O: Os> Broker<O> {
    /// Carries out the effects of a call in their order. With the first that fails the call has failed, and what it
    /// has made goes again.
    pub(crate) fn carry_out(
        &mut self,
        effects: Vec<Effect>,
        exchange: &mut Exchange<'_, O>,
    ) -> Result<(), Errno> {
        let todo = self.todo.len();
        let mut made = None;
        let mut waiting = VecDeque::from(effects);
        while let Some(effect) = waiting.pop_front() {
            if let Effect::Make { ticket, object, .. } = effect {
                made = Some((ticket, object));
            }
            match self.carry_out_one(effect, exchange) {
                Ok(next) => next.into_iter().rev().for_each(|effect| waiting.push_front(effect)),
                Err(errno) => {
                    self.todo.truncate(todo);
                    if let Some((ticket, object)) = made {
                        let effects = self.namespace.settle(ticket, Err(errno));
                        self.carry_out_alone(effects);
                        self.let_nameless_go(object);
                    }
                    return Err(errno);
                }
            }
        }
        Ok(())
    }

    /// Carries out what follows from an event: nobody waits for an answer.
    pub(crate) fn carry_out_alone(&mut self, effects: Vec<Effect>) {
        if effects.is_empty() {
            return;
        }
        let mut out = Outgoing::none();
        let mut exchange = Exchange { connection: None, client: None, out: &mut out };
        if let Err(errno) = self.carry_out(effects, &mut exchange) {
            tracing::warn!(errno = errno.name(), "an effect of an event failed");
        }
    }

    fn carry_out_one(
        &mut self,
        effect: Effect,
        exchange: &mut Exchange<'_, O>,
    ) -> Result<Vec<Effect>, Errno> {
        let asked = exchange.connection.is_some();
        match effect {
            Effect::Make { ticket, object, backing, huge_log2, size, uid, gid, mode, populate } => {
                if let Err(errno) = self.admit_object() {
                    return self.settle(ticket, Err(errno));
                }
                if backing == Backing::Durable {
                    let made = self.make_durable(object);
                    return self.settle(ticket, made);
                }
                if backing != Backing::TmpfsFile
                    && let Err(errno) = self.fit_tree()
                {
                    return self.settle(ticket, Err(errno));
                }
                let wish = Wish { backing, huge_log2, size, uid, gid, mode, populate };
                if populate {
                    self.set_long(true);
                }
                let made = self.backings.make(&mut self.os, object, &wish);
                if populate {
                    self.set_long(false);
                }
                return self.settle(ticket, made);
            }
            Effect::Give { object, flags } => {
                let opened = self.backings.open(&mut self.os, object, flags)?;
                exchange.out.give(opened, object, flags)?;
            }
            Effect::GiveUndo { object } => {
                let log = self.os.undo(object)?;
                exchange.out.carry(log)?;
                if let Some(client) = exchange.client {
                    self.may_edit(client, object);
                }
            }
            Effect::Lock { ticket, object, lock } => {
                self.set_long(true);
                let locked = self.backings.lock(&mut self.os, object, lock);
                self.set_long(false);
                let locked = locked.and_then(|()| self.backings.facts(&self.os, object));
                return self.settle(ticket, locked);
            }
            Effect::Populate { object, size } => {
                self.set_long(true);
                let stored = self.backings.stored(object)?;
                let populated = match stored.backing {
                    Backing::Durable => self.os.allocate(&stored.fd, size),
                    _ => self.os.populate(&stored.fd, size),
                };
                self.set_long(false);
                populated?;
                self.measure(object);
            }
            Effect::Hear { file } => self.hear(file, exchange)?,
            Effect::Text(text) => {
                let file = self.os.text(&text)?;
                exchange.out.carry(file)?;
            }
            Effect::Release { object } => {
                if self.backings.is_durable(object) {
                    self.intend(Intent::Erase { object }, asked);
                }
                self.todo.push(Todo::Release(object));
            }
            Effect::Introduce { object, slot, removed } => {
                let id = exchange.client.ok_or(Errno::ESRCH)?;
                let client = self.clients.get(&id).ok_or(Errno::ESRCH)?;
                // The client waits for its answer and changes no count meanwhile.
                let count = client.table.count(slot, object).checked_add(1).ok_or(Errno::ENOMEM)?;
                self.intend(Intent::Introduce { client: id, slot, object, count, removed }, asked);
            }
            Effect::Link { ticket, object, name } => {
                self.intend(Intent::Link { ticket, object, name }, asked);
            }
            Effect::Rename { object, from, to, flags, replaced } => {
                self.intend(Intent::Rename { object, from, to, flags }, asked);
                self.intend_record(object, asked);
                replaced.into_iter().for_each(|replaced| self.intend_record(replaced, asked));
            }
            Effect::LinkName { object, from, to } => {
                self.intend(Intent::LinkName { object, from, to }, asked);
            }
            Effect::Unlink { object, name } => self.intend(Intent::Unlink { object, name }, asked),
            Effect::Own { object, uid, gid, mode } => {
                self.intend(Intent::Own { object, uid, gid, mode }, asked);
                self.intend_record(object, asked);
            }
            Effect::Truncate { object } => {
                let changed = self.os.changed(&self.backings.stored(object)?.fd)?;
                self.intend(Intent::Truncate { object, changed }, asked);
            }
            Effect::Mark { object, slot } => {
                self.intend(Intent::Mark { object, slot }, asked);
                // It does not come back, whoever has it attached: nothing else marks a durable segment.
                if self.backings.is_durable(object) {
                    self.intend(Intent::Erase { object }, asked);
                }
            }
            Effect::Resize { size } => self.intend(Intent::Resize { bytes: size.0 }, asked),
        }
        Ok(Vec::new())
    }

    fn make_durable(&mut self, object: ObjectId) -> Result<fd::Facts, Errno> {
        let image = self.namespace.object_image_ahead(object).ok_or(Errno::EIDRM)?;
        self.set_long(true);
        let made = self.backings.make_durable(&mut self.os, &image);
        self.set_long(false);
        made
    }

    /// What a durable object is has changed.
    pub(crate) fn intend_record(&mut self, object: ObjectId, asked: bool) {
        if self.backings.is_durable(object) {
            self.intend(Intent::Record { object }, asked);
        }
    }

    fn intend(&mut self, intent: Intent, asked: bool) {
        self.todo.push(Todo::Do { intent, asked });
    }

    fn settle(&mut self, ticket: Ticket, outcome: Result<fd::Facts, Errno>) -> Result<Vec<Effect>, Errno> {
        let facts = outcome.map(|facts| Facts { size: facts.size, allocated: facts.allocated });
        let effects = self.namespace.settle(ticket, facts);
        match outcome {
            Ok(_) => Ok(effects),
            Err(errno) => {
                self.carry_out_alone(effects);
                Err(errno)
            }
        }
    }
}
