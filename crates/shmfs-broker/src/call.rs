//! One call: completed, put to the engine with what that needs from outside, its effects begun.

use crate::answer::{Outcome, Outgoing};
use crate::broker::Broker;
use crate::effects::Exchange;
use crate::os::Os;
use shmfs_abi::{Call, Caps, Cred, Errno, GetFlags, Lifetime, ObjectId, Refusal, Reply, Wanted, refuse};
use shmfs_core::{Event, Facts};
use shmfs_journal::ConnectionId;
use shmfs_wire::{Refused, Response};

impl<O: Os> Broker<O> {
    pub(crate) fn answer_call(
        &mut self,
        id: ConnectionId,
        cred: &Cred,
        (call, sequence): (Call, u64),
        descriptor: Option<O::Fd>,
        out: &mut Outgoing<O>,
    ) -> Outcome {
        if let Call::Replace = call {
            return self.replace((id, sequence), cred, descriptor);
        }
        if let Call::Mount { .. } | Call::Tree = call {
            return self.open_tree(cred, call, descriptor, out);
        }
        let client = self.connections.get(&id).and_then(|connection| connection.client());
        if let (Some(name), Some(_)) = (call.name(), client) {
            self.count_call(name, 1);
        }
        let mut exchange = Exchange { connection: Some(id), client, out };
        match self.put(cred, call, descriptor.as_ref(), &mut exchange) {
            Ok(reply) => Outcome::Say(Response::Reply(reply)),
            Err(refusal) => {
                *out = Outgoing::none();
                tracing::debug!(
                    pid = cred.pid.0,
                    call = call.name().map_or("", |name| name.text()),
                    errno = refusal.errno.name(),
                    reason = refusal.reason,
                    shortage = ?refusal.shortage,
                    "refused"
                );
                Outcome::Say(Response::Refused(Refused::from(refusal)))
            }
        }
    }

    /// Puts a call to the engine, with what it needs from outside, and begins what it wants done.
    fn put(
        &mut self,
        cred: &Cred,
        call: Call,
        descriptor: Option<&O::Fd>,
        exchange: &mut Exchange<'_, O>,
    ) -> Result<Reply, Refusal> {
        let call = self.complete(cred, call, descriptor)?;
        if let Call::ShmAttach { .. } | Call::SemOpen { .. } | Call::SemPublish { .. } = call
            && exchange.client.is_none()
        {
            return refuse(Errno::EPERM, "a visitor has no attach table and no semaphores");
        }
        if let Call::Want(Wanted { lifetime: Lifetime::Process, .. }) = call
            && exchange.client.is_none()
        {
            return refuse(Errno::EPERM, "nobody notices the end of a visitor");
        }
        if let Call::SemOpen { .. } = call {
            self.give_up_ticket(exchange);
        }
        if let Call::SemPublish { ticket } = &call
            && exchange.client.and_then(|id| self.clients.get(&id)?.ticket) != Some(*ticket)
        {
            return refuse(Errno::EINVAL, "the semaphore is another's to publish");
        }
        if self.record.mount.open {
            self.look_for(&call)?;
            if let Some(answered) = self.strange(cred, &call) {
                return answered;
            }
        }
        self.look_for_room(&call);
        self.refresh(&call);
        let held = self.is_fetched_held(&call);
        let cred = &self.with_huge_pages(cred, &call);
        let mut asked = self.namespace.call(cred, call, self.os.now());
        if asked.as_ref().is_err_and(|refusal| refusal.shortage.is_some()) {
            self.measure_tree();
            asked = self.namespace.call(cred, call, self.os.now());
        }
        let answer = match asked {
            Ok(answer) => answer,
            Err(refusal) => {
                if let Call::SemPublish { .. } = call {
                    self.give_up_ticket(exchange);
                }
                return Err(refusal);
            }
        };
        self.carry_out(answer.effects, exchange).map_err(|errno| {
            if let Call::ShmAttach { shmid, .. } = call
                && let Some(slot) = shmid.slot()
            {
                // The engine counted an attach that does not come.
                self.refresh_slot(slot);
            }
            self.failure(errno)
        })?;
        if let Reply::Fresh { ticket, .. } = answer.reply {
            self.set_ticket(exchange, Some(ticket));
        }
        if let Call::SemPublish { .. } = call {
            self.set_ticket(exchange, None);
        }
        if cfg!(debug_assertions) {
            self.namespace.check();
        }
        Ok(match answer.reply {
            Reply::Fetched { size, .. } => Reply::Fetched { size, held },
            reply => self.fill_in(reply),
        })
    }

    /// Whether anybody has the object open or mapped that is to be fetched.
    fn is_fetched_held(&mut self, call: &Call) -> bool {
        let Call::Fetch { object, .. } = *call else { return false };
        self.is_promised(object) || !self.backings.is_unused(&mut self.os, object).unwrap_or(false)
    }

    /// A semaphore that its client does not publish goes.
    fn give_up_ticket(&mut self, exchange: &Exchange<'_, O>) {
        let Some(ticket) = exchange.client.and_then(|id| self.clients.get(&id)?.ticket) else { return };
        self.set_ticket(exchange, None);
        let effects = self.namespace.settle(ticket, Err(Errno::ECONNRESET));
        self.carry_out_alone(effects);
    }

    fn set_ticket(&mut self, exchange: &Exchange<'_, O>, ticket: Option<shmfs_abi::Ticket>) {
        let Some(id) = exchange.client else { return };
        if let Some(client) = self.clients.get_mut(&id) {
            client.ticket = ticket;
            self.dirty.clients.insert(id);
        }
    }

    /// Fills in what the caller does not say itself: which object a descriptor shows, which is the proof of the
    /// right to resize it; and its own limit of locked memory.
    fn complete(&mut self, cred: &Cred, call: Call, descriptor: Option<&O::Fd>) -> Result<Call, Refusal> {
        let call = match call {
            Call::Reserve { size, .. } => Call::Reserve { object: self.shown(descriptor)?, size },
            Call::Settle { .. } => Call::Settle { object: self.shown(descriptor)? },
            Call::ShmLock { shmid, lock, .. } => {
                Call::ShmLock { shmid, lock, allowance: self.os.locked_memory(cred.pid) }
            }
            other => other,
        };
        if let Call::Reserve { object, .. } | Call::Settle { object } = call {
            self.measure(object);
        }
        Ok(call)
    }

    /// Who asks, with the right to huge pages that a group gives (`can_do_hugetlb_shm`, fs/hugetlbfs/inode.c).
    fn with_huge_pages(&self, cred: &Cred, call: &Call) -> Cred {
        let asks = matches!(call, Call::ShmGet { flags, .. } if flags.contains(GetFlags::HUGETLB));
        if asks && self.os.huge_group().is_some_and(|group| cred.in_group(group)) {
            return Cred { caps: cred.caps | Caps::IPC_LOCK, ..*cred };
        }
        *cred
    }

    fn shown(&self, descriptor: Option<&O::Fd>) -> Result<ObjectId, Refusal> {
        let Some(descriptor) = descriptor else {
            return refuse(Errno::EINVAL, "no descriptor came with the call");
        };
        let writes = self.os.access(descriptor).is_ok_and(|flags| flags.access().writes());
        if !writes {
            return refuse(Errno::EINVAL, "the descriptor is not open for writing");
        }
        let facts = self.os.facts(descriptor).ok();
        match facts.and_then(|facts| self.backings.object_at(facts.identity)) {
            Some(object) => Ok(object),
            None => refuse(Errno::EBADF, "the descriptor shows no object of this store"),
        }
    }

    /// Tells the engine what the inode of an object says: its size, its pages, and its owner and mode where somebody
    /// changed them through a descriptor.
    pub(crate) fn measure(&mut self, object: ObjectId) {
        let Ok(facts) = self.backings.facts(&self.os, object) else { return };
        if let Some((uid, gid, mode)) = self.backings.changed_owner(object, &facts) {
            self.observe(Event::Owned { object, uid, gid, mode });
            self.intend_record(object, false);
        }
        let facts = Facts { size: facts.size, allocated: facts.allocated };
        self.observe(Event::Measured { object, facts });
    }

    /// Tells the engine what happened, and begins what follows.
    pub(crate) fn observe(&mut self, event: Event) {
        let effects = self.namespace.observe(event, self.os.now());
        self.carry_out_alone(effects);
    }
}
