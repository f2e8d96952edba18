//! The processes around a keeper: its children's ends, signals to others, the own name.
//!
//! Owns: waiting for whatever child has ended, orphans that this process was given included.
//! Leaves to others: what an end means (`crashes`, `keeper`).

use rustix::process::{Signal, kill_process};
use shmfs_abi::Pid;
use shmfs_sys::child::{self, Ended, NOBODY};
use std::ffi::CStr;

/// The end of `broker`, if it has ended.
pub(crate) fn reap(broker: Pid) -> Option<Ended> {
    loop {
        match child::try_wait_any() {
            Ok(Some((child, ended))) if child == broker => return Some(ended),
            Ok(Some(_)) => {}
            Ok(None) => return None,
            Err(NOBODY) => {
                tracing::error!("the broker's end was taken by somebody else");
                return Some(Ended::Signal(Signal::KILL.as_raw()));
            }
            Err(errno) => {
                tracing::error!(errno = errno.name(), "the broker cannot be waited for");
                return None;
            }
        }
    }
}

/// Whether a child of this process has ended, with all other children that have.
pub(crate) fn is_gone(keeper: Pid) -> bool {
    loop {
        match child::try_wait_any() {
            Ok(Some((child, _))) if child == keeper => return true,
            Ok(Some(_)) => {}
            Ok(None) => return false,
            Err(_) => return true,
        }
    }
}

/// Sends a signal; a process that has ended needs none.
pub(crate) fn send(to: Pid, signal: Signal) {
    let Some(to) = rustix::process::Pid::from_raw(to.0) else { return };
    if let Err(error) = kill_process(to, signal) {
        tracing::debug!(%error, "the process has ended already");
    }
}

/// Lets listings show this process by a name, of at most 15 bytes.
pub(crate) fn name_process(name: &CStr) {
    if let Err(error) = rustix::thread::set_name(name) {
        tracing::debug!(%error, "the process keeps its name");
    }
}

/// A panic that left the broker's code would go on as a second keeper.
pub(crate) struct AbortOnUnwind;

impl Drop for AbortOnUnwind {
    fn drop(&mut self) {
        std::process::abort();
    }
}
