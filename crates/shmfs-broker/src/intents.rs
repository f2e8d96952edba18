//! What others see, done after it is committed.
//!
//! Owns: doing each intent, the first time and once more after a broker was killed over it.
//! Leaves to others: when (`transaction`, `recover`).

use crate::broker::Broker;
use crate::os::{AttachTable, Os, Result};
use crate::transaction::Todo;
use shmfs_abi::{ByteLen, Call, Caps, Cred, Errno, Gid, Groups, Name, ObjectId, Uid};
use shmfs_core::Facts;
use shmfs_journal::Intent;

impl<O: Os> Broker<O> {
    /// Does all of it; says with what the call that is being answered failed.
    pub(crate) fn carry_out_todo(&mut self, todo: &[Todo]) -> Option<Errno> {
        let mut failure = None;
        let mut names = false;
        for todo in todo {
            names |= todo.changes_names();
            match todo {
                Todo::Release(object) => self.release(*object),
                Todo::Do { intent, asked } => match self.carry_out_intent(intent, *asked) {
                    Err(errno) if *asked => failure = failure.or(Some(errno)),
                    Err(errno) => {
                        tracing::warn!(errno = errno.name(), ?intent, "an effect of an event failed")
                    }
                    Ok(()) => {}
                },
            }
        }
        if names {
            self.names_changed();
        }
        failure
    }

    fn carry_out_intent(&mut self, intent: &Intent, asked: bool) -> Result<()> {
        match *intent {
            Intent::Link { ticket, object, name } => {
                let linked = self.link(object, &name).and_then(|()| self.backings.facts(&self.os, object));
                let facts = linked.map(|facts| Facts { size: facts.size, allocated: facts.allocated });
                let effects = self.namespace.settle(ticket, facts);
                self.carry_out_alone(effects);
                self.watch_users(object);
                facts.map(drop)
            }
            Intent::Unlink { object, name } => {
                let first = asked && self.record.mount.open && !self.catching_up;
                self.unlink(object, &name, first)
            }
            Intent::Rename { object, from, to, flags } => self.rename(object, (&from, &to), flags),
            Intent::LinkName { object, from, to } => {
                self.link_name(object, &from, &to).inspect_err(|_| self.take_back(to))
            }
            Intent::Own { object, uid, gid, mode } => {
                self.backings.own(&mut self.os, object, (uid, gid, mode))
            }
            Intent::Truncate { object, changed } => {
                let file = &self.backings.stored(object)?.fd;
                if self.os.changed(file)? == changed {
                    self.os.truncate(file, ByteLen(0))?;
                }
                self.measure(object);
                Ok(())
            }
            Intent::Introduce { client, slot, object, count, removed } => {
                // It has died meanwhile, or is dying: then nothing counts.
                let Some(client) = self.clients.get(&client) else { return Ok(()) };
                client.table.set_count(slot, object, count);
                if removed {
                    client.table.mark_removed(slot, object);
                }
                Ok(())
            }
            Intent::Record { object } | Intent::Erase { object } => {
                self.write_down(object, *intent);
                Ok(())
            }
            Intent::Mark { object, slot } => {
                for client in self.clients.values() {
                    client.table.mark_removed(slot, object);
                }
                let effects = self.recount(slot);
                self.carry_out_alone(effects);
                Ok(())
            }
            Intent::Resize { .. } if self.record.mount.open => {
                // Less what lies elsewhere.
                if let Err(errno) = self.fit_tree() {
                    tracing::warn!(errno = errno.name(), "the hidden tmpfs holds more than its new size");
                }
                Ok(())
            }
            Intent::Resize { bytes } => {
                let Some(hidden) = &self.backings.hidden else { return Ok(()) };
                if let Err(errno) = self.os.resize(hidden, ByteLen(bytes)) {
                    // Without the right to do so the engine's charges bind alone.
                    tracing::warn!(
                        errno = errno.name(),
                        "the hidden tmpfs keeps its size; the store's charges bind"
                    );
                }
                Ok(())
            }
        }
    }

    /// Gives the file of an object its first name. It may have it already.
    pub(crate) fn link(&mut self, object: ObjectId, name: &Name) -> Result<()> {
        let Some((hidden, stored)) = self.backings.in_hidden(object) else { return Ok(()) };
        if self.os.named(hidden, name)? == Some(stored.identity) {
            return Ok(());
        }
        self.os.link(hidden, &stored.fd, name)
    }

    /// Takes a name away that the file of its object did not get.
    fn take_back(&mut self, name: Name) {
        let (pid, uid, gid) = (self.pid, Uid(0), Gid(0));
        let all = Cred { pid, uid, gid, groups: Groups::NONE, caps: Caps::all() };
        if let Ok(answer) = self.namespace.call(&all, Call::Unlink { name }, self.os.now()) {
            self.carry_out_alone(answer.effects);
        }
    }

    /// Takes a name from the file of an object, if it is that file's. `ENOENT` where this is done for the first time and it
    /// is not: another program was quicker.
    fn unlink(&mut self, object: ObjectId, name: &Name, first: bool) -> Result<()> {
        let Some((hidden, stored)) = self.backings.in_hidden(object) else { return Ok(()) };
        match self.os.named(hidden, name)? {
            Some(identity) if identity == stored.identity => self.os.unlink(hidden, name),
            _ if first => Err(Errno::ENOENT),
            _ => Ok(()),
        }
    }

    /// Renames the file of an object, unless it has its new name already. One of the two that are affected may lie
    /// elsewhere, and has its name from the engine alone.
    fn rename(&mut self, object: ObjectId, (from, to): (&Name, &Name), flags: u32) -> Result<()> {
        const EXCHANGE: u32 = 2;
        let Some((hidden, stored)) = self.backings.in_hidden(object) else {
            return self.rename_over(from, to, flags == EXCHANGE);
        };
        let target = self.os.named(hidden, to)?;
        if target == Some(stored.identity) {
            return Ok(());
        }
        let flags = if target.is_none() && flags == EXCHANGE { 0 } else { flags };
        self.os.rename(hidden, from, to, flags)
    }

    /// An object that lies elsewhere has the name `to`: the file that had it gets the other one, or none.
    fn rename_over(&mut self, from: &Name, to: &Name, exchange: bool) -> Result<()> {
        let Some(hidden) = &self.backings.hidden else { return Ok(()) };
        if self.os.named(hidden, to)?.is_none() {
            return Ok(());
        }
        if exchange { self.os.rename(hidden, to, from, 0) } else { self.os.unlink(hidden, to) }
    }

    fn link_name(&mut self, object: ObjectId, from: &Name, to: &Name) -> Result<()> {
        let Some((hidden, stored)) = self.backings.in_hidden(object) else { return Ok(()) };
        if self.os.named(hidden, to)? == Some(stored.identity) {
            return Ok(());
        }
        self.os.link_name(hidden, from, to)
    }
}
