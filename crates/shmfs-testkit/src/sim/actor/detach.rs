//! The end of an attach, in the steps that `shmdt` has: the mapping, the count, the look at the mark of removal.
//!
//! Owns: their order. Leaves to others: the rows (`kernel`).

use super::{Attach, Doing};
use crate::sim::world::World;
use shmfs_abi::Call;
use shmfs_wire::Request;

impl World {
    /// Unmaps an attach. A copy that nobody knows registers first, so that there is a count to take back.
    pub(super) fn detach(&mut self, who: usize, at: usize) -> bool {
        if self.actors[who].known.is_none() {
            return self.begin(who, Request::Call(Call::ShmInfo), None);
        }
        let actor = &mut self.actors[who];
        let attach = actor.attaches.swap_remove(at);
        actor.doing = Doing::Uncounting(attach);
        self.kernel.unmap(actor.pid, attach.mapping);
        self.trace.say(|| format!("program {who}: detaches {}", attach.shmid.0));
        true
    }

    pub(super) fn uncount(&mut self, who: usize, attach: Attach) -> bool {
        let (pid, now) = (self.actors[who].pid, self.kernel.now());
        self.actors[who].doing = Doing::Nothing;
        let Some(known) = self.actors[who].known else { return true };
        let left = match self.kernel.rows_mut(known.file).detach(attach.slot, pid, now) {
            Some(left) => left,
            None => {
                self.complain(format!("program {who} has no count of {} to take back", attach.shmid.0));
                return false;
            }
        };
        self.oracle.detached(who, attach.object);
        self.actors[who].doing = Doing::Looking(attach, left);
        true
    }

    pub(super) fn look_at_mark(&mut self, who: usize, attach: Attach, left: u32) -> bool {
        self.actors[who].doing = Doing::Nothing;
        let Some(known) = self.actors[who].known else { return true };
        let removed = self.kernel.rows(known.file).is_removed(attach.slot);
        if left == 0 && (removed || attach.inherited) {
            return self.begin(who, Request::Call(Call::ShmDetached { slot: attach.slot }), None);
        }
        true
    }

    /// A copy of a process that nobody announced counts what it inherited.
    pub(super) fn count_inherited(&mut self, who: usize) {
        let Some(known) = self.actors[who].known else { return };
        for at in 0..self.actors[who].attaches.len() {
            let attach = &mut self.actors[who].attaches[at];
            attach.inherited = true;
            let (slot, object) = (attach.slot, attach.object);
            self.kernel.rows_mut(known.file).attach(slot, object);
            self.oracle.attached_late(who, object, self.steps);
        }
    }
}
