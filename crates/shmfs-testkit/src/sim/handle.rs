//! A broker's way into the world, which ends with it, and the descriptors that it has.
//!
//! Owns: what a killed broker can do no more. Leaves to others: the calls themselves (`os`), what happens at a step
//! (`world`).

use super::kernel::DescId;
use super::world::{Fate, Shared, World};
use shmfs_abi::Errno;
use shmfs_broker::os::Result;
use std::cell::RefMut;

/// What a killed broker panics with.
#[derive(Debug)]
pub(crate) struct Killed;

/// A descriptor of the broker.
#[derive(Debug)]
pub(crate) struct SimFd {
    pub(super) handle: Handle,
    pub(crate) number: i32,
}

/// A broker's way into the world.
#[derive(Clone)]
pub(crate) struct Handle {
    world: Shared,
    instance: u32,
}

impl std::fmt::Debug for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "broker {}", self.instance)
    }
}

impl Handle {
    /// The way of the broker that now begins.
    pub(crate) fn new(world: &Shared) -> Handle {
        Handle { instance: world.borrow().instance, world: world.clone() }
    }

    /// The world before the broker's next call, which it may not live to make.
    pub(crate) fn step(&self, what: &'static str, number: i64) -> RefMut<'_, World> {
        let mut world = self.world.borrow_mut();
        if world.step(what, number) == Fate::Die {
            world.is_killed = true;
            drop(world);
            std::panic::panic_any(Killed);
        }
        world
    }

    /// The same for a call that Linux can refuse so.
    pub(super) fn risk(
        &self,
        what: &'static str,
        number: i64,
        errnos: &[Errno],
    ) -> Result<RefMut<'_, World>> {
        let mut world = self.step(what, number);
        world.refuse(what, errnos)?;
        Ok(world)
    }

    /// The world for what a broker's death does not do: nothing once it is killed.
    pub(crate) fn living(&self) -> Option<RefMut<'_, World>> {
        let world = self.world.borrow_mut();
        (!world.is_killed && world.instance == self.instance).then_some(world)
    }

    /// The world, without a step.
    pub(crate) fn world_mut(&self) -> RefMut<'_, World> {
        self.world.borrow_mut()
    }

    /// The world for a look.
    pub(crate) fn look(&self) -> std::cell::Ref<'_, World> {
        self.world.borrow()
    }

    /// Gives a description, and the hold on it, a number that a descriptor stands for.
    pub(super) fn install(&self, world: &mut World, description: DescId) -> SimFd {
        let number = world.kernel.install(description);
        world.kernel.owned.insert(number);
        SimFd { handle: self.clone(), number }
    }
}

impl Drop for SimFd {
    fn drop(&mut self) {
        if let Some(mut world) = self.handle.living() {
            world.trace.say(|| format!("       close {}", self.number));
            world.kernel.close(self.number);
        }
    }
}
