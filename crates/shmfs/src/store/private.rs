//! Stores that a process of their own keeps: the program `shm`.
//!
//! Owns: the hold, a pipe whose writing end lives as long as this process wants the store.
//! Leaves to others: what the program does when the hold has ended (`shm broker --hold`).
//! Not done: a child made by fork has the hold too, until it ends or becomes another program.

use super::{Keeper, Store, options::Order, rooms, start};
use crate::{Error, Result};
use rustix::rand::{GetRandomFlags, getrandom};
use shmfs_abi::{
    Errno,
    store::{ENV_TOKEN, Token},
};
use std::ffi::OsStr;
use std::io::{self, BufRead, BufReader, PipeWriter, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Child, Stdio};
use std::thread;

/// The word by which the program says that programs can connect.
const READY: &str = "ready";
/// Bytes of what it may say instead.
const SAID_BYTES: u64 = 16 << 10;
/// Environment: what the program logs.
const ENV_LOG: &str = "SHMFS_LOG";

/// A keeper that this process has started.
pub(crate) struct Private {
    hold: Option<PipeWriter>,
    child: Option<Child>,
    /// Which process may wait for it.
    pid: u32,
}

/// Starts a store and joins it.
pub(super) fn start(order: &Order) -> Result<Store> {
    let failed = |error: io::Error| Error::io(&error, "cannot start a private store");
    let token = token()?;
    let dir = rooms::next()?;
    let (held, hold) = io::pipe().map_err(failed)?;
    let (readiness, ready) = io::pipe().map_err(failed)?;
    let mut command = start::program("a private store is wanted")?;
    command.arg("broker").arg("--dir").arg(&dir).args(["--size", &order.size.to_string(), "--hold"]);
    if let Some(state) = &order.state {
        command.arg("--state").arg(state);
    }
    // Everybody sees arguments; the environment only its owner.
    command.env(ENV_TOKEN, OsStr::from_bytes(&token.text())).stdin(held).stdout(ready);
    if std::env::var_os(ENV_LOG).is_none() {
        command.stderr(Stdio::null());
    }
    let spawned =
        command.spawn().map_err(|error| start::not_run(&command, &error, "a private store is wanted"))?;
    // Our copies of its ends of the pipes go with it.
    drop(command);
    let keeper = Private { hold: Some(hold), child: Some(spawned), pid: std::process::id() };
    if let Some(why) = refusal(readiness) {
        return Err(Error::because(Errno::ECONNREFUSED, why));
    }
    join(&dir, token, Keeper::Private(keeper))
}

/// Joins a store of this process.
pub(super) fn join(dir: &Path, token: Token, keeper: Keeper) -> Result<Store> {
    Store::join(dir, Some(token), keeper)
        .map_err(|refused| Error::refused(&refused, "cannot join the store just started"))
}

/// What admits others.
pub(super) fn token() -> Result<Token> {
    let mut token = Token::default();
    let made = getrandom(&mut token.0[..], GetRandomFlags::empty());
    made.map_err(|error| Error::kernel(Errno(error.raw_os_error()), "cannot make the store's token"))?;
    Ok(token)
}

/// What the program has said instead of [`READY`].
fn refusal(readiness: impl Read) -> Option<String> {
    let lines: Vec<String> =
        BufReader::new(readiness.take(SAID_BYTES)).lines().map_while(io::Result::ok).take(1).collect();
    match lines.first().map(String::as_str) {
        Some(READY) => None,
        Some(message) => Some(message.to_owned()),
        None => Some("the store's keeper ended before it was ready".to_owned()),
    }
}

impl Drop for Private {
    fn drop(&mut self) {
        drop(self.hold.take());
        let Some(mut child) = self.child.take().filter(|_| self.pid == std::process::id()) else { return };
        // It ends when nobody is left in its store; until somebody waits for it then, its number is taken.
        let waits = thread::Builder::new().name("shmfs-wait".to_owned()).spawn(move || drop(child.wait()));
        // Without a thread it is left to whoever waits for this process.
        drop(waits);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readiness_is_one_word_and_anything_else_the_reason() {
        assert_eq!(refusal(&b"ready\n"[..]), None);
        assert_eq!(refusal(&b"the store runs\nuse it\n"[..]).as_deref(), Some("the store runs"));
        assert!(refusal(&b""[..]).unwrap().contains("before it was ready"));
    }
}
