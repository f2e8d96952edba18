//! Inodes that have lost their last name and are still known to the kernel: a descriptor keeps each until the kernel
//! forgets it, as an open file or a working directory would.
//!
//! Large files are not kept: their room is to be free when they are removed, and while they are open the kernel's own
//! passthrough keeps them.
//!
//! Owns: these descriptors; the state that outlives a broker has their numbers.
//! Leaves to others: when one is needed (`removing`), the words (`state`).

use crate::node::NodeId;
use crate::state::{PINS, State};
use shmfs_sys::table;
use std::collections::HashMap;
use std::os::fd::{AsRawFd, OwnedFd};

/// The descriptors, by their inodes.
pub(crate) struct Pins {
    kept: HashMap<NodeId, (usize, OwnedFd)>,
    free: Vec<usize>,
}

/// The numbers of the descriptors that a state names.
pub(crate) fn numbers(state: &State) -> Vec<i32> {
    (0..PINS).filter_map(|place| state.pin(place)).map(|(_, number)| number).collect()
}

impl Pins {
    /// Takes over what a state names; `is_known` says whether the kernel still knows an inode: what it said meanwhile,
    /// a killed broker may have heard.
    pub(crate) fn take_over(state: &State, mut is_known: impl FnMut(NodeId) -> bool) -> Pins {
        let mut pins = Pins { kept: HashMap::new(), free: Vec::new() };
        for place in (0..PINS).rev() {
            let adopted =
                state.pin(place).and_then(|(node, number)| Some((node, table::adopt(number).ok()?)));
            match adopted {
                Some((node, fd)) if is_known(node) => drop(pins.kept.insert(node, (place, fd))),
                _ => {
                    state.set_pin(place, None);
                    pins.free.push(place);
                }
            }
        }
        pins
    }

    /// Keeps an inode. Where there is no place left it is not kept: who looks at it then learns that it is gone.
    pub(crate) fn keep(&mut self, state: &State, node: NodeId, fd: OwnedFd) {
        if self.kept.contains_key(&node) {
            return;
        }
        let Some(place) = self.free.pop() else {
            return tracing::warn!(limit = PINS, "too many inodes without names are in use");
        };
        state.set_pin(place, Some((node, fd.as_raw_fd())));
        self.kept.insert(node, (place, fd));
    }

    /// The kernel has forgotten an inode.
    pub(crate) fn forget(&mut self, state: &State, node: NodeId) {
        if let Some((place, fd)) = self.kept.remove(&node) {
            state.set_pin(place, None);
            self.free.push(place);
            drop(fd);
        }
    }
}
