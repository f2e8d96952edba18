//! A broker as a process of Linux: with a keeper beside it, or embedded in a program.

use crate::broker::{Broker, End};
use crate::directory;
use crate::door::DoorMaker;
use crate::found::{Config, found};
use crate::linux::{Linux, MappedPages};
use crate::recover::Surroundings;
use crate::{RunError, StartError};
use rustix::fd::{AsRawFd, OwnedFd};
use shmfs_abi::{Errno, Pid};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// What a program has for a broker of its, beyond the store.
#[derive(Clone, Copy, Default)]
pub struct Fittings {
    /// How mounts are served. Without it the broker serves none.
    pub door: Option<DoorMaker>,
    /// Whether idle cores are kept awake while requests come one upon another, where that is of use and allowed.
    pub wakeful: bool,
}

impl Broker<Linux> {
    /// Starts a store in this process, which may have other threads and descriptors. It has no keeper: when the process
    /// dies, so does the store.
    ///
    /// # Errors
    /// As [`found`] and [`Broker::recover`].
    pub fn start(config: Config, stop: Option<OwnedFd>) -> Result<Broker<Linux>, StartError> {
        let founded = found(config)?;
        // The broker takes the numbers over that the journal names.
        for fd in founded.fds {
            let _ = rustix::fd::IntoRawFd::into_raw_fd(fd);
        }
        let pid = Pid(std::process::id() as i32);
        let surroundings = Surroundings { pid, stop, keeper: None, keep: None };
        Broker::recover(linux()?, founded.pages, surroundings)
    }

    /// Begins as the broker of a keeper: the journal lies under this number of the table that both share.
    ///
    /// # Errors
    /// As [`Broker::recover`].
    pub fn go_on(
        journal: i32,
        surroundings: Surroundings<OwnedFd>,
        fittings: &Fittings,
    ) -> Result<Broker<Linux>, StartError> {
        let pages = MappedPages::borrow(journal).map_err(StartError::kernel("the journal"))?;
        let mut surroundings = surroundings;
        if let Some(keep) = &mut surroundings.keep {
            keep.extend([journal, pages.number()]);
        }
        Broker::recover(linux()?.fitted(fittings), pages, surroundings)
    }

    /// Serves until the store's lifetime ends, without a keeper; then its directory goes.
    ///
    /// # Errors
    /// As [`Broker::run`].
    pub fn run_alone(mut self) -> Result<(), RunError> {
        while self.run()? != End::Over {}
        self.remove_directory();
        Ok(())
    }

    /// The store's directory.
    pub fn dir(&self) -> PathBuf {
        PathBuf::from(OsStr::from_bytes(&self.record.dir))
    }

    /// Takes the store's directory away, at its end.
    pub fn remove_directory(&self) {
        directory::remove(&self.dir());
    }

    /// Every number of the table that the store needs: who takes it over must inherit them.
    pub fn numbers(&self) -> Vec<i32> {
        let clients = self.clients.values().flat_map(|client| [Some(&client.file), client.pidfd.as_ref()]);
        let leaving = self.leaving.values().map(|(_, pidfd)| Some(pidfd));
        let connections = self.connections.values().map(|connection| Some(&connection.socket));
        let writers = self.writers.values().map(|writer| Some(&writer.pipe));
        let hidden = self.backings.hidden.as_ref();
        let store = [Some(&self.listener), hidden, self.hold.as_ref(), self.state_lock.as_ref()];
        let all = store.into_iter().chain(clients).chain(leaving).chain(connections).chain(writers).flatten();
        let mut numbers: Vec<i32> = all.chain(self.backings.fds()).map(AsRawFd::as_raw_fd).collect();
        numbers.push(self.journal.pages().number());
        numbers.extend(self.door_numbers());
        numbers
    }
}

fn linux() -> Result<Linux, StartError> {
    Linux::new()
        .map_err(|errno: Errno| StartError::Kernel { what: "an epoll set or an inotify queue", errno })
}
