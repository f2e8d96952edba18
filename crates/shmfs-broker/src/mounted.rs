//! The store's mount: a door that another crate serves, and the tree of files that is given away.
//!
//! Either opens the store: from then on names may change without the broker (`strangers`), and its root directory is as
//! /dev/shm is. That it is open is in the journal before anybody is told, and stays.
//!
//! Owns: the mount's connection and its door's state, by their numbers in the journal; when the door is opened, served and
//! closed.
//! Leaves to others: the requests on the connection (`door`), where it is mounted (the program that asks).

use crate::RunError;
use crate::answer::{Outcome, Outgoing};
use crate::broker::Broker;
use crate::door::{Door, Served};
use crate::os::{Os, Result};
use crate::recover::is_passing;
use crate::source::Source;
use shmfs_abi::{Call, Cred, Errno};
use shmfs_wire::{Refused, Response};

/// A mount that is served.
pub(crate) struct Mounted<O: Os> {
    /// Not here while it serves.
    door: Option<Box<dyn Door>>,
    pub(crate) device: O::Fd,
    pub(crate) state: O::Fd,
}

impl<O: Os> Broker<O> {
    /// `Call::Mount` and `Call::Tree`.
    pub(crate) fn open_tree(
        &mut self,
        cred: &Cred,
        call: Call,
        descriptor: Option<O::Fd>,
        out: &mut Outgoing<O>,
    ) -> Outcome {
        let reply = match self.namespace.call(cred, call, self.os.now()) {
            Ok(answer) => answer.reply,
            Err(refusal) => return Outcome::Say(Response::Refused(Refused::from(refusal))),
        };
        let opened = match call {
            Call::Mount { sysv } => self.mount(descriptor, sysv),
            _ => self.give_tree(out),
        };
        match opened {
            Ok(()) => Outcome::Say(Response::Reply(reply)),
            Err((errno, reason)) => Outcome::refused(errno, reason),
        }
    }

    fn mount(
        &mut self,
        descriptor: Option<O::Fd>,
        sysv: bool,
    ) -> std::result::Result<(), (Errno, &'static str)> {
        if self.mounted.is_some() {
            return Err((Errno::EBUSY, "the store is mounted already"));
        }
        let Some(device) = descriptor else {
            return Err((Errno::EINVAL, "no connection came with the request"));
        };
        if !self.os.is_device(&device) {
            return Err((Errno::EINVAL, "the descriptor is not one of /dev/fuse"));
        }
        let opened = self.open_door(&device, sysv);
        let (state, door) = opened.map_err(|errno| (errno, "the mount's door cannot be opened"))?;
        self.mounted = Some(Mounted { door: Some(door), device, state });
        Ok(())
    }

    fn open_door(&mut self, device: &O::Fd, sysv: bool) -> Result<(O::Fd, Box<dyn Door>)> {
        let state = self.os.door_state()?;
        let hidden = self.backings.hidden.as_ref().ok_or(Errno::EOPNOTSUPP)?;
        let door = self.os.open_door(device, &state, hidden, false)?;
        self.open_to_all()?;
        self.os.listen_to(device, Source::Door)?;
        self.record.mount.device = self.os.number(device);
        self.record.mount.door_state = self.os.number(&state);
        self.record.mount.sysv = sysv;
        Ok((state, door))
    }

    fn give_tree(&mut self, out: &mut Outgoing<O>) -> std::result::Result<(), (Errno, &'static str)> {
        let hidden = self.backings.hidden.as_ref();
        let tree = hidden.ok_or(Errno::EOPNOTSUPP).and_then(|hidden| self.os.tree(hidden));
        let given = tree.and_then(|tree| out.carry(tree)).and_then(|()| self.open_to_all());
        given.map_err(|errno| (errno, "the store's tmpfs cannot be given away"))?;
        self.record.mount.attached = true;
        self.watch_names();
        self.share();
        Ok(())
    }

    /// From now on names may change without the broker.
    fn open_to_all(&mut self) -> Result<()> {
        self.dirty.store = true;
        if self.record.mount.open {
            return Ok(());
        }
        let hidden = self.backings.hidden.as_ref().ok_or(Errno::EOPNOTSUPP)?;
        self.os.open_to_all(hidden)?;
        self.record.mount.open = true;
        Ok(())
    }

    /// Others than the mount's door reach the files of the root, or their names.
    pub(crate) fn share(&mut self) {
        if self.record.mount.shared {
            return;
        }
        self.record.mount.shared = true;
        self.dirty.store = true;
        if let Some(door) = self.idle_door() {
            door.become_shared();
        }
    }

    /// The store itself has changed names.
    pub(crate) fn names_changed(&mut self) {
        if let Some(door) = self.idle_door() {
            door.names_changed();
        }
    }

    /// The mount's door, unless it is serving: of what that changes the kernel knows.
    fn idle_door(&mut self) -> Option<&mut Box<dyn Door>> {
        self.mounted.as_mut()?.door.as_mut()
    }

    /// Lets the mount's door serve what waits for it.
    pub(crate) fn serve_door(&mut self) -> std::result::Result<(), RunError> {
        let Some(mut door) = self.mounted.as_mut().and_then(|mounted| mounted.door.take()) else {
            return Ok(());
        };
        let served = door.serve(self);
        if let Some(mounted) = &mut self.mounted {
            mounted.door = Some(door);
        }
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        if served == Served::Closed {
            self.close_door();
        }
        self.conclude(None).map(drop)
    }

    /// The mount is gone: its connection and its door's state go, and the store where it lives no longer than that.
    fn close_door(&mut self) {
        let Some(Mounted { door, device, state }) = self.mounted.take() else { return };
        tracing::info!("unmounted");
        self.os.ignore(&device);
        drop(door);
        self.closing.extend([device, state]);
        self.forget_door();
    }

    fn forget_door(&mut self) {
        (self.record.mount.device, self.record.mount.door_state) = (-1, -1);
        self.record.command_ended |= self.record.until_unmounted;
        self.dirty.store = true;
    }

    /// Opens the door of the mount that the broker before this one served. One that cannot be opened is lost, and its
    /// mount with it; the store is not.
    ///
    /// # Errors
    /// Those after which it may go better.
    pub(crate) fn take_over_door(&mut self, state: Option<O::Fd>) -> Result<()> {
        if self.record.mount.device < 0 {
            return Ok(());
        }
        match self.open_door_again(state) {
            Err(errno) if is_passing(errno) => Err(errno),
            Err(errno) => {
                tracing::error!(errno = errno.name(), "the mount's door cannot be opened again: it is lost");
                self.forget_door();
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    /// What it cannot use it leaves to be closed once the record is gone; by nobody where the broker cannot begin.
    fn open_door_again(&mut self, state: Option<O::Fd>) -> Result<()> {
        let state = state.ok_or(Errno::EBADF)?;
        let device = match self.os.adopt(self.record.mount.device) {
            Ok(device) => device,
            Err(errno) => {
                self.closing.push(state);
                return Err(errno);
            }
        };
        let hidden = self.backings.hidden.as_ref().ok_or(Errno::EOPNOTSUPP);
        let opened = hidden.and_then(|hidden| self.os.open_door(&device, &state, hidden, true));
        let heard = opened.and_then(|door| self.os.listen_to(&device, Source::Door).map(|()| door));
        match heard {
            Ok(door) => {
                self.mounted = Some(Mounted { door: Some(door), device, state });
                Ok(())
            }
            Err(errno) => {
                self.closing.extend([device, state]);
                Err(errno)
            }
        }
    }

    /// The numbers of the table that the mount needs.
    pub(crate) fn door_numbers(&self) -> Vec<i32> {
        let Some(Mounted { device, state, .. }) = &self.mounted else { return Vec::new() };
        let own = [self.os.number(device), self.os.number(state)];
        self.os.kept_by_door(state).into_iter().chain(own).collect()
    }
}
