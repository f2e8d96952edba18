//! Stores that a thread of this process keeps.
//!
//! The thread has a descriptor table of its own: what the broker opens, no child of this process inherits, and its
//! sockets end with the process, whatever children live on.
//!
//! Owns: the thread, from the founding of the store to its end.
//! Leaves to others: serving (`shmfs-broker`).
//! Not done: where a filter forbids `unshare(2)` (a container's may), the thread shares the table, and a child made by fork
//! has the broker's sockets too. When this process has been killed then, who asks the store waits for the child's end
//! before it is told that the store is gone.

use super::{Keeper, Store, options::Order, private, rooms};
use crate::{Error, Result};
use rustix::event::{EventfdFlags, eventfd};
use shmfs_abi::limits::{DEFAULT_SHMMAX, DEFAULT_SHMMNI};
use shmfs_abi::{
    ByteLen, Errno, ShmLimits,
    store::{Admission, Token},
};
use shmfs_broker::{Broker, Config, Lifetime, Linux, StartError};
use shmfs_sys::signals::{self, SignalSet};
use shmfs_sys::{fd, table};
use std::mem::ManuallyDrop;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::PathBuf;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

/// No handler of the program runs in the broker's thread, whose descriptors are others.
const ALL_SIGNALS: SignalSet = SignalSet::of(&NUMBERS);
const NUMBERS: [i32; 64] = {
    let mut numbers = [0; 64];
    let mut at = 0;
    while at < 64 {
        numbers[at] = at as i32 + 1;
        at += 1;
    }
    numbers
};

/// A broker in this process.
pub(crate) struct Embedded {
    /// An eventfd, which the broker has too.
    bell: OwnedFd,
    /// Nothing once it was joined.
    thread: ManuallyDrop<Option<JoinHandle<()>>>,
    dir: PathBuf,
    /// The process that has the thread; its children do not.
    pid: u32,
}

/// Starts a store and joins it.
pub(super) fn start(order: Order) -> Result<Store> {
    let token = private::token()?;
    let dir = rooms::next()?;
    let keeper = serve(config(order, dir.clone(), token))?;
    private::join(&dir, token, Keeper::Embedded(keeper))
}

fn config(order: Order, dir: PathBuf, token: Token) -> Config {
    Config {
        dir,
        size: ByteLen(order.size),
        sparse: false,
        reserve: false,
        limits: ShmLimits { shmmax: DEFAULT_SHMMAX, shmmni: DEFAULT_SHMMNI, shmall: DEFAULT_SHMMAX },
        admission: Admission::Token(token),
        lifetime: Lifetime::Forever,
        reap: false,
        state: order.state,
        listener: None,
    }
}

/// Starts the thread, and waits until programs can connect.
fn serve(config: Config) -> Result<Embedded> {
    let tried = "cannot start an embedded store";
    let bell = eventfd(0, EventfdFlags::CLOEXEC).map_err(|error| Error::io(&error.into(), tried))?;
    let (number, dir) = (bell.as_raw_fd(), config.dir.clone());
    let (tell, told) = mpsc::channel();
    let before = signals::block(ALL_SIGNALS);
    let thread = thread::Builder::new().name("shmfs-broker".to_owned()).spawn(move || {
        let (said, broker) = match begin(config, number) {
            Ok(broker) => (Ok(()), Some(broker)),
            Err(error) => (Err(error), None),
        };
        // Nobody listens when the starter has died.
        let _ = tell.send(said);
        // An error ends the store: its clients find it gone.
        let _ = broker.map(Broker::run_alone);
    });
    signals::restore(before);
    let thread = thread.map_err(|error| Error::io(&error, tried))?;
    let embedded = Embedded { bell, thread: ManuallyDrop::new(Some(thread)), dir, pid: std::process::id() };
    let ended = || Error::because(Errno::ECONNREFUSED, format!("{tried}: the broker ended at once"));
    told.recv().unwrap_or_else(|_| Err(ended())).map(|()| embedded)
}

/// In the thread: gets a table of its own, in which the bell keeps this number, and founds the store.
fn begin(config: Config, number: i32) -> Result<Broker<Linux>> {
    let failed = |errno| Error::kernel(errno, "cannot start an embedded store");
    let stop: OwnedFd = match table::apart(&[number]) {
        Ok(()) => table::adopt(number).map_err(failed)?,
        Err(_) => fd::with_number(number, fd::duplicate).map_err(failed)?,
    };
    Broker::start(config, Some(stop)).map_err(|error| {
        let errno = match &error {
            StartError::Kernel { errno, .. } => *errno,
            StartError::Make { source, .. } => Errno(source.raw_os_error().unwrap_or(Errno::EIO.0)),
            StartError::PathTooLong(_) => Errno::ENAMETOOLONG,
            StartError::Taken { .. } => Errno::EBUSY,
            _ => Errno::EIO,
        };
        Error::because(errno, format!("cannot start an embedded store: {error}"))
    })
}

impl Drop for Embedded {
    fn drop(&mut self) {
        if self.pid != std::process::id() {
            return;
        }
        let rung = rustix::io::write(&self.bell, &1u64.to_ne_bytes()).is_ok();
        if let Some(thread) = self.thread.take().filter(|_| rung) {
            // A broker that panicked has ended as well.
            drop(thread.join());
        }
        rooms::remove(&self.dir);
    }
}
