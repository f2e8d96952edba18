//! Beginnings and ends: fork, clone, exec, exit and kill.
//!
//! Owns: what a copy has of its original. Leaves to others: the kernel's part (`kernel`).

use super::{Actor, Doing, Known, Life};
use crate::sim::world::World;
use shmfs_wire::Request;

impl World {
    /// The fork itself, once the child's table is there. It may fail.
    pub(super) fn fork(&mut self, who: usize) -> bool {
        self.actors[who].doing = Doing::Forked;
        if self.dice.percent(10) {
            self.trace.say(|| format!("program {who}: its fork fails"));
            return true;
        }
        let child = self.copy(who);
        self.copy_logs(who, child);
        self.actors[child].unborn = self.actors[who].unborn;
        self.actors[child].doing = Doing::Waking;
        self.oracle.copied(who, child);
        true
    }

    /// In the parent: what was the child's is given up.
    pub(super) fn end_fork(&mut self, who: usize) -> bool {
        let actor = &mut self.actors[who];
        actor.doing = Doing::Nothing;
        if let Some(unborn) = actor.unborn.take() {
            self.kernel.unmap(actor.pid, unborn.table);
            self.kernel.close_of(actor.pid, unborn.socket);
        }
        true
    }

    /// In the child: it leaves what is its parent's, and takes over its own.
    pub(super) fn wake(&mut self, who: usize) -> bool {
        let actor = &mut self.actors[who];
        actor.doing = Doing::Nothing;
        let pid = actor.pid;
        let Some(unborn) = actor.unborn.take() else { return true };
        if let Some(inherited) = actor.inherited.take() {
            self.kernel.close_of(pid, inherited);
        }
        let (client, cookie) = (unborn.client, unborn.cookie);
        actor.known = Some(Known { client, cookie, table: unborn.table, file: unborn.file });
        if self.dice.percent(80) {
            // Both are in one pid namespace.
            self.kernel.rows_mut(unborn.file).pid = pid;
        }
        self.take_session(who, unborn.socket);
        self.actors[who].doing = Doing::SayingBorn;
        true
    }

    pub(super) fn say_born(&mut self, who: usize) -> bool {
        self.actors[who].doing = Doing::Nothing;
        if self.dice.percent(10) {
            // It has closed every descriptor before it could speak.
            self.hang_up(who);
            return true;
        }
        self.trace.say(|| format!("program {who}: is born"));
        if self.say(who, &Request::Born, 0, None).is_err() {
            self.hang_up(who);
        }
        true
    }

    /// A copy of a process, unknown to the broker.
    pub(super) fn copy(&mut self, who: usize) -> usize {
        let parent = &self.actors[who];
        // The table is kept out of children (MADV_DONTFORK).
        let kept_out: Vec<_> = parent.known.map(|known| known.table).into_iter().collect();
        let pid = self.kernel.fork(parent.pid, &kept_out);
        let child = Actor {
            is_visitor: parent.is_visitor,
            sequence: parent.sequence,
            inherited: parent.session.or(parent.inherited),
            attaches: parent.attaches.clone(),
            opened: parent.opened.clone(),
            ..Actor::new(pid, parent.uid)
        };
        // It knows nothing of edits.
        let logs: Vec<_> = parent.logs.iter().map(|(log, _)| *log).collect();
        logs.into_iter().for_each(|log| self.kernel.close_of(pid, log));
        self.actors.push(child);
        let child = self.actors.len() - 1;
        self.trace.say(|| format!("program {child}: process {}, a copy of {who}", pid.0));
        child
    }

    /// Another program in the same process: everything of this one goes.
    pub(super) fn exec(&mut self, who: usize) -> bool {
        let (pid, uid) = (self.actors[who].pid, self.actors[who].uid);
        self.kernel.exit_memory(pid);
        self.oracle.died(who);
        self.image_ended(pid);
        self.kernel.exit_files(pid);
        self.actors[who].life = Life::Ended;
        self.actors.push(Actor::new(pid, uid));
        self.trace.say(|| format!("program {who}: process {} executes {}", pid.0, self.actors.len() - 1));
        true
    }

    /// It ends, by its own will or not: that looks the same to others.
    pub(crate) fn kill(&mut self, who: usize) {
        self.trace.say(|| format!("program {who}: ends"));
        self.actors[who].life = Life::Ending(0);
        if let Doing::Hearing(_, _, descriptions) =
            std::mem::replace(&mut self.actors[who].doing, Doing::Nothing)
        {
            self.drop_all(descriptions);
        }
    }

    pub(super) fn end_further(&mut self, who: usize, so_far: u8) {
        let pid = self.actors[who].pid;
        self.actors[who].life = match so_far {
            0 => {
                self.kernel.exit_memory(pid);
                self.oracle.died(who);
                self.image_ended(pid);
                Life::Ending(1)
            }
            1 => {
                self.kernel.exit_files(pid);
                Life::Ending(2)
            }
            _ => {
                self.kernel.exit(pid);
                self.oracle.process_ended(pid);
                Life::Ended
            }
        };
    }

    /// Closes every descriptor, as a daemon does: mappings stay.
    pub(super) fn close_everything(&mut self, who: usize) -> bool {
        self.trace.say(|| format!("program {who}: closes every descriptor"));
        let pid = self.actors[who].pid;
        self.end_edits(who);
        self.kernel.exit_files(pid);
        let actor = &mut self.actors[who];
        (actor.session, actor.inherited) = (None, None);
        actor.opened.clear();
        true
    }
}
