//! Room in a store whose tmpfs programs fill as well, by write(2) to its objects and, once it is open, with files.
//!
//! What lies there and is charged to no object counts against the store's limit; and where the broker may change the size of the
//! tmpfs, that is the limit less what lies elsewhere. So neither side can pass the store's size: the engine refuses a
//! segment, the kernel a write.
//!
//! Owns: both numbers.
//! Leaves to others: the limit (the engine), the kernel's own bound of bytes (`shmfs_sys::tmpfs`).
//! Not done: without the right to mount the size of the tmpfs stays, and segments and files are bound one by one.

use crate::broker::Broker;
use crate::os::{Os, Result};
use shmfs_abi::{ByteLen, Call, Errno, OpenFlags, PAGE_SIZE};
use shmfs_core::Event;

/// What the size of the hidden tmpfs is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Fitted {
    /// Whatever it was when the broker began.
    #[default]
    Unknown,
    /// This.
    To(ByteLen),
    /// Not the broker's to change.
    Never,
}

/// Whether a call asks for room.
fn asks(call: &Call) -> bool {
    match call {
        Call::ShmGet { .. }
        | Call::ShmGetDurable { .. }
        | Call::Want(_)
        | Call::Anonymous { .. }
        | Call::SemOpen { .. }
        | Call::Reserve { .. }
        | Call::SetLimits { .. }
        | Call::Usage => true,
        Call::Open { flags, .. } => flags.contains(OpenFlags::CREAT),
        _ => false,
    }
}

impl<O: Os> Broker<O> {
    /// Tells the engine what the tree holds, before a call that asks for room. Objects that have grown since they were
    /// measured make it seem more: where that matters it is asked [exactly](Broker::measure_tree).
    pub(crate) fn look_for_room(&mut self, call: &Call) {
        match call {
            Call::SetLimits { .. } | Call::Usage => self.measure_tree(),
            call if asks(call) => self.tell_tree(),
            _ => {}
        }
    }

    /// The same with every object measured.
    pub(crate) fn measure_tree(&mut self) {
        for object in self.namespace.objects().collect::<Vec<_>>() {
            if self.backings.in_hidden(object).is_some() {
                self.measure(object);
            }
        }
        self.tell_tree();
    }

    fn tell_tree(&mut self) {
        let Some(hidden) = &self.backings.hidden else { return };
        match self.os.holds(hidden) {
            Ok(held) => {
                let size = ByteLen(held.0.saturating_sub(self.namespace.inside().0));
                self.observe(Event::Tree { size });
            }
            Err(errno) => tracing::warn!(errno = errno.name(), "the tree cannot be measured"),
        }
    }

    /// Lets the hidden tmpfs of an open store have what the rest of the store leaves it.
    ///
    /// # Errors
    /// `ENOSPC` where it holds more already.
    pub(crate) fn fit_tree(&mut self) -> Result<()> {
        if !self.record.mount.open || self.fitted == Fitted::Never {
            return Ok(());
        }
        let left = self.namespace.limit().0.saturating_sub(self.namespace.outside().0);
        // 0 would be no limit at all (tmpfs(5)).
        let size = ByteLen(left.max(PAGE_SIZE));
        if self.fitted == Fitted::To(size) {
            return Ok(());
        }
        let Some(hidden) = &self.backings.hidden else { return Ok(()) };
        match self.os.resize(hidden, size) {
            Ok(()) => {
                self.fitted = Fitted::To(size);
                Ok(())
            }
            Err(Errno::EINVAL) => Err(Errno::ENOSPC),
            Err(errno) => {
                tracing::info!(
                    errno = errno.name(),
                    "the hidden tmpfs keeps its size; the store's charges bind"
                );
                self.fitted = Fitted::Never;
                Ok(())
            }
        }
    }
}
