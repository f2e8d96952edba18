//! Attach counts: the sum over the attach tables of all client processes.

use crate::broker::Broker;
use crate::os::{AttachTable, Os};
use shmfs_abi::{Call, ProcFile, Slot};
use shmfs_core::{Effect, Event};

impl<O: Os> Broker<O> {
    /// Counts anew what a call is about to ask for.
    pub(crate) fn refresh(&mut self, call: &Call) {
        match call {
            Call::ProcText { file: ProcFile::SysvipcShm } => {
                for slot in self.namespace.slots() {
                    self.refresh_slot(slot);
                }
            }
            Call::ShmInfo => {
                let slots = self.namespace.slots().into_iter();
                let objects: Vec<_> = slots.filter_map(|slot| self.namespace.segment_object(slot)).collect();
                for object in objects {
                    self.measure(object);
                }
            }
            Call::Usage => {
                let objects: Vec<_> = self.namespace.objects().collect();
                for object in objects {
                    self.measure(object);
                }
            }
            _ => {}
        }
        if let Some(object) = self.namespace.object_to_measure(call) {
            self.measure(object);
        }
        if let Some(slot) = self.namespace.slot_to_count(call) {
            self.refresh_slot(slot);
        }
    }

    pub(crate) fn refresh_slot(&mut self, slot: Slot) {
        let effects = self.recount(slot);
        self.carry_out_alone(effects);
        if let Some(object) = self.namespace.segment_object(slot) {
            self.measure(object);
        }
    }

    /// Sums one segment's attaches over all tables and tells the engine.
    pub(crate) fn recount(&mut self, slot: Slot) -> Vec<Effect> {
        let Some(object) = self.namespace.segment_object(slot) else { return Vec::new() };
        let tables = || self.clients.values().map(|client| &client.table);
        let nattch = tables().map(|table| u64::from(table.count(slot, object))).sum();
        let last_detach =
            tables().filter_map(|table| table.last_detach(slot, object)).max_by_key(|&(_, at)| at);
        self.namespace.observe(Event::Counted { slot, object, nattch, last_detach }, self.os.now())
    }
}
