//! What the engine wants done, carried out one by one.

use crate::answer::Outgoing;
use crate::backing::Wish;
use crate::broker::{Broker, now};
use crate::events::ConnectionId;
use rustix::fd::AsFd;
use shmfs_abi::{ClientId, Errno, OpenFlags, Ticket};
use shmfs_core::{Effect, Facts};
use shmfs_sys::{fd, memfd};
use std::collections::VecDeque;

/// Who asked, and what goes back to them.
pub(crate) struct Exchange<'a> {
    pub(crate) connection: Option<ConnectionId>,
    pub(crate) client: Option<ClientId>,
    pub(crate) out: &'a mut Outgoing,
}

impl Broker {
    /// Carries out the effects of a call in their order. The first that fails is settled as a failure, and the
    /// call with it.
    pub(crate) fn carry_out(
        &mut self,
        effects: Vec<Effect>,
        exchange: &mut Exchange<'_>,
    ) -> Result<(), Errno> {
        let mut waiting = VecDeque::from(effects);
        while let Some(effect) = waiting.pop_front() {
            let next = self.carry_out_one(effect, exchange)?;
            for effect in next.into_iter().rev() {
                waiting.push_front(effect);
            }
        }
        Ok(())
    }

    /// Carries out what follows from an event: nobody waits for an answer.
    pub(crate) fn carry_out_alone(&mut self, effects: Vec<Effect>) {
        if effects.is_empty() {
            return;
        }
        let mut out = Outgoing::default();
        let mut exchange = Exchange { connection: None, client: None, out: &mut out };
        if let Err(errno) = self.carry_out(effects, &mut exchange) {
            tracing::warn!(errno = errno.name(), "an effect of an event failed");
        }
    }

    fn carry_out_one(&mut self, effect: Effect, exchange: &mut Exchange<'_>) -> Result<Vec<Effect>, Errno> {
        match effect {
            Effect::Make { ticket, object, backing, huge_log2, size, name, uid, gid, mode, populate } => {
                let wish = Wish { backing, huge_log2, size, name, uid, gid, mode, populate };
                let made = self.backings.make(object, &wish);
                self.settle(ticket, made)
            }
            Effect::Link { ticket, object, name } => {
                let linked = self.backings.link(object, &name).and_then(|()| self.backings.facts(object));
                self.forget(ticket, exchange);
                self.settle(ticket, linked)
            }
            Effect::Give { object, flags } => {
                let opened = self.backings.open(object, flags)?;
                exchange.out.carry(opened)?;
                Ok(Vec::new())
            }
            Effect::Introduce { object, slot, removed } => {
                let client = exchange.client.and_then(|id| self.clients.get(&id)).ok_or(Errno::ESRCH)?;
                client.table.attach(slot, object);
                if removed {
                    client.table.mark_removed(slot, object);
                }
                Ok(Vec::new())
            }
            Effect::Rename { object, from, to, flags, .. } => {
                self.backings.rename(object, &from, &to, flags).map(|()| Vec::new())
            }
            Effect::LinkName { object, from, to } => {
                self.backings.link_name(object, &from, &to).map(|()| Vec::new())
            }
            Effect::Lock { ticket, object, lock } => {
                let locked = self.backings.lock(object, lock).and_then(|()| self.backings.facts(object));
                self.settle(ticket, locked)
            }
            Effect::Populate { object, size } => {
                self.backings.populate(object, size)?;
                self.measure(object);
                Ok(Vec::new())
            }
            Effect::Hear { file } => self.hear(file, exchange).map(|()| Vec::new()),
            Effect::Resize { size } => {
                self.backings.resize(size);
                Ok(Vec::new())
            }
            Effect::Unlink { object, name } => self.backings.unlink(object, &name).map(|()| Vec::new()),
            Effect::Own { object, uid, gid, mode } => {
                self.backings.own(object, uid, gid, mode).map(|()| Vec::new())
            }
            Effect::Truncate { object, size } => {
                self.backings.truncate(object, size)?;
                self.measure(object);
                Ok(Vec::new())
            }
            Effect::Mark { object, slot } => {
                for client in self.clients.values() {
                    client.table.mark_removed(slot, object);
                }
                Ok(self.recount(slot))
            }
            Effect::Release { object } => Ok(self.release(object)),
            Effect::Text(text) => {
                let file = memfd::of_text(c"shmfs-text", text.as_bytes())?;
                exchange.out.carry(fd::reopen(file.as_fd(), OpenFlags::empty())?)?;
                Ok(Vec::new())
            }
        }
    }

    fn settle(&mut self, ticket: Ticket, outcome: Result<fd::Facts, Errno>) -> Result<Vec<Effect>, Errno> {
        let facts = outcome.map(|facts| Facts { size: facts.size, allocated: facts.allocated });
        let effects = self.namespace.settle(ticket, facts, now());
        match outcome {
            Ok(_) => Ok(effects),
            Err(errno) => {
                self.carry_out_alone(effects);
                Err(errno)
            }
        }
    }
}
